"""The projector: folds the log into read models, a batch and its checkpoint in one transaction, never skipping."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, Protocol

import structlog
from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from projections.projection import Logged, Projection, checkpoints

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


class Log(Protocol):
    """The event log as projections read it."""

    def last_position(self, connection: Connection) -> int:
        """The position of the last event, 0 when there is none."""

    def between(
        self, connection: Connection, after: int, last: int, types: Iterable[type[Any]]
    ) -> Iterable[Logged]:
        """The events of these types after one position, up to and including another, in order."""


class ProjectionStopped(Exception):
    """An event could not be applied: the projection stands just before it."""

    def __init__(self, name: str, position: int, reason: str) -> None:
        super().__init__(f"{name} stopped before position {position}: {reason}")
        self.name = name
        self.position = position
        self.reason = reason


class Projector:
    """Keeps projections current."""

    def __init__(
        self,
        database: Database,
        log: Log,
        projections: Sequence[Projection],
        clock: Callable[[], int],
    ) -> None:
        """`clock` tells microseconds since 1970."""
        self._reading = database.reading
        self._writing = database.writing
        self._log = log
        self._clock = clock
        self.projections = projections

    def catch_up(self, progress: Progress | None = None) -> None:
        """Apply everything the log holds; raises the first ProjectionStopped, after the others have gone on."""
        stopped = None
        for projection in self.projections:
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

    def rebuild(self, projection: Projection, progress: Progress | None = None) -> int:
        """Build the projection anew from position zero; readers see the old one until the new one is complete.

        Returns the position it stands at.
        """
        with self._writing() as connection:
            # The checkpoint first: whoever else projects waits here, and not half way.
            self._lock(connection, projection, rebuild=True)
            for table in projection.tables:
                connection.execute(delete(table))
            last = self._log.last_position(connection)
            for after in range(0, last, BATCH):
                self._apply(connection, projection, after, min(after + BATCH, last))
                if progress is not None:
                    progress(min(after + BATCH, last), last)
            self._check(connection, projection, last)
        log.info("projection.rebuilt", name=projection.name, position=last)
        return last

    def _batch(self, projection: Projection, progress: Progress | None) -> bool:
        """Apply one batch; False when there was nothing to do."""
        if self._is_current(projection):
            return False
        try:
            with self._writing() as connection:
                after = self._lock(connection, projection)
                newest = self._log.last_position(connection)
                last = min(after + BATCH, newest)
                if last <= after:
                    return False
                self._apply(connection, projection, after, last)
                self._check(connection, projection, last)
        except ProjectionStopped as stopped:
            self._stop(projection, stopped)
            raise
        if progress is not None:
            progress(last, newest)
        return True

    def _stop(self, projection: Projection, stopped: ProjectionStopped) -> None:
        """Keep what comes before the event that failed, unless someone else could apply it meanwhile."""
        with self._writing() as connection:
            after = self._lock(connection, projection)
            if after < stopped.position:
                self._apply(connection, projection, after, stopped.position - 1)
                self._check(connection, projection, stopped.position - 1, problem=stopped.reason)

    def _is_current(self, projection: Projection) -> bool:
        """Whether there is nothing to do, found out without the write lock: readers need not wait for writers."""
        with self._reading() as connection:
            found = connection.execute(
                select(checkpoints).where(checkpoints.c.name == projection.name)
            ).one_or_none()
            if found is None:
                return False
            _refuse_other_version(projection, found.version, found.position)
            return bool(found.position == self._log.last_position(connection))

    def _apply(self, connection: Connection, projection: Projection, after: int, last: int) -> None:
        """Apply the events between two positions. What the database cannot do is no fault of an event, and passes."""
        fold, handlers, position = projection.fold(connection), projection.handlers, after
        try:
            for logged in self._log.between(connection, after, last, handlers):
                position = logged.position
                try:
                    handlers[type(logged.event)](fold, logged)
                except SQLAlchemyError:
                    raise
                except Exception as error:
                    raise ProjectionStopped(projection.name, position, repr(error)) from error
        except UnreadableLog as error:
            raise ProjectionStopped(projection.name, error.position, error.reason) from error
        try:
            projection.write(fold)
        except SQLAlchemyError:
            raise
        except Exception as error:
            raise ProjectionStopped(projection.name, position, repr(error)) from error

    def _lock(self, connection: Connection, projection: Projection, *, rebuild: bool = False) -> int:
        """The position the projection stands at, its checkpoint locked so that no one counts the same events."""
        query = select(checkpoints).where(checkpoints.c.name == projection.name).with_for_update()
        found = connection.execute(query).one_or_none()
        if found is None:
            values = {"name": projection.name, "version": projection.version, "position": 0}
            with suppress(IntegrityError), connection.begin_nested():
                connection.execute(insert(checkpoints).values(values))
            found = connection.execute(query).one()
        if not rebuild:
            _refuse_other_version(projection, found.version, found.position)
        return int(found.position)

    def _check(
        self, connection: Connection, projection: Projection, position: int, problem: str | None = None
    ) -> None:
        connection.execute(
            update(checkpoints)
            .where(checkpoints.c.name == projection.name)
            .values(position=position, version=projection.version, moved_at=self._clock(), problem=problem)
        )


def _refuse_other_version(projection: Projection, version: int, position: int) -> None:
    if version != projection.version:
        reason = f"it was built by version {version}; run `conversions rebuild {projection.name}`"
        raise ProjectionStopped(projection.name, position + 1, reason)


class UnreadableLog(Exception):
    """The log holds an event that cannot be read."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"position {position}: {reason}")
        self.position = position
        self.reason = reason
