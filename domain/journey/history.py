"""What lies outside the state kept at hand: the facts of a journey by id and by lane, and standings put away."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from domain import lanes
from domain.facts import AnyFact, Fact, Key, Received, digest
from domain.journey.decisions import FactDisregarded, JourneyEvent, UpgradeRecorded, UpgradeWithdrawn
from domain.journey.state import Standing

LAST_ID = chr(0x10FFFF) * 256
"""An id greater than any other: with it, a key stands after every fact of the same instant."""


_MOVES_LANES = (FactDisregarded, UpgradeRecorded, UpgradeWithdrawn)


class History(Protocol):
    """One journey's past, looked up piece by piece so that a fact costs the same however long the journey is.

    Lanes hold only what stands: a disregarded fact is in none of them.
    """

    def digest(self, fact_id: str) -> bytes | None:
        """The content digest of the recorded fact with this id."""

    def fact(self, fact_id: str) -> AnyFact | None:
        """The recorded fact with this id, disregarded or not."""

    def beginning(self, prefix: str) -> Iterator[AnyFact]:
        """The recorded facts whose ids begin so, by id, disregarded or not."""

    def before(self, lane: str, key: Key) -> AnyFact | None:
        """The latest fact of the lane before the key."""

    def after(self, lane: str, key: Key) -> AnyFact | None:
        """The earliest fact of the lane after the key."""

    def between(self, lane: str, start: datetime, end: datetime | None = None) -> Iterator[AnyFact]:
        """The facts of the lane from one instant to another, both inside, in order."""

    def campaigns_received(self, first_month: int, last_month: int) -> set[str]:
        """The campaigns with a receipt in these two 30-day spans (`lanes.month`), and perhaps more."""

    def standing(self, campaign_id: str) -> Standing | None:
        """A standing that was put away, as it stood then."""

    def add(self, event: JourneyEvent, version: int) -> None:
        """Take in an event just recorded."""


class MemoryHistory:
    """A history held whole in memory: for tests, for tools, and for what a batch has not yet saved."""

    def __init__(self) -> None:
        self.facts: dict[str, tuple[AnyFact, bytes, int]] = {}
        self.lanes: dict[str, list[Key]] = {}
        self.months: dict[int, set[str]] = {}
        self.standings: dict[str, Standing] = {}

    def digest(self, fact_id: str) -> bytes | None:
        found = self.facts.get(fact_id)
        return None if found is None else found[1]

    def fact(self, fact_id: str) -> AnyFact | None:
        found = self.facts.get(fact_id)
        return None if found is None else found[0]

    def beginning(self, prefix: str) -> Iterator[AnyFact]:
        for fact_id in sorted(self.facts):
            if fact_id.startswith(prefix):
                yield self.facts[fact_id][0]

    def before(self, lane: str, key: Key) -> AnyFact | None:
        keys = self.lanes.get(lane, [])
        place = bisect_left(keys, key)
        return self._at(keys[place - 1]) if place else None

    def after(self, lane: str, key: Key) -> AnyFact | None:
        keys = self.lanes.get(lane, [])
        place = bisect_right(keys, key)
        return self._at(keys[place]) if place < len(keys) else None

    def between(self, lane: str, start: datetime, end: datetime | None = None) -> Iterator[AnyFact]:
        keys = self.lanes.get(lane, [])
        last = len(keys) if end is None else bisect_right(keys, (end, LAST_ID))
        for key in keys[bisect_left(keys, (start, "")) : last]:
            yield self._at(key)

    def campaigns_received(self, first_month: int, last_month: int) -> set[str]:
        return self.months.get(first_month, set()) | self.months.get(last_month, set())

    def standing(self, campaign_id: str) -> Standing | None:
        return self.standings.get(campaign_id)

    def add(self, event: JourneyEvent, version: int) -> None:
        if isinstance(event, Fact):
            self.facts[event.id] = (event, digest(event), version)
            if type(event) is Received:
                self.months.setdefault(lanes.month(event.at), set()).add(event.campaign_id)
        elif type(event) not in _MOVES_LANES:
            return
        for lane, key in lanes_joined(event):
            insort(self.lanes.setdefault(lane, []), key)
        for lane, key in lanes_left(event):
            keys = self.lanes.get(lane, [])
            place = bisect_left(keys, key)
            if place < len(keys) and keys[place] == key:
                del keys[place]

    def _at(self, key: Key) -> AnyFact:
        fact = self.fact(key[1])
        if fact is None:
            raise LookupError(f"no fact {key[1]!r}")  # pragma: no cover
        return fact


def lanes_joined(event: JourneyEvent) -> list[tuple[str, Key]]:
    """The places in lanes that the event adds; the event alone says so, so the index can be rebuilt from the log."""
    if isinstance(event, Fact):
        key = event.key
        return [(lane, key) for lane in lanes.of(event)]
    return [(lanes.UPGRADES, event.report.key)] if type(event) is UpgradeRecorded else []


def lanes_left(event: JourneyEvent) -> list[tuple[str, Key]]:
    """The places in lanes that the event removes."""
    if type(event) is FactDisregarded:
        return [(lane, event.fact.key) for lane in lanes.of(event.fact)]
    return [(lanes.UPGRADES, event.report.key)] if type(event) is UpgradeWithdrawn else []
