"""Facts: what other services report of a user. These payloads are the storage format of the journey's fact events.

Never change or remove a class or field that was stored: add an optional field with a default, or a new class
(a golden file per class in tests/golden/ keeps watch).
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec

from domain import money

Key = tuple[datetime, str]
"""The order of facts: by instant, then by id (docs/rules.md, Words)."""


class _Filled(
    msgspec.Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True, kw_only=True
):
    """The fields of a fact that its reporter left to us: they make no conflict (R13)."""

    filled: tuple[str, ...] = ()


class Fact(_Filled, frozen=True, gc=False, tag_field="type"):
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
    """A purchase of one product; price and quantity as in R11, `properties` the keyed hash of those kept apart."""

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
    """The version of an app that the user runs (R10), and the one before it as the report itself has it."""

    app_id: str
    app_version: str = msgspec.field(name="version")
    previous_version: str | None = None


class Refund(Fact, frozen=True, gc=False, tag="refund"):
    """Money given back for a purchase, in that purchase's currency (R12)."""

    purchase_id: str
    amount: Decimal


class OrderLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """Units of one product: of an order, or given back of it; the price of one where it is known (R27)."""

    product_id: str
    price: Decimal | None = None
    quantity: int = 1


class Order(Fact, frozen=True, gc=False, tag="order"):
    """An order (R27); it has no currency where it names no money.

    `name` is that of the event which it came as, `properties` the keyed hash of those kept apart.
    """

    lines: tuple[OrderLine, ...] = ()
    currency: str | None = None
    total: Decimal | None = None
    name: str | None = None
    app_id: str | None = None
    app_version: str | None = None
    properties: str | None = None

    @property
    def amount(self) -> Decimal:
        """Its total where that is known, else what its lines with a price come to (R27)."""
        return money.lines_amount(self.lines) if self.total is None else self.total


class OrderRefund(Fact, frozen=True, gc=False, tag="order_refund"):
    """Given back of an order: an amount, or units of products, or everything where it has neither (R27)."""

    order_id: str
    amount: Decimal | None = None
    lines: tuple[OrderLine, ...] = ()
    currency: str | None = None
    name: str | None = None


class OrderCancelled(Fact, frozen=True, gc=False, tag="order_cancelled"):
    """An order that is not to be: everything is given back, and its conversion stays (R12, R27)."""

    order_id: str
    name: str | None = None


class Void(Fact, frozen=True, gc=False, tag="void"):
    """Says that a fact should never have been (R17); `reason` is the keyed hash of the reason, which is kept apart."""

    fact_id: str
    reason: str | None = None


Sale = Purchase | Order
"""What has an amount, and counts for campaigns (R11)."""
OrderCorrection = OrderRefund | OrderCancelled
Behaviour = SessionStarted | Purchase | Order | CustomEvent | AppVersionReported
AnyFact = Received | Behaviour | Refund | OrderCorrection | Void

_encode = msgspec.json.Encoder().encode


def digest(fact: AnyFact) -> bytes:
    """16 bytes that are equal for facts of the same content, and for no others (R13)."""
    if fact.filled:
        fact = msgspec.structs.replace(fact, filled=())
    shape = _SHAPES.get(type(fact))
    return blake2b(_encode(fact if shape is None else shape(fact)), digest_size=16).digest()


def _of_any_shape(fact: Any) -> Any:  # noqa: ANN401
    """R27: in whatever shape an order comes, it is the same: the event that it came as is no part of it."""
    return fact if fact.name is None else msgspec.structs.replace(fact, name=None)


def _order_of_any_shape(order: Order) -> Order:
    """Nor is what that event says beside it, nor a total that says no more than the lines."""
    properties = order.properties if order.name is None else None
    priced = order.lines and all(line.price is not None for line in order.lines)
    total = None if priced and order.total == money.lines_amount(order.lines) else order.total
    return msgspec.structs.replace(order, name=None, properties=properties, total=total)


_SHAPES: dict[type[Fact], Callable[[Any], Any]] = {
    Order: _order_of_any_shape,
    OrderRefund: _of_any_shape,
    OrderCancelled: _of_any_shape,
}


def type_of(fact: Fact) -> str:
    """The type of a fact, as docs/files.md has it."""
    return str(fact.__struct_config__.tag)


def reported_version(fact: Fact) -> tuple[str, str] | None:
    """The (app, version) that a behaviour reports, if it is a version report (R10)."""
    version = getattr(fact, "app_version", None)
    return None if version is None else (fact.app_id, version)  # type: ignore[attr-defined]
