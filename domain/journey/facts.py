"""Facts: what other services report of a user. These payloads are the storage format of the journey's fact events.

Never change or remove a class or field that was stored: add an optional field with a default, or a new class
(a golden file per class in tests/golden/ keeps watch).
"""

from datetime import datetime
from decimal import Decimal
from hashlib import blake2b

import msgspec

from domain import money

Key = tuple[datetime, str]
"""The order of facts: by instant, then by id (docs/rules.md, Words)."""


class Fact(
    msgspec.Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True, tag_field="type"
):
    """What every fact has: an id of the reporting service, and the instant it occurred."""

    id: str
    at: datetime

    @property
    def key(self) -> Key:
        """Its place among the user's facts."""
        return (self.at, self.id)


class Received(Fact, frozen=True, gc=False, tag="received"):
    """A receipt: of a message, of a canvas (entry), or an enrolment in the control group."""

    campaign_id: str
    variant_id: str


class SessionStarted(Fact, frozen=True, gc=False, tag="session_started"):
    """A session in an app; with a version it is a version report too (R10)."""

    app_id: str
    app_version: str | None = None


class Purchase(Fact, frozen=True, gc=False, tag="purchase"):
    """A purchase of one product; price and quantity as in R11, `properties` the keyed hash of what stands aside."""

    product_id: str
    price: Decimal
    currency: str
    quantity: int = 1
    app_id: str | None = None
    app_version: str | None = None
    properties: str | None = None

    @property
    def amount(self) -> Decimal:
        """Price x quantity (R11)."""
        return money.amount(self.price, self.quantity)


class CustomEvent(Fact, frozen=True, gc=False, tag="custom_event"):
    """A custom event the user performed."""

    name: str
    app_id: str | None = None
    app_version: str | None = None
    properties: str | None = None


class AppVersionReported(Fact, frozen=True, gc=False, tag="app_version"):
    """The version of an app that the user runs (R10)."""

    app_id: str
    app_version: str = msgspec.field(name="version")


class Refund(Fact, frozen=True, gc=False, tag="refund"):
    """Money given back for a purchase, in that purchase's currency (R12)."""

    purchase_id: str
    amount: Decimal


class Void(Fact, frozen=True, gc=False, tag="void"):
    """Says that a fact should never have been (R17); `reason` is the keyed hash of what stands aside."""

    fact_id: str
    reason: str | None = None


Behaviour = SessionStarted | Purchase | CustomEvent | AppVersionReported
AnyFact = Received | Behaviour | Refund | Void

_encode = msgspec.json.Encoder().encode


def digest(fact: AnyFact) -> bytes:
    """16 bytes that are equal for facts of the same content, and for no others (R13)."""
    return blake2b(_encode(fact), digest_size=16).digest()


def reported_version(fact: Fact) -> tuple[str, str] | None:
    """The (app, version) that a behaviour reports, if it is a version report (R10)."""
    version = getattr(fact, "app_version", None)
    return None if version is None else (fact.app_id, version)  # type: ignore[attr-defined]
