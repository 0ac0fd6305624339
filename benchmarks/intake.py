"""A whole import on SQLite: read, validate, decide, record, reports current; and the share of each stage.

The stages are timed from outside, at the application's ports: nothing in the product knows that it is measured.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from eventsourcing.persistence import Recording
from sqlalchemy import event

from application.fact_commands import FactCommand, read_fact
from application.intake import Intake
from application.ledger import Ledger
from application.ports import LoadedJourney, Stamp, Transaction
from benchmarks.ledger import IMPORT_BATCH, Totals, batches, commands, fresh, totals
from benchmarks.results import Ask, Progress, Table
from benchmarks.workload import CAMPAIGNS, GROUP
from domain.journey.state import Definitions
from infrastructure.event_store import LedgerFactory
from infrastructure.files.json_lines import read_json
from infrastructure.journey_store import JourneyStore
from infrastructure.mapper import LedgerMapper
from infrastructure.recorder import Recorder, Row
from infrastructure.service import Service, stamp

RUNS = 3
ASKED_FACTS_A_SECOND = 10_000

STAGES = {
    "parse": "read lines, parse JSON",
    "validate": "validate facts",
    "begin": "begin, write lock",
    "load": "load journeys, look ids up",
    "decide": "decide",
    "events": "encode and insert events",
    "index": "write index and states",
    "commit": "commit (fsync)",
    "project": "bring reports up to date",
}


class Watch:
    """A stop-watch that is always in exactly one stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.stage = ""
        self._since = 0.0

    def lap(self, stage: str) -> str:
        """Enter a stage, and say which was left."""
        now, left = perf_counter(), self.stage
        if left:
            self.seconds[left] += now - self._since
        self.stage, self._since = stage, now
        return left


class TimedLedger(Ledger):
    """Times the recording of events."""

    def __init__(self, recorder: Recorder, watch: Watch) -> None:
        super().__init__(LedgerFactory(recorder), LedgerMapper())
        self._watch = watch

    def save(self, *objs: Any, **kwargs: Any) -> list[Recording[str]]:
        """Record, as a stage of its own; what follows is the index."""
        self._watch.lap("events")
        try:
            return super().save(*objs, **kwargs)
        finally:
            self._watch.lap("index")


@dataclass
class TimedTransaction:
    """Times the loading of journeys."""

    inner: Transaction
    watch: Watch

    @property
    def changed_elsewhere(self) -> bool:
        return self.inner.changed_elsewhere

    @changed_elsewhere.setter
    def changed_elsewhere(self, value: bool) -> None:
        self.inner.changed_elsewhere = value

    @property
    def position(self) -> int:
        return self.inner.position

    def journeys(
        self, app_group: str, facts: Mapping[str, Sequence[str]], definitions: Definitions
    ) -> dict[str, LoadedJourney]:
        self.watch.lap("load")
        try:
            return self.inner.journeys(app_group, facts, definitions)
        finally:
            self.watch.lap("decide")

    def keep_aside(self, journey_id: str, fact_id: str, text: str) -> None:
        self.inner.keep_aside(journey_id, fact_id, text)


class TimedJourneys:
    """Times the life of write transactions."""

    def __init__(self, journeys: JourneyStore, watch: Watch) -> None:
        self._journeys = journeys
        self._watch = watch

    @contextmanager
    def writing(self, stamp: Stamp) -> Iterator[Transaction]:
        self._watch.lap("begin")
        with self._journeys.writing(stamp) as transaction:
            self._watch.lap("decide")
            yield TimedTransaction(transaction, self._watch)
            self._watch.lap("index")


@dataclass(frozen=True)
class Run:
    """One import: how long it took, stage by stage, and what it recorded."""

    facts: int
    events: int
    seconds: dict[str, float]
    processor: float

    @property
    def whole(self) -> float:
        """Seconds of all stages."""
        return sum(self.seconds.values())

    @property
    def without_projector(self) -> float:
        """Seconds but for the read models."""
        return self.whole - self.seconds["project"]


def measure(path: Path, progress: Progress) -> tuple[Table, Run, list[Row]]:
    """Import the file a few times: the table, the run of median length, and the rows of `events` of the last."""
    runs, rows = [], list[Row]()
    for number in range(1, RUNS + 1):
        progress(f"import, run {number} of {RUNS}")
        with fresh(CAMPAIGNS) as service:
            before = service.recorder.max_notification_id() or 0
            runs.append(_import(path, service))
            # Not before the last run: so many objects would make every later run slower.
            if number == RUNS:
                rows = _rows(service, before)
    middle = sorted(runs, key=lambda run: run.whole)[len(runs) // 2]
    return _table(middle), middle, rows


def _rows(service: Service, after: int) -> list[Row]:
    with service.database.reading() as connection:
        return service.recorder.rows(connection, after, sys.maxsize)


def _table(run: Run) -> Table:
    table = Table(
        "intake", f"Import on SQLite: {run.facts:,} facts, {run.events:,} events, batches of {IMPORT_BATCH:,}",
        ["stage", "seconds", "share %", "facts/s", "events/s"],
    )  # fmt: skip
    for stage, name in STAGES.items():
        seconds = run.seconds[stage]
        table.rows.append([name, seconds, 100 * seconds / run.whole, None, None])
    table.rows.append(["whole import", run.whole, 100.0, run.facts / run.whole, run.events / run.whole])
    seconds = run.without_projector
    share = 100 * seconds / run.whole
    table.rows.append(
        ["projector's share taken out", seconds, share, run.facts / seconds, run.events / seconds]
    )
    table.notes.append(
        f"median of {RUNS} runs; the facts are in order of time, the reports current at the end"
    )
    table.notes.append(
        f"processor time {run.processor:.2f} s: the rest is waiting for the disk, or for others on it"
    )
    table.asks.append(Ask("import, facts/s, reports current", run.facts / run.whole, ASKED_FACTS_A_SECOND))
    return table


def _import(path: Path, service: Service) -> Run:
    watch, processor = Watch(), process_time()
    before = service.recorder.max_notification_id() or 0
    intake = _timed_intake(service, watch)
    facts = 0
    with path.open("rb") as lines:
        for batch in _validated(lines, watch):
            facts += len(intake.record(GROUP, batch, stamp()).answers)
            watch.lap("parse")
    watch.lap("project")
    service.projector.catch_up()
    watch.lap("")
    events = (service.recorder.max_notification_id() or 0) - before
    return Run(facts, events, watch.seconds, process_time() - processor)


def _validated(lines: Iterable[bytes], watch: Watch) -> Iterator[list[FactCommand]]:
    watch.lap("parse")
    for batch in batches(lines, IMPORT_BATCH):
        parsed = [read_json(line) for line in batch]
        watch.lap("validate")
        yield [read_fact(each) for each in parsed]


def _timed_intake(service: Service, watch: Watch) -> Intake:
    def commit(_connection: object) -> None:
        if watch.stage == "index":  # and not in the projector's transactions
            watch.lap("commit")

    event.listen(service.database.engine, "commit", commit)
    journeys = TimedJourneys(service.journeys, watch)
    return Intake(TimedLedger(service.recorder, watch), journeys, lambda: datetime.now(UTC))


def record_all(path: Path, size: int, *, most: int | None = None) -> tuple[float, int, Totals]:
    """Record the first facts of a file in batches of a size: seconds with reports current, facts, and the reports."""
    started = perf_counter()
    facts = commands(path)[:most]
    reading = perf_counter() - started
    with fresh(CAMPAIGNS) as service:
        started = perf_counter()
        for batch in batches(facts, size):
            service.intake.record(GROUP, batch, stamp())
        service.projector.catch_up()
        return reading + perf_counter() - started, len(facts), totals(service, GROUP)
