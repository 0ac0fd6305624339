"""Comparing what today's domain code decides from a journey's facts with what was recorded.

The state is today's throughout: after a difference, later decisions are compared with what follows from it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from domain.facts import type_of
from domain.journey.history import MemoryHistory
from domain.journey.state import Definitions
from domain.journey.user_journey import UserJourney
from infrastructure.audit.decision_differences import Decided, Difference, Found, Kind, NamedFact
from infrastructure.event_store.codec import TOPICS, UnreadableEvent, decode, encode
from infrastructure.replay.chapters import (
    OF_JOURNEYS,
    CannotReplay,
    Chapter,
    StreamRow,
    decide,
    is_journey,
    read_chapters,
)


class Comparison:
    """Compares journeys one after the other, and adds what it finds to `found`.

    With a campaign, it compares only decisions about it, and skips journeys that never name it.
    """

    def __init__(
        self,
        found: Found,
        find_definitions: Callable[[str], Definitions],
        app_group: str | None = None,
        campaign_id: str | None = None,
    ) -> None:
        self._found = found
        self._find_definitions = find_definitions
        self._app_group = app_group
        self._campaign_id = campaign_id
        self._naming = f'"campaign_id":{msgspec.json.encode(campaign_id).decode()}'

    def add(self, rows: Sequence[StreamRow]) -> None:
        """Replay and compare a stream, unless it is no journey's, or none that was asked for."""
        self._found.events += len(rows)
        app_group = rows[0].app_group
        if not is_journey(rows) or self._app_group not in {None, app_group} or self._is_of_others(rows):
            return
        before = self._found.differences_total
        journey = UserJourney(rows[0].stream_id, MemoryHistory(), self._find_definitions(app_group))
        try:
            for chapter in read_chapters(rows):
                self._compare(journey, chapter)
        except CannotReplay as end:
            recorded = _as_recorded(end.chapter.decided if end.chapter is not None else ())
            self._found.note(_difference(end.kind, end.row, end.chapter, recorded, reason=end.reason))
        self._found.journeys += 1
        self._found.journeys_differing += self._found.differences_total > before

    def _is_of_others(self, rows: Sequence[StreamRow]) -> bool:
        """Whether the journey never names the campaign asked for, and is readable to its end."""
        if self._campaign_id is None:
            return False
        return not any(self._naming in row.state or row.topic not in OF_JOURNEYS for row in rows)

    def _compare(self, journey: UserJourney, chapter: Chapter) -> None:
        self._found.facts += 1
        now, refusal = decide(journey, chapter)
        if refusal is None and _is_same_text(now, chapter.decided):
            self._found.decisions += len(self._select(now))
            return
        try:
            events = [decode(row.topic, row.state) for row in chapter.decided]
        except UnreadableEvent as error:
            sides = _as_recorded(chapter.decided), _as_now(now)
            self._found.note(_difference("unreadable", chapter.row, chapter, *sides, str(error)))
            return
        decided, now = self._select(events), self._select(now)
        rows = [row for row, event in zip(chapter.decided, events, strict=True) if self._select([event])]
        self._found.decisions += len(rows)
        if refusal is not None:
            recorded = _as_recorded(rows)
            self._found.note(_difference("not_taken", chapter.row, chapter, recorded, reason=refusal))
        elif now != decided:
            self._found.note(_find_difference(chapter, rows, decided, now))

    def _select(self, events: list[Any]) -> list[Any]:
        """The decisions that are compared; disregarded facts and upgrades belong to no campaign."""
        wanted = self._campaign_id
        if wanted is None:
            return events
        return [event for event in events if getattr(event, "campaign_id", None) == wanted]


def _is_same_text(now: list[Any], decided: list[StreamRow]) -> bool:
    """Whether the decisions would be stored as they are: much faster than decoding them, and nearly always true."""
    return len(now) == len(decided) and all(
        TOPICS[type(event)] == row.topic and encode(event).decode() == row.state
        for event, row in zip(now, decided, strict=True)
    )


def _find_difference(
    chapter: Chapter, rows: list[StreamRow], decided: list[Any], now: list[Any]
) -> Difference:
    """What is on one side only; everything if only the order differs."""
    gone, new = Counter(now), Counter(decided)
    recorded = [row for row, event in zip(rows, decided, strict=True) if not _remove(gone, event)]
    fresh = [event for event in now if not _remove(new, event)]
    reason = None
    if not recorded and not fresh:
        recorded, fresh, reason = rows, now, "the same decisions in another order"
    sides = _as_recorded(recorded), _as_now(fresh)
    return _difference("decided_otherwise", chapter.row, chapter, *sides, reason)


def _remove(left: Counter[Any], event: object) -> bool:
    """Remove one such event from those that are left; whether there was one."""
    if not left[event]:
        return False
    left[event] -= 1
    return True


def _as_recorded(rows: Iterable[StreamRow]) -> tuple[Decided, ...]:
    return tuple(Decided(row.topic, row.state, row.position) for row in rows)


def _as_now(events: Iterable[Any]) -> tuple[Decided, ...]:
    return tuple(Decided(TOPICS[type(event)], encode(event).decode()) for event in events)


def _difference(
    kind: Kind,
    row: StreamRow,
    chapter: Chapter | None,
    recorded: tuple[Decided, ...] = (),
    now: tuple[Decided, ...] = (),
    reason: str | None = None,
) -> Difference:
    named = None
    if chapter is not None:
        fact = chapter.fact
        named = NamedFact(fact.id, type_of(fact), fact.at, chapter.row.position)
    return Difference(kind, row.app_group, row.stream_id, row.position, named, recorded, now, reason)
