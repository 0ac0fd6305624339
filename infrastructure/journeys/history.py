"""A journey's history: what the database holds, and over it, in layers, what was decided and is not settled yet.

Each unit of work that adds to a journey lays one layer. A layer is taken off once its unit is committed and every later
read surely sees its rows. Until then a fact may be both in a layer and in the database, and is given once.

All of it is guarded by the writer's `_deciding` lock (journeys/writer.py), also between `begin` and `end`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from heapq import merge
from typing import Any, cast

import msgspec
from sqlalchemy import Connection

from domain.facts import AnyFact, Fact, Key
from domain.instants import microseconds
from domain.journey.decisions import JourneyEvent
from domain.journey.history import MemoryHistory, lanes_left
from domain.journey.state import Standing
from infrastructure.database.dialect import Prepared
from infrastructure.event_store.codec import decode
from infrastructure.journeys.index import PAGE, IndexRows, JourneyIndex

_END_OF_TIME = 2**63 - 1

_decode_standing = msgspec.json.Decoder(Standing).decode
_encode = msgspec.json.Encoder().encode


class Layer(MemoryHistory):
    """What one unit of work has added, and in `gone` the places in lanes from which it has taken facts away."""

    def __init__(self, unit: object, find: Callable[[str], AnyFact | None]) -> None:
        super().__init__()
        self.unit = unit
        self.gone: set[tuple[str, Key]] = set()
        self._find = find

    def fact(self, fact_id: str) -> AnyFact | None:
        """The fact, which another unit may have added: a decision puts it into a lane of this layer all the same."""
        return super().fact(fact_id) or self._find(fact_id)

    def add(self, event: JourneyEvent, version: int) -> None:
        super().add(event, version)
        if not isinstance(event, Fact):
            self.gone.update(lanes_left(event))

    def rows(self, journey_id: str, into: IndexRows) -> None:
        """Add the rows that the index needs."""
        for fact_id, (_, digest, version) in self.facts.items():
            into.facts.append((journey_id, fact_id, digest, version))
        for lane, (at, fact_id) in self.gone:
            into.gone.append((journey_id, lane, microseconds(at), fact_id))
        for lane, keys in self.lanes.items():
            for at, fact_id in keys:
                into.lanes.append((journey_id, lane, microseconds(at), fact_id))
        for month, campaigns in self.months.items():
            lane = month_lane(month)
            into.months.extend((journey_id, lane, 0, campaign_id) for campaign_id in campaigns)
        for campaign_id, standing in self.standings.items():
            into.standings.append((journey_id, campaign_id, _encode(standing).decode()))


class StoredHistory:
    """The history of a stored journey; it can be looked up inside a unit of work only."""

    def __init__(self, journey_id: str, index: JourneyIndex, *, new: bool) -> None:
        self.journey_id = journey_id
        self.connection: Connection | None = None
        self.digests: dict[str, bytes] = {}
        self.standings: dict[str, str | None] = {}
        """By campaign the standings that were looked up beforehand, as stored; None if none is."""
        self.layers: list[Layer] = []
        self._index = index
        self._new = new
        """Whether the database surely holds nothing of it: then nothing is looked up there."""

    def begin(self, unit: object, connection: Connection) -> None:
        """A unit of work begins: what it adds goes into a layer of its own."""
        self.connection = connection
        self.layers.append(Layer(unit, self.fact))

    def end(self) -> Layer:
        """The unit of work is decided; returns its layer."""
        self.connection = None
        self.digests, self.standings = {}, {}
        return self.layers[-1]

    def settle(self, unit: object) -> None:
        """The unit is committed, and every read from now on sees its rows."""
        self._new = False
        self.layers = [layer for layer in self.layers if layer.unit is not unit]

    def drop(self, unit: object) -> None:
        """The unit added nothing."""
        self.layers = [layer for layer in self.layers if layer.unit is not unit]

    def add(self, event: JourneyEvent, version: int) -> None:
        self.layers[-1].add(event, version)

    def digest(self, fact_id: str) -> bytes | None:
        """The digest of a fact that the unit of work was announced."""
        for layer in self.layers:
            if (found := layer.digest(fact_id)) is not None:
                return found
        return self.digests.get(fact_id)

    def fact(self, fact_id: str) -> AnyFact | None:
        for layer in self.layers:
            if (found := layer.facts.get(fact_id)) is not None:
                return found[0]
        row = self._first(self._index.fact, fact_id=fact_id)
        return None if row is None else decode(*row)

    def beginning(self, prefix: str) -> Iterator[AnyFact]:
        rows = self._all(self._index.beginning, first=prefix, end=prefix[:-1] + chr(ord(prefix[-1]) + 1))
        found = {fact.id: fact for fact in (cast(AnyFact, decode(*row)) for row in rows)}
        for layer in self.layers:
            found |= {fact.id: fact for fact in layer.beginning(prefix)}
        yield from (found[fact_id] for fact_id in sorted(found))

    def before(self, lane: str, key: Key) -> AnyFact | None:
        found = [self._laid_before(place, lane, key) for place in range(len(self.layers))]
        found.append(self._find_stored_neighbour(self._index.before, lane, key))
        return max((fact for fact in found if fact is not None), key=_key, default=None)

    def after(self, lane: str, key: Key) -> AnyFact | None:
        found = [self._laid_after(place, lane, key) for place in range(len(self.layers))]
        found.append(self._find_stored_neighbour(self._index.after, lane, key))
        return min((fact for fact in found if fact is not None), key=_key, default=None)

    def between(self, lane: str, start: datetime, end: datetime | None = None) -> Iterator[AnyFact]:
        laid = [place for place, layer in enumerate(self.layers) if lane in layer.lanes]
        parts = [self._laid_between(place, lane, start, end) for place in laid]
        stored = self._find_stored_between(lane, start, end)
        return _each_once(merge(*parts, stored, key=_key)) if parts else stored

    def campaigns_received(self, first_month: int, last_month: int) -> set[str]:
        first, last = month_lane(first_month), month_lane(last_month)
        found = {fact_id for (fact_id,) in self._all(self._index.campaigns, first=first, last=last)}
        return found.union(*(layer.campaigns_received(first_month, last_month) for layer in self.layers))

    def standing(self, campaign_id: str) -> Standing | None:
        # The newest layer first: a standing is replaced, other things are only added.
        for layer in reversed(self.layers):
            if (found := layer.standing(campaign_id)) is not None:
                return found
        if campaign_id in self.standings:
            stored = self.standings[campaign_id]
        else:
            row = self._first(self._index.standing, campaign_id=campaign_id)
            stored = None if row is None else row[0]
        return None if stored is None else _decode_standing(stored)

    def _is_gone(self, lane: str, key: Key, above: int) -> bool:
        """Whether a layer, from this one up, has taken the fact away from the place."""
        return any((lane, key) in layer.gone for layer in self.layers[above:])

    def _laid_before(self, place: int, lane: str, key: Key) -> AnyFact | None:
        # What a layer holds, only the layers above it can have taken away since.
        layer = self.layers[place]
        while (fact := layer.before(lane, key)) is not None and self._is_gone(lane, fact.key, place + 1):
            key = fact.key
        return fact

    def _laid_after(self, place: int, lane: str, key: Key) -> AnyFact | None:
        layer = self.layers[place]
        while (fact := layer.after(lane, key)) is not None and self._is_gone(lane, fact.key, place + 1):
            key = fact.key
        return fact

    def _laid_between(
        self, place: int, lane: str, start: datetime, end: datetime | None
    ) -> Iterator[AnyFact]:
        for fact in self.layers[place].between(lane, start, end):
            if not self._is_gone(lane, fact.key, place + 1):
                yield fact

    def _find_stored_neighbour(self, statement: Prepared, lane: str, key: Key) -> AnyFact | None:
        while (row := self._first(statement, lane=lane, at=microseconds(key[0]), fact_id=key[1])) is not None:
            fact = cast(AnyFact, decode(row[0], row[1]))
            if not self._is_gone(lane, fact.key, 0):
                return fact
            key = fact.key
        return None

    def _find_stored_between(self, lane: str, start: datetime, end: datetime | None) -> Iterator[AnyFact]:
        key: Key = (start, "")
        until = _END_OF_TIME if end is None else microseconds(end)
        while page := self._all(
            self._index.page, lane=lane, at=microseconds(key[0]), fact_id=key[1], end=until
        ):
            for topic, state in page:
                fact = cast(AnyFact, decode(topic, state))
                key = fact.key
                if not self._is_gone(lane, key, 0):
                    yield fact
            if len(page) < PAGE:
                return

    def _first(self, statement: Prepared, **values: Any) -> Any:  # noqa: ANN401
        return None if self._new else statement.first(self._open(), journey_id=self.journey_id, **values)

    def _all(self, statement: Prepared, **values: Any) -> Sequence[Any]:
        return () if self._new else statement.all(self._open(), journey_id=self.journey_id, **values)

    def _open(self) -> Connection:
        if self.connection is None:
            raise RuntimeError("a journey's history is looked up inside a unit of work only")
        return self.connection


def month_lane(month: int) -> str:
    """The lane that holds the ids of the campaigns with a receipt in a 30-day span."""
    return f"campaigns/{month}"


def _each_once(facts: Iterable[AnyFact]) -> Iterator[AnyFact]:
    """The facts, in order, without the second copy of those that are both in a layer and in the database."""
    before = None
    for fact in facts:
        if fact.key != before:
            yield fact
        before = fact.key


def _key(fact: AnyFact) -> Key:
    return fact.key
