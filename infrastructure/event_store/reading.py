"""The event log as projections and checks read it."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, and_, bindparam, case, func, literal_column, select

from domain.explanation import RecordedEvent
from domain.facts import Fact, Order
from domain.instants import from_microseconds
from domain.journey.decisions import (
    FactDisregarded,
    RecipientCounted,
    RecipientRestated,
    RecipientWithdrawn,
)
from infrastructure.database import Database
from infrastructure.database.schema import events, identities
from infrastructure.database.statements import Prepared, constant
from infrastructure.event_store.codec import TOPICS, UnreadableEvent, decode
from infrastructure.event_store.recorder import HASH_DIFFERS, event_hash
from projections.engine.projection import Logged, Tally, UnreadableLog

_NAMES = {topic: event.__name__ for event, topic in TOPICS.items()}

_MISSING = "the event is missing"

_MARKS: list[tuple[type[Any], str, str]] = [
    (RecipientCounted, "campaign", '"variant_id":null'),
    (RecipientRestated, "campaign", '"variant_id":null'),
    (RecipientWithdrawn, "campaign", '"variant_id":null'),
    (FactDisregarded, "received", '"fact":{"type":"received"'),
    (FactDisregarded, "purchase", '"fact":{"type":"purchase"'),
    (FactDisregarded, "with lines", '"fact":{"type":"order",%"lines":[{'),
    (Order, "with lines", '"lines":[{'),
]
"""Events, their marks (projections/engine/projection.py, Tally), and the part of a payload that says so."""

_PAGE = 20_000
"""Positions that are looked through at once for the events of a campaign."""


class EventLog:
    """Reads events by position, whole pages at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._prepared: dict[tuple[frozenset[type[Any]], bool], Prepared] = {}
        self._topics = self._within(select(events.c.topic, func.count()).group_by(events.c.topic))
        self._marks = self._within(_marked())
        self._count = self._within(select(func.count()))
        self._stream = self._compiled(_of_stream())
        self._fact = self._compiled(_last_fact())

    def last_position(self, connection: Connection) -> int:
        """The position of the last event, 0 when there is none."""
        return connection.execute(select(func.max(events.c.position))).scalar() or 0

    def tally(self, connection: Connection, after: int, last: int) -> Tally:
        """Count the events after one position, up to and including another; raises UnreadableLog where one is missing.

        Counted by the database, and by nothing that reads payloads here: a rebuild is checked by it.
        """
        found = Tally()
        for topic, number in self._topics.all(connection, after=after, last=last):
            found[_NAMES.get(topic, topic), ""] = number
        if found.total() != last - after:
            raise UnreadableLog(self._first_missing(connection, after), _MISSING)
        # Apart from the topics: grouping by payloads takes four times as long.
        marked = self._marks.first(connection, after=after, last=last)
        for (event, mark, _), number in zip(_MARKS, marked, strict=True):
            found[event.__name__, mark] += number or 0
            found[event.__name__, ""] -= number or 0
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
        return _read(self._statement(types).all(connection, after=after, last=last))

    def last_recorded_at_or_before(self, connection: Connection, instant: int) -> int:
        """The position of the last event recorded by an instant, in microseconds since 1970, itself inside; 0 for none.

        Found by halving: recorded time never runs backwards. Raises UnreadableLog where an event is missing.
        """
        low, high = 0, self.last_position(connection)
        while low < high:
            middle = (low + high + 1) // 2
            recorded_at = self.recorded_at(connection, middle)
            if recorded_at is None:
                raise UnreadableLog(middle, _MISSING)
            low, high = (middle, high) if recorded_at <= instant else (low, middle - 1)
        return low

    def of_campaign(
        self,
        connection: Connection,
        after: int,
        last: int,
        types: Iterable[type[Any]],
        app_group: str,
        campaign_id: str,
    ) -> Iterator[Logged]:
        """The events of these types that name a campaign, as `between` gives them; raises UnreadableLog.

        Also where an event between the two positions is missing, whatever it was about. The database looks through the
        payloads, a page of the log at a time.
        """
        statement, named = self._statement(types, of_campaign=True), _naming(campaign_id)
        for start in range(after, last, _PAGE):
            end = min(start + _PAGE, last)
            if self._count.first(connection, after=start, last=end)[0] != end - start:
                raise UnreadableLog(self._first_missing(connection, start), _MISSING)
            rows = statement.all(connection, after=start, last=end, app_group=app_group, named=named)
            for logged in _read(rows):
                # SQLite's LIKE takes A for a.
                if getattr(logged.event, "fact", logged.event).campaign_id == campaign_id:
                    yield logged

    def of_stream(self, connection: Connection, stream_id: str, last: int) -> Iterator[Logged]:
        """All events of a stream up to and including a position, in order; raises UnreadableLog."""
        return _read(self._stream.all(connection, stream_id=stream_id, last=last))

    def cause(self, connection: Connection, decision: Logged) -> Fact:
        """The fact that led to a decision; itself, where it is a fact. Raises UnreadableLog.

        It is the last one before it: the facts of a journey and what they lead to lie beside each other in the log.
        """
        for found in _read(self._fact.all(connection, last=decision.position)):
            if found.stream_id == decision.stream_id and isinstance(found.event, Fact):
                return found.event
        raise UnreadableLog(decision.position, "no fact stands before the decision")

    def began_by(self, connection: Connection, stream_id: str) -> str | None:
        """The id of the command that began a stream; None where there is none."""
        first = (events.c.originator_id == stream_id) & (events.c.originator_version == 1)
        return connection.execute(select(events.c.command_id).where(first)).scalar()

    def _within(self, query: Select[Any]) -> Prepared:
        """A query of the events after one position, up to and including another."""
        position = events.c.position
        return self._compiled(query.where(position > bindparam("after"), position <= bindparam("last")))

    def _compiled(self, query: Select[Any]) -> Prepared:
        return Prepared(query, self._database.dialect.compiler)

    def _first_missing(self, connection: Connection, after: int) -> int:
        """The first position after one at which no event stands."""
        query = select(events.c.position).where(events.c.position > after).order_by(events.c.position)
        expected = after + 1
        for position in connection.execute(query).scalars():
            if position != expected:
                return expected
            expected += 1
        return expected

    def _statement(self, types: Iterable[type[Any]], *, of_campaign: bool = False) -> Prepared:
        key = (frozenset(types), of_campaign)
        if key not in self._prepared:
            # Whatever is not of the other topics: an unknown one is then met.
            others = sorted(topic for event, topic in TOPICS.items() if event not in key[0])
            query = select(events).where(
                events.c.topic.not_in([literal_column(f"'{each}'") for each in others])
            )
            if of_campaign:
                names_it = events.c.state.like(bindparam("named"), escape="/")
                query = query.where(events.c.app_group == bindparam("app_group"), names_it)
            self._prepared[key] = self._within(query.order_by(events.c.position))
        return self._prepared[key]


def _read(rows: Iterable[Any]) -> Iterator[Logged]:
    """The events of whole rows; raises UnreadableLog."""
    for row in rows:
        position, app_group, stream_id, version, topic, state, recorded_at, command_id, actor, hash_ = row
        if hash_ != event_hash(
            position, app_group, stream_id, version, topic, state, recorded_at, command_id, actor
        ):
            raise UnreadableLog(position, HASH_DIFFERS)
        try:
            event = decode(topic, state)
        except UnreadableEvent as error:
            raise UnreadableLog(position, str(error)) from error
        yield Logged(position, app_group, stream_id, topic, recorded_at, event)


def _naming(campaign_id: str) -> str:
    """A pattern for payloads that name the campaign: JSON without spaces, quotes within its texts are escaped."""
    part = f'"campaign_id":{msgspec.json.encode(campaign_id).decode()}'
    for special in "/%_":
        part = part.replace(special, f"/{special}")
    return f"%{part}%"


def _of_stream() -> Select[Any]:
    of_stream = events.c.originator_id == bindparam("stream_id")
    query = select(events).where(of_stream, events.c.position <= bindparam("last"))
    return query.order_by(events.c.originator_version)


def _last_fact() -> Select[Any]:
    """The last fact of the log up to a position."""
    facts = sorted(topic for event, topic in TOPICS.items() if issubclass(event, Fact))
    is_fact = events.c.topic.in_([literal_column(f"'{each}'") for each in facts])
    query = select(events).where(events.c.position <= bindparam("last"), is_fact)
    return query.order_by(events.c.position.desc()).limit(constant(1)).offset(constant(0))


def _marked() -> Select[Any]:
    """How many events have each of the marks.

    Payloads are JSON without spaces, and quotes within their texts are escaped: the patterns match nothing else.
    """
    topic, state = events.c.topic, events.c.state
    topics: list[Any] = [
        literal_column(f"'{TOPICS[each]}'") for each in dict.fromkeys(event for event, _, _ in _MARKS)
    ]
    counts = [
        func.sum(
            case(
                (
                    and_(
                        topic == literal_column(f"'{TOPICS[event]}'"),
                        state.like(literal_column(f"'%{part}%'")),
                    ),
                    1,
                ),
                else_=0,
            )
        )
        for event, _, part in _MARKS
    ]
    return select(*counts).where(topic.in_(topics))


class Streams:
    """The journeys of users, event by event: the application's port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def told(self, app_group: str, user_id: str) -> list[RecordedEvent]:
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
                RecordedEvent(from_microseconds(row.recorded_at), decode(row.topic, row.state))
                for row in connection.execute(query)
            ]
