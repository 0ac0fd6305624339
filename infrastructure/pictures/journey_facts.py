"""What is known of a user, as the picture of a journey has it."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
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
    """The window of a receipt for a conversion event: open where a behaviour may yet convert."""

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
    """A campaign in the journey."""

    name: str
    receipts: Sequence[Receipt]
    conversions: Sequence[Conversion] = ()
