"""The event log as projections and checks read it."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, case, func, literal_column, select

from domain.explanation import Told
from domain.instants import from_microseconds
from domain.journey.decisions import (
    FactDisregarded,
    RecipientCounted,
    RecipientRestated,
    RecipientWithdrawn,
)
from infrastructure.database import Database
from infrastructure.database.statements import Prepared
from infrastructure.recorder import HASH_DIFFERS, event_hash
from infrastructure.schema import events, identities
from infrastructure.topics import TOPICS, UnreadableEvent, decode
from projections.projection import Logged, Tally, UnreadableLog

_NAMES = {topic: event.__name__ for event, topic in TOPICS.items()}


class EventLog:
    """Reads events by position, whole pages at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._prepared: dict[frozenset[type[Any]], Prepared] = {}
        self._tally = self._within(_marked())

    def last_position(self, connection: Connection) -> int:
        """The position of the last event, 0 when there is none."""
        return connection.execute(select(func.max(events.c.position))).scalar() or 0

    def tally(self, connection: Connection, after: int, last: int) -> Tally:
        """Count the events after one position, up to and including another; raises UnreadableLog where one is missing.

        Counted by the database, and by nothing that reads payloads here: a rebuild is checked by it.
        """
        found = Tally(
            {
                (_NAMES.get(topic, topic), mark): number
                for topic, mark, number in self._tally.all(connection, after=after, last=last)
            }
        )
        if found.total() != last - after:
            raise UnreadableLog(self._first_missing(connection, after), "the event is missing")
        return found

    def recorded_at(self, connection: Connection, position: int) -> int | None:
        """When the event at a position was recorded, in microseconds since 1970; None where there is none."""
        query = select(events.c.recorded_at).where(events.c.position == position)
        return connection.execute(query).scalar()

    def between(
        self, connection: Connection, after: int, last: int, types: Iterable[type[Any]]
    ) -> Iterator[Logged]:
        """The events of these types after one position, up to and including another, in order; raises UnreadableLog.

        Also where there is an event of a topic that no one knows: that is damage, and is to be met.
        """
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
            # Whatever is not of the other topics: an unknown one is then met.
            others = sorted(topic for event, topic in TOPICS.items() if event not in wanted)
            query = select(events).where(
                events.c.topic.not_in([literal_column(f"'{each}'") for each in others])
            )
            self._prepared[wanted] = self._within(query.order_by(events.c.position))
        return self._prepared[wanted]


def _marked() -> Select[Any]:
    """Events counted by topic and mark (projections/projection.py, Tally).

    Payloads are JSON without spaces, and quotes within their texts are escaped: the patterns match nothing else.
    """
    topic, state = events.c.topic, events.c.state

    def of(*types: type[Any]) -> ColumnElement[bool]:
        return topic.in_([literal_column(f"'{TOPICS[each]}'") for each in types])

    def holds(part: str) -> ColumnElement[bool]:
        return state.like(literal_column(f"'%{part}%'"))

    disregarded, recipient = of(FactDisregarded), of(RecipientCounted, RecipientRestated, RecipientWithdrawn)
    mark = case(
        (and_(recipient, holds('"variant_id":null')), literal_column("'campaign'")),
        (and_(disregarded, holds('"fact":{"type":"received"')), literal_column("'received'")),
        (and_(disregarded, holds('"fact":{"type":"purchase"')), literal_column("'purchase'")),
        else_=literal_column("''"),
    )
    return select(topic, mark.label("mark"), func.count()).group_by(topic, literal_column("2"))


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
