"""The index of journeys in the database: their facts by id and by lane, and the standings put away.

All of it is derived from the log and written in the transaction of the events it is derived from.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import merge
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, String, and_, bindparam, column, delete, func, insert, or_, select, tuple_
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement, ColumnElement, Select

from domain.instants import microseconds
from domain.journey import lanes
from domain.journey.decisions import JourneyEvent
from domain.journey.facts import AnyFact, Fact, Key
from domain.journey.history import MemoryHistory
from domain.journey.state import Standing
from infrastructure.database import Prepared, constant
from infrastructure.schema import events, journey_facts, journey_lanes, journey_standings
from infrastructure.topics import decode

_PAGE = 64
_END_OF_TIME = 2**63 - 1

decode_standing = msgspec.json.Decoder(Standing).decode


def json_rows(parameter: str, *names: str) -> Any:  # noqa: ANN401
    """A JSON array of arrays as a table of its own: many keys in one parameter, in one query."""
    table = func.json_each(bindparam(parameter)).table_valued(column("value", String))
    columns: list[ColumnElement[Any]] = [
        func.json_extract(table.c.value, f"$[{place}]").label(name) for place, name in enumerate(names)
    ]
    return select(*columns).subquery()


class JourneyIndex:
    """The statements on the index, compiled once."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._prepare_facts()
        self._prepare_lanes()
        self._prepare_standings()

    def _prepare_facts(self) -> None:
        facts, keys = journey_facts.c, json_rows("keys", "journey_id", "fact_id")
        asked = and_(facts.journey_id == keys.c.journey_id, facts.fact_id == keys.c.fact_id)
        self.digests = self._prepared(
            select(facts.journey_id, facts.fact_id, facts.digest).join_from(keys, journey_facts, asked)
        )
        named = and_(facts.journey_id == bindparam("journey_id"), facts.fact_id == bindparam("fact_id"))
        self.fact = self._prepared(_payloads(facts.journey_id, facts.fact_id).where(named))
        self.add_facts = self._prepared(insert(journey_facts))

    def _prepare_lanes(self) -> None:
        rows = journey_lanes.c
        journey = rows.journey_id == bindparam("journey_id")
        on_lane = _payloads(rows.journey_id, rows.fact_id).where(journey, rows.lane == bindparam("lane"))
        key, given = tuple_(rows.at, rows.fact_id), tuple_(bindparam("at"), bindparam("fact_id"))
        earliest = on_lane.where(key > given).order_by(rows.at, rows.fact_id)
        latest = on_lane.where(key < given).order_by(rows.at.desc(), rows.fact_id.desc())
        self.before = self._prepared(_first(latest, 1))
        self.after = self._prepared(_first(earliest, 1))
        self.page = self._prepared(_first(earliest.where(rows.at <= bindparam("end")), _PAGE))
        months = or_(rows.lane == bindparam("first"), rows.lane == bindparam("last"))
        self.campaigns = self._prepared(select(rows.fact_id).where(journey, months))
        self.add_lanes = self._prepared(upsert(journey_lanes).on_conflict_do_nothing())
        place = (each == bindparam(f"old_{each.name}") for each in journey_lanes.primary_key.columns)
        self.remove_lanes = self._prepared(delete(journey_lanes).where(*place))

    def _prepare_standings(self) -> None:
        rows, put = journey_standings.c, upsert(journey_standings)
        self.standing = self._prepared(
            select(rows.state).where(
                rows.journey_id == bindparam("journey_id"), rows.campaign_id == bindparam("campaign_id")
            )
        )
        self.put_standings = self._prepared(
            put.on_conflict_do_update(
                index_elements=["journey_id", "campaign_id"], set_={"state": put.excluded.state}
            )
        )

    def _prepared(self, statement: ClauseElement) -> Prepared:
        return Prepared(statement, self._dialect)

    def standings(self, journey_id: str, closed: dict[str, Standing]) -> Iterator[tuple[str, str, str]]:
        """The rows of standings that were put away."""
        for campaign_id, standing in closed.items():
            yield journey_id, campaign_id, msgspec.json.encode(standing).decode()


class StoredHistory(MemoryHistory):
    """A journey's history: what the database holds, and over it, in memory, what this transaction has added."""

    def __init__(self, journey_id: str, index: JourneyIndex, *, new: bool) -> None:
        super().__init__()
        self.journey_id = journey_id
        self.connection: Connection | None = None
        self.digests: dict[str, bytes] = {}
        self._index = index
        self._new = new
        self._removed: set[tuple[str, Key]] = set()

    def digest(self, fact_id: str) -> bytes | None:
        """Of a fact that the transaction was asked about."""
        return super().digest(fact_id) or self.digests.get(fact_id)

    def fact(self, fact_id: str) -> AnyFact | None:
        added = self.facts.get(fact_id)
        if added is not None:
            return added[0]
        row = self._first(self._index.fact, fact_id=fact_id)
        return None if row is None else decode(*row)

    def before(self, lane: str, key: Key) -> AnyFact | None:
        added, stored = super().before(lane, key), self._neighbour(self._index.before, lane, key)
        if added is None or stored is None:
            return added or stored
        return max(added, stored, key=_key)

    def after(self, lane: str, key: Key) -> AnyFact | None:
        added, stored = super().after(lane, key), self._neighbour(self._index.after, lane, key)
        if added is None or stored is None:
            return added or stored
        return min(added, stored, key=_key)

    def between(self, lane: str, start: datetime, end: datetime | None = None) -> Iterator[AnyFact]:
        stored = self._stored_between(lane, start, end)
        return merge(super().between(lane, start, end), stored, key=_key) if lane in self.lanes else stored

    def campaigns_received(self, first_month: int, last_month: int) -> set[str]:
        found = super().campaigns_received(first_month, last_month)
        first, last = month_lane(first_month), month_lane(last_month)
        found.update(fact_id for (fact_id,) in self._all(self._index.campaigns, first=first, last=last))
        return found

    def standing(self, campaign_id: str) -> Standing | None:
        row = self._first(self._index.standing, campaign_id=campaign_id)
        return None if row is None else decode_standing(row[0])

    def add(self, event: JourneyEvent, version: int) -> None:
        super().add(event, version)
        if not self._new and not isinstance(event, Fact):
            self._removed.update(lanes.removed(event))
            self._removed.difference_update(lanes.added(event))

    def fact_rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows of `journey_facts` to be written."""
        for fact_id, (_, digest, version) in self.facts.items():
            yield self.journey_id, fact_id, digest, version

    def lane_rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows of `journey_lanes` to be written."""
        for lane, keys in self.lanes.items():
            for at, fact_id in keys:
                yield self.journey_id, lane, microseconds(at), fact_id
        for month, campaigns in self.months.items():
            for campaign_id in campaigns:
                yield self.journey_id, month_lane(month), 0, campaign_id

    def removed_rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows of `journey_lanes` to be taken away."""
        for lane, (at, fact_id) in self._removed:
            yield self.journey_id, lane, microseconds(at), fact_id

    def saved(self) -> None:
        """What was added stands in the database now."""
        self._new = False
        for added in (self.facts, self.lanes, self.months, self.digests, self._removed):
            added.clear()

    def _neighbour(self, statement: Prepared, lane: str, key: Key) -> AnyFact | None:
        while (row := self._first(statement, lane=lane, at=microseconds(key[0]), fact_id=key[1])) is not None:
            fact = cast(AnyFact, decode(row[0], row[1]))
            if (lane, fact.key) not in self._removed:
                return fact
            key = fact.key
        return None

    def _stored_between(self, lane: str, start: datetime, end: datetime | None) -> Iterator[AnyFact]:
        key: Key = (start, "")
        until = _END_OF_TIME if end is None else microseconds(end)
        while page := self._all(
            self._index.page, lane=lane, at=microseconds(key[0]), fact_id=key[1], end=until
        ):
            for topic, state in page:
                fact = cast(AnyFact, decode(topic, state))
                key = fact.key
                if (lane, key) not in self._removed:
                    yield fact
            if len(page) < _PAGE:
                return

    def _first(self, statement: Prepared, **values: Any) -> Any:  # noqa: ANN401
        return None if self._new else statement.first(self._open(), journey_id=self.journey_id, **values)

    def _all(self, statement: Prepared, **values: Any) -> Sequence[Any]:
        return () if self._new else statement.all(self._open(), journey_id=self.journey_id, **values)

    def _open(self) -> Connection:
        if self.connection is None:
            raise RuntimeError("a journey's history is looked up inside its transaction only")
        return self.connection


def month_lane(month: int) -> str:
    """The lane that holds, by id, the campaigns with a receipt in a 30-day span."""
    return f"campaigns/{month}"


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


def _key(fact: AnyFact) -> Key:
    return fact.key
