"""Replaying a journey's facts through today's domain code, and comparing what it decides with what was recorded.

The state is today's throughout: after a difference, later decisions are compared with what follows from it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from domain.errors import DomainError
from domain.facts import AnyFact, Fact, Received, type_of
from domain.journey.decisions import Decision
from domain.journey.history import MemoryHistory
from domain.journey.state import Definitions
from domain.journey.user_journey import UserJourney
from infrastructure.audit.decision_differences import Decided, Difference, Found, Kind, NamedFact
from infrastructure.event_store.codec import TOPICS, UnreadableEvent, decode, encode

FACTS = frozenset(topic for event, topic in TOPICS.items() if issubclass(event, Fact))
DECISIONS = frozenset(topic for event, topic in TOPICS.items() if issubclass(event, Decision))
_OF_JOURNEYS = FACTS | DECISIONS
_OTHERS = frozenset(TOPICS.values()) - _OF_JOURNEYS


class StreamRow(NamedTuple):
    """An event as its stream holds it."""

    stream_id: str
    version: int
    position: int
    app_group: str
    topic: str
    state: str


class Chapter(NamedTuple):
    """A fact, and the rows of what was decided from it: they stand between it and the stream's next fact."""

    row: StreamRow
    fact: AnyFact
    decided: list[StreamRow]


class _Ended(Exception):
    """The rest of a stream cannot be compared; the chapter is the one under way, if one is."""

    def __init__(self, kind: Kind, row: StreamRow, reason: str, chapter: Chapter | None) -> None:
        super().__init__(reason)
        recorded = _as_recorded(chapter.decided if chapter is not None else ())
        self.difference = _difference(kind, row, chapter, recorded, reason=reason)


def chapters(rows: Iterable[StreamRow]) -> Iterator[Chapter]:
    """The facts of a journey's stream in order, each with its decisions."""
    chapter = None
    for version, row in enumerate(rows, 1):
        if row.version != version:
            reason = f"version {version} of the stream is missing"
            raise _Ended("unreadable", row, reason, chapter)
        if row.topic in DECISIONS:
            if chapter is None:
                raise _Ended("unreadable", row, "no fact stands before the decision", chapter)
            chapter.decided.append(row)
            continue
        if row.topic in FACTS and chapter is not None:
            yield chapter
            chapter = None
        chapter = Chapter(row, _fact(row, chapter), [])
    if chapter is not None:
        yield chapter


def _fact(row: StreamRow, chapter: Chapter | None) -> AnyFact:
    try:
        event = decode(row.topic, row.state)
    except UnreadableEvent as error:
        raise _Ended("unreadable", row, str(error), chapter) from None
    if not isinstance(event, Fact):
        raise _Ended("unreadable", row, f"{row.topic} is no event of a journey", chapter)
    return event  # type: ignore[return-value]


class Replay:
    """Replays journeys one after the other; what it finds is added to `found`.

    With a campaign, only decisions about it are compared, and journeys that never name it are passed over.
    """

    def __init__(
        self,
        found: Found,
        definitions_of: Callable[[str], Definitions],
        app_group: str | None = None,
        campaign_id: str | None = None,
    ) -> None:
        self._found = found
        self._definitions_of = definitions_of
        self._app_group = app_group
        self._campaign_id = campaign_id
        self._named = f'"campaign_id":{msgspec.json.encode(campaign_id).decode()}'

    def stream(self, rows: Sequence[StreamRow]) -> None:
        """Replay a stream, unless it is a campaign's, an app group's, or none that was asked for."""
        app_group = rows[0].app_group
        of_no_journey = all(row.topic in _OTHERS for row in rows)
        if of_no_journey or self._app_group not in {None, app_group} or self._is_of_others(rows):
            return
        before = self._found.differences_total
        journey = UserJourney(rows[0].stream_id, MemoryHistory(), self._definitions_of(app_group))
        try:
            for chapter in chapters(rows):
                self._compare(journey, chapter)
        except _Ended as ended:
            self._found.note(ended.difference)
        self._found.journeys += 1
        self._found.journeys_differing += self._found.differences_total > before

    def _is_of_others(self, rows: Sequence[StreamRow]) -> bool:
        """Whether the journey has nothing to do with the campaign asked for, and can be read to its end."""
        if self._campaign_id is None:
            return False
        return not any(self._named in row.state or row.topic not in _OF_JOURNEYS for row in rows)

    def _compare(self, journey: UserJourney, chapter: Chapter) -> None:
        self._found.facts += 1
        now, refusal = _taken(journey, chapter)
        if refusal is None and _same_text(now, chapter.decided):
            self._found.decisions += len(self._in_scope(now))
            return
        try:
            events = [decode(row.topic, row.state) for row in chapter.decided]
        except UnreadableEvent as error:
            told = _as_recorded(chapter.decided), _as_now(now)
            self._found.note(_difference("unreadable", chapter.row, chapter, *told, str(error)))
            return
        decided, now = self._in_scope(events), self._in_scope(now)
        rows = [row for row, event in zip(chapter.decided, events, strict=True) if self._in_scope([event])]
        self._found.decisions += len(rows)
        if refusal is not None:
            recorded = _as_recorded(rows)
            self._found.note(_difference("not_taken", chapter.row, chapter, recorded, reason=refusal))
        elif now != decided:
            self._found.note(_otherwise(chapter, rows, decided, now))

    def _in_scope(self, events: list[Any]) -> list[Any]:
        """The decisions that are compared; disregarded facts and upgrades are no campaign's."""
        wanted = self._campaign_id
        if wanted is None:
            return events
        return [event for event in events if getattr(event, "campaign_id", None) == wanted]


def _taken(journey: UserJourney, chapter: Chapter) -> tuple[list[Any], str | None]:
    """What today's code decides from a fact; or why it does not take it, and nothing then."""
    fact = chapter.fact
    try:
        if isinstance(fact, Received):
            # Before the fact is recorded: a campaign that is not there must not leave half a decision.
            journey.definitions[fact.campaign_id]
    except (DomainError, UnreadableEvent) as error:
        return [], str(error)
    try:
        is_new = journey.take(fact)
    except DomainError as error:
        return [], error.message
    except Exception as error:  # whatever today's code fails with, it is what the upgrade would change
        raise _Ended("not_taken", chapter.row, f"{type(error).__name__}: {error}", chapter) from error
    if not is_new:
        return [], "a fact of the same id and content stands before it"
    return [recorded.event for recorded in journey.collect_events()[1:]], None


def _same_text(now: list[Any], decided: list[StreamRow]) -> bool:
    """Whether the decisions would be stored as they are: far quicker than to read them, and nearly always so."""
    if len(now) != len(decided):
        return False
    for event, row in zip(now, decided, strict=True):
        if TOPICS[type(event)] != row.topic or encode(event).decode() != row.state:
            return False
    return True


def _otherwise(chapter: Chapter, rows: list[StreamRow], decided: list[Any], now: list[Any]) -> Difference:
    """What is on one side alone; all of it where only the order is another."""
    gone, new = Counter(now), Counter(decided)
    recorded = [row for row, event in zip(rows, decided, strict=True) if not _taken_off(gone, event)]
    fresh = [event for event in now if not _taken_off(new, event)]
    reason = None
    if not recorded and not fresh:
        recorded, fresh, reason = rows, now, "the same decisions in another order"
    told = _as_recorded(recorded), _as_now(fresh)
    return _difference("decided_otherwise", chapter.row, chapter, *told, reason)


def _taken_off(left: Counter[Any], event: object) -> bool:
    """Take one such event off those that are left, if there is one."""
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
