"""The event log as projections read it: events of some types by position, counted, or of one campaign or stream."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, and_, bindparam, case, func, literal_column, select

from domain.facts import Fact, Order
from domain.journey.decisions import (
    FactDisregarded,
    RecipientCounted,
    RecipientRestated,
    RecipientWithdrawn,
)
from infrastructure.database import Database
from infrastructure.database.dialect import Prepared, as_keys, constant
from infrastructure.database.schema import events
from infrastructure.event_store.codec import TOPICS
from infrastructure.event_store.reading import (
    IN_RANGE,
    MISSING,
    OF_APP_GROUP,
    last_position,
    of_types,
    read_events,
    refuse_missing,
    select_rows,
    select_stream,
)
from projections.engine.projection import Logged, Tally, UnreadableLog

_NAMES = {topic: event.__name__ for event, topic in TOPICS.items()}

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

_TOGETHER = 500
"""Streams that one statement names."""


class EventLog:
    """Reads events by position, whole pages at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._prepared: dict[tuple[frozenset[type[Any]], bool], Prepared] = {}
        self._prepared_of_streams: dict[frozenset[type[Any]], Prepared] = {}
        by_topic = select(events.c.topic, func.count()).where(IN_RANGE).group_by(events.c.topic)
        self._topics = self._prepare(by_topic)
        self._marks = self._prepare(_marked().where(IN_RANGE))
        self._stream = self._prepare(select_stream())
        self._fact = self._prepare(_last_fact())

    def last_position(self, connection: Connection) -> int:
        """The position of the last event, 0 when there is none."""
        return last_position(connection)

    def tally(self, connection: Connection, after: int, last: int) -> Tally:
        """Count the events after one position, up to and including another; raises UnreadableLog where one is missing.

        Counted by the database, and by nothing that reads payloads here: a rebuild is checked by it.
        """
        found = Tally()
        for topic, number in self._topics.all(connection, after=after, last=last):
            found[_NAMES.get(topic, topic), ""] = number
        if found.total() != last - after:
            refuse_missing(connection, after, last)
        # Apart from the topics: grouping by payloads takes four times as long.
        marked = self._marks.first(connection, after=after, last=last)
        for (event, mark, _), number in zip(_MARKS, marked, strict=True):
            found[event.__name__, mark] += number or 0
            found[event.__name__, ""] -= number or 0
        return found

    def recorded_at(self, connection: Connection, position: int) -> int | None:
        """When the event at a position was recorded, in microseconds since 1970; None where there is none."""
        return connection.execute(select(events.c.recorded_at).where(events.c.position == position)).scalar()

    def between(
        self, connection: Connection, after: int, last: int, types: Iterable[type[Any]]
    ) -> Iterator[Logged]:
        """The events of these types after one position, up to and including another, in order; raises UnreadableLog.

        Also where there is an event of a topic that no one knows: that is damage, and is to be met.
        """
        return read_events(self._statement(types).all(connection, after=after, last=last))

    def last_recorded_at_or_before(self, connection: Connection, instant: int) -> int:
        """The position of the last event recorded by an instant, in microseconds since 1970, itself inside; 0 for none.

        Found by halving: recorded time never runs backwards. Raises UnreadableLog where an event is missing.
        """
        low, high = 0, self.last_position(connection)
        while low < high:
            middle = (low + high + 1) // 2
            recorded_at = self.recorded_at(connection, middle)
            if recorded_at is None:
                raise UnreadableLog(middle, MISSING)
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
            refuse_missing(connection, start, end)
            rows = statement.all(connection, after=start, last=end, app_group=app_group, named=named)
            for logged in read_events(rows):
                if _names(logged, campaign_id):
                    yield logged

    def of_stream(self, connection: Connection, stream_id: str, last: int) -> Iterator[Logged]:
        """All events of a stream up to and including a position, in order; raises UnreadableLog."""
        return read_events(self._stream.all(connection, stream_id=stream_id, last=last))

    def of_streams(
        self,
        connection: Connection,
        stream_ids: Sequence[str],
        after: int,
        last: int,
        types: Iterable[type[Any]],
        campaign_id: str | None = None,
    ) -> Iterator[Logged]:
        """The events of these types of several streams between two positions, each stream's in order.

        They come after the first position, up to and including the last; by choice only those that name a campaign.
        Raises UnreadableLog.
        """
        statement = self._of_streams(frozenset(types))
        named = "%" if campaign_id is None else _naming(campaign_id)
        for start in range(0, len(stream_ids), _TOGETHER):
            keys = as_keys([[each] for each in stream_ids[start : start + _TOGETHER]])
            rows = statement.all(connection, keys=keys, after=after, last=last, named=named)
            for logged in read_events(rows):
                if campaign_id is None or _names(logged, campaign_id):
                    yield logged

    def cause(self, connection: Connection, decision: Logged) -> Fact:
        """The fact that led to a decision; itself, where it is a fact. Raises UnreadableLog.

        It is the last one before it: the facts of a journey and what they lead to lie beside each other in the log.
        """
        for found in read_events(self._fact.all(connection, last=decision.position)):
            if found.stream_id == decision.stream_id and isinstance(found.event, Fact):
                return found.event
        raise UnreadableLog(decision.position, "no fact comes before the decision")

    def began_by(self, connection: Connection, stream_id: str) -> str | None:
        """The id of the command that began a stream; None where there is none."""
        first = (events.c.originator_id == stream_id) & (events.c.originator_version == 1)
        return connection.execute(select(events.c.command_id).where(first)).scalar()

    def _prepare(self, query: Select[Any]) -> Prepared:
        return Prepared(query, self._database.dialect.compiler)

    def _of_streams(self, types: frozenset[type[Any]]) -> Prepared:
        if types not in self._prepared_of_streams:
            wanted = self._database.dialect.keys("keys", stream_id=str)
            # IN rather than a join: SQLite would otherwise walk through the whole log.
            of_streams = events.c.originator_id.in_(select(wanted.c.stream_id))
            query = select_rows(
                of_streams,
                IN_RANGE,
                of_types(types),
                events.c.state.like(bindparam("named"), escape="/"),
            )
            self._prepared_of_streams[types] = self._prepare(query)
        return self._prepared_of_streams[types]

    def _statement(self, types: Iterable[type[Any]], *, of_campaign: bool = False) -> Prepared:
        key = (frozenset(types), of_campaign)
        if key not in self._prepared:
            # Whatever is not of the other topics: an unknown one is then met.
            query = select_rows(IN_RANGE, ~of_types(event for event in TOPICS if event not in key[0]))
            if of_campaign:
                query = query.where(OF_APP_GROUP, events.c.state.like(bindparam("named"), escape="/"))
            self._prepared[key] = self._prepare(query)
        return self._prepared[key]


def _names(logged: Logged, campaign_id: str) -> bool:
    """Whether an event that LIKE has found names the campaign: SQLite's LIKE takes A for a."""
    return bool(getattr(logged.event, "fact", logged.event).campaign_id == campaign_id)


def _naming(campaign_id: str) -> str:
    """A pattern for payloads that name the campaign: JSON without spaces, quotes within its texts are escaped."""
    part = f'"campaign_id":{msgspec.json.encode(campaign_id).decode()}'
    for special in "/%_":
        part = part.replace(special, f"/{special}")
    return f"%{part}%"


def _last_fact() -> Select[Any]:
    """The last fact of the log up to a position."""
    is_fact = of_types(event for event in TOPICS if issubclass(event, Fact))
    query = select(events).where(events.c.position <= bindparam("last"), is_fact)
    return query.order_by(events.c.position.desc()).limit(constant(1)).offset(constant(0))


def _marked() -> Select[Any]:
    """How many events have each of the marks.

    Payloads are JSON without spaces, and quotes within their texts are escaped: the patterns match nothing else.
    """
    topic, state = events.c.topic, events.c.state
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
    return select(*counts).where(of_types({event for event, _, _ in _MARKS}))
