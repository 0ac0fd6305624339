"""Retrying what the database could not do just now: with a budget, longer and longer pauses, and an event in the log.

`stamina` was looked at for it. All its events have one name, so ours (`unit.retried` and others) would need a hook for
the whole process; importing it took 0.15 s or more, which every command would pay; and it would save five statements.
"""

import time
from collections.abc import Callable
from itertools import count
from typing import TypeVar

import structlog

from infrastructure.database.failures import Busy, ConnectionLost

log = structlog.get_logger()

BUDGET_SECONDS = 60.0
"""A server that restarts is back within this time."""

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0

PASSING = (ConnectionLost, Busy)
"""Failures that may not happen the next time."""

T = TypeVar("T")


def patiently(noun_verb: str, work: Callable[[], T], *, passing: tuple[type[Exception], ...] = PASSING) -> T:
    """Return what the work returns, after as many attempts as the budget allows; raises its last failure.

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
