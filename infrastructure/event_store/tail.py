"""Waiting for the end of the log to move: by polling, and sooner where the database hints at it.

A hint may be lost, repeated or late without harm: whoever waits looks at the log itself afterwards.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import structlog
from eventsourcing.persistence import ApplicationRecorder, Notification, OperationalError, Subscription

from infrastructure.database import Database

log = structlog.get_logger()


class Tail:
    """Waits for new events; a lost connection only makes it poll."""

    _wait: Callable[[float], None] | None = None

    def __init__(self, database: Database) -> None:
        self._dialect = database.dialect
        self._listening = ExitStack()

    def wait(self, seconds: float | None = None) -> None:
        """Return when there may be new events, or after so many seconds (by default the database's own)."""
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


class TailingSubscription(Subscription[ApplicationRecorder]):
    """Yields events as they are recorded; it waits for the tail of the log to move when there are none."""

    PAGE = 500

    def __init__(
        self, recorder: ApplicationRecorder, database: Database, gt: int | None, topics: Sequence[str]
    ) -> None:
        super().__init__(recorder, gt)
        self._wanted = topics
        self._after = gt
        self._page: list[Notification] = []
        self._tail = Tail(database)

    def __next__(self) -> Notification:
        while not self._page:
            if self._has_been_stopped:
                self._tail.close()
                raise StopIteration
            self._page = list(
                self._recorder.select_notifications(
                    self._after, self.PAGE, topics=self._wanted, inclusive_of_start=False
                )
            )
            if not self._page:
                self._tail.wait()
        notification = self._page.pop(0)
        self._after = notification.id
        return notification
