"""Facts as other services report them (docs/files.md, Facts): strict models, each refusal with a code (R16)."""

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

from application.commands.refusals import is_id, refuse
from application.commands.values import (
    Amount,
    Currency,
    Id,
    Instant,
    Notes,
    PreviousVersion,
    Price,
    Properties,
    Quantity,
    Total,
    Version,
    is_nobody,
    read_id,
)
from domain.errors import BadMoney, DomainError, FactRefused

LINES = 1_000
"""The most lines of an order."""


class FactCommand(BaseModel):
    """Record one fact of one user."""

    model_config = ConfigDict(strict=True, extra="forbid")

    id: Id
    user_id: Id
    at: Instant

    defaults: ClassVar[frozenset[str]] = frozenset()
    """The fields that the sender left out, and that hold a value of ours: a recorded value wins over it (R13)."""

    def with_defaults(self, *names: str) -> Self:
        """The same command; these fields hold defaults of ours."""
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
        refusal: DomainError = refuse(error.errors(include_url=False), nested=0)
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
    """What another service says of an order; it changes and makes none."""


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


def read_fact(raw: object, notes: Notes | None = None) -> FactCommand:
    """The command in a mapping of plain values; raises FactRefused with its code and place."""
    notes = Notes() if notes is None else notes
    try:
        command = _validate(raw, notes)
    except ValidationError as error:
        raise refuse(error.errors(include_url=False)) from None
    except FactRefused:
        raise
    except DomainError as error:
        raise FactRefused(error.message, place=error.place, code=error.code) from None
    if is_nobody(command.user_id) and not notes.lenient:
        raise FactRefused(
            f"user_id: {command.user_id!r} is a placeholder, and names no user", place="user_id"
        )
    return command


def _validate(raw: object, notes: Notes) -> FactCommand:
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
        name: read_id(value) if is_id(name) and name in FIELDS else value
        for name, value in raw.items()
        if value is not None or name not in FIELDS
    }
