"""What today's code would decide differently from what was recorded, listed by fact and counted."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, Literal

import msgspec

from domain.instants import printed

Kind = Literal["decided_otherwise", "not_taken", "unreadable"]
"""The fact's decisions differ; today's code does not take the fact; something recorded cannot be read."""

Side = Literal["recorded", "now"]


@dataclass(frozen=True)
class Decided:
    """A decision as its event says it, and the position where it was recorded; None for what is decided now."""

    topic: str
    payload: str
    position: int | None = None

    def event(self) -> Any:  # noqa: ANN401
        """The payload as plain values; the text itself if it is no JSON."""
        try:
            return msgspec.json.decode(self.payload)
        except msgspec.DecodeError:
            return self.payload

    def as_json(self) -> dict[str, Any]:
        """With a position only if it was recorded."""
        place = {} if self.position is None else {"position": str(self.position)}
        return {**place, "topic": self.topic, "event": self.event()}


@dataclass(frozen=True)
class NamedFact:
    """A fact as differences name it."""

    id: str
    type: str
    at: datetime
    position: int

    def as_json(self) -> dict[str, Any]:
        """As the log has it."""
        return {"id": self.id, "type": self.type, "at": printed(self.at), "position": str(self.position)}


@dataclass(frozen=True)
class Difference:
    """What was decided from one fact and is decided now, or the event from which a stream cannot be replayed.

    `recorded` and `now` leave out what is in both. `user_id` is None if the identity was erased. `tampered` are the
    positions of rows whose hash differs: then the cause is a changed row, and not the code.
    """

    kind: Kind
    app_group: str
    journey_id: str
    position: int
    fact: NamedFact | None
    recorded: tuple[Decided, ...] = ()
    now: tuple[Decided, ...] = ()
    reason: str | None = None
    user_id: str | None = None
    tampered: tuple[int, ...] = ()

    @property
    def positions(self) -> set[int]:
        """The rows of the log that it is about."""
        return {self.position, *{each.position for each in self.recorded if each.position is not None}}

    def as_json(self) -> dict[str, Any]:
        """As docs/audit.md has it."""
        return {
            "kind": self.kind,
            "app_group": self.app_group,
            "journey_id": self.journey_id,
            "user_id": self.user_id,
            "position": str(self.position),
            "fact": None if self.fact is None else self.fact.as_json(),
            "recorded": [each.as_json() for each in self.recorded],
            "now": [each.as_json() for each in self.now],
            "reason": self.reason,
            "tampered": [str(each) for each in self.tampered],
        }


@dataclass
class Found:
    """Counts of some journeys, and their earliest differences up to a limit. Parts add up in any order."""

    limit: int
    events: int = 0
    journeys: int = 0
    facts: int = 0
    decisions: int = 0
    journeys_differing: int = 0
    differences_total: int = 0
    topics: Counter[tuple[str, Side]] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)

    def note(self, difference: Difference) -> None:
        """Count a difference, and keep it while it may be among the earliest."""
        self.differences_total += 1
        self.topics.update((each.topic, "recorded") for each in difference.recorded)
        self.topics.update((each.topic, "now") for each in difference.now)
        self.differences.append(difference)
        if len(self.differences) >= 2 * self.limit:
            self.keep_earliest()

    def keep_earliest(self) -> None:
        """Drop all but the earliest differences."""
        self.differences.sort(key=attrgetter("position"))
        del self.differences[self.limit :]

    def add(self, part: "Found") -> None:
        """Add what was found in other journeys."""
        self.events += part.events
        self.journeys += part.journeys
        self.facts += part.facts
        self.decisions += part.decisions
        self.journeys_differing += part.journeys_differing
        self.differences_total += part.differences_total
        self.topics.update(part.topics)
        self.differences += part.differences
        self.keep_earliest()


@dataclass(frozen=True)
class DecisionAudit:
    """What a replay by today's code found, up to and including a position."""

    app_group: str | None
    campaign_id: str | None
    position: int
    found: Found
    seconds: float

    @property
    def equal(self) -> bool:
        """Whether today's code decides everything as recorded."""
        return not self.found.differences_total

    def as_json(self) -> dict[str, Any]:
        """As docs/audit.md has it."""
        found = self.found
        return {
            "app_group": self.app_group,
            "campaign_id": self.campaign_id,
            "position": str(self.position),
            "equal": self.equal,
            "events": found.events,
            "journeys": found.journeys,
            "facts": found.facts,
            "decisions": found.decisions,
            "journeys_differing": found.journeys_differing,
            "differences_total": found.differences_total,
            "topics": [
                {"topic": topic, "recorded": recorded, "now": now} for topic, recorded, now in self.by_topic()
            ],
            "differences": [each.as_json() for each in found.differences],
            "seconds": round(self.seconds, 3),
        }

    def by_topic(self) -> list[tuple[str, int, int]]:
        """By topic, how many decisions are recorded only, and how many are decided now only."""
        topics = self.found.topics
        names = sorted({topic for topic, _ in topics})
        return [(topic, topics[topic, "recorded"], topics[topic, "now"]) for topic in names]
