"""Folding on all cores: processes read the log and fold ranges of it, while this one writes."""

from collections.abc import Callable
from functools import partial

from infrastructure.process.pool import ProcessPool
from projections.engine.projector import Projector
from projections.engine.rebuilding import Done, Task, do

FoldingPool = ProcessPool[Task, Done]


def start_folding(processes: int, open_projector: Callable[[], Projector]) -> FoldingPool:
    """Start processes that fold; call it before this process opens a database or starts a thread."""
    return ProcessPool(processes, "fork", partial(_open_worker, open_projector))


def _open_worker(open_projector: Callable[[], Projector]) -> Callable[[Task], Done]:
    projector = open_projector()
    projections = {each.name: each for each in projector.projections}

    def fold(task: Task) -> Done:
        with projector.database.reading() as connection:
            return do(projector, connection, [projections[name] for name in task.names], task)

    return fold
