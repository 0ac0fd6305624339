"""The event log as projections and checks read it."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, func, or_, select

from domain.explanation import Told
from domain.instants import from_microseconds
from infrastructure.database import Database
from infrastructure.database.statements import Prepared
from infrastructure.recorder import HASH_DIFFERS, event_hash
from infrastructure.schema import events, identities
from infrastructure.topics import TOPICS, UnreadableEvent, decode
from projections.projection import Logged
from projections.projector import UnreadableLog


class EventLog:
    """Reads events by position, whole pages at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._prepared: dict[frozenset[type[Any]], Prepared] = {}
        self._count = self._within(select(func.count()))

    def last_position(self, connection: Connection) -> int:
        """The position of the last event, 0 when there is none."""
        return connection.execute(select(func.max(events.c.position))).scalar() or 0

    def between(
        self, connection: Connection, after: int, last: int, types: Iterable[type[Any]]
    ) -> Iterator[Logged]:
        """The events of these types after one position, up to and including another, in order."""
        if self._count.first(connection, after=after, last=last)[0] != last - after:
            raise UnreadableLog(self._first_missing(connection, after), "the event is missing")
        for row in self._statement(types).all(connection, after=after, last=last):
            position, app_group, stream_id, _, topic, state, recorded_at, *_, hash_ = row
            if event_hash(*row[:-1]) != hash_:
                raise UnreadableLog(position, HASH_DIFFERS)
            try:
                event = decode(topic, state)
            except UnreadableEvent as error:
                raise UnreadableLog(position, str(error)) from error
            yield Logged(position, app_group, stream_id, topic, recorded_at, event)

    def _within(self, query: Select[Any]) -> Prepared:
        """A query of the events after one position, up to and including another."""
        position = events.c.position
        query = query.where(position > bindparam("after"), position <= bindparam("last"))
        return Prepared(query, self._database.dialect.compiler)

    def _first_missing(self, connection: Connection, after: int) -> int:
        """The first position after one at which no event stands."""
        query = select(events.c.position).where(events.c.position > after).order_by(events.c.position)
        for expected, position in enumerate(connection.execute(query).scalars(), after + 1):
            if position != expected:
                return expected
        raise LookupError("no event is missing")

    def _statement(self, types: Iterable[type[Any]]) -> Prepared:
        wanted = frozenset(types)
        if wanted not in self._prepared:
            topic = events.c.topic
            named = or_(*(topic == each for each in sorted(TOPICS[each] for each in wanted)))
            # A topic that no one knows is damage, and is to be met.
            unknown = and_(*(topic != each for each in sorted(TOPICS.values())))
            self._prepared[wanted] = self._within(
                select(events).where(or_(named, unknown)).order_by(events.c.position)
            )
        return self._prepared[wanted]


class Streams:
    """The journeys of users, event by event: the application's port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def told(self, app_group: str, user_id: str) -> list[Told]:
        """All events of a user's journey in order; none for a user never heard of."""
        of_user = (identities.c.app_group == app_group) & (identities.c.user_id == user_id)
        query = (
            select(events.c.topic, events.c.state, events.c.recorded_at)
            .join_from(identities, events, events.c.originator_id == identities.c.journey_id)
            .where(of_user)
            .order_by(events.c.originator_version)
        )
        with self._database.reading() as connection:
            return [
                Told(from_microseconds(row.recorded_at), decode(row.topic, row.state))
                for row in connection.execute(query)
            ]
