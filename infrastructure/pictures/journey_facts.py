"""What is known of a user, as the picture of a journey has it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Density(StrEnum):
    """One row for all behaviours and one for each campaign; or one for each kind and for each conversion event."""

    COMPACT = "compact"
    FULL = "full"


class Kind(StrEnum):
    """What is known of a user besides receipts."""

    SESSION = "session"
    PURCHASE = "purchase or order"
    CUSTOM_EVENT = "custom event"
    APP_VERSION = "app version"
    CORRECTION = "money given back"
    VOID = "void"


class Behaviour(NamedTuple):
    """Something that is known of the user; what a void took away is drawn hollow."""

    at: datetime
    kind: Kind
    words: str
    is_voided: bool = False


class Window(NamedTuple):
    """The window of a receipt for a conversion event, by its letter: open where a behaviour may yet convert."""

    letter: str
    until: datetime
    is_open: bool = False


class Receipt(NamedTuple):
    """A receipt, and the windows that it opened."""

    at: datetime
    variant: str
    windows: Sequence[Window] = ()


class Conversion(NamedTuple):
    """A conversion, and the instant of the receipt that it is credited to."""

    letter: str
    at: datetime
    received_at: datetime


class Lane(NamedTuple):
    """A campaign in the journey; `events` are the names of its conversion events by their letters."""

    name: str
    receipts: Sequence[Receipt]
    conversions: Sequence[Conversion] = ()
    events: Mapping[str, str] = MappingProxyType({})

    @property
    def letters(self) -> list[str]:
        """The letters of all conversion events that it has windows or conversions of, or names."""
        windows = {window.letter for each in self.receipts for window in each.windows}
        return sorted(windows | {each.letter for each in self.conversions} | set(self.events))

    def name_event(self, letter: str) -> str:
        """The name of a conversion event."""
        return self.events.get(letter, f"Event {letter}")
