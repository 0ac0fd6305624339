"""A journey's stream as chapters, a fact and its decisions each, and what today's domain code decides from the fact."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from domain.errors import DomainError
from domain.facts import AnyFact, Fact, Received
from domain.journey.decisions import Decision
from domain.journey.user_journey import UserJourney
from infrastructure.event_store.codec import TOPICS, UnreadableEvent, decode

FACT_TYPES = frozenset(event for event in TOPICS if issubclass(event, Fact))
DECISIONS = frozenset(topic for event, topic in TOPICS.items() if issubclass(event, Decision))
_FACTS = frozenset(TOPICS[event] for event in FACT_TYPES)
OF_JOURNEYS = _FACTS | DECISIONS
_OTHERS = frozenset(TOPICS.values()) - OF_JOURNEYS


class StreamRow(NamedTuple):
    """An event as its stream holds it."""

    stream_id: str
    version: int
    position: int
    app_group: str
    topic: str
    state: str


class Chapter(NamedTuple):
    """A fact and the rows of its decisions, which follow it in the stream up to the next fact."""

    row: StreamRow
    fact: AnyFact
    decided: list[StreamRow]


class CannotReplay(Exception):
    """A stream cannot be replayed from `row` on; `chapter` is the one under way, None before the first."""

    def __init__(
        self, kind: Literal["not_taken", "unreadable"], row: StreamRow, reason: str, chapter: Chapter | None
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.row = row
        self.reason = reason
        self.chapter = chapter


def is_journey(rows: Sequence[StreamRow]) -> bool:
    """Whether a stream is a journey's, and not a campaign's or an app group's; also one with unknown topics is."""
    return not all(row.topic in _OTHERS for row in rows)


def read_chapters(rows: Iterable[StreamRow]) -> Iterator[Chapter]:
    """The chapters of a journey's stream, in order; raises CannotReplay."""
    chapter = None
    for version, row in enumerate(rows, 1):
        if row.version != version:
            raise CannotReplay("unreadable", row, f"version {version} of the stream is missing", chapter)
        if row.topic in DECISIONS:
            if chapter is None:
                raise CannotReplay("unreadable", row, "no fact precedes the decision", chapter)
            chapter.decided.append(row)
            continue
        if row.topic in _FACTS and chapter is not None:
            yield chapter
            chapter = None
        chapter = Chapter(row, _read_fact(row, chapter), [])
    if chapter is not None:
        yield chapter


def _read_fact(row: StreamRow, chapter: Chapter | None) -> AnyFact:
    try:
        event = decode(row.topic, row.state)
    except UnreadableEvent as error:
        raise CannotReplay("unreadable", row, str(error), chapter) from None
    if not isinstance(event, Fact):
        raise CannotReplay("unreadable", row, f"{row.topic} is no event of a journey", chapter)
    return event  # type: ignore[return-value]


def decide(journey: UserJourney, chapter: Chapter) -> tuple[list[Any], str | None]:
    """What today's code decides from a chapter's fact; if it refuses the fact, nothing and the reason.

    Raises CannotReplay if today's code fails otherwise: the journey's state is then unknown.
    """
    fact = chapter.fact
    try:
        if isinstance(fact, Received):
            # Looked up before the fact is recorded: a campaign that is missing must not leave half a decision.
            journey.definitions[fact.campaign_id]
    except (DomainError, UnreadableEvent) as error:
        return [], str(error)
    try:
        is_new = journey.take(fact)
    except DomainError as error:
        return [], error.message
    except Exception as error:  # whatever today's code fails with, an upgrade to it would fail too
        raise CannotReplay("not_taken", chapter.row, f"{type(error).__name__}: {error}", chapter) from error
    if not is_new:
        return [], "a fact of the same id and content precedes it"
    return [recorded.event for recorded in journey.collect_events()[1:]], None
