"""What commands need of the outside: the ports that infrastructure fills."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from application.ledger import Aggregates
from domain.aggregate import Aggregate
from domain.explanation import RecordedEvent
from domain.journey.state import Definitions
from domain.journey.user_journey import UserJourney

A = TypeVar("A", bound=Aggregate[Any])
T = TypeVar("T")


@dataclass(frozen=True)
class Stamp:
    """What every event carries of its command: the command's id, and who gave it (a key id or a user, no secret)."""

    command_id: str
    actor: str


@dataclass(frozen=True)
class LoadedJourney:
    """A journey ready to take facts, and the key that seals its properties."""

    journey: UserJourney
    key: bytes


class Announced(NamedTuple):
    """A fact about to be taken: what is known of its id and of its campaign is looked up for all facts at once."""

    fact_id: str
    campaign_id: str | None


class UnitOfWork(Protocol):
    """One command while it is decided: it reads one consistent view, and all that it records is kept, or nothing."""

    @property
    def aggregates(self) -> Aggregates:
        """App groups and campaigns as they are in its view."""

    def record(self, app_group: str, *aggregates: Aggregate[Any]) -> None:
        """Record the pending events of the aggregates, in the order given, after all that was recorded before."""


class JourneyUnitOfWork(UnitOfWork, Protocol):
    """A command that works on journeys, which stay in memory from one command to the next."""

    def remember(self, stream_id: str, load: Callable[[], A]) -> A:
        """An aggregate as it is now: from memory, or loaded if others have recorded events on its stream."""

    def journeys(
        self, app_group: str, facts: Mapping[str, Sequence[Announced]], definitions: Definitions
    ) -> dict[str, LoadedJourney]:
        """The journeys of the users, made for new ones; `facts` are those to be taken, by user id.

        A unit of work asks once.
        """

    def keep_text(self, journey_id: str, fact_id: str, text: str) -> None:
        """Keep a fact's free text outside the events, which never change."""


MakeAnswer = Callable[[int], T]
"""Makes the answer to a command from its position, once what it recorded is durable."""

Decide = Callable[[JourneyUnitOfWork], MakeAnswer[T]]
"""Decides a command. It is called again, with everything loaded again, if somebody else was faster."""


class Writer(Protocol):
    """The write side of the ledger's database."""

    def submit(self, stamp: Stamp, decide: Decide[T]) -> Future[T]:
        """Decide a command now and record it soon, in the order given: the future holds its answer once it is durable.

        The position of the answer is at or after every event that the command found or recorded.
        """

    def alone(self, stamp: Stamp) -> AbstractContextManager[UnitOfWork]:
        """Decide while nobody else writes; if the block ends with an error, nothing is recorded."""


class Streams(Protocol):
    """The journeys of users, event by event."""

    def read_events(self, app_group: str, user_id: str) -> list[RecordedEvent]:
        """All events of a user's journey in order; none if the user is unknown."""
