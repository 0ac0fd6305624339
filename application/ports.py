"""What the application needs of the outside, and who asks: the ports that infrastructure fills."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from domain.explanation import Told
from domain.journey.state import Definitions
from domain.journey.user_journey import UserJourney


@dataclass(frozen=True)
class Stamp:
    """What every event carries of its command: the command's id and who gave it (a key id or a user; no secret)."""

    command_id: str
    actor: str


@dataclass(frozen=True)
class LoadedJourney:
    """A journey ready to take facts, and the key that seals its properties."""

    journey: UserJourney
    key: bytes


class Transaction(Protocol):
    """One write transaction on the ledger: it holds the write lock, and all it records commits or nothing does."""

    def journeys(
        self, app_group: str, facts: Mapping[str, Sequence[str]], definitions: Definitions
    ) -> dict[str, LoadedJourney]:
        """The journeys of the users, made where new; `facts` are the fact ids to be asked about, by user id."""

    def keep_aside(self, journey_id: str, fact_id: str, text: str) -> None:
        """Keep a fact's free text outside the events."""

    @property
    def position(self) -> int:
        """The position of the last event recorded so far, 0 when there is none."""


class Ledgers(Protocol):
    """The write side of the ledger's database."""

    def writing(self, stamp: Stamp) -> AbstractContextManager[Transaction]:
        """Open a write transaction; left with an error, nothing of it is recorded."""


class Streams(Protocol):
    """The journeys of users, event by event."""

    def told(self, app_group: str, user_id: str) -> list[Told]:
        """All events of a user's journey in order; none for a user never heard of."""
