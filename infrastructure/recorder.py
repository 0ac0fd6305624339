"""The event store: `eventsourcing`'s application recorder on SQLAlchemy Core.

Position (last + 1, no gaps) and recorded time (never before the previous event's) are assigned under the write lock,
so that a reader that has seen a position has seen all before it.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    OperationalError,
    ProgrammingError,
    StoredEvent,
    Subscription,
)
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Connection, func, insert, select
from sqlalchemy import exc as sqlalchemy_errors

from application.ports import Stamp
from infrastructure.database import Database, Prepared, constant
from infrastructure.schema import events

NOBODY = Stamp(command_id="", actor="")


Payload = tuple[str, int, str, str]
"""An event before it has a position: originator id, originator version, topic, state."""


class Row(NamedTuple):
    """A row of `events`; `recorded_at` in microseconds since 1970."""

    position: int
    app_group: str
    originator_id: str
    originator_version: int
    topic: str
    state: str
    recorded_at: int
    command_id: str
    actor: str
    hash: bytes

    def computed_hash(self) -> bytes:
        """The hash that the other columns give."""
        return event_hash(*self[:-1])


def event_hash(*columns: object) -> bytes:
    """16 bytes over a row of `events` but its hash; no column holds NUL, so that none runs into the next."""
    return blake2b("\0".join(map(str, columns)).encode(), digest_size=16).digest()


@dataclass
class Writing:
    """A write transaction under way."""

    connection: Connection
    stamp: Stamp
    last_position: int
    last_recorded_at: int


class Recorder(ApplicationRecorder):
    """Records events in streams and in the log; one recorder, one dialect per database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._writing: ContextVar[Writing | None] = ContextVar("writing", default=None)
        self._insert = Prepared(insert(events), database.dialect)
        self._last = Prepared(
            select(events.c.position, events.c.recorded_at)
            .order_by(events.c.position.desc())
            .limit(constant(1))
            .offset(constant(0)),
            database.dialect,
        )

    @contextmanager
    def writing(self, stamp: Stamp) -> Iterator[Writing]:
        """A write transaction that `insert_events` joins; left with an error, it leaves nothing behind."""
        with _library_errors(), self.database.writing() as connection:
            position, recorded_at = self._last.first(connection) or (0, 0)
            writing = Writing(connection, stamp, position, recorded_at)
            token = self._writing.set(writing)
            try:
                yield writing
            finally:
                self._writing.reset(token)

    def insert_events(
        self, stored_events: Sequence[StoredEvent], *, app_group: str = "", **kwargs: Any
    ) -> Sequence[int] | None:
        """Append stored events, in the transaction under way or in one of their own; raises IntegrityError."""
        payloads = [
            (str(stored.originator_id), stored.originator_version, stored.topic, stored.state.decode())
            for stored in stored_events
        ]
        return list(self.append(payloads, app_group)) or None

    def append(self, payloads: Sequence[Payload], app_group: str) -> Sequence[int]:
        """Append events to their streams and the log: their positions. Raises IntegrityError where one is taken."""
        writing = self._writing.get()
        if writing is None:
            with self.writing(NOBODY) as own:
                return self._append(own, payloads, app_group)
        with _library_errors():
            return self._append(writing, payloads, app_group)

    def _append(self, writing: Writing, payloads: Sequence[Payload], app_group: str) -> range:
        first = writing.last_position + 1
        recorded_at = max(time.time_ns() // 1000, writing.last_recorded_at)
        stamp = (recorded_at, writing.stamp.command_id, writing.stamp.actor)
        rows = []
        for position, payload in enumerate(payloads, first):
            row = (position, app_group, *payload, *stamp)
            rows.append((*row, event_hash(*row)))
        self._insert.many(writing.connection, rows)
        if rows:
            writing.last_position += len(rows)
            writing.last_recorded_at = recorded_at
        return range(first, writing.last_position + 1)

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[StoredEvent]:
        """The events of one stream."""
        version = events.c.originator_version
        query = select(version, events.c.topic, events.c.state).where(
            events.c.originator_id == str(originator_id)
        )
        if gt is not None:
            query = query.where(version > gt)
        if lte is not None:
            query = query.where(version <= lte)
        query = query.order_by(version.desc() if desc else version).limit(limit)
        with self._connection() as connection:
            return [
                StoredEvent(originator_id, row.originator_version, row.topic, row.state.encode())
                for row in connection.execute(query)
            ]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[Notification]:
        """Events of the log, by position."""
        query = select(
            events.c.position,
            events.c.originator_id,
            events.c.originator_version,
            events.c.topic,
            events.c.state,
        )
        if start is not None:
            position = events.c.position
            query = query.where(position >= start if inclusive_of_start else position > start)
        if stop is not None:
            query = query.where(events.c.position <= stop)
        if topics:
            query = query.where(events.c.topic.in_(topics))
        with self._connection() as connection:
            return [
                Notification(
                    row.originator_id, row.originator_version, row.topic, row.state.encode(), row.position
                )
                for row in connection.execute(query.order_by(events.c.position).limit(limit))
            ]

    def max_notification_id(self) -> int | None:
        """The position of the last event, None when there is none."""
        with self._connection() as connection:
            return connection.execute(select(func.max(events.c.position))).scalar()

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> "Subscription[ApplicationRecorder]":
        """Follow the log by polling."""
        return PollingSubscription(self, gt, topics)

    def rows(self, connection: Connection, after: int, limit: int) -> list[Row]:
        """Whole rows of the log after a position, in order."""
        query = select(events).where(events.c.position > after).order_by(events.c.position).limit(limit)
        return [Row(*row) for row in connection.execute(query)]

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        writing = self._writing.get()
        if writing is not None:
            yield writing.connection
        else:
            with self.database.reading() as connection:
                yield connection


class PollingSubscription(Subscription[Recorder]):
    """Yields events as they are recorded, looking again after a moment when there are none."""

    INTERVAL_SECONDS = 0.05
    PAGE = 500

    def __init__(self, recorder: Recorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt)
        self._wanted = topics
        self._after = gt
        self._page: list[Notification] = []

    def __next__(self) -> Notification:
        while not self._page:
            if self._has_been_stopped:
                raise StopIteration
            self._page = self._recorder.select_notifications(
                self._after, self.PAGE, topics=self._wanted, inclusive_of_start=False
            )
            if not self._page:
                time.sleep(self.INTERVAL_SECONDS)
        notification = self._page.pop(0)
        self._after = notification.id
        return notification


@contextmanager
def _library_errors() -> Iterator[None]:
    """Errors of the driver under the library's names."""
    try:
        yield
    except (sqlite.IntegrityError, sqlalchemy_errors.IntegrityError) as error:
        raise IntegrityError(str(error)) from error
    except (sqlite.OperationalError, sqlalchemy_errors.OperationalError) as error:
        raise OperationalError(str(error)) from error
    except (sqlite.ProgrammingError, sqlalchemy_errors.ProgrammingError) as error:
        raise ProgrammingError(str(error)) from error
