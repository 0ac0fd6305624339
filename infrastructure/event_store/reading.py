"""The one reader of the log: the rows of `events`, each checked against its hash where it is read as an event.

The functions that begin with `select_` make statements, which the caller compiles once and runs; the others read.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    true,
    tuple_,
)

from domain.app_group import AppGroupMade
from infrastructure.database.dialect import constant, cursor
from infrastructure.database.schema import events, identities
from infrastructure.event_store.codec import TOPICS, UnreadableEvent, decode
from projections.engine.projection import Logged, UnreadableLog

HASH_DIFFERS = "the event is not what was recorded: its hash differs"
MISSING = "the event is missing"

LAST_POSITION: Final = "SELECT coalesce(max(position), 0) FROM events"
"""The position of the last event, 0 when there is none."""

IN_RANGE = and_(events.c.position > bindparam("after"), events.c.position <= bindparam("last"))
"""Events after one position, up to and including another."""

OF_APP_GROUP = events.c.app_group == bindparam("app_group")


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


def event_hash(  # noqa: PLR0913, PLR0917 - a row's columns, one after the other
    position: int,
    app_group: str,
    originator_id: str,
    originator_version: int,
    topic: str,
    state: str,
    recorded_at: int,
    command_id: str,
    actor: str,
) -> bytes:
    """16 bytes over a row of `events` but its hash; no column holds NUL, so that none runs into the next."""
    text = (
        f"{position}\0{app_group}\0{originator_id}\0{originator_version}\0{topic}\0{state}\0"
        f"{recorded_at}\0{command_id}\0{actor}"
    )
    return blake2b(text.encode(), digest_size=16).digest()


def is_intact(row: Sequence[Any]) -> bool:
    """Whether a row is as it was recorded, by its hash; columns of other tables may follow."""
    return event_hash(*row[:9]) == row[9]  # type: ignore[no-any-return]


def find_altered(rows: Iterable[Sequence[Any]]) -> list[int]:
    """The positions of the rows that are not as they were recorded."""
    return [row[0] for row in rows if not is_intact(row)]


def checked(rows: Iterable[Any]) -> Iterator[Any]:
    """The rows as they come; raises UnreadableLog at the first that is not as it was recorded."""
    for row in rows:
        if not is_intact(row):
            raise UnreadableLog(row[0], HASH_DIFFERS)
        yield row


def read_events(rows: Iterable[Any]) -> Iterator[Logged]:
    """The events of whole rows; raises UnreadableLog."""
    for position, app_group, stream_id, _, topic, state, recorded_at, *_ in checked(rows):
        try:
            event = decode(topic, state)
        except UnreadableEvent as error:
            raise UnreadableLog(position, str(error)) from error
        yield Logged(position, app_group, stream_id, topic, recorded_at, event)


def last_position(connection: Connection) -> int:
    """The position of the last event, 0 when there is none."""
    return int(cursor(connection).execute(LAST_POSITION).fetchone()[0])


def read_rows(connection: Connection, after: int, limit: int) -> list[Row]:
    """Whole rows after a position, unchecked, in order."""
    return [Row(*row) for row in connection.execute(select_rows(events.c.position > after).limit(limit))]


def read_app_groups(connection: Connection) -> list[Row]:
    """The events that made app groups, unchecked, in order."""
    # Their ids begin alike: the index of streams finds them, however long the log is.
    stream_id = events.c.originator_id
    made = and_(stream_id >= "group-", stream_id < "group.", events.c.topic == TOPICS[AppGroupMade])
    return [Row(*row) for row in connection.execute(select_rows(made))]


def refuse_missing(connection: Connection, after: int, last: int) -> None:
    """Raise UnreadableLog where an event between two positions is missing, the last one inside."""
    position, within = events.c.position, {"after": after, "last": last}
    if connection.execute(select(func.count()).where(IN_RANGE), within).scalar() == last - after:
        return
    expected = after + 1
    for found in connection.execute(select(position).where(IN_RANGE).order_by(position), within).scalars():
        if found != expected:
            break
        expected += 1
    raise UnreadableLog(expected, MISSING)


def select_rows(*wanted: ColumnElement[bool], users: bool = False) -> Select[Any]:
    """Whole rows in the order of the log; with `users`, the user follows, None where they were forgotten."""
    query = select(*events.c)
    if users:
        of_user = identities.c.journey_id == events.c.originator_id
        query = query.add_columns(identities.c.user_id).join_from(events, identities, of_user, isouter=True)
    return query.where(*wanted).order_by(events.c.position)


def format_range(after: int, last: int) -> str:
    """The statement for whole rows of a range, as text for drivers that take no parameters in a COPY."""
    return (
        "SELECT position, app_group, originator_id AS stream_id, originator_version AS version, topic, recorded_at, "  # noqa: S608
        "command_id, actor, hash, state AS payload FROM events "
        f"WHERE position > {after} AND position <= {last} ORDER BY position"
    )


def select_stream() -> Select[Any]:
    """The whole rows of the stream `stream_id`, up to and including the position `last`."""
    wanted = (events.c.originator_id == bindparam("stream_id"), events.c.position <= bindparam("last"))
    return select(events).where(*wanted).order_by(events.c.originator_version)


def select_streams(limit: int) -> Select[Any]:
    """A page of streams: after `version` of the stream `stream`, up to the stream `last` and to `position`."""
    stream, version, position = events.c.originator_id, events.c.originator_version, events.c.position
    page = select(stream, version, position, events.c.app_group, events.c.topic, events.c.state).where(
        tuple_(stream, version) > tuple_(bindparam("stream"), bindparam("version")),
        stream <= bindparam("last"),
        position <= bindparam("position"),
    )
    return page.order_by(stream, version).limit(constant(limit))


def select_stream_after(events_after: int) -> Select[Any]:
    """The stream that is reached so many events after the stream `after`."""
    stream = events.c.originator_id
    ends = select(stream).where(stream > bindparam("after")).order_by(stream)
    return ends.limit(constant(1)).offset(constant(events_after - 1))


def up_to(last: int | None) -> ColumnElement[bool]:
    """Events up to and including a position; all of them without one."""
    return true() if last is None else events.c.position <= last


def of_types(types: Iterable[type[Any]]) -> ColumnElement[bool]:
    """Events of some classes; the topics are written into the statement, as planners need them."""
    return events.c.topic.in_(
        [literal_column(f"'{topic}'") for topic in sorted(TOPICS[each] for each in types)]
    )


_AT_ONCE = 500
"""Streams that are named in one statement."""


class Changed(NamedTuple):
    """The position of a stream's first event, and when its first and last were recorded, in microseconds since 1970."""

    position: int
    first: int
    last: int


def read_changes(connection: Connection, stream_ids: Sequence[str]) -> dict[str, Changed]:
    """By stream id when each stream was changed; a stream without events is left out."""
    found: dict[str, Changed] = {}
    stream, at = events.c.originator_id, events.c.recorded_at
    for start in range(0, len(stream_ids), _AT_ONCE):
        query = (
            select(stream, func.min(events.c.position), func.min(at), func.max(at))
            .where(stream.in_(stream_ids[start : start + _AT_ONCE]))
            .group_by(stream)
        )
        found |= {row[0]: Changed(*row[1:]) for row in connection.execute(query)}
    return found
