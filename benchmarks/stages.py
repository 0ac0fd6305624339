"""Where the time of an import goes, timed from outside, thread by thread.

Nothing in the product knows that it is measured: a few methods of one service's parts are exchanged for timed ones.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from time import perf_counter
from typing import Any

from infrastructure.composition import Service
from infrastructure.inbound.importing import Import
from infrastructure.journeys import unit_of_work

DECIDING = {
    "read": "wait for the reader's thread",
    "durable": "wait for the batch before to be durable",
    "load": "load journeys, look ids up",
    "decide": "decide",
    "encode": "encode events",
    "project": "bring reports up to date",
}
RECORDING = {
    "begin": "begin, wait for a turn",
    "index": "write identities, index and states",
    "events": "number, hash and write events",
    "commit": "commit (fsync)",
}


class Watch:
    """Stop-watches, one a thread: each is always in one stage, and a stage that begins inside another interrupts it."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._threads = threading.local()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside, but for stages inside it."""
        stack: list[str] = self._threads.__dict__.setdefault("stack", [])
        self._lap(stack)
        stack.append(name)
        try:
            yield
        finally:
            self._lap(stack)
            stack.pop()

    def _lap(self, stack: list[str]) -> None:
        now = perf_counter()
        if stack:
            self.seconds[stack[-1]] += now - self._threads.since
        self._threads.since = now

    @property
    def _current(self) -> str:
        """The stage this thread is in, or "" for none."""
        stack = self._threads.__dict__.get("stack")
        return stack[-1] if stack else ""

    def time(self, owner: object, name: str, stage: str, *, within: str = "") -> None:
        """Let calls of an object's method be a stage, or only those from another; the object's class stays as it is."""
        method: Callable[..., Any] = getattr(owner, name)

        @wraps(method)
        def timed(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the method takes and gives
            if within and within != self._current:
                return method(*args, **kwargs)
            with self.stage(stage):
                return method(*args, **kwargs)

        setattr(owner, name, timed)


def time_stages(service: Service, importing: Import) -> Watch:
    """Time what the import does from now on; its own thread is to be in the stage `read`."""
    watch = Watch()
    watch.time(importing, "_count_batch", "durable")
    watch.time(service.intake, "submit", "decide")
    watch.time(service.journeys, "find_entries", "load")
    watch.time(service.journeys.index.digests, "all", "load")
    watch.time(unit_of_work, "encode_events", "encode")
    watch.time(service.projector, "catch_up", "project")
    watch.time(service.writer, "_write_decided", "begin")
    # The first parts of the writer that stand behind attributes.
    watch.time(service.writer._rows, "write", "index")  # noqa: SLF001
    watch.time(service.recorder, "write", "events")
    watch.time(service.database, "_commit", "commit", within="begin")
    return watch
