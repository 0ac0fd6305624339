"""Journeys as they were recorded, by pages: facts with what was kept aside of them, and what was decided."""

from typing import Any, NamedTuple

from sqlalchemy import and_, select
from sqlalchemy.engine import Connection

from domain.facts import Fact
from domain.journey.decisions import FactDisregarded
from infrastructure.database.schema import events, identities, kept_aside
from infrastructure.event_store.codec import decode


class JourneyEvent(NamedTuple):
    """An event of a journey; `aside` is JSON of its fact's properties or reason, which events do not hold."""

    position: int
    version: int
    recorded_at: int
    topic: str
    event: Any
    aside: str | None


def journey(
    connection: Connection, app_group: str, user_id: str, after: int, limit: int
) -> list[JourneyEvent]:
    """The events of a user's journey after a version, in order; none for a user never heard of."""
    of_user = (identities.c.app_group == app_group) & (identities.c.user_id == user_id)
    query = (
        select(
            events.c.position,
            events.c.originator_version,
            events.c.recorded_at,
            events.c.topic,
            events.c.state,
            identities.c.journey_id,
        )
        .join_from(identities, events, events.c.originator_id == identities.c.journey_id)
        .where(of_user, events.c.originator_version > after)
        .order_by(events.c.originator_version)
        .limit(limit)
    )
    rows = connection.execute(query).all()
    decoded = [decode(row.topic, row.state) for row in rows]
    aside = _aside(connection, rows[0].journey_id if rows else "", decoded)
    return [
        JourneyEvent(
            row.position,
            row.originator_version,
            row.recorded_at,
            row.topic,
            event,
            aside.get(fact.id) if (fact := _fact(event)) else None,
        )
        for row, event in zip(rows, decoded, strict=True)
    ]


def _fact(event: Any) -> Fact | None:  # noqa: ANN401
    """The fact that an event is, or repeats because a void disregards it."""
    if isinstance(event, FactDisregarded):
        return event.fact
    return event if isinstance(event, Fact) else None


def _aside(connection: Connection, journey_id: str, events: list[Any]) -> dict[str, str]:
    ids = [fact.id for fact in map(_fact, events) if fact is not None]
    if not ids:
        return {}
    of_facts = and_(kept_aside.c.journey_id == journey_id, kept_aside.c.fact_id.in_(ids))
    return {row.fact_id: row.text for row in connection.execute(select(kept_aside).where(of_facts))}
