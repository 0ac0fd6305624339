"""Where the time of an import goes, timed from outside at the application's ports.

Nothing in the product knows that it is measured: a service's intake and projector are exchanged for timed ones.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from eventsourcing.persistence import Recording
from sqlalchemy import event

from application.intake import Intake
from application.ledger import Ledger
from application.ports import LoadedJourney, Stamp, Transaction
from domain.journey.state import Definitions
from infrastructure.event_store import LedgerFactory
from infrastructure.journey_store import JourneyStore
from infrastructure.mapper import LedgerMapper
from infrastructure.recorder import Recorder
from infrastructure.service import PROJECTIONS, Service
from projections.projector import Progress, Projector

STAGES = {
    "read": "wait for the reader's thread",
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

    def lap(self, stage: str) -> None:
        """Leave the stage for another, or with "" for none."""
        now = perf_counter()
        if self.stage:
            self.seconds[self.stage] += now - self._since
        self.stage, self._since = stage, now


def time_stages(service: Service) -> Watch:
    """Time what the service does from now on; the caller enters the first stage and leaves the last."""
    watch = Watch()

    def commit(_connection: object) -> None:
        if watch.stage == "index":  # and not in the projector's transactions
            watch.lap("commit")

    event.listen(service.database.engine, "commit", commit)
    journeys = _TimedJourneys(service.journeys, watch)
    service.intake = Intake(_TimedLedger(service.recorder, watch), journeys, lambda: datetime.now(UTC))
    service.projector = _TimedProjector(service, watch)
    return watch


class _TimedLedger(Ledger):
    """Times the recording of events."""

    def __init__(self, recorder: Recorder, watch: Watch) -> None:
        super().__init__(LedgerFactory(recorder), LedgerMapper())
        self._watch = watch

    def save(self, *objs: Any, **kwargs: Any) -> list[Recording[str]]:
        self._watch.lap("events")
        try:
            return super().save(*objs, **kwargs)
        finally:
            self._watch.lap("index")


@dataclass
class _TimedTransaction:
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


class _TimedJourneys:
    """Times the life of write transactions; between them the import waits for its reader."""

    def __init__(self, journeys: JourneyStore, watch: Watch) -> None:
        self._journeys = journeys
        self._watch = watch

    @contextmanager
    def writing(self, stamp: Stamp) -> Iterator[Transaction]:
        self._watch.lap("begin")
        with self._journeys.writing(stamp) as transaction:
            self._watch.lap("decide")
            yield _TimedTransaction(transaction, self._watch)
            self._watch.lap("index")
        self._watch.lap("read")


class _TimedProjector(Projector):
    """Times the read models."""

    def __init__(self, service: Service, watch: Watch) -> None:
        super().__init__(service.database.writing, service.log, PROJECTIONS)
        self._watch = watch

    def catch_up(self, progress: Progress | None = None) -> None:
        self._watch.lap("project")
        super().catch_up(progress)
        self._watch.lap("read")
