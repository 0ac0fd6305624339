"""Waiting for the end of the log to move: by polling, and sooner where the database hints at it.

A hint may be lost, doubled or late without harm: whoever waits looks at the log itself afterwards.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack

import structlog
from eventsourcing.persistence import OperationalError

from infrastructure.database import Database

log = structlog.get_logger()


class Tail:
    """Waits for new events; a lost connection only makes it poll."""

    _wait: Callable[[float], None] | None = None

    def __init__(self, database: Database) -> None:
        self._dialect = database.dialect
        self._listening = ExitStack()

    def wait(self, seconds: float | None = None) -> None:
        """Return when there may be new events, after so many seconds, by default the database's own, at the latest."""
        seconds = self._dialect.poll_seconds if seconds is None else seconds
        try:
            if self._wait is None:
                self._wait = self._listening.enter_context(self._dialect.listen())
            self._wait(seconds)
        except OperationalError as lost:
            log.warning("tail.lost", reason=str(lost))
            self.close()
            time.sleep(seconds)

    def close(self) -> None:
        """Stop listening."""
        self._listening.close()
        self._wait = None
