"""A worker that keeps read models up to date, in a process of its own or in a thread.

It polls the log, and looks sooner when the database hints at new events. It waits for a database that is away. A
projection that cannot apply an event stops there, with an error in the log, and the others continue. The worker tries a
stopped one again now and then, because a rebuild may have replaced it. It never ends silently.
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
"""The shortest time between the starts of two rounds: each costs some milliseconds, however few events there are."""

_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0

AGAIN_SECONDS = 60.0
"""How often to try a read model again that has stopped."""

SWEEP_SECONDS = 60.0
"""From the end of one sweep to the beginning of the next."""


class ProjectionWorker:
    """Projects until `end` is called; `stopped` holds the reasons of projections that cannot continue, by name.

    Between rounds it calls `sweep`, which does a small step of other work and returns whether more is left.
    `end` may be called in another thread or in a signal handler; everything else belongs to the thread of `run`.
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
        """End after the current batch."""
        self._ending.set()

    def run(self, progress: Progress | None = None) -> None:
        """Project until `end` is called, or until every projection has stopped."""
        tail = Tail(self._database)
        try:
            while not self._ending.is_set() and len(self.stopped) < len(self._projector.projections):
                began = time.monotonic()
                if self._advance(progress):
                    tail.wait()
                    self._ending.wait(max(0.0, began + _PACE_SECONDS - time.monotonic()))
        finally:
            tail.close()

    def _advance(self, progress: Progress | None) -> bool:
        """Bring every projection that can continue up to date; returns False if the database was away."""
        running = self._choose()
        try:
            stopped = self._projector.advance(running, progress)
            if time.monotonic() >= self._next_sweep and not self._sweep():
                self._next_sweep = time.monotonic() + SWEEP_SECONDS
        except (IntegrityError, OperationalError) as error:
            self._wait_for_the_database(error)
            return False
        for projection in running:
            self.stopped.pop(projection.name, None)
        for each in stopped:
            log.error("projection.stopped", name=each.name, position=each.position, reason=each.reason)
            self.stopped[each.name] = each
        self._pause = _PAUSE_SECONDS
        return True

    def _choose(self) -> list[Projection]:
        """The projections that have not stopped; now and then all of them, because a rebuild may have mended one."""
        if self.stopped and time.monotonic() >= self._again:
            self._again = time.monotonic() + AGAIN_SECONDS
            return list(self._projector.projections)
        return [each for each in self._projector.projections if each.name not in self.stopped]

    def _wait_for_the_database(self, error: Exception) -> None:
        log.warning("projector.waits", reason=str(error), seconds=self._pause)
        self._ending.wait(self._pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
