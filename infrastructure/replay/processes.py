"""Replaying ranges of streams: in this process, or in as many as there are cores where that is faster."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from infrastructure.process.pool import ProcessPool
from infrastructure.replay.streams import StreamRange

Result = TypeVar("Result")
Replay = Callable[[StreamRange], Result]
"""Replays the streams of a range."""

_SMALL = 500_000
"""Events that one process replays in some ten seconds; each further process takes one or two to start."""


def choose_processes(events: int) -> int:
    """The number of processes that replay so many events fastest."""
    return 1 if events < _SMALL else os.cpu_count() or 1


@contextmanager
def replaying(
    processes: int, replay: Replay[Result], open_replay: Callable[[], Replay[Result]]
) -> Iterator[Callable[[Iterable[StreamRange]], Iterator[Result]]]:
    """What replays ranges and gives the results in order: `replay` itself, or what each of several processes opens.

    The processes end with this block.
    """
    if processes == 1:
        yield lambda ranges: map(replay, ranges)
        return
    # New interpreters instead of forks: this process has a database open, and may have threads.
    with ProcessPool[StreamRange, Result](processes, "spawn", open_replay) as pool:
        yield pool.map
