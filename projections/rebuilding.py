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

from projections import generations
from projections.folding import Folded, fold
from projections.generations import Generation
from projections.projection import Projection, ProjectionStopped, Tally, UnreadableLog
from projections.projector import BATCH, Projector, write

log = structlog.get_logger()

GRACE_SECONDS = 60
"""How long a generation that was read stays after another was switched in: whoever reads it may finish."""


class Task(NamedTuple):
    """The events after one position, up to and including another, to be folded for the projections of these names."""

    names: tuple[str, ...]
    after: int
    last: int


class Done(NamedTuple):
    """A task's folds, and the events it spans counted by the database alone."""

    task: Task
    folded: Folded
    tally: Tally


Folding = Callable[[Iterable[Task]], Iterator[Done]]
"""Does tasks, some of them at once, and gives what came of them in their order."""

Progress = Callable[[int, int], None]
"""Told how many positions are done, of how many."""


class RebuiltElsewhere(Exception):
    """Another process is rebuilding the same read model."""


class NotVerified(Exception):
    """A new generation does not hold what the log lets one expect; it was not switched in."""

    def __init__(self, name: str, differences: Sequence[str]) -> None:
        found = "; ".join(differences)
        super().__init__(f"{name} was built, but not switched in, for it is not what the log holds: {found}")
        self.name = name


@dataclass(frozen=True)
class Rebuilt:
    """A read model that was built anew."""

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
        self._projections = {projection.name: projection for projection in projections}
        self._folding = folding
        self._stopped: list[ProjectionStopped] = []

    def run(self, progress: Progress, *, keep_old: bool = False) -> list[Rebuilt]:
        """Build, verify and switch in; raises the first ProjectionStopped after the others are done, NotVerified."""
        began = self._begin()
        rebuilt: list[Rebuilt] = []
        while self._projections:
            self._build(progress)
            for projection in list(self._projections.values()):
                verified = self._verify(projection)
                position = self._switch(projection, keep_old=keep_old)
                if position is None:
                    # Too much was recorded meanwhile.
                    continue
                del self._projections[projection.name]
                number, began_from = began[projection.name]
                log.info("projection.rebuilt", name=projection.name, generation=number, position=position)
                rebuilt.append(Rebuilt(projection.name, number, position, began_from, verified))
        if self._stopped:
            raise self._stopped[0]
        return rebuilt

    def _begin(self) -> dict[str, tuple[int, int]]:
        """Find or make the generations: by name their number, and the position they go on from."""
        now, found = self._projector.clock(), {}
        with self._database.writing() as connection:
            for projection in self._projections.values():
                sweep(connection, projection, now)
                building = generations.find(connection, projection, status="building", lock=True)
                if building is not None and (building.problem or not building.is_of(projection)):
                    generations.drop(connection, projection, building)
                    building = None
                if building is None:
                    building = generations.make(connection, projection, "building", now)
                found[projection.name] = (building.generation, building.position)
        return found

    def _build(self, progress: Progress) -> None:
        """Bring the new generations to an end of the log that is near the newest, those that are behind first.

        An end of the log, and no other position: between a fact and what was decided of it, nothing can be verified.
        """
        reached = 0
        while True:
            with self._database.reading() as connection:
                newest = self._projector.log.last_position(connection)
                stands = {name: self._building(connection, name).position for name in self._projections}
            if {*stands.values()} <= {reached} and newest - reached <= BATCH:
                return
            reached = newest
            after = min(stands.values())
            behind = tuple(name for name, position in stands.items() if position == after)
            until = min([newest, *(position for position in stands.values() if position > after)])
            tasks = (Task(behind, start, min(start + BATCH, until)) for start in range(after, until, BATCH))
            for done in self._folding(tasks):
                self._write(done)
                progress(done.task.last, newest)
                if any(name not in self._projections for name in behind):
                    break

    def _building(self, connection: Connection, name: str, *, lock: bool = False) -> Generation:
        building = generations.find(connection, self._projections[name], status="building", lock=lock)
        if building is None:
            raise RebuiltElsewhere(
                f"another process has switched in, or dropped, what was building of {name}"
            )
        return building

    def _write(self, done: Done) -> None:
        """Write a task's folds, each to its new generation, in one transaction."""
        stopped: list[ProjectionStopped] = []
        with self._database.writing() as connection:
            for name in done.task.names:
                building = self._building(connection, name, lock=True)
                if building.position != done.task.after:
                    raise RebuiltElsewhere(
                        f"another process is rebuilding {name}: it stands at {building.position}"
                    )
                try:
                    self._put(connection, building, done)
                except ProjectionStopped as reason:
                    stopped.append(reason)
        for each in stopped:
            self._give_up(each)

    def _put(self, connection: Connection, building: Generation, done: Done) -> None:
        projection, last = self._projections[building.name], done.task.last
        with connection.begin_nested():
            store = self._projector.stores(connection, building)
            write(projection, done.folded[building.name], store, last)
            tally = generations.tally_of(connection, building)
            tally.update(done.tally)
            generations.move(connection, building, last, self._projector.clock(), tally=tally)

    def _give_up(self, reason: ProjectionStopped) -> None:
        """Leave a projection that cannot go on where it stands, and say why; the others go on."""
        with self._database.writing() as connection:
            building = self._building(connection, reason.name, lock=True)
            now = self._projector.clock()
            generations.move(connection, building, building.position, now, problem=reason.reason)
        log.error("projection.stopped", name=reason.name, position=reason.position, reason=reason.reason)
        del self._projections[reason.name]
        self._stopped.append(reason)

    def _verify(self, projection: Projection) -> dict[str, int]:
        """Compare what the tables hold with what the database has counted in the log."""
        with self._database.reading() as connection:
            building = self._building(connection, projection.name)
            expected = projection.expected(generations.tally_of(connection, building))
            held = projection.held(connection, building)
        differences = [
            f"{held[what]:,} {what} where the log has {count:,}"
            for what, count in expected.items()
            if held[what] != count
        ]
        if differences:
            self._give_up(ProjectionStopped(projection.name, building.position + 1, "; ".join(differences)))
            raise NotVerified(projection.name, differences)
        return expected

    def _switch(self, projection: Projection, *, keep_old: bool) -> int | None:
        """Apply what is left, and let readers see the new generation; None where too much is left."""
        projector, now = self._projector, self._projector.clock()
        with self._database.writing() as connection:
            old = generations.find(connection, projection, lock=True)
            building = self._building(connection, projection.name, lock=True)
            last = projector.log.last_position(connection)
            if last - building.position > BATCH:
                return None
            folded = fold(projector.log, connection, projector.known, [projection], building.position, last)
            write(projection, folded[projection.name], projector.stores(connection, building), last)
            generations.move(connection, building, last, now)
            if old is not None:
                generations.become(connection, old, "kept" if keep_old else "retired", now)
            generations.become(connection, building, "current", now)
            generations.show(connection, projection, building)
        return last


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
    folded = fold(projector.log, connection, projector.known, projections, task.after, task.last)
    return Done(task, folded, tally)


def roll_back(projector: Projector, projection: Projection) -> Generation:
    """Let readers see the generation that was kept last in the place of the current one; raises LookupError."""
    with projector.database.writing() as connection:
        now = projector.clock()
        left = generations.find(connection, projection, lock=True)
        kept = [each for each in generations.all_of(connection, projection) if each.status == "kept"]
        if left is None or not kept:
            raise LookupError(f"there is no generation of {projection.name} to go back to")
        back = max(kept, key=lambda each: each.switched_at or 0)
        generations.become(connection, left, "kept", now)
        generations.become(connection, back, "current", now)
        generations.show(connection, projection, back)
    log.info("projection.rolled_back", name=projection.name, generation=back.generation)
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
    """Drop the generations that no one reads any more."""
    for each in generations.all_of(connection, projection):
        if each.status == "retired" and now - (each.switched_at or 0) >= GRACE_SECONDS * 1_000_000:
            generations.drop(connection, projection, each)
