"""The index of journeys in the database: their facts by id and by lane, and the standings that were put away.

All of it is derived from the log, and written in the transaction of the events that it is derived from.
"""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, or_, select, tuple_
from sqlalchemy.sql import ClauseElement, Select

from infrastructure.database.dialect import Dialect, Prepared, as_keys, constant
from infrastructure.database.schema import events, journey_facts, journey_lanes, journey_standings

PAGE = 64
"""Rows that a look-up along a lane reads at a time."""

Row = tuple[Any, ...]


@dataclass
class IndexRows:
    """What a unit of work adds to the index, and takes from it."""

    facts: list[Row] = field(default_factory=list)
    gone: list[Row] = field(default_factory=list)
    """Places in lanes that hold no fact any more; they are removed before others are added."""
    lanes: list[Row] = field(default_factory=list)
    months: list[Row] = field(default_factory=list)
    standings: list[Row] = field(default_factory=list)


class JourneyIndex:
    """The statements on the index, compiled once."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._add_facts = dialect.filling(journey_facts)
        self._add_lanes = dialect.filling(journey_lanes)
        self._add_months = dialect.filling(journey_lanes, "ignore")
        self._put_standings = dialect.filling(journey_standings, "replace")
        self._prepare_facts()
        self._prepare_lanes()
        self._prepare_standings()

    def _prepare_facts(self) -> None:
        facts, keys = journey_facts.c, self._dialect.keys("keys", journey_id=str, fact_id=str)
        asked = and_(facts.journey_id == keys.c.journey_id, facts.fact_id == keys.c.fact_id)
        self.digests = self._prepare(
            select(facts.journey_id, facts.fact_id, facts.digest).join_from(keys, journey_facts, asked)
        )
        named = and_(facts.journey_id == bindparam("journey_id"), facts.fact_id == bindparam("fact_id"))
        self.fact = self._prepare(_payloads(facts.journey_id, facts.fact_id).where(named))

        within = and_(facts.fact_id >= bindparam("first"), facts.fact_id < bindparam("end"))
        of_journey = facts.journey_id == bindparam("journey_id")
        beginning = _payloads(facts.journey_id, facts.fact_id).where(of_journey, within)
        self.beginning = self._prepare(beginning.order_by(facts.fact_id))

    def _prepare_lanes(self) -> None:
        rows = journey_lanes.c
        journey = rows.journey_id == bindparam("journey_id")
        on_lane = _payloads(rows.journey_id, rows.fact_id).where(journey, rows.lane == bindparam("lane"))
        key, given = tuple_(rows.at, rows.fact_id), tuple_(bindparam("at"), bindparam("fact_id"))
        earliest = on_lane.where(key > given).order_by(rows.at, rows.fact_id)
        latest = on_lane.where(key < given).order_by(rows.at.desc(), rows.fact_id.desc())
        self.before = self._prepare(_first(latest, 1))
        self.after = self._prepare(_first(earliest, 1))
        self.page = self._prepare(_first(earliest.where(rows.at <= bindparam("end")), PAGE))
        months = or_(rows.lane == bindparam("first"), rows.lane == bindparam("last"))
        self.campaigns = self._prepare(select(rows.fact_id).where(journey, months))
        gone = self._dialect.keys("keys", journey_id=str, lane=str, at=int, fact_id=str)
        place = tuple_(*journey_lanes.primary_key.columns)
        self._remove_lanes = self._prepare(delete(journey_lanes).where(place.in_(select(*gone.columns))))

    def _prepare_standings(self) -> None:
        rows, keys = journey_standings.c, self._dialect.keys("keys", journey_id=str, campaign_id=str)
        asked = and_(rows.journey_id == keys.c.journey_id, rows.campaign_id == keys.c.campaign_id)
        self.standings = self._prepare(
            select(rows.journey_id, rows.campaign_id, rows.state).join_from(keys, journey_standings, asked)
        )
        self.standing = self._prepare(
            select(rows.state).where(
                rows.journey_id == bindparam("journey_id"), rows.campaign_id == bindparam("campaign_id")
            )
        )

    def write(self, connection: Connection, rows: IndexRows) -> None:
        """Write one unit's rows."""
        # By their keys: two processes that write the same keys wait for each other, but never in a ring.
        self._add_facts(connection, sorted(rows.facts))
        if rows.gone:
            self._remove_lanes.run(connection, keys=as_keys(sorted(rows.gone)))
        self._add_lanes(connection, sorted(rows.lanes))
        self._add_months(connection, sorted(set(rows.months)))
        self._put_standings(connection, sorted(rows.standings))

    def _prepare(self, statement: ClauseElement) -> Prepared:
        return Prepared(statement, self._dialect.compiler)


def _first(query: Select[Any], rows: int) -> Select[Any]:
    return query.limit(constant(rows)).offset(constant(0))


def _payloads(journey_id: Any, fact_id: Any) -> Select[Any]:  # noqa: ANN401
    """Topic and payload of facts, by way of the fact index."""
    source = journey_facts
    if journey_id.table is not journey_facts:
        same = and_(journey_facts.c.journey_id == journey_id, journey_facts.c.fact_id == fact_id)
        source = journey_id.table.join(journey_facts, same)
    of_fact = and_(
        events.c.originator_id == journey_facts.c.journey_id,
        events.c.originator_version == journey_facts.c.version,
    )
    return select(events.c.topic, events.c.state).select_from(source.join(events, of_fact))
