"""The stock library beside ours, on the same facts, with the same outcome."""

import json
import subprocess
import sys
from dataclasses import dataclass
from math import inf
from pathlib import Path

from benchmarks.intake import import_file, record_batches
from benchmarks.ledger import Totals
from benchmarks.places import folder
from benchmarks.results import Ask, Progress, Table, Value

FACTS = 10_000
BATCH = 1_000
MOST_SECONDS = 20.0
ASKED_TIMES = 10


@dataclass(frozen=True)
class Result:
    """How many facts were recorded in how long, and what the campaigns came to."""

    facts: int
    seconds: float
    totals: Totals
    stored_in: str = ""

    @property
    def speed(self) -> float:
        """Facts a second."""
        return self.facts / self.seconds


def measure(path: Path, progress: Progress) -> Table:
    """Record the file one at a time and in batches, with the library and with ours."""
    results = {}
    for name, size, record in (
        ("stock library, one at a time", 1, _stock),
        (f"stock library, batches of {BATCH:,}", BATCH, _stock),
        ("ours, one at a time", 1, _ours),
        (f"ours, batches of {BATCH:,}", BATCH, _ours),
        ("ours, import", 0, _import),
    ):
        progress(name)
        results[name] = record(path, size)
    return _table(path, results)


def _table(path: Path, results: dict[str, Result]) -> Table:
    columns = ["what", "facts", "seconds", "facts/s", "times stock one at a time", "times stock in batches"]
    table = Table(
        "stock", "The stock library (eventsourcing: Aggregate, repository, SQLite recorder)", columns
    )
    single, batched, *_, ours = results.values()
    for name, result in results.items():
        times: list[Value] = [result.speed / single.speed, result.speed / batched.speed]
        table.rows.append([name, result.facts, result.seconds, result.speed, *times])
    table.notes += [
        "reading and validating included; ours has its reports current, the library keeps none",
        f"the library is asked for facts in order alone; it stores in {single.stored_in}",
        *outcome(path, results, ours, MOST_SECONDS),
    ]
    table.asks.append(Ask("ours / stock library one at a time", ours.speed / single.speed, ASKED_TIMES))
    return table


def outcome(path: Path, results: dict[str, Result], ours: Result, most_seconds: float) -> list[str]:
    """Compare the campaigns' conversions and revenue; a run cut short, with ours on the same facts."""
    same, notes = True, []
    for name, result in results.items():
        expected = ours.totals
        if result.facts < ours.facts:
            notes.append(f"{name}: stopped after {most_seconds:.0f} s")
            expected = record_batches(path, BATCH, result.facts, inf)[2]
        same = same and result.totals == expected
    return [*notes, f"same outcome: {'yes' if same else 'NO'}"]


def _ours(path: Path, size: int) -> Result:
    return Result(*record_batches(path, size, FACTS, MOST_SECONDS))


def _import(path: Path, _size: int) -> Result:
    return Result(*import_file(path))


def _stock(path: Path, size: int) -> Result:
    """On SQLite."""
    with folder() as scratch:
        environment = {
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": str(scratch / "stock.db"),
        }
        return run_stock(path, environment, size, MOST_SECONDS)


def run_stock(
    path: Path, environment: dict[str, str], size: int, most_seconds: float, python: str = sys.executable
) -> Result:
    """The library, in a process of its own: one process uses one SQLite library only (measured before we began)."""
    arguments = [path, json.dumps(environment), size, most_seconds]
    command = [python, "-m", "benchmarks.stock_library", *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    printed = json.loads(done.stdout)
    return Result(printed["facts"], printed["seconds"], printed["totals"], printed["stored_in"])
