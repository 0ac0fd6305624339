"""Facts as other services report them (docs/files.md, Facts): strict models, each refusal with a code (R16)."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import ErrorDetails

from domain import app_version, money
from domain.errors import BadMoney, DomainError, FactRefused
from domain.instants import EPOCH

_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_DECIMAL = re.compile(r"-?[0-9]{1,64}(?:\.[0-9]{1,64})?", re.ASCII)


_TYPES = (
    "received, session_started, purchase, refund, order, order_refund, order_cancelled, custom_event, "
    "app_version, void"
)
LINES = 1_000
"""The most lines of an order."""
_ID_DIGITS = 18
_ID_LIMIT = 10**_ID_DIGITS
_QUANTITY = re.compile(r"-?(?:0|[1-9][0-9]{0,62})(?:\.[0-9]{1,62})?", re.ASCII)
_NOBODY = frozenset({"null", "NULL", "undefined", "None", "NaN", "[object Object]"})
_WORDS = {
    "union_tag_invalid": f"type: there is no such type of fact; there are {_TYPES}",
    "union_tag_not_found": f"type: say of which type the fact is: {_TYPES}",
    "model_attributes_type": "a fact is an object: names and their values",
}
_KINDS = {
    "string_type": "a text is wanted",
    "dict_type": "an object is wanted: names and their values",
    "list_type": "a list is wanted",
    "model_type": 'a line is an object: {"product_id": ..., "price": ..., "quantity": ...}',
}
"""What a field is to be, by the type of the error."""
NO_NUMERIC_ID = f"a number is an id where it is whole and has at most {_ID_DIGITS} digits"
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


@dataclass
class Notes:
    """What is noted while facts are read: how many amounts were rounded (R11).

    `lenient`: what the rules of an earlier version took is taken, for facts that were recorded by them (R13).
    """

    rounded: int = 0
    lenient: bool = False


def read_id(value: object) -> object:
    """An id: a text as it is; of a whole number its digits (R16), anything else as it came, to be refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < _ID_LIMIT else value
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < _ID_DIGITS:
        return str(int(value)) if value == value.to_integral_value() else value
    return value


def read_money(value: object, notes: Notes | None = None) -> Decimal:
    """A price or amount: a decimal text as it is, a number rounded to 6 decimals, which is noted; raises BadMoney."""
    if isinstance(value, str):
        if _DECIMAL.fullmatch(value) is None:
            raise BadMoney("money is a decimal text such as 9.99, without separators and currency signs")
        return money.price(Decimal(value))
    if isinstance(value, Decimal):
        found = money.rounded(value)
        if notes is not None and found != value:
            if notes.lenient:
                # Earlier versions refused it.
                return money.price(value)
            notes.rounded += 1
        return money.price(found)
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < money.AMOUNT_LIMIT:
            raise BadMoney("money is a number of 0 or more, below 10^12")
        return Decimal(value)
    raise FactRefused("money is a decimal text or a number")


def read_quantity(value: object) -> int:
    """A whole number of 1 or more, written as a number or as text, also 2.0; raises BadMoney."""
    if value is None:
        return 1
    if isinstance(value, str) and _QUANTITY.fullmatch(value) is not None:
        value = Decimal(value)
    if (
        isinstance(value, Decimal)
        and value.is_finite()
        and value.adjusted() < 20
        and value == value.to_integral_value()
    ):
        value = int(value)
    if isinstance(value, Decimal):
        raise BadMoney("it is a whole number of 1 or more")
    if not isinstance(value, int) or isinstance(value, bool):
        raise FactRefused("it is a whole number")
    if not 1 <= value <= money.QUANTITY_LIMIT:
        raise BadMoney("it is a whole number of 1 or more")
    return value


def _money(name: str) -> Callable[[object, ValidationInfo], Decimal]:
    def read(value: object, info: ValidationInfo) -> Decimal:
        with _placed(name):
            return read_money(value, info.context)

    return read


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
        raise BadMoney(money.no_currency(value), place="currency")
    return value


def _version(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    notes: Notes = info.context  # type: ignore[assignment]
    with _placed("app version"):
        return app_version.check_text(value) if notes.lenient else app_version.check(value)


def _previous_version(value: object) -> object:
    """The version before a report, as absent where it is none (R10)."""
    return None if isinstance(value, str) and not app_version.is_version(value) else value


def is_nobody(user_id: str) -> bool:
    """Whether an id is a word that stands for nothing (R16)."""
    return user_id in _NOBODY or user_id.isspace()


Id = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
Instant = Annotated[datetime, BeforeValidator(read_instant)]
Price = Annotated[Decimal, BeforeValidator(_money("price"))]
Amount = Annotated[Decimal, BeforeValidator(_money("amount"))]
Total = Annotated[Decimal, BeforeValidator(_money("total"))]
Quantity = Annotated[int, BeforeValidator(_quantity)]
Currency = Annotated[str, BeforeValidator(_currency)]
Version = Annotated[str, BeforeValidator(_version)]
PreviousVersion = Annotated[str | None, BeforeValidator(_previous_version)]
Properties = dict[str, Any]


class FactCommand(BaseModel):
    """Record one fact of one user."""

    model_config = ConfigDict(strict=True, extra="forbid")

    id: Id
    user_id: Id
    at: Instant

    defaults: ClassVar[frozenset[str]] = frozenset()
    """The fields that whoever sent the fact left to us (R13)."""

    def with_defaults(self, *names: str) -> Self:
        """The same, these fields being filled in by default."""
        # No private attribute: those cost a microsecond for each fact, and next to none has defaults.
        object.__setattr__(self, "defaults", frozenset(names))
        return self


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
    currency: Currency | None = None
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
    previous_version: PreviousVersion = None


class RefundCommand(FactCommand):
    """Money was given back for a purchase."""

    type: Literal["refund"]
    purchase_id: Id
    amount: Amount


class OrderLineCommand(BaseModel):
    """Units of one product: the price of one where it is known."""

    model_config = ConfigDict(strict=True, extra="forbid")

    product_id: Id
    price: Price | None = None
    currency: Currency | None = None
    quantity: Quantity = 1


def _lines(value: object, info: ValidationInfo) -> object:
    """The lines, each with its place in what is refused of it."""
    if not isinstance(value, list):
        return value
    if len(value) > LINES:
        raise FactRefused(f"lines: there are at most {LINES:,}", place="lines")
    notes: Notes = info.context  # type: ignore[assignment]
    return [_line(each, f"lines.{place}", notes) for place, each in enumerate(value)]


def _line(value: object, place: str, notes: Notes) -> OrderLineCommand:
    if isinstance(value, dict):
        value = {name: read_id(each) if name == "product_id" else each for name, each in value.items()}
    try:
        return OrderLineCommand.model_validate(value, context=notes)
    except ValidationError as error:
        refusal: DomainError = _refusal(error.errors(include_url=False, include_context=False), nested=0)
    except DomainError as error:
        refusal = error
    steps = ".".join(filter(None, [place, refusal.place]))
    said = refusal.message.removeprefix(f"{refusal.place}: ")
    raise FactRefused(f"{steps}: {said}", place=steps, code=refusal.code) from None


Lines = Annotated[list[OrderLineCommand], BeforeValidator(_lines), Field(max_length=LINES)]


def _one_currency(stated: str | None, lines: list[OrderLineCommand] | None) -> str | None:
    """The currency stated, else the one that lines agree on; raises BadMoney where they contradict it (R27)."""
    named = {stated, *(line.currency for line in lines or ())} - {None}
    if len(named) > 1:
        said = " and ".join(sorted(filter(None, named)))
        raise BadMoney(f"currency: an order has one, and this says {said}", place="currency")
    return next(iter(named), None)


class OrderCommand(BehaviourCommand):
    """A user placed an order; `name` is that of the event it came as."""

    type: Literal["order"]
    lines: Lines | None = None
    currency: Currency | None = None
    total: Total | None = None
    name: Id | None = None
    properties: Properties | None = None

    def model_post_init(self, context: object, /) -> None:
        super().model_post_init(context)
        if not self.lines and self.total is None:
            raise FactRefused("lines: an order says its lines or its total", place="lines")
        self.currency = _one_currency(self.currency, self.lines)


class OrderUpdatedCommand(OrderCommand):
    """What another service says of an order that is known: it makes none."""


class OrderRefundCommand(FactCommand):
    """Given back of an order: an amount, or lines, or, with neither, everything."""

    type: Literal["order_refund"]
    order_id: Id
    amount: Amount | None = None
    lines: Annotated[Lines, Field(min_length=1)] | None = None
    currency: Currency | None = None
    name: Id | None = None

    def model_post_init(self, context: object, /) -> None:
        if self.amount is not None and self.lines is not None:
            raise FactRefused("amount: a refund says an amount or lines, not both", place="amount")
        self.currency = _one_currency(self.currency, self.lines)


class OrderCancelledCommand(FactCommand):
    """An order was cancelled: everything is given back."""

    type: Literal["order_cancelled"]
    order_id: Id
    name: Id | None = None


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
    | OrderCommand
    | OrderRefundCommand
    | OrderCancelledCommand
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


_IDS = frozenset(name for name in FIELDS if name == "id" or name.endswith("_id"))


def read_fact(raw: object, notes: Notes | None = None) -> FactCommand:
    """The command in a mapping of plain values; raises FactRefused with its code and place."""
    notes = Notes() if notes is None else notes
    try:
        command = _validated(raw, notes)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False, include_context=False)) from None
    except FactRefused:
        raise
    except DomainError as error:
        raise FactRefused(error.message, place=error.place, code=error.code) from None
    if is_nobody(command.user_id) and not notes.lenient:
        raise FactRefused(f"user_id: {command.user_id!r} stands for nothing, and is no user", place="user_id")
    return command


def _validated(raw: object, notes: Notes) -> FactCommand:
    rounded = notes.rounded
    try:
        return _ADAPTER.validate_python(raw, context=notes)
    except ValidationError:
        if not isinstance(raw, dict):
            raise
        # It is read once more, and what was rounded is counted once.
        notes.rounded = rounded
        return _ADAPTER.validate_python(_as_text(raw), context=notes)


def _as_text(raw: dict[str, Any]) -> dict[str, Any]:
    """Without what is null, which is as absent (R13), also in a field of other types; ids that are numbers as text."""
    return {
        name: read_id(value) if name in _IDS else value
        for name, value in raw.items()
        if value is not None or name not in FIELDS
    }


def _refusal(errors: list[ErrorDetails], nested: int = 1) -> FactRefused:
    if errors[0]["type"] in _WORDS:
        return FactRefused(_WORDS[errors[0]["type"]], code="malformed", place="type")
    unknown = next((error for error in errors if error["type"] == "extra_forbidden"), None)
    error = unknown or errors[0]
    said = _said(error)
    # The first step of the place is the discriminator's tag, which the caller did not write.
    place = ".".join(str(step) for step in error["loc"][nested:])[:_SHOWN]
    if unknown:
        said = "a fact of this type has no such field" if nested else "there is no such field"
    message = f"{place}: {said}" if place else said
    return FactRefused(message, place=place, code="unknown_field" if unknown else "malformed")


def _said(error: ErrorDetails) -> str:
    """What was wrong, in words of whoever sends facts."""
    if error["type"] == "string_type" and error["loc"][-1] in _IDS:
        number = isinstance(error["input"], int | float | Decimal) and not isinstance(error["input"], bool)
        return NO_NUMERIC_ID if number else "an id is text"
    return _KINDS.get(error["type"], error["msg"][:_SHOWN])
