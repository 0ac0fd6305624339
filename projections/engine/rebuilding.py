"""Rebuilding: new generations of read models, beside those that are read, until they are verified and switched in.

The contract. Readers see the old generation until the new one holds all of the log, has been verified, and is switched
in, in one transaction. A rebuild that is interrupted or killed, at whatever point, leaves the old generation as it was
and the new one as of its last batch: run again it goes on from there, unless the code has changed since. Two that run
at once do no harm: the second gives up. Nothing that is being built is read, and folding cannot have effects.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import structlog
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from projections.engine import generations
from projections.engine.folding import Folded, fold
from projections.engine.generations import Generation
from projections.engine.projection import Projection, ProjectionStopped, Tally, UnreadableLog
from projections.engine.projector import BATCH, Projector, sweep, write

log = structlog.get_logger()

SWITCH_ATTEMPTS = 6
"""Each attempt waits some seconds for transactions that have read the views."""


class Task(NamedTuple):
    """The events after one position, up to and including another, to be folded for the projections of these names."""

    names: tuple[str, ...]
    after: int
    last: int


class Done(NamedTuple):
    """A task's folds, and its events as the database counts them."""

    task: Task
    folded: Folded
    tally: Tally


Folding = Callable[[Iterable[Task]], Iterator[Done]]
"""Does tasks, perhaps several at once, and gives their results in the order of the tasks."""

Progress = Callable[[int, int], None]
"""Called with how many positions are done, and of how many."""


class RebuiltElsewhere(Exception):
    """Another process is rebuilding the same read model."""


class NotVerified(Exception):
    """A new generation does not hold as many rows as the log says; it was not switched in."""

    def __init__(self, name: str, differences: Sequence[str]) -> None:
        found = "; ".join(differences)
        super().__init__(f"{name} was built, but not switched in, for it is not what the log holds: {found}")
        self.name = name


@dataclass(frozen=True)
class Rebuilt:
    """A read model that was built again, from `began_from` on; `verified` has the compared counts."""

    name: str
    generation: int
    position: int
    began_from: int
    verified: dict[str, int]


class Rebuilding:
    """Rebuilds some projections, together."""

    def __init__(self, projector: Projector, projections: Sequence[Projection], folding: Folding) -> None:
        self._projector = projector
        self._database = projector.database
        # In the order of their names, in which every process locks several checkpoints.
        self._projections = {each.name: each for each in sorted(projections, key=lambda each: each.name)}
        self._folding = folding
        self._began: dict[str, Generation] = {}
        self._stopped: list[ProjectionStopped | NotVerified] = []

    def run(self, progress: Progress, *, keep_old: bool = False) -> list[Rebuilt]:
        """Build, verify and switch in; raises the first ProjectionStopped or NotVerified after the others are done."""
        self._begin()
        rebuilt: list[Rebuilt] = []
        while self._projections:
            self._build(progress)
            for projection in list(self._projections.values()):
                try:
                    done = self._switch_patiently(projection, keep_old=keep_old)
                except (ProjectionStopped, NotVerified) as reason:
                    self._give_up(projection.name, reason)
                    continue
                if done is not None:
                    del self._projections[projection.name]
                    log.info(
                        "projection.rebuilt",
                        name=done.name,
                        generation=done.generation,
                        position=done.position,
                    )
                    rebuilt.append(done)
        if self._stopped:
            raise self._stopped[0]
        return rebuilt

    def _begin(self) -> None:
        """Find or make the generations, and remember the positions they go on from; raises RebuiltElsewhere."""
        now = self._projector.clock()
        try:
            with self._database.writing() as connection:
                for projection in self._projections.values():
                    sweep(connection, projection, now)
                    building = generations.find(connection, projection, status="building", lock=True)
                    if building is not None and (building.problem or not building.is_of(projection)):
                        generations.drop(connection, projection, building)
                        building = None
                    if building is None:
                        building = generations.make(connection, projection, "building", now)
                    self._began[projection.name] = building
        except IntegrityError as error:
            raise RebuiltElsewhere("another process has just begun to rebuild one of these") from error

    def _build(self, progress: Progress) -> None:
        """Bring the new generations near the end of the log, those that are furthest behind first.

        It stops at what was an end of the log: between a fact and what was decided of it, nothing can be verified.
        """
        reached = -1
        while self._projections:
            with self._database.reading() as connection:
                newest = self._projector.log.last_position(connection)
                positions = {
                    name: self._find_building(connection, name).position for name in self._projections
                }
            if {*positions.values()} <= {reached} and newest - reached <= BATCH:
                return
            reached = newest
            after = min(positions.values())
            behind = tuple(name for name, position in positions.items() if position == after)
            until = min([newest, *(position for position in positions.values() if position > after)])
            tasks = (Task(behind, start, min(start + BATCH, until)) for start in range(after, until, BATCH))
            for done in self._folding(tasks):
                self._write(done)
                progress(done.task.last, newest)
                if any(name not in self._projections for name in behind):
                    break

    def _find_building(self, connection: Connection, name: str, *, lock: bool = False) -> Generation:
        building = generations.find(connection, self._projections[name], status="building", lock=lock)
        began = self._began[name]
        if building is None or (building.generation, building.began_at) != (began.generation, began.began_at):
            raise RebuiltElsewhere(
                f"another process has switched in, or dropped, what was building of {name}"
            )
        return building

    def _write(self, done: Done) -> None:
        """Write a task's folds, each to its new generation, in one transaction."""
        stopped: list[ProjectionStopped] = []
        with self._database.projecting() as connection:
            for name in done.task.names:
                building = self._find_building(connection, name, lock=True)
                if building.position != done.task.after:
                    raise RebuiltElsewhere(
                        f"another process is rebuilding {name}: it is at position {building.position}"
                    )
                try:
                    self._put(connection, building, done)
                except ProjectionStopped as reason:
                    stopped.append(reason)
        for each in stopped:
            self._give_up(each.name, each)

    def _put(self, connection: Connection, building: Generation, done: Done) -> None:
        projection, last = self._projections[building.name], done.task.last
        with connection.begin_nested():
            tables = self._projector.tables_of(connection, building)
            write(projection, done.folded[building.name], tables, last)
            tally = generations.read_tally(connection, building)
            tally.update(done.tally)
            generations.move(connection, building, last, self._projector.clock(), tally=tally)

    def _give_up(self, name: str, reason: ProjectionStopped | NotVerified) -> None:
        """Leave a projection at its position, and note why it cannot go on; the others go on."""
        with self._database.writing() as connection:
            building = self._find_building(connection, name, lock=True)
            now = self._projector.clock()
            problem = reason.reason if isinstance(reason, ProjectionStopped) else str(reason)
            generations.move(connection, building, building.position, now, problem=problem)
        log.error("projection.stopped", name=name, position=building.position + 1, reason=problem)
        del self._projections[name]
        self._stopped.append(reason)

    def _switch_patiently(self, projection: Projection, *, keep_old: bool) -> Rebuilt | None:
        """Switch in, trying again while someone reads a view for long; raises ViewInUse."""
        for _ in range(SWITCH_ATTEMPTS - 1):
            try:
                return self._switch(projection, keep_old=keep_old)
            except generations.ViewInUse as view:
                log.warning("view.in_use", name=projection.name, reason=str(view))
        return self._switch(projection, keep_old=keep_old)

    def _switch(self, projection: Projection, *, keep_old: bool) -> Rebuilt | None:
        """Verify, apply what is left, and let readers see the new generation; None where too much is left to apply."""
        projector, now = self._projector, self._projector.clock()
        with self._database.reading() as connection:
            self._verify(connection, projection, self._find_building(connection, projection.name))
        with self._database.writing() as connection:
            old = generations.find(connection, projection, lock=True)
            building = self._find_building(connection, projection.name, lock=True)
            last = projector.log.last_position(connection)
            if last - building.position > BATCH:
                return None
            task = Task((projection.name,), building.position, last)
            self._put(connection, building, do(projector, connection, [projection], task))
            expected = projection.expected(generations.read_tally(connection, building))
            if old is not None:
                generations.become(connection, old, "kept" if keep_old else "retired", now)
            generations.become(connection, building, "current", now)
            generations.show(connection, projection, building)
        began = self._began[projection.name]
        return Rebuilt(projection.name, building.generation, last, began.position, expected)

    def _verify(self, connection: Connection, projection: Projection, building: Generation) -> None:
        """Compare what the tables hold with what the database has counted in the log; raises NotVerified."""
        expected = projection.expected(generations.read_tally(connection, building))
        held = projection.held(connection, building)
        differences = [
            f"{held[what]:,} {what} where the log has {count:,}"
            for what, count in expected.items()
            if held[what] != count
        ]
        if differences:
            raise NotVerified(projection.name, differences)


def here(projector: Projector, projections: Sequence[Projection]) -> Folding:
    """Folds in this process, one task after the other."""
    by_name = {projection.name: projection for projection in projections}

    def folding(tasks: Iterable[Task]) -> Iterator[Done]:
        for task in tasks:
            with projector.database.reading() as connection:
                done = do(projector, connection, [by_name[name] for name in task.names], task)
            yield done

    return folding


def do(projector: Projector, connection: Connection, projections: Sequence[Projection], task: Task) -> Done:
    """Do one task."""
    try:
        tally = projector.log.tally(connection, task.after, task.last)
    except UnreadableLog as error:
        stopped = {name: ProjectionStopped(name, error.position, error.reason) for name in task.names}
        return Done(task, stopped, Tally())
    folded = fold(projector.log, connection, projector.definitions, projections, task.after, task.last)
    return Done(task, folded, tally)
