"""The projector: folds the log into read models, a batch and its checkpoint in one transaction, never skipping."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.engine import Connection
from sqlalchemy.exc import InternalError, OperationalError

from projections.engine import generations
from projections.engine.folding import Folded, fold
from projections.engine.generations import Generation
from projections.engine.projection import (
    Definitions,
    Log,
    OtherCode,
    Projection,
    ProjectionStopped,
    UnreadableLog,
    WritableTables,
)

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

    def projecting(self) -> AbstractContextManager[Connection]:
        """The same, but that a power cut may undo the last ones, whole: they are then done again."""


TablesOf = Callable[[Connection, Generation], WritableTables]
"""Makes the store of a generation's tables in a transaction."""


@dataclass(frozen=True)
class _Batch:
    """What was folded for some projections that stand at the same position."""

    projections: Sequence[Projection]
    after: int
    last: int
    newest: int
    folded: Folded


class Projector:
    """Keeps the current generations of projections up to date."""

    def __init__(
        self,
        database: Database,
        log: Log,
        definitions: Definitions,
        tables_of: TablesOf,
        projections: Sequence[Projection],
        clock: Callable[[], int],
    ) -> None:
        """`clock` tells microseconds since 1970."""
        self.database = database
        self.log = log
        self.definitions = definitions
        self.tables_of = tables_of
        self.clock = clock
        self.projections = projections

    def catch_up(self, *projections: Projection, progress: Progress | None = None) -> None:
        """Apply everything the log holds, by default to all; the others go on before a ProjectionStopped is raised."""
        stopped = self.advance(projections or self.projections, progress)
        if stopped:
            raise stopped[0]

    def advance(
        self, projections: Sequence[Projection], progress: Progress | None = None
    ) -> list[ProjectionStopped]:
        """Apply what the log holds now to these projections, together: why those that could not go on stopped.

        What is recorded meanwhile comes next time: to chase it takes the write lock ever again for a few events.
        """
        stopped: list[ProjectionStopped] = []
        going = self._ready(projections, stopped)
        end = None
        while (batch := self._next(going, end)) is not None:
            end = batch.newest
            stopped += self._apply(batch)
            if progress is not None:
                progress(batch.last, batch.newest)
            ended = {each.name for each in stopped}
            going = [projection for projection in going if projection.name not in ended]
        return stopped

    def _ready(self, projections: Sequence[Projection], stopped: list[ProjectionStopped]) -> list[Projection]:
        """Those that this code can go on with; generations are made where there are none."""
        with self.database.reading() as connection:
            found = generations.find_currents(connection, projections)
        missing = [projection for projection, generation in found.items() if generation is None]
        if missing:
            with self.database.writing() as connection:
                for projection in missing:
                    found[projection] = generations.lock_current(connection, projection, self.clock())
        ready = []
        for projection, generation in found.items():
            try:
                if generation is not None:
                    generations.refuse_other_code(projection, generation)
                ready.append(projection)
            except ProjectionStopped as reason:
                stopped.append(reason)
        return ready

    def _next(self, projections: Sequence[Projection], end: int | None) -> _Batch | None:
        """Fold what comes next, up to an end, for those that are behind the others; None when there is nothing to do.

        Without a lock: readers need not wait for writers, nor writers for what takes long.
        """
        with self.database.reading() as connection:
            newest = self.log.last_position(connection) if end is None else end
            found = generations.find_currents(connection, projections)
            stands = {
                projection: 0 if generation is None else generation.position
                for projection, generation in found.items()
            }
            after = min(stands.values(), default=newest)
            if after >= newest:
                return None
            last = min(
                [after + BATCH, newest, *(position for position in stands.values() if position > after)]
            )
            behind = [projection for projection, position in stands.items() if position == after]
            return _Batch(behind, after, last, newest, self._folded(connection, behind, after, last))

    def _folded(
        self, connection: Connection, projections: Sequence[Projection], after: int, last: int
    ) -> Folded:
        try:
            self.log.tally(connection, after, last)
        except UnreadableLog as error:
            return {
                projection.name: ProjectionStopped(projection.name, error.position, error.reason)
                for projection in projections
            }
        return fold(self.log, connection, self.definitions, projections, after, last)

    def _apply(self, batch: _Batch) -> list[ProjectionStopped]:
        """Write a batch and move the checkpoints, in one transaction; why those that could not go on stopped."""
        stopped = []
        with self.database.projecting() as connection:
            # Checkpoints are locked by name: two that locked them in other orders would wait for each other.
            for projection in sorted(batch.projections, key=lambda each: each.name):
                try:
                    with connection.begin_nested():
                        self._put(connection, projection, batch)
                except ProjectionStopped as reason:
                    stopped.append((projection, reason))
        return [self._stop(projection, why) for projection, why in stopped]

    def _put(self, connection: Connection, projection: Projection, batch: _Batch) -> None:
        generation = generations.lock_current(connection, projection, self.clock())
        if generation.position != batch.after:
            # Another process has done it meanwhile.
            return
        write(projection, batch.folded[projection.name], self.tables_of(connection, generation), batch.last)
        generations.move(connection, generation, batch.last, self.clock())

    def _stop(self, projection: Projection, stopped: ProjectionStopped) -> ProjectionStopped:
        """Keep what comes before the event that failed, and say why it stopped, and where."""
        try:
            if not isinstance(stopped, OtherCode):
                self._end(projection, stopped.position - 1, stopped.reason)
        except OtherCode as other:
            return other
        except ProjectionStopped as again:
            return self._narrow(projection, again)
        return stopped

    def _narrow(self, projection: Projection, stopped: ProjectionStopped) -> ProjectionStopped:
        """Find the event that what stands refuses, by halving, and stop just before it."""
        with self.database.reading() as connection:
            found = generations.find(connection, projection)
        good = 0 if found is None else found.position
        bad = stopped.position
        while bad - good > 1:
            middle = (good + bad) // 2
            try:
                self._end(projection, middle, stopped.reason)
                good = middle
            except ProjectionStopped:
                bad = middle
        self._end(projection, good, stopped.reason)
        return ProjectionStopped(projection.name, good + 1, stopped.reason)

    def _end(self, projection: Projection, last: int, problem: str) -> None:
        """Apply what comes up to a position, and say why it goes no further, unless another process did go further."""
        with self.database.projecting() as connection:
            generation = generations.lock_current(connection, projection, self.clock())
            if generation.position > last:
                return
            if generation.position < last:
                folded = self._folded(connection, [projection], generation.position, last)
                write(projection, folded[projection.name], self.tables_of(connection, generation), last)
            generations.move(connection, generation, last, self.clock(), problem=problem)


def write(projection: Projection, folded: object, tables: WritableTables, last: int) -> None:
    """Write what was folded; raises ProjectionStopped where it does not fit what the tables hold."""
    if isinstance(folded, ProjectionStopped):
        raise folded
    try:
        projection.write(folded, tables)
    except (OperationalError, InternalError):
        raise
    except Exception as error:
        raise ProjectionStopped(projection.name, last, repr(error)) from error
