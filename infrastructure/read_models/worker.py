"""Keeping read models current all the time, in a process of its own or in a thread.

It polls the log, sooner where the database hints at new events. A database that is away is waited for. A projection
that meets an event it cannot apply stops there, loudly, while the others go on; it is tried again now and then, for it
may have been built anew. Nothing ends it silently.
"""

import threading
import time
from collections.abc import Callable

import structlog
from eventsourcing.persistence import IntegrityError, OperationalError

from infrastructure.database import Database
from infrastructure.event_store.tail import Tail
from projections.engine.projection import Projection
from projections.engine.projector import Progress, Projector

log = structlog.get_logger()

_PACE_SECONDS = 0.05
"""From the begin of one round to the next, at least: each costs some milliseconds, however few events there are."""

_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0

AGAIN_SECONDS = 60.0
"""How often a read model that has stopped is tried again."""

SWEEP_SECONDS = 60.0
"""From the end of one sweep to the beginning of the next."""


class ProjectionWorker:
    """Projects until it is told to stop; `stopped` holds the projections that could not go on, by name.

    Between rounds it calls `sweep`, which does a small step of other work and says whether there is more at once.
    """

    def __init__(
        self, database: Database, projector: Projector, sweep: Callable[[], bool] = lambda: False
    ) -> None:
        self._database = database
        self._projector = projector
        self._sweep = sweep
        self._next_sweep = time.monotonic()
        self._ending = threading.Event()
        self._pause = _PAUSE_SECONDS
        self._again = time.monotonic() + AGAIN_SECONDS
        self.stopped: dict[str, Exception] = {}

    def end(self) -> None:
        """End after the batch that is being applied."""
        self._ending.set()

    def run(self, progress: Progress | None = None) -> None:
        """Project until `end` is called, or until every projection has stopped."""
        tail = Tail(self._database)
        try:
            while not self._ending.is_set() and len(self.stopped) < len(self._projector.projections):
                began = time.monotonic()
                if self._advanced(progress):
                    tail.wait()
                    self._ending.wait(max(0.0, began + _PACE_SECONDS - time.monotonic()))
        finally:
            tail.close()

    def _advanced(self, progress: Progress | None) -> bool:
        """Bring all that can go on up to date: whether the database let it be done."""
        going = self._going()
        try:
            stopped = self._projector.advance(going, progress)
            if time.monotonic() >= self._next_sweep and not self._sweep():
                self._next_sweep = time.monotonic() + SWEEP_SECONDS
        except (IntegrityError, OperationalError) as error:
            self._wait_for_the_database(error)
            return False
        for projection in going:
            self.stopped.pop(projection.name, None)
        for each in stopped:
            log.error("projection.stopped", name=each.name, position=each.position, reason=each.reason)
            self.stopped[each.name] = each
        self._pause = _PAUSE_SECONDS
        return True

    def _going(self) -> list[Projection]:
        """Those that have not stopped, and now and then also those: they may have been built anew meanwhile."""
        if self.stopped and time.monotonic() >= self._again:
            self._again = time.monotonic() + AGAIN_SECONDS
            return list(self._projector.projections)
        return [each for each in self._projector.projections if each.name not in self.stopped]

    def _wait_for_the_database(self, error: Exception) -> None:
        log.warning("projector.waits", reason=str(error), seconds=self._pause)
        self._ending.wait(self._pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
