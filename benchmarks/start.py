"""How long commands take to start, against importing the libraries that they cannot do without: ratios of one run."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final, NamedTuple

from benchmarks.places import folder
from benchmarks.results import Ask, Progress, Table
from infrastructure.demo import shop

RUNS: Final = 15
_OURS: Final = "from infrastructure.cli import main; main()"
_TERMINAL: Final = "import typer, rich"
_LEDGER: Final = "import typer, rich, sqlalchemy, msgspec, pysqlite3"


class _Start(NamedTuple):
    """A command, the imports that it is measured against, and how many times their time it may take."""

    name: str
    arguments: list[str]
    baseline: str
    most: float


def measure(progress: Progress) -> Iterator[Table]:
    """Start each command and its baseline in turn, forwards and backwards, on the demo's ledger."""
    table = Table(
        "start",
        f"Starting commands on the demo's ledger: medians of {RUNS} runs, interleaved",
        ["command", "ms", "baseline", "baseline ms", "times"],
    )
    with folder() as path:
        progress("making the demo's ledger")
        _run(_OURS, ["demo", "--directory", str(path)])
        (path / "ten.jsonl").write_text("".join((path / "facts.jsonl").open().readlines()[:10]))
        starts = _starts(path)
        turns: list[tuple[str, list[str]]] = [(_TERMINAL, []), (_LEDGER, [])]
        turns += [(_OURS, start.arguments) for start in starts]
        taken: dict[str, list[float]] = {_key(*turn): [] for turn in turns}
        for number in range(RUNS):
            progress(f"run {number + 1} of {RUNS}")
            for turn in turns if number % 2 else reversed(turns):
                taken[_key(*turn)].append(_run(*turn))
    milliseconds = {key: median(each) * 1000 for key, each in taken.items()}
    for start in starts:
        ours = milliseconds[_key(_OURS, start.arguments)]
        theirs = milliseconds[_key(start.baseline, [])]
        table.rows.append([start.name, ours, start.baseline, theirs, ours / theirs])
        table.asks.append(Ask(f"{start.name}: times its baseline", ours / theirs, start.most, at_most=True))
    yield table


def _starts(path: Path) -> list[_Start]:
    ledger = ["--database", f"sqlite:///{path / 'conversions.db'}"]
    campaign = str(shop.CONVERTED[0])
    return [
        _Start("--help", ["--help"], _TERMINAL, 2),
        _Start("--version", ["--version"], _TERMINAL, 2),
        _Start("report --json", [*ledger, "report", campaign, "--json"], _LEDGER, 1.5),
        _Start("import of ten lines", [*ledger, "import", str(path / "ten.jsonl")], _LEDGER, 2),
    ]


def _key(code: str, arguments: list[str]) -> str:
    return " ".join([code, *arguments])


def _run(code: str, arguments: list[str]) -> float:
    """Seconds that a process takes from its start to its end."""
    started = perf_counter()
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)  # noqa: S603 - our own
    return perf_counter() - started
