"""The stock library's projection runner on PostgreSQL beside a rebuild of ours; it has none for SQLite."""

import json
import subprocess
from dataclasses import dataclass

# Both are what peers.py is about; it has no other names for them yet.
from benchmarks.peers import STOCK, NotInstalled, environment, interpreter
from benchmarks.places import PostgreSQL, folder
from benchmarks.rebuild_runs import Run
from benchmarks.results import Ask, Progress, Table
from benchmarks.workload import facts, write

FACTS = 30_000
MOST_SECONDS = 20.0
ASKED_TIMES = 100

_PATIENCE_SECONDS = 120.0
"""For writing the ledger, and for ending."""


@dataclass(frozen=True)
class Stock:
    """How far the runner came in the log, how many events it handled, and whether it counted right."""

    position: int
    handled: int
    seconds: float
    stored: int
    same: bool
    problem: str

    @property
    def run(self) -> Run:
        """The same as a pass over the log."""
        return Run(self.position, self.seconds)


class Failed(Exception):
    """The runner did not come to an end of its own; the message says what was seen."""


def measure(ours: dict[str, Run], place: PostgreSQL, progress: Progress) -> Table:
    """The runner beside our rebuilds, the first of which is the command as it is."""
    columns = ["what", "events of the log", "handled", "seconds", "log events/s", "handled/s", "times stock"]
    table = Table(
        "rebuild_stock", "Catching up on PostgreSQL beside the stock library's ProjectionRunner", columns
    )
    try:
        progress("the stock library's projection runner")
        stock = _measure(place, progress)
    except (NotInstalled, Failed) as error:
        table.notes.append(f"the library is not measured: {error}")
        stock = None
    for name, run in ours.items():
        times = None if stock is None else run.speed / stock.run.speed
        table.rows.append([name, run.events, None, run.seconds, run.speed, None, times])
    if stock is not None:
        run, handled = stock.run, stock.handled
        table.rows.append(
            ["stock runner", run.events, handled, run.seconds, run.speed, handled / run.seconds, 1.0]
        )
        times = next(iter(ours.values())).speed / run.speed
        table.asks.append(Ask("rebuild / stock library's projection runner, PostgreSQL", times, ASKED_TIMES))
        table.notes += _notes(stock)
    return table


def _notes(stock: Stock) -> list[str]:
    return [
        f"the library wrote its own ledger: {stock.stored:,} events of {FACTS:,} facts",
        "its runner reads the four topics that it counts, the others count as passed; its start is included",
        f"it {stock.problem or 'came to the end'}; it counted what the events say: {'yes' if stock.same else 'NO'}",
    ]


def _measure(place: PostgreSQL, progress: Progress) -> Stock:
    python = interpreter(progress)
    with folder() as path, place.empty() as url:
        write(path / "facts.jsonl", facts(FACTS))
        arguments = [path / "facts.jsonl", json.dumps(environment(STOCK[0], url)), MOST_SECONDS]
        command = [python, "-m", "benchmarks.stock_runner", *map(str, arguments)]
        most = MOST_SECONDS + _PATIENCE_SECONDS
        try:
            done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=most)  # noqa: S603
        except subprocess.TimeoutExpired as error:
            raise Failed(f"it hung, and was ended after {most:.0f} s") from error
        except subprocess.CalledProcessError as error:
            said = error.stderr.strip().splitlines()
            raise Failed(f"it ended with {error.returncode}: {said[-1] if said else ''}") from error
    return Stock(**json.loads(done.stdout))
