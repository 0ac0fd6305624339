"""Folding on all cores: processes that read the log and fold, each its own ranges, while this one writes.

They only read. Each ends with this process, however that ends.
"""

import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from typing import Self

from infrastructure.service import PROJECTIONS, Service
from projections.projection import Projection
from projections.rebuilding import Done, Task, do

_AHEAD = 2
"""Tasks for each process that are under way or wait to be written."""


class FoldingPool:
    """Folds in several processes over one database."""

    def __init__(self, url: str, processes: int) -> None:
        self._processes = processes
        # Not forked: locks and connections are not to be shared.
        self._pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin, (url,))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __call__(self, tasks: Iterable[Task]) -> Iterator[Done]:
        """Do the tasks, some of them at once, and give what came of them in their order."""
        under_way: deque[Future[Done]] = deque()
        for task in tasks:
            under_way.append(self._pool.submit(_do, task))
            if len(under_way) >= _AHEAD * self._processes:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


_service: Service | None = None
_projections: dict[str, Projection] = {}


def _begin(url: str) -> None:
    """Open the database in a new process."""
    global _service  # noqa: PLW0603 - a process of its own, for this alone
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _service = Service(url)
    _projections.update({projection.name: projection for projection in PROJECTIONS})


def _end_with_parent() -> None:
    """End this process when the one that began it is gone, also where that was killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(task: Task) -> Done:
    assert _service is not None  # noqa: S101 - _begin has run
    projector = _service.projector
    projections: Sequence[Projection] = [_projections[name] for name in task.names]
    with projector.database.reading() as connection:
        return do(projector, connection, projections, task)
