"""A user's journey: every fact and decision that was recorded, in order, page by page."""

from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from application.queries.reads import Reads, StoredEvent
from domain.errors import DomainError
from domain.facts import Fact
from domain.instants import from_microseconds, printed
from domain.journey.decisions import FactDisregarded

_SEALED = {"properties", "reason"}
"""Fields of facts whose content is kept outside the events."""


class UnknownUser(DomainError):
    """No fact of the user was ever recorded."""

    code = "unknown_user"


@dataclass(frozen=True)
class JourneyPage:
    """Some events of a journey; where there are more, `after` is the version of the last one."""

    app_group: str
    user_id: str
    events: list[StoredEvent]
    after: int | None

    def as_json(self) -> dict[str, Any]:
        """As docs/http.md has it, but for the cursor; only orjson can write it."""
        return {
            "app_group": self.app_group,
            "user_id": self.user_id,
            "events": [_event(each) for each in self.events],
        }


def read_journey(reads: Reads, app_group: str, user_id: str, limit: int, after: int = 0) -> JourneyPage:
    """The events of a journey after a version, the newest last; raises UnknownUser."""
    with reads.recorded() as connection:
        found = reads.histories.of_user(connection, app_group, user_id, after, limit + 1)
    if not found and not after:
        raise UnknownUser(f"no fact of {user_id!r} was ever recorded", place="user_id")
    further = found[limit - 1].version if len(found) > limit else None
    return JourneyPage(app_group, user_id, found[:limit], further)


def _event(found: StoredEvent) -> dict[str, Any]:
    event = msgspec.to_builtins(found.event)
    if isinstance(found.event, Fact):
        _open(event, found.free_text)
    elif isinstance(found.event, FactDisregarded):
        _open(event["fact"], found.free_text)
    return {
        "position": str(found.position),
        "version": found.version,
        "recorded_at": printed(from_microseconds(found.recorded_at)),
        "topic": found.topic,
        "event": event,
    }


def _open(fact: dict[str, Any], free_text: str | None) -> None:
    """Put the free text of a fact where its event has only a seal."""
    for field in _SEALED & fact.keys():
        if free_text is None:
            del fact[field]
        else:
            # The text goes out as it was stored: it may hold numbers that no reader here could represent.
            fact[field] = orjson.Fragment(free_text)
