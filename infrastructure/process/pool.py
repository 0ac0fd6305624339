"""A pool of processes for work that only reads: results come in the order of the tasks."""

import gc
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, Generic, Literal, Self, TypeVar

from infrastructure.process import parent

_AHEAD = 2
"""Tasks for each process that are under way or whose results wait: this bounds the memory that results take."""


Task = TypeVar("Task")
Result = TypeVar("Result")


class ProcessPool(Generic[Task, Result]):
    """Does tasks in several processes. Each opens its worker once, and ends with this process.

    "fork" starts at once, but copies this process: make the pool before it opens a database or starts a thread.
    "spawn" starts new interpreters, each of which takes a second or two to load; a worker's opener must be picklable.
    """

    def __init__(
        self,
        processes: int,
        method: Literal["fork", "spawn"],
        open_worker: Callable[[], Callable[[Task], Result]],
    ) -> None:
        self._processes = processes
        context = get_context(method)
        self._executor = ProcessPoolExecutor(processes, context, _prepare, (os.getpid(), open_worker))
        if method == "fork":
            # The first task forks all processes, before the caller opens anything.
            self._executor.submit(os.getpid).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    def map(self, tasks: Iterable[Task]) -> Iterator[Result]:
        """The results of the tasks, in their order; raises BrokenProcessPool if a process was killed."""
        under_way: deque[Future[Result]] = deque()
        for task in tasks:
            under_way.append(self._executor.submit(_work, task))
            if len(under_way) >= _AHEAD * self._processes:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


_open_worker: Callable[[], Callable[[Any], Any]]
_worker: Callable[[Any], Any] | None = None


def _prepare(parent_id: int, open_worker: Callable[[], Callable[[Any], Any]]) -> None:
    """Prepare a new process of a pool."""
    global _open_worker  # noqa: PLW0603 - this process belongs to the pool alone
    _open_worker = open_worker
    parent.follow(parent_id)
    # What the parent loaded is never garbage. What a worker keeps is large, lives long and has no cycles.
    gc.freeze()
    gc.set_threshold(1_000_000, 50, 100)


def _work(task: Any) -> Any:  # noqa: ANN401 - as the pool's type says
    global _worker  # noqa: PLW0603 - opened once, by the first task
    if _worker is None:
        _worker = _open_worker()
    return _worker(task)
