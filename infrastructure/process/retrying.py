"""Trying again what the database could not do just now: with a budget, ever longer pauses, and a word in the log."""

import time
from collections.abc import Callable
from itertools import count
from typing import TypeVar

import structlog

from infrastructure.database.failures import Busy, ConnectionLost

log = structlog.get_logger()

BUDGET_SECONDS = 60.0
"""A server that restarts is back within it."""

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0

PASSING = (ConnectionLost, Busy)
"""Failures that may be gone the next time."""

T = TypeVar("T")


def patiently(noun_verb: str, work: Callable[[], T], *, passing: tuple[type[Exception], ...] = PASSING) -> T:
    """What the work returns, after as many attempts as the budget allows; its last failure is raised.

    Each attempt that is followed by another is logged under the name given, with its reason.
    """
    until, pause = time.monotonic() + BUDGET_SECONDS, _FIRST_PAUSE
    for attempt in count(1):
        try:
            return work()
        except passing as error:
            if time.monotonic() + pause > until:
                raise
            log.warning(noun_verb, attempt=attempt, reason=str(error))
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    raise AssertionError("the budget ends")  # pragma: no cover
