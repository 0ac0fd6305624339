"""The cost of a fact as the store grows, and the memory of the process that takes it, on PostgreSQL.

Large stores come from the bulk writer. A process of its own then imports what the same crowd does next: first until its
cache is what a running process has, then measured, twice.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import bulk
from benchmarks.crowd import BUSY_FEW, UNIFORM, Crowd, campaigns
from benchmarks.places import PostgreSQL, folder
from benchmarks.results import Ask, Progress, Table
from benchmarks.workload import write

FACTS = 30_000
_MEASURED = 2
ASKED_RATIO = 1.5
ASKED_MEGABYTES = 500
_CROWDS = (BUSY_FEW, UNIFORM)


@dataclass(frozen=True)
class Cost:
    """What importing cost."""

    facts: int
    seconds: float
    events: int
    log_bytes: int

    @property
    def per_fact(self) -> float:
        """Microseconds."""
        return 1e6 * self.seconds / self.facts


@dataclass(frozen=True)
class Grown:
    """A store of a size, and what the next facts cost there."""

    stored: int
    cost: Cost
    megabytes: float
    written: bulk.Written


def measure(stores: Sequence[int], place: PostgreSQL, progress: Progress) -> Table:
    """Import on top of stores of these sizes."""
    grown = {crowd: [_grown(crowd, stored, place, progress) for stored in stores] for crowd in _CROWDS}
    return _table(grown)


def _grown(crowd: Crowd, stored: int, place: PostgreSQL, progress: Progress) -> Grown:
    progress(f"growth, {crowd.name}: a store of {stored:,} facts")
    with place.empty() as url, folder() as path:
        written = bulk.write(url, campaigns(), bulk.FromCrowd(crowd, stored), progress)
        files = [path / f"{number}.jsonl" for number in range(1 + _MEASURED)]
        for number, file in enumerate(files):
            write(file, crowd.facts(FACTS, stored + number * FACTS))
        progress(f"growth, {crowd.name}: import on top of {stored:,} facts")
        (_, *costs), peak = _imported(url, files)
    return Grown(stored, min(costs, key=lambda cost: cost.seconds), peak / 1e6, written)


def _imported(url: str, files: list[Path]) -> tuple[list[Cost], int]:
    command = [sys.executable, "-m", "benchmarks.intake_process", url, *map(str, files)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    printed = json.loads(done.stdout)
    return [Cost(**each) for each in printed["costs"]], printed["peak_bytes"]


def _table(grown: dict[Crowd, list[Grown]]) -> Table:
    columns = ["users, facts in the store", "us/fact", "ratio to the smallest", "events/fact", "us/event",
               "KB written ahead/fact", "peak MB"]  # fmt: skip
    title = (
        f"Growth on PostgreSQL: the cost of {FACTS:,} facts more, reports current, after as many to warm up"
    )
    table = Table("growth", title, columns)
    for crowd, stores in grown.items():
        for each in stores:
            cost, smallest = each.cost, stores[0].cost
            table.rows.append([
                f"{crowd.name}: {each.stored:,}", cost.per_fact, cost.per_fact / smallest.per_fact,
                cost.events / cost.facts, 1e6 * cost.seconds / cost.events, cost.log_bytes / 1e3 / cost.facts,
                each.megabytes,
            ])  # fmt: skip
    busy = grown[BUSY_FEW]
    ratio = max(each.cost.per_fact / busy[0].cost.per_fact for each in busy)
    peak = max(each.megabytes for stores in grown.values() for each in stores)
    table.asks.append(Ask(f"growth: {BUSY_FEW.name}", ratio, ASKED_RATIO, at_most=True))
    table.asks.append(Ask("peak memory of an import, MB", peak, ASKED_MEGABYTES, at_most=True))
    table.notes += _notes(grown)
    return table


def _notes(grown: dict[Crowd, list[Grown]]) -> list[str]:
    largest = grown[BUSY_FEW][-1].written
    took = ", ".join(f"{step} {seconds:.0f} s" for step, seconds in largest.seconds.items())
    return [
        f"the better of {_MEASURED}; the disk is not measured: the machine's memory holds every page of the store",
        "a million users; campaigns renewed every ten days, 100,000 facts a day",
        f"the bulk writer made the store of {largest.facts:,} facts, {largest.events:,} events: {took}",
    ]
