"""The projector folds the log into read models: a batch and its checkpoint in one transaction, and no event skipped.

Locks and orders. A batch is folded without any lock, so that readers and writers do not wait for what takes long. To
write it, a transaction locks the checkpoints, by name, and compares each with the position that the batch began at:
whoever comes second finds it moved, and writes nothing. So two processes never count an event twice.

Generations that are no longer read stay for a while: to go back to one of them, or to drop them.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import structlog
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
"""How many positions a batch spans."""

Progress = Callable[[int, int], None]
"""Called with how many positions are done, and of how many."""


class Database(Protocol):
    """Where the log and the read models are."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A read transaction."""

    def writing(self) -> AbstractContextManager[Connection]:
        """A write transaction that has the write lock from its start."""

    def projecting(self) -> AbstractContextManager[Connection]:
        """The same, but a power cut may undo the last transactions, each as a whole: they are then done again."""


TablesOf = Callable[[Connection, Generation], WritableTables]
"""Gives the tables of a generation, to be written in a transaction."""


@dataclass(frozen=True)
class _Batch:
    """What was folded for the projections that are at one position."""

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
        """`clock` gives microseconds since 1970."""
        self.database = database
        self.log = log
        self.definitions = definitions
        self.tables_of = tables_of
        self.clock = clock
        self.projections = projections

    def catch_up(self, *projections: Projection, progress: Progress | None = None) -> None:
        """Apply what the log holds, by default to all; raises the first ProjectionStopped once the others are done."""
        stopped = self.advance(projections or self.projections, progress)
        if stopped:
            raise stopped[0]

    def advance(
        self, projections: Sequence[Projection], progress: Progress | None = None
    ) -> list[ProjectionStopped]:
        """Apply what the log holds now to these projections, together, and return why some of them stopped.

        What is recorded meanwhile is left for the next call: each chase would take the write lock for a few events.
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
        """Return the projections that this code can go on with; makes their generations where there are none."""
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
        """Fold what comes next, up to an end, for the projections that are furthest behind; None when nothing is left.

        It takes no lock: see the module's own comment.
        """
        with self.database.reading() as connection:
            newest = self.log.last_position(connection) if end is None else end
            positions = {
                projection: 0 if generation is None else generation.position
                for projection, generation in generations.find_currents(connection, projections).items()
            }
            after = min(positions.values(), default=newest)
            if after >= newest:
                return None
            last = min(
                [after + BATCH, newest, *(position for position in positions.values() if position > after)]
            )
            behind = [projection for projection, position in positions.items() if position == after]
            return _Batch(behind, after, last, newest, self._fold(connection, behind, after, last))

    def _fold(
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
        """Write a batch and move its checkpoints, in one transaction, and return why some projections stopped."""
        stopped = []
        with self.database.projecting() as connection:
            # In the order of their names: two processes that lock in other orders would wait for each other for ever.
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
            # Another process wrote these events between the fold and this lock.
            return
        write(projection, batch.folded[projection.name], self.tables_of(connection, generation), batch.last)
        generations.move(connection, generation, batch.last, self.clock())

    def _stop(self, projection: Projection, stopped: ProjectionStopped) -> ProjectionStopped:
        """Apply what comes before the event that failed, and note why and where the projection stopped."""
        try:
            if not isinstance(stopped, OtherCode):
                self._end(projection, stopped.position - 1, stopped.reason)
        except OtherCode as other:
            return other
        except ProjectionStopped as again:
            return self._narrow(projection, again)
        return stopped

    def _narrow(self, projection: Projection, stopped: ProjectionStopped) -> ProjectionStopped:
        """Find the event that does not fit the tables, by halving, and stop just before it."""
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
        """Apply what comes up to a position, and note the problem, unless another process has gone further."""
        with self.database.projecting() as connection:
            generation = generations.lock_current(connection, projection, self.clock())
            if generation.position > last:
                return
            if generation.position < last:
                folded = self._fold(connection, [projection], generation.position, last)
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


log = structlog.get_logger()

GRACE_SECONDS = 60
"""How long a generation stays after another was switched in: transactions that read it can finish."""


def roll_back(projector: Projector, projections: Sequence[Projection]) -> list[Generation]:
    """Let readers see the generations that were kept last instead of the current ones: all of them, or none.

    Raises LookupError where there is none to go back to.
    """
    with projector.database.writing() as connection:
        in_order = sorted(projections, key=lambda each: each.name)
        gone = [_roll_back(connection, projection, projector.clock()) for projection in in_order]
    for back in gone:
        log.info("projection.rolled_back", name=back.name, generation=back.generation)
    return gone


def _roll_back(connection: Connection, projection: Projection, now: int) -> Generation:
    left = generations.find(connection, projection, lock=True)
    kept = [each for each in generations.all_of(connection, projection) if each.status == "kept"]
    if left is None or not kept:
        raise LookupError(f"there is no generation of {projection.name} to go back to")
    back = max(kept, key=lambda each: each.switched_at or 0)
    generations.refuse_other_code(projection, back)
    generations.become(connection, left, "kept", now)
    generations.become(connection, back, "current", now)
    generations.show(connection, projection, back)
    return back


def discard(projector: Projector, projection: Projection) -> list[Generation]:
    """Drop what is building and what was kept of a projection: the generations that were dropped."""
    with projector.database.writing() as connection:
        dropped = [
            each for each in generations.all_of(connection, projection) if each.status in {"building", "kept"}
        ]
        for each in dropped:
            generations.drop(connection, projection, each)
    return dropped


def sweep(connection: Connection, projection: Projection, now: int) -> None:
    """Drop the generations that no one reads any more; one that is still read is left for the next time."""
    for each in generations.all_of(connection, projection):
        if each.status == "retired" and now - (each.switched_at or 0) >= GRACE_SECONDS * 1_000_000:
            try:
                with connection.begin_nested(), generations.limit_waits_for_locks(connection):
                    generations.drop(connection, projection, each)
            except OperationalError:
                log.warning(
                    "generation.kept", name=each.name, generation=each.generation, reason="it is still read"
                )
