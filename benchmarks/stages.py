"""Where the time of an import goes, timed from outside.

Nothing in the product knows that it is measured: a few methods of one service's parts are exchanged for timed ones.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from time import perf_counter
from typing import Any

from sqlalchemy import event

from application.ports import Stamp, Transaction
from infrastructure.service import Service

STAGES = {
    "read": "wait for the reader's thread",
    "begin": "begin, write lock",
    "load": "load journeys, look ids up",
    "decide": "decide",
    "events": "encode and insert events",
    "index": "write index and states",
    "commit": "commit (fsync)",
    "project": "bring reports up to date",
}


class Watch:
    """A stop-watch that is always in exactly one stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.stage = ""
        self._since = 0.0

    def lap(self, stage: str) -> None:
        """Leave the stage for another, or with "" for none."""
        now = perf_counter()
        if self.stage:
            self.seconds[self.stage] += now - self._since
        self.stage, self._since = stage, now


def time_stages(service: Service) -> Watch:
    """Time what the service does from now on; the caller enters the first stage and leaves the last."""
    watch = Watch()

    def commit(_connection: object) -> None:
        if watch.stage == "index":  # and not in the projector's transactions
            watch.lap("commit")

    event.listen(service.database.engine, "commit", commit)
    _time(service.ledger, "save", watch, "events", "index")
    _time(service.projector, "catch_up", watch, "project", "read")
    _exchange(service.journeys, "writing", _timed_writing(service.journeys.writing, watch))
    return watch


def _time(owner: object, name: str, watch: Watch, stage: str, following: str) -> None:
    """Let calls of a method be a stage, and what comes after it another."""
    method = getattr(owner, name)

    @wraps(method)
    def timed(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the method takes and gives
        watch.lap(stage)
        try:
            return method(*args, **kwargs)
        finally:
            watch.lap(following)

    _exchange(owner, name, timed)


def _timed_writing(
    writing: Callable[[Stamp], AbstractContextManager[Transaction]], watch: Watch
) -> Callable[[Stamp], AbstractContextManager[Transaction]]:
    """Time the life of write transactions; between them the import waits for its reader."""

    @contextmanager
    def timed(stamp: Stamp) -> Iterator[Transaction]:
        watch.lap("begin")
        with writing(stamp) as transaction:
            _time(transaction, "journeys", watch, "load", "decide")
            watch.lap("decide")
            yield transaction
            watch.lap("index")
        watch.lap("read")

    return timed


def _exchange(owner: object, name: str, method: Callable[..., Any]) -> None:
    """Put a method in the place of an object's own; the object's class stays as it is."""
    setattr(owner, name, method)
