"""The projector: folds the log into read models, a batch and its checkpoint in one transaction, never skipping."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import structlog
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from projections import generations
from projections.folding import fold
from projections.generations import Generation
from projections.projection import Known, Log, Projection, ProjectionStopped, Store, UnreadableLog

log = structlog.get_logger()

BATCH = 20_000
"""Positions a batch spans."""

Progress = Callable[[int, int], None]
"""Told how many positions are done, of how many."""


class Database(Protocol):
    """Where the log and the read models are."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A read transaction."""

    def writing(self) -> AbstractContextManager[Connection]:
        """A write transaction that has the write lock from its start."""


Stores = Callable[[Connection, Generation], Store]
"""Makes the store of a generation's tables in a transaction."""


class Projector:
    """Keeps the current generations of projections up to date."""

    def __init__(
        self,
        database: Database,
        log: Log,
        known: Known,
        stores: Stores,
        projections: Sequence[Projection],
        clock: Callable[[], int],
    ) -> None:
        """`clock` tells microseconds since 1970."""
        self.database = database
        self.log = log
        self.known = known
        self.stores = stores
        self.clock = clock
        self.projections = projections

    def catch_up(self, *projections: Projection, progress: Progress | None = None) -> None:
        """Apply everything the log holds, by default to all; the others go on before a ProjectionStopped is raised."""
        stopped = None
        for projection in projections or self.projections:
            try:
                self.advance(projection, progress)
            except ProjectionStopped as reason:
                stopped = stopped or reason
        if stopped is not None:
            raise stopped

    def advance(self, projection: Projection, progress: Progress | None = None) -> None:
        """Apply everything the log holds to one projection; raises ProjectionStopped."""
        while self._batch(projection, progress):
            pass

    def _batch(self, projection: Projection, progress: Progress | None) -> bool:
        """Apply one batch; False when there was nothing to do."""
        if self._is_current(projection):
            return False
        try:
            with self.database.writing() as connection:
                generation = generations.locked(connection, projection, self.clock())
                after, newest = generation.position, self.log.last_position(connection)
                last = min(after + BATCH, newest)
                if last <= after:
                    return False
                self._apply(connection, projection, generation, last)
        except ProjectionStopped as stopped:
            self._stop(projection, stopped)
            raise
        if progress is not None:
            progress(last, newest)
        return True

    def _is_current(self, projection: Projection) -> bool:
        """Whether there is nothing to do, found out without the write lock: readers need not wait for writers."""
        with self.database.reading() as connection:
            found = generations.find(connection, projection)
            if found is None:
                return False
            generations.refuse_other_code(projection, found)
            return found.position == self.log.last_position(connection)

    def _apply(
        self,
        connection: Connection,
        projection: Projection,
        generation: Generation,
        last: int,
        problem: str | None = None,
    ) -> None:
        """Apply the events up to a position, and move the checkpoint."""
        try:
            self.log.tally(connection, generation.position, last)
        except UnreadableLog as error:
            raise ProjectionStopped(projection.name, error.position, error.reason) from error
        folded = fold(self.log, connection, self.known, [projection], generation.position, last)
        write(projection, folded[projection.name], self.stores(connection, generation), last)
        generations.move(connection, generation, last, self.clock(), problem=problem)

    def _stop(self, projection: Projection, stopped: ProjectionStopped) -> None:
        """Keep what comes before the event that failed, unless someone else could apply it meanwhile."""
        try:
            with self.database.writing() as connection:
                generation = generations.locked(connection, projection, self.clock())
                if generation.position < stopped.position:
                    self._apply(connection, projection, generation, stopped.position - 1, stopped.reason)
        except ProjectionStopped as again:
            with self.database.writing() as connection:
                generation = generations.locked(connection, projection, self.clock())
                generations.move(
                    connection, generation, generation.position, self.clock(), problem=again.reason
                )


def write(projection: Projection, folded: object, store: Store, last: int) -> None:
    """Write what was folded; raises ProjectionStopped where it does not fit what the tables hold."""
    if isinstance(folded, ProjectionStopped):
        raise folded
    try:
        projection.write(folded, store)
    except SQLAlchemyError:
        raise
    except Exception as error:
        raise ProjectionStopped(projection.name, last, repr(error)) from error
