"""Folding on all cores: processes that read the log and fold, each its own ranges, while this one writes.

They only read. Each ends with this process, however that ends.
"""

import gc
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Self

from infrastructure.composition import Service
from projections.engine.rebuilding import Done, Task, do
from projections.registry import PROJECTIONS

_AHEAD = 2
"""Tasks for each process that are under way or wait to be written."""

_LOOK_SECONDS = 0.2


class FoldingPool:
    """Folds in several processes over one database.

    Made before this process has opened a database or begun a thread: the others are forks of it, and there at once,
    while new interpreters would take a second to load what this one has.
    """

    def __init__(self, url: str, processes: int) -> None:
        self._processes = processes
        self._pool = ProcessPoolExecutor(processes, get_context("fork"), _begin, (url, os.getpid()))
        # The first task begins them all.
        self._pool.submit(os.getpid).result()

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


_url = ""
_service: Service | None = None
_projections = {projection.name: projection for projection in PROJECTIONS}


def _begin(url: str, parent: int) -> None:
    """Prepare a new process: it ends with the one that began it, which alone hears of Ctrl-C."""
    global _url  # noqa: PLW0603 - a process of its own, for this alone
    _url = url
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Folds are large, live long and have no cycles.
    gc.freeze()
    gc.set_threshold(1_000_000, 50, 100)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when the one that began it is gone, also where that was killed."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


def _do(task: Task) -> Done:
    global _service  # noqa: PLW0603 - opened once, by the first task
    if _service is None:
        _service = Service(_url)
    projector = _service.projector
    with projector.database.reading() as connection:
        return do(projector, connection, [_projections[name] for name in task.names], task)
