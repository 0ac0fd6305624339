"""Journeys as they were recorded: a user's events by pages or whole, and what many users received."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import Select, and_, bindparam, select
from sqlalchemy.engine import Connection

from domain import lanes
from domain.explanation import RecordedEvent
from domain.facts import Fact, Received
from domain.instants import from_microseconds
from domain.journey.decisions import FactDisregarded
from infrastructure.database import Database
from infrastructure.database.dialect import Dialect, Prepared, as_keys
from infrastructure.database.schema import events, identities, journey_facts, journey_lanes, kept_aside
from infrastructure.event_store.codec import TOPICS, decode
from infrastructure.event_store.reading import up_to


class JourneyEvent(NamedTuple):
    """An event of a journey; `free_text` is JSON of its fact's properties or reason, which events do not hold."""

    position: int
    version: int
    recorded_at: int
    topic: str
    event: Any
    free_text: str | None
    actor: str


def read_journey(
    connection: Connection, app_group: str, user_id: str, after: int, limit: int, last: int | None = None
) -> list[JourneyEvent]:
    """The events of a user's journey after a version, in order; none if the user is unknown.

    Up to and including the position `last`, if one is given.
    """
    of_user = (identities.c.app_group == app_group) & (identities.c.user_id == user_id)
    rows = connection.execute(
        select(
            events.c.position,
            events.c.originator_version,
            events.c.recorded_at,
            events.c.topic,
            events.c.state,
            events.c.actor,
            identities.c.journey_id,
        )
        .join_from(identities, events, events.c.originator_id == identities.c.journey_id)
        .where(of_user, events.c.originator_version > after, up_to(last))
        .order_by(events.c.originator_version)
        .limit(limit)
    ).all()
    decoded = [decode(row.topic, row.state) for row in rows]
    texts = _read_texts(connection, rows[0].journey_id if rows else "", decoded)
    return [
        JourneyEvent(
            row.position,
            row.originator_version,
            row.recorded_at,
            row.topic,
            event,
            texts.get(fact.id) if (fact := _fact(event)) else None,
            row.actor,
        )
        for row, event in zip(rows, decoded, strict=True)
    ]


def _fact(event: Any) -> Fact | None:  # noqa: ANN401
    """The fact that an event is, or repeats because a void disregards it."""
    if isinstance(event, FactDisregarded):
        return event.fact
    return event if isinstance(event, Fact) else None


def _read_texts(connection: Connection, journey_id: str, events: list[Any]) -> dict[str, str]:
    ids = [fact.id for fact in map(_fact, events) if fact is not None]
    if not ids:
        return {}
    of_facts = and_(kept_aside.c.journey_id == journey_id, kept_aside.c.fact_id.in_(ids))
    return {row.fact_id: row.text for row in connection.execute(select(kept_aside).where(of_facts))}


class Streams:
    """The journeys of users, event by event: the application's port `Streams`."""

    def __init__(self, database: Database, last: int | None = None) -> None:
        """Up to and including a position, if one is given."""
        self._database = database
        self._last = last

    def read_events(self, app_group: str, user_id: str) -> list[RecordedEvent]:
        """All events of a user's journey in order; none if the user is unknown."""
        query = (
            select(events.c.topic, events.c.state, events.c.recorded_at)
            .join_from(identities, events, events.c.originator_id == identities.c.journey_id)
            .where(identities.c.app_group == app_group, identities.c.user_id == user_id, up_to(self._last))
            .order_by(events.c.originator_version)
        )
        with self._database.reading() as connection:
            return [
                RecordedEvent(from_microseconds(row.recorded_at), decode(row.topic, row.state))
                for row in connection.execute(query)
            ]


class IndexedReceipts:
    """Receipts of many users in one query, by primary keys alone: the application's port."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._receipts = Prepared(_of_users(database.dialect), database.dialect.compiler)

    def variants(
        self, app_group: str, campaign_id: str, user_ids: Sequence[str]
    ) -> Mapping[str, Sequence[str]]:
        """By user id the variants of the receipts of a campaign, in the order of facts; voided ones left out."""
        keys = as_keys([[user_id] for user_id in user_ids])
        with self._database.reading() as connection:
            rows = self._receipts.all(
                connection, app_group=app_group, keys=keys, lane=lanes.receipts(campaign_id)
            )
        found: defaultdict[str, list[Received]] = defaultdict(list)
        for user_id, state in rows:
            found[user_id].append(cast(Received, decode(TOPICS[Received], state)))
        return {
            user_id: [each.variant_id for each in sorted(receipts, key=lambda each: each.key)]
            for user_id, receipts in found.items()
        }


def _of_users(dialect: Dialect) -> Select[Any]:
    users, lane, facts = dialect.keys("keys", user_id=str), journey_lanes.c, journey_facts.c
    # Not joined: before PostgreSQL has statistics of its tables, it would read all facts of all users for it.
    receipt = (
        select(events.c.state)
        .join_from(
            journey_facts,
            events,
            (events.c.originator_id == facts.journey_id) & (events.c.originator_version == facts.version),
        )
        .where(facts.journey_id == lane.journey_id, facts.fact_id == lane.fact_id)
        .scalar_subquery()
    )
    return (
        select(identities.c.user_id, receipt)
        .join_from(identities, journey_lanes, lane.journey_id == identities.c.journey_id)
        .where(
            # IN rather than a join: SQLite would otherwise walk through all users of the group.
            identities.c.app_group == bindparam("app_group"),
            identities.c.user_id.in_(select(users.c.user_id)),
            lane.lane == bindparam("lane"),
        )
    )
