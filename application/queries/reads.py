"""The port of all questions: what they are answered from, whoever asks them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy.engine import Connection

from application.ledger import Aggregates, UnknownCampaign
from domain.campaigns.campaign import Campaign
from domain.campaigns.definition import Definition
from domain.errors import DomainError
from domain.instants import printed
from projections.engine.projection import Definitions, Log, Projection


class ReadModels(NamedTuple):
    """A read transaction in which read models hold every event up to one position."""

    connection: Connection
    position: int


class StoredEvent(NamedTuple):
    """An event of a stream; `recorded_at` in microseconds since 1970.

    `actor` is who gave the command. `free_text` is JSON of a fact's properties or reason, which are kept outside the
    events.
    """

    position: int
    version: int
    recorded_at: int
    topic: str
    event: Any
    actor: str | None
    free_text: str | None = None


class Histories(Protocol):
    """The events of one user or campaign, a page at a time."""

    def of_user(
        self, connection: Connection, app_group: str, user_id: str, after: int, limit: int
    ) -> list[StoredEvent]:
        """The events of a user's journey after a version, in order; none for an unknown user."""

    def of_campaign(
        self, connection: Connection, app_group: str, campaign_id: str, after: int, limit: int
    ) -> list[StoredEvent]:
        """The events of a campaign after a version, in order; none for an unknown campaign."""


class Reads(Protocol):
    """Read transactions over the ledger and its read models.

    The terminal brings read models up to date before it reads them. HTTP waits until the projector has done so.
    """

    @property
    def ledger(self) -> Aggregates:
        """Loads app groups and campaigns."""

    @property
    def definitions(self) -> Definitions:
        """Time zones and campaign definitions."""

    @property
    def log(self) -> Log:
        """Reads the event log."""

    @property
    def histories(self) -> Histories:
        """Reads the events of one user or campaign."""

    def now(self) -> datetime:
        """The current time."""

    def recorded(self) -> AbstractContextManager[Connection]:
        """A read transaction over everything recorded; read models may be behind in it."""

    def up_to_date(
        self, *projections: Projection, beside: Sequence[Projection] = (), with_rows: bool = False
    ) -> AbstractContextManager[ReadModels]:
        """A read transaction in which these read models are at one position, and hold all that was acknowledged.

        An answer can do without those that are named `beside`: HTTP does not wait long for them.
        A question about single users is asked `with_rows`: frozen reads bring them only then.
        """

    def beside(self, models: Connection) -> AbstractContextManager[Connection]:
        """A read transaction over everything recorded, for a question that reads these read models too."""


@dataclass(frozen=True)
class AskedCampaign:
    """The campaign that a question is about, and what the answer is read from."""

    reads: Reads
    app_group: str
    campaign_id: str

    @property
    def key(self) -> tuple[str, str]:
        """The app group and the campaign's id."""
        return self.app_group, self.campaign_id

    def definition(self) -> Definition:
        """The variants and conversion events of the campaign; raises UnknownCampaign."""
        return self.reads.definitions.definition(*self.key)

    def campaign(self) -> Campaign:
        """The campaign; raises UnknownCampaign."""
        return self.reads.ledger.existing_campaign(*self.key)


class NotDraftedYet(UnknownCampaign):
    """The campaign was drafted after the instant that is asked about."""


class BadQuestion(DomainError):
    """A parameter of a question makes no sense; `place` names the parameter, and `code` says which rule it breaks."""

    def __init__(self, message: str, *, code: str, place: str) -> None:
        super().__init__(message, code=code, place=place)


@dataclass(frozen=True)
class Days:
    """From a first day to a last one, both included; either may be open. Raises BadQuestion at `place`."""

    first: date | None = None
    last: date | None = None
    place: str = "from"

    def __post_init__(self) -> None:
        if self.first is not None and self.last is not None:
            _refuse_reversed(self.first, self.last, "bad_date", self.place)


ALL_DAYS = Days()


@dataclass(frozen=True)
class Instants:
    """After a first instant, up to and including a last one; raises BadQuestion where they are the wrong way round."""

    first: datetime
    last: datetime

    def __post_init__(self) -> None:
        _refuse_reversed(self.first, self.last, "bad_time", "from")


@dataclass(frozen=True)
class Positions:
    """After a first position of the log, up to and including a last one; raises BadQuestion where they are reversed."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise BadQuestion(
                f"position {self.first} comes after {self.last}: the earlier one is to come first",
                code="bad_position",
                place="from",
            )


def refuse_clock(clock: str, clocks: Sequence[str], place: str = "clock") -> None:
    """Raise BadQuestion for a clock that is none of these."""
    if clock not in clocks:
        raise BadQuestion(f"{clock!r} is no clock: {' or '.join(clocks)}", code="bad_clock", place=place)


def _refuse_reversed(first: date, last: date, code: str, place: str) -> None:
    if first > last:
        first_, last_ = (
            printed(each) if isinstance(each, datetime) else each.isoformat() for each in (first, last)
        )
        raise BadQuestion(
            f"{first_} comes after {last_}: the earlier one is to come first", code=code, place=place
        )
