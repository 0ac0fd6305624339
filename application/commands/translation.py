"""From the command about a fact to the fact: what the app group knows is filled in, free text is sealed (R11, R13)."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from application.commands.facts import (
    AppVersionCommand,
    CustomEventCommand,
    FactCommand,
    OrderCancelledCommand,
    OrderCommand,
    OrderLineCommand,
    OrderRefundCommand,
    PurchaseCommand,
    ReceivedCommand,
    RefundCommand,
    SessionStartedCommand,
    VoidCommand,
)
from application.commands.properties import canonical, seal
from application.ledger import Aggregates
from application.ports import LoadedJourney
from domain import money
from domain.app_group import AppGroup
from domain.campaigns.definition import Definition
from domain.errors import BadMoney, DomainError, UnknownApp
from domain.facts import (
    AnyFact,
    AppVersionReported,
    CustomEvent,
    Order,
    OrderCancelled,
    OrderLine,
    OrderRefund,
    Purchase,
    Received,
    Refund,
    Sale,
    SessionStarted,
    Void,
)
from domain.journey.user_journey import UserJourney

Stated = tuple[AnyFact, str | None]
"""A fact, and the free text that is kept aside from it."""


class GroupDefinitions(dict[str, Definition]):
    """The launched definitions of one app group, loaded when first asked for: they cannot change (R4)."""

    def __init__(self, aggregates: Aggregates, app_group: str) -> None:
        super().__init__()
        self.aggregates = aggregates
        """Where definitions are looked up: the unit of work under way replaces it by its own view."""
        self._app_group = app_group

    def __missing__(self, campaign_id: str, /) -> Definition:
        """The definition, after a fresh look; raises for unknown campaigns and drafts."""
        campaign = self.aggregates.existing_campaign(self._app_group, campaign_id)
        campaign.refuse_receipts_of_draft()
        return self.setdefault(campaign_id, campaign.definition)


class Translation:
    """Translates the commands of one batch."""

    def __init__(self, group: AppGroup, definitions: GroupDefinitions) -> None:
        self._group = group
        self._definitions = definitions
        self._refused_campaigns: dict[str, DomainError] = {}

    def fact(self, command: FactCommand, loaded: LoadedJourney) -> Stated:
        """The fact that a command states; raises DomainError where the app group or the campaign does not allow it."""
        fact, text = self._stated(command, loaded)
        if filled := _fill(command, fact):
            fact = msgspec.structs.replace(fact, filled=tuple(sorted(filled)))
        return fact, text

    def _stated(  # noqa: PLR0911 - one for each type
        self, command: FactCommand, loaded: LoadedJourney
    ) -> Stated:
        key = loaded.key
        match command:
            case ReceivedCommand():
                variant_id = self._definition(command.campaign_id).variant(command.variant_id)
                return Received(command.id, command.at, command.campaign_id, variant_id), None
            case SessionStartedCommand():
                self._check_app(command.app_id)
                return SessionStarted(command.id, command.at, command.app_id, command.app_version), None
            case PurchaseCommand():
                return self._purchase(command, loaded)
            case CustomEventCommand():
                return self._custom_event(command, key)
            case AppVersionCommand():
                self._check_app(command.app_id)
                versions = command.version, command.previous_version
                return AppVersionReported(command.id, command.at, command.app_id, *versions), None
            case RefundCommand():
                return Refund(command.id, command.at, command.purchase_id, command.amount), None
            case OrderCommand():
                return self._order(command, loaded)
            case OrderRefundCommand():
                lines = _lines(command.lines)
                given = (command.order_id, command.amount, lines, command.currency, command.name)
                return OrderRefund(command.id, command.at, *given), None
            case OrderCancelledCommand():
                return OrderCancelled(command.id, command.at, command.order_id, command.name), None
            case VoidCommand():
                text = None if command.reason is None else canonical(command.reason)
                return Void(command.id, command.at, command.fact_id, _seal(key, text)), text
        raise TypeError(type(command).__name__)

    def _definition(self, campaign_id: str) -> Definition:
        """The definition, looked up once a batch where it is refused."""
        if campaign_id in self._refused_campaigns:
            raise self._refused_campaigns[campaign_id]
        try:
            return self._definitions[campaign_id]
        except DomainError as refusal:
            self._refused_campaigns[campaign_id] = refusal
            raise

    def _purchase(self, command: PurchaseCommand, loaded: LoadedJourney) -> tuple[Purchase, str | None]:
        self._check_app(command.app_id)
        money.amount(command.price, command.quantity)
        currency = self._currency(command, loaded.journey)
        text = None if command.properties is None else canonical(command.properties)
        fact = Purchase(
            command.id,
            command.at,
            command.product_id,
            command.price,
            currency,
            command.quantity,
            command.app_id,
            command.app_version,
            _seal(loaded.key, text),
        )
        return fact, text

    def _order(self, command: OrderCommand, loaded: LoadedJourney) -> tuple[Order, str | None]:
        self._check_app(command.app_id)
        lines = _lines(command.lines)
        money.below_limit(money.lines_amount(lines))
        names_money = command.total is not None or any(line.price is not None for line in lines)
        currency = command.currency
        if names_money or self._group.default_currency is not None:
            currency = self._currency(command, loaded.journey)
        text = None if command.properties is None else canonical(command.properties)
        fact = Order(
            command.id,
            command.at,
            lines,
            currency,
            command.total,
            command.name,
            command.app_id,
            command.app_version,
            _seal(loaded.key, text),
        )
        return fact, text

    def _currency(self, command: PurchaseCommand | OrderCommand, journey: UserJourney) -> str:
        """The currency stated, else the app group's (R11), else, of a fact that is known, the recorded one (R13)."""
        currency = command.currency or self._group.default_currency
        if currency is None:
            currency = journey.recorded_currency(command.id)
        if currency is None:
            raise BadMoney(
                "currency: none is named, and the app group has no default_currency: name one, or set it",
                place="currency",
            )
        return currency

    def _custom_event(self, command: CustomEventCommand, key: bytes) -> tuple[CustomEvent, str | None]:
        self._check_app(command.app_id)
        text = None if command.properties is None else canonical(command.properties)
        fact = CustomEvent(
            command.id, command.at, command.name, command.app_id, command.app_version, _seal(key, text)
        )
        return fact, text

    def _check_app(self, app_id: str | None) -> None:
        if app_id is not None and app_id not in self._group.apps:
            raise UnknownApp(f"the app group has no app {app_id!r}", place="app_id")


def _lines(lines: Sequence[OrderLineCommand] | None) -> tuple[OrderLine, ...]:
    found = tuple(OrderLine(line.product_id, line.price, line.quantity) for line in lines or ())
    for place, line in enumerate(found):
        try:
            money.amount(line.price or Decimal(0), line.quantity)
        except BadMoney as refusal:
            raise BadMoney(f"lines.{place}: {refusal.message}", place=f"lines.{place}") from None
    return found


def _fill(command: FactCommand, fact: AnyFact) -> frozenset[str]:
    """The fields that were filled in by default (R13)."""
    if not (isinstance(fact, Sale) and isinstance(command, PurchaseCommand | OrderCommand)):
        return command.defaults
    is_default = command.currency is None and fact.currency is not None
    return command.defaults | {"currency"} if is_default else command.defaults


def _seal(key: bytes, text: str | None) -> str | None:
    return None if text is None else seal(key, text)
