"""Facts as other services report them (docs/files.md, Facts): strict models, each refusal with a code (R16)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import ErrorDetails

from domain import app_version, money
from domain.errors import BadMoney, DomainError, FactRefused
from domain.instants import EPOCH

_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_DECIMAL = re.compile(r"-?[0-9]{1,64}(?:\.[0-9]{1,64})?", re.ASCII)


_TYPES = "received, session_started, purchase, refund, custom_event, app_version, void"
_WORDS = {
    "union_tag_invalid": f"type: there is no such type of fact; there are {_TYPES}",
    "union_tag_not_found": f"type: say of which type the fact is: {_TYPES}",
    "model_attributes_type": "a fact is an object: names and their values",
}
_SHOWN = 300
"""How much of a message that may repeat the caller's text is passed on."""


class BadTime(FactRefused):
    """No instant with a UTC offset, or one before 1970 (R16)."""

    code = "bad_time"


def read_instant(value: object) -> datetime:
    """An RFC 3339 instant in UTC, digits beyond microseconds cut; raises BadTime."""
    if isinstance(value, str):
        if _RFC_3339.fullmatch(value) is None:
            raise BadTime("an instant is RFC 3339 with an offset: 2026-03-01T09:00:00Z", place="at")
        try:
            value = datetime.fromisoformat(value.upper())
        except ValueError as error:
            raise BadTime(f"no such instant: {error}", place="at") from error
    if not isinstance(value, datetime):
        raise FactRefused("at: an instant is a text", place="at")
    if value.tzinfo is None:
        raise BadTime("an instant needs an offset", place="at")
    try:
        instant = value.astimezone(UTC)
    except OverflowError as error:
        raise BadTime("an instant is from 1970 on", place="at") from error
    if instant < EPOCH:
        raise BadTime("an instant is from 1970 on", place="at")
    return instant


def read_money(value: object) -> Decimal:
    """A price or amount from a decimal string or a number that kept its own digits; raises BadMoney."""
    if isinstance(value, str):
        if _DECIMAL.fullmatch(value) is None:
            raise BadMoney("money is a decimal string such as 9.99")
        return money.price(Decimal(value))
    if isinstance(value, Decimal):
        return money.price(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < money.AMOUNT_LIMIT:
            raise BadMoney("money is a number of 0 or more, below 10^12")
        return Decimal(value)
    raise FactRefused("money is a decimal string or a number")


def read_quantity(value: object) -> int:
    """A whole number of 1 or more; raises BadMoney."""
    if value is None:
        return 1
    if (
        isinstance(value, Decimal)
        and value.is_finite()
        and value.adjusted() < 20
        and value == value.to_integral()
    ):
        value = int(value)
    if isinstance(value, Decimal):
        raise BadMoney("quantity is a whole number of 1 or more")
    if not isinstance(value, int) or isinstance(value, bool):
        raise FactRefused("quantity is a number")
    if not 1 <= value <= money.QUANTITY_LIMIT:
        raise BadMoney("quantity is a whole number of 1 or more")
    return value


def _price(value: object) -> Decimal:
    with _placed("price"):
        return read_money(value)


def _amount(value: object) -> Decimal:
    with _placed("amount"):
        return read_money(value)


def _quantity(value: object) -> int:
    with _placed("quantity"):
        return read_quantity(value)


@contextmanager
def _placed(name: str) -> Iterator[None]:
    """Names the field in what is refused of it."""
    try:
        yield
    except DomainError as refusal:
        refusal.place = name
        refusal.message = f"{name}: {refusal.message}"
        raise


def _currency(value: object) -> object:
    if isinstance(value, str) and value not in money.currencies():
        raise BadMoney(f"{value[:10]!r} is no ISO 4217 currency", place="currency")
    return value


def _version(value: object) -> object:
    with _placed("app version"):
        return app_version.checked(value) if isinstance(value, str) else value


Id = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
Instant = Annotated[datetime, BeforeValidator(read_instant)]
Price = Annotated[Decimal, BeforeValidator(_price)]
Amount = Annotated[Decimal, BeforeValidator(_amount)]
Quantity = Annotated[int, BeforeValidator(_quantity)]
Currency = Annotated[str, BeforeValidator(_currency)]
Version = Annotated[str, BeforeValidator(_version)]
Properties = dict[str, Any]


class FactCommand(BaseModel):
    """Record one fact of one user."""

    model_config = ConfigDict(strict=True, extra="forbid")

    id: Id
    user_id: Id
    at: Instant


class ReceivedCommand(FactCommand):
    """A user received a campaign, entered a canvas, or was enrolled in a control group."""

    type: Literal["received"]
    campaign_id: Id
    variant_id: Id | None = None


class BehaviourCommand(FactCommand):
    """A behaviour, which may report the version of the app it happened in."""

    app_id: Id | None = None
    app_version: Version | None = None

    def model_post_init(self, context: object, /) -> None:
        if self.app_version is not None and self.app_id is None:
            raise FactRefused("app_version: a version needs its app_id", place="app_version")


class SessionStartedCommand(BehaviourCommand):
    """A user started a session in an app."""

    type: Literal["session_started"]
    app_id: Id


class PurchaseCommand(BehaviourCommand):
    """A user bought a product."""

    type: Literal["purchase"]
    product_id: Id
    price: Price
    currency: Currency
    quantity: Quantity = 1
    properties: Properties | None = None


class CustomEventCommand(BehaviourCommand):
    """A user performed a custom event."""

    type: Literal["custom_event"]
    name: Id
    properties: Properties | None = None


class AppVersionCommand(FactCommand):
    """A user's app reported its version."""

    type: Literal["app_version"]
    app_id: Id
    version: Version


class RefundCommand(FactCommand):
    """Money was given back for a purchase."""

    type: Literal["refund"]
    purchase_id: Id
    amount: Amount


class VoidCommand(FactCommand):
    """A fact should never have been."""

    type: Literal["void"]
    fact_id: Id
    reason: Annotated[str, StringConstraints(max_length=4096)] | None = None


AnyFactCommand = Annotated[
    ReceivedCommand
    | SessionStartedCommand
    | PurchaseCommand
    | CustomEventCommand
    | AppVersionCommand
    | RefundCommand
    | VoidCommand,
    Field(discriminator="type"),
]
_ADAPTER: TypeAdapter[FactCommand] = TypeAdapter(AnyFactCommand)

FIELDS = frozenset(
    name
    for model in (*FactCommand.__subclasses__(), *BehaviourCommand.__subclasses__())
    for name in model.model_fields
)
"""Every field of any fact: the columns of CSV and Parquet."""


def read_fact(raw: object) -> FactCommand:
    """The command in a mapping of plain values; raises FactRefused with its code and place."""
    try:
        return _validated(raw)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False, include_context=False)) from None
    except FactRefused:
        raise
    except DomainError as error:
        raise FactRefused(error.message, place=error.place, code=error.code) from None


def _validated(raw: object) -> FactCommand:
    try:
        return _ADAPTER.validate_python(raw)
    except ValidationError:
        # Absent = null (R13), also for a field that only facts of other types have.
        if not isinstance(raw, dict) or None not in raw.values():
            raise
        return _ADAPTER.validate_python(
            {name: value for name, value in raw.items() if value is not None or name not in FIELDS}
        )


def _refusal(errors: list[ErrorDetails]) -> FactRefused:
    if errors[0]["type"] in _WORDS:
        return FactRefused(_WORDS[errors[0]["type"]], code="malformed", place="type")
    unknown = next((error for error in errors if error["type"] == "extra_forbidden"), None)
    error = unknown or errors[0]
    # The first step of the place is the discriminator's tag, which the caller did not write.
    place = ".".join(str(step) for step in error["loc"][1:])[:_SHOWN] if len(error["loc"]) > 1 else ""
    said = "a fact of this type has no such field" if unknown else error["msg"][:_SHOWN]
    message = f"{place}: {said}" if place else said
    return FactRefused(message, place=place, code="unknown_field" if unknown else "malformed")
