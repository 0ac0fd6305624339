"""The event store: `eventsourcing`'s application recorder on SQLAlchemy Core, for SQLite and PostgreSQL.

Position (last + 1, no gaps) and recorded time (never before the previous event's) are assigned under the log's lock,
the last one a transaction takes and keeps until it has committed: a reader that has seen a position has seen all
before it.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from eventsourcing.persistence import (
    ApplicationRecorder,
    Notification,
    PersistenceError,
    StoredEvent,
    Subscription,
)
from sqlalchemy import Connection, bindparam, select

from application.ports import Stamp
from infrastructure.database import Database
from infrastructure.database.dialect import Prepared, constant
from infrastructure.database.failures import Busy, ConnectionLost, OutcomeUnknown
from infrastructure.database.schema import events
from infrastructure.event_store.reading import event_hash, last_position
from infrastructure.event_store.tail import TailingSubscription
from infrastructure.process.retrying import PASSING, patiently

log = structlog.get_logger()

NOBODY = Stamp(command_id="", actor="")


Payload = tuple[str, str, int, str, str]
"""An event before it has a position: app group, originator id, originator version, topic, state."""


@dataclass
class DecidedEvents:
    """What one command records: collected while it is decided, then written at once."""

    stamp: Stamp
    payloads: list[Payload] = field(default_factory=list)


@dataclass
class WriteTransaction:
    """A write transaction under way, and the positions it has taken: from `first` to `last`, both 0 if none."""

    connection: Connection
    first: int = 0
    last: int = 0
    last_hash: bytes = b""


class Recorder(ApplicationRecorder):
    """Records events in streams and in the log."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._connection: Connection | None = None
        self._fill = database.dialect.filling(events)
        newest = select(events.c.position, events.c.recorded_at).order_by(events.c.position.desc())
        self._newest = Prepared(newest.limit(constant(1)).offset(constant(0)), database.dialect.compiler)
        at = select(events.c.hash).where(events.c.position == bindparam("position"))
        self._hash = Prepared(at, database.dialect.compiler)

    def read_through(self, connection: Connection) -> "Recorder":
        """The same recorder, whose reads see what the connection's transaction sees."""
        bound = copy(self)
        bound._connection = connection  # noqa: SLF001 - a copy of this object
        return bound

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[WriteTransaction]:
        """A write transaction, beside those of other processes or, `alone`, while no other is under way.

        Raises IntegrityError if another process was faster, ConnectionLost if nothing was recorded, and OutcomeUnknown
        if not even the log tells whether it was.
        """
        writing = None
        try:
            with self.database.writing() as connection:
                # The turn comes before every other lock, and COMMIT frees it: see journeys/writer.py for the order.
                self.database.dialect.take_turn(connection, alone=alone)
                writing = WriteTransaction(connection)
                yield writing
        except Busy:
            self.database.dialect.unblock()
            raise
        except OutcomeUnknown as unknown:
            if writing is None or not self._is_committed(writing):
                raise ConnectionLost(f"{unknown}; nothing of it was recorded") from unknown

    def write(self, writing: WriteTransaction, units: Sequence[DecidedEvents]) -> range:
        """Append what the units collected to the log; returns the positions. Raises IntegrityError."""
        if not any(unit.payloads for unit in units):
            return range(0)
        dialect, connection = self.database.dialect, writing.connection
        # Positions are given out under this lock, which is free again only after COMMIT: so they have no gaps.
        dialect.lock_log(connection)
        position, recorded_at = self._newest.first(connection) or (0, 0)
        recorded_at = max(time.time_ns() // 1000, recorded_at)
        rows = []
        for unit in units:
            stamp = (recorded_at, unit.stamp.command_id, unit.stamp.actor)
            for payload in unit.payloads:
                position += 1
                row = (position, *payload, *stamp)
                rows.append((*row, event_hash(*row)))
        writing.first, writing.last, writing.last_hash = rows[0][0], position, rows[-1][-1]
        self._fill(connection, rows)
        # Readers are woken by the commit itself.
        dialect.announce(connection)
        return range(writing.first, writing.last + 1)

    def _is_committed(self, writing: WriteTransaction) -> bool:
        """Whether a transaction whose COMMIT was not answered is committed; raises OutcomeUnknown after a while."""
        if not writing.last:
            return False

        def find() -> Any:  # noqa: ANN401
            with self.database.writing() as connection:
                # That transaction held this lock: as soon as it is free, the transaction has ended either way.
                self.database.dialect.lock_log(connection)
                return self._hash.first(connection, position=writing.last)

        try:
            found = patiently("outcome.sought", find, passing=(*PASSING, OutcomeUnknown))
        except PersistenceError as error:
            raise OutcomeUnknown(
                f"the database went away while it committed, and is not back: {error}"
            ) from error
        # Another process may have taken the position since: the hash tells whose event it is.
        is_committed = found is not None and found[0] == writing.last_hash
        log.warning("outcome.found", position=writing.last, recorded=is_committed)
        return is_committed

    def insert_events(
        self, stored_events: Sequence[StoredEvent], *, app_group: str = "", **kwargs: Any
    ) -> Sequence[int] | None:
        """Append stored events in a transaction of their own; raises IntegrityError."""
        payloads = [
            (
                app_group,
                str(stored.originator_id),
                stored.originator_version,
                stored.topic,
                stored.state.decode(),
            )
            for stored in stored_events
        ]
        with self.writing() as writing:
            return list(self.write(writing, [DecidedEvents(NOBODY, payloads)])) or None

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
        with self._reading() as connection:
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
        with self._reading() as connection:
            return [
                Notification(
                    row.originator_id, row.originator_version, row.topic, row.state.encode(), row.position
                )
                for row in connection.execute(query.order_by(events.c.position).limit(limit))
            ]

    def max_notification_id(self) -> int | None:
        """The position of the last event, None when there is none."""
        with self._reading() as connection:
            return last_position(connection) or None

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> "Subscription[ApplicationRecorder]":
        """Follow the log: what is there and what comes, in order and without gaps."""
        return TailingSubscription(self, self.database, gt, topics)

    def _reading(self) -> AbstractContextManager[Connection]:
        return self.database.reading() if self._connection is None else nullcontext(self._connection)
