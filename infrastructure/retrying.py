"""Trying again what the database could not do just now: with a budget, ever longer pauses, and a word in the log."""

import time
from collections.abc import Iterator
from types import TracebackType

import structlog

from infrastructure.database.failures import Busy, ConnectionLost

log = structlog.get_logger()

BUDGET_SECONDS = 60.0
"""A server that restarts is back within it."""

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0

PASSING = (ConnectionLost, Busy)
"""Failures that may be gone the next time."""


class Patience:
    """Attempts, `for attempt in Patience(...): with attempt: ...`, until one succeeds or the budget is spent.

    A passing failure is logged as `noun` with its reason; the last one is raised. Any other is raised at once.
    """

    def __init__(
        self,
        noun: str,
        *,
        seconds: float | None = None,
        passing: tuple[type[Exception], ...] = PASSING,
        **fields: object,
    ) -> None:
        self._noun = noun
        self._fields = fields
        self._passing = passing
        self._until = time.monotonic() + (BUDGET_SECONDS if seconds is None else seconds)
        self._pause = _FIRST_PAUSE
        self._tries = 0
        self._done = False

    def __iter__(self) -> Iterator["Patience"]:
        while not self._done:
            yield self

    def __enter__(self) -> None:
        self._tries += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            self._done = True
            return False
        if not isinstance(error, self._passing) or time.monotonic() + self._pause > self._until:
            return False
        log.warning(self._noun, attempt=self._tries, reason=str(error), **self._fields)
        time.sleep(self._pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return True
