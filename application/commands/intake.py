"""Intake: takes facts in batches, each with a verdict of its own (R13, R16)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import chain

import msgspec
import structlog

from application.commands.facts import (
    AppVersionCommand,
    CustomEventCommand,
    FactCommand,
    OrderCancelledCommand,
    OrderCommand,
    OrderLineCommand,
    OrderRefundCommand,
    OrderUpdatedCommand,
    PurchaseCommand,
    ReceivedCommand,
    RefundCommand,
    SessionStartedCommand,
    VoidCommand,
)
from application.commands.properties import canonical, seal
from application.ledger import Ledger
from application.ports import Announced, Answered, Ledgers, LoadedJourney, Stamp, Transaction
from domain import money
from domain.app_group import AppGroup, stream_id
from domain.campaigns.definition import Definition
from domain.errors import BadMoney, ConflictingFact, DomainError, FactRefused, UnknownApp
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
from domain.instants import FUTURE_TOLERANCE
from domain.journey.decisions import ConversionRecorded, ConversionWithdrawn
from domain.journey.rules.earlier_orders import order_ids
from domain.journey.state import ORDERS_AS_PURCHASES
from domain.journey.user_journey import UserJourney

log = structlog.get_logger()


class Verdict(StrEnum):
    """What became of a fact."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict on one fact; for a rejected one the reason's code and message."""

    verdict: Verdict
    code: str = ""
    message: str = ""


ACCEPTED = Answer(Verdict.ACCEPTED)
DUPLICATE = Answer(Verdict.DUPLICATE)


@dataclass(frozen=True)
class Outcome:
    """The answers in the order of the facts, and a position that is not before any of them, duplicates included."""

    answers: list[Answer]
    position: int
    conversions: int
    """The change in standing conversions, control included."""


class GroupDefinitions(dict[str, Definition]):
    """The launched definitions of one app group, loaded when first asked for: they cannot change (R4)."""

    def __init__(self, ledger: Ledger, app_group: str) -> None:
        super().__init__()
        self._ledger = ledger
        self._app_group = app_group

    def __missing__(self, campaign_id: str, /) -> Definition:
        """The definition, after a fresh look; raises for unknown campaigns and drafts."""
        campaign = self._ledger.existing_campaign(self._app_group, campaign_id)
        campaign.refuse_receipts_of_draft()
        return self.setdefault(campaign_id, campaign.definition)


class Intake:
    """Records batches of facts of one app group, each batch whole."""

    def __init__(self, ledger: Ledger, ledgers: Ledgers, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._ledgers = ledgers
        self._now = now
        self._definitions: dict[str, GroupDefinitions] = {}

    def record(self, app_group: str, commands: Sequence[FactCommand], stamp: Stamp) -> Outcome:
        """Take the facts, or raise and have taken none; raises UnknownAppGroup."""
        return self.submit(app_group, commands, stamp).result()

    def submit(self, app_group: str, commands: Sequence[FactCommand], stamp: Stamp) -> Future[Outcome]:
        """Decide the facts now; the future holds the outcome once they are durable. Raises UnknownAppGroup."""

        def decide(transaction: Transaction) -> Answered[Outcome]:
            group = transaction.remembered(
                stream_id(app_group), lambda: self._ledger.existing_app_group(app_group)
            )
            batch = _Batch(transaction, group, self._definitions_of(app_group), self._now())
            answers = batch.take(commands)
            conversions = batch.conversions()
            self._ledger.save(*batch.aggregates(), app_group=app_group)
            return lambda position: _outcome(app_group, answers, position, conversions)

        return self._ledgers.submit(stamp, decide)

    def _definitions_of(self, app_group: str) -> GroupDefinitions:
        if app_group not in self._definitions:
            self._definitions[app_group] = GroupDefinitions(self._ledger, app_group)
        return self._definitions[app_group]


def _outcome(app_group: str, answers: list[Answer], position: int, conversions: int) -> Outcome:
    verdicts = Counter(answer.verdict.value for answer in answers)
    log.info("facts.recorded", app_group=app_group, position=position, **verdicts)
    return Outcome(answers, position, conversions)


class _Batch:
    """One batch while it is being decided."""

    def __init__(
        self, transaction: Transaction, group: AppGroup, definitions: GroupDefinitions, now: datetime
    ) -> None:
        self._transaction = transaction
        self._group = group
        self._definitions = definitions
        self._latest = now + FUTURE_TOLERANCE
        self._journeys: dict[str, LoadedJourney] = {}
        self._refused_campaigns: dict[str, DomainError] = {}

    def take(self, commands: Sequence[FactCommand]) -> list[Answer]:
        """Decide the facts one by one: the answers are in the order given.

        Facts of one batch are decided in their own order, by instant, then id, so that what one call tells at once is
        no change of mind. Of those of one id the first given comes first (R13); where that is refused, another of the
        id is decided after all others.
        """
        asked = defaultdict(list)
        for command in commands:
            campaign_id = command.campaign_id if isinstance(command, ReceivedCommand) else None
            asked[command.user_id].append(Announced(command.id, campaign_id))
        self._journeys = self._transaction.journeys(self._group.app_group, asked, self._definitions)
        answers: list[Answer] = [DUPLICATE] * len(commands)
        for place in _in_order(commands):
            answers[place] = self._answer(commands[place])
        return answers

    def conversions(self) -> int:
        """The change in standing conversions that was decided."""
        kinds = Counter(
            type(recorded.event) for loaded in self._journeys.values() for recorded in loaded.journey.pending
        )
        return kinds[ConversionRecorded] - kinds[ConversionWithdrawn]

    def aggregates(self) -> list[object]:
        """The aggregates, journeys in the order of their ids: their streams lie beside each other in the store."""
        journeys = sorted(
            (loaded.journey for loaded in self._journeys.values()), key=lambda journey: journey.id
        )
        return [self._group, *journeys]

    def _answer(self, command: FactCommand) -> Answer:
        try:
            return ACCEPTED if self._take(command) else DUPLICATE
        except DomainError as refusal:
            return Answer(Verdict.REJECTED, refusal.code, refusal.message)

    def _take(self, command: FactCommand) -> bool:
        if command.at > self._latest and "at" not in command.defaults:
            raise FactRefused("the fact lies more than 5 minutes ahead of the clock", code="in_the_future")
        loaded = self._journeys[command.user_id]
        fact, aside = self._fact(command, loaded)
        if filled := _filled(command, fact):
            fact = msgspec.structs.replace(fact, filled=tuple(sorted(filled)))
        if isinstance(command, OrderUpdatedCommand):
            _refuse_unknown_order(loaded.journey, fact)
        if not loaded.journey.take(fact):
            return False
        if aside is not None:
            self._transaction.keep_aside(loaded.journey.id, fact.id, aside)
        name = getattr(fact, "name", None)
        if name is not None:
            self._group.see_custom_event(name)
        return True

    def _fact(  # noqa: PLR0911 - one for each type
        self, command: FactCommand, loaded: LoadedJourney
    ) -> tuple[AnyFact, str | None]:
        """The fact a command states, and the free text that is kept aside from it."""
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
                told = (command.order_id, command.amount, lines, command.currency, command.name)
                return OrderRefund(command.id, command.at, *told), None
            case OrderCancelledCommand():
                return OrderCancelled(command.id, command.at, command.order_id, command.name), None
            case VoidCommand():
                aside = None if command.reason is None else canonical(command.reason)
                return Void(command.id, command.at, command.fact_id, _sealed(key, aside)), aside
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
        aside = None if command.properties is None else canonical(command.properties)
        fact = Purchase(
            command.id,
            command.at,
            command.product_id,
            command.price,
            currency,
            command.quantity,
            command.app_id,
            command.app_version,
            _sealed(loaded.key, aside),
        )
        return fact, aside

    def _order(self, command: OrderCommand, loaded: LoadedJourney) -> tuple[Order, str | None]:
        self._check_app(command.app_id)
        lines = _lines(command.lines)
        money.below_limit(money.lines_amount(lines))
        names_money = command.total is not None or any(line.price is not None for line in lines)
        currency = command.currency
        if names_money or self._group.default_currency is not None:
            currency = self._currency(command, loaded.journey)
        aside = None if command.properties is None else canonical(command.properties)
        fact = Order(
            command.id,
            command.at,
            lines,
            currency,
            command.total,
            command.name,
            command.app_id,
            command.app_version,
            _sealed(loaded.key, aside),
        )
        return fact, aside

    def _currency(self, command: PurchaseCommand | OrderCommand, journey: UserJourney) -> str:
        """The currency stated, else the app group's (R11), else, of a fact that is known, the recorded one (R13)."""
        currency = command.currency or self._group.default_currency
        if currency is None:
            currency = journey.recorded_currency(command.id)
        if currency is None:
            message = (
                "currency: none is named, and the app group has no default_currency: name one, or set it"
            )
            raise BadMoney(message, place="currency")
        return currency

    def _custom_event(self, command: CustomEventCommand, key: bytes) -> tuple[CustomEvent, str | None]:
        self._check_app(command.app_id)
        aside = None if command.properties is None else canonical(command.properties)
        fact = CustomEvent(
            command.id, command.at, command.name, command.app_id, command.app_version, _sealed(key, aside)
        )
        return fact, aside

    def _check_app(self, app_id: str | None) -> None:
        if app_id is not None and app_id not in self._group.apps:
            raise UnknownApp(f"the app group has no app {app_id!r}", place="app_id")


def _in_order(commands: Sequence[FactCommand]) -> Iterable[int]:
    """The places of commands in the order of their facts; of one id's, the first alone, and the others after all.

    An order and the purchases that an earlier version would have made of it are of one id in this. What updates orders
    comes last: it makes none, and those that it names may be in the same batch.
    """
    seen: set[tuple[str, str]] = set()
    parts: set[tuple[str, str]] = set()
    firsts: list[int] = []
    others: list[int] = []
    updates: list[int] = []
    for place, command in enumerate(commands):
        if isinstance(command, OrderUpdatedCommand):
            updates.append(place)
            continue
        user_id, fact_id = identity = command.user_id, command.id
        is_first = identity not in seen
        seen.add(identity)
        if fact_id.startswith(ORDERS_AS_PURCHASES) and isinstance(command, PurchaseCommand):
            of = {(user_id, order_id) for order_id in order_ids(fact_id, command.product_id)}
            is_first &= seen.isdisjoint(of)
            parts |= of
        elif identity in parts:
            is_first = False
        (firsts if is_first else others).append(place)
    firsts.sort(key=lambda place: (commands[place].at, commands[place].id))
    return chain(firsts, others, updates)


def _lines(lines: Sequence[OrderLineCommand] | None) -> tuple[OrderLine, ...]:
    found = tuple(OrderLine(line.product_id, line.price, line.quantity) for line in lines or ())
    for place, line in enumerate(found):
        try:
            money.amount(line.price or Decimal(0), line.quantity)
        except BadMoney as refusal:
            raise BadMoney(f"lines.{place}: {refusal.message}", place=f"lines.{place}") from None
    return found


def _filled(command: FactCommand, fact: AnyFact) -> frozenset[str]:
    """The fields that were filled in by default (R13)."""
    if not (isinstance(fact, Sale) and isinstance(command, PurchaseCommand | OrderCommand)):
        return command.defaults
    is_default = command.currency is None and fact.currency is not None
    return command.defaults | {"currency"} if is_default else command.defaults


def _refuse_unknown_order(journey: UserJourney, order: AnyFact) -> None:
    """An update makes no order: raise ConflictingFact unless it says what the known one says."""
    try:
        if journey.is_known(order):
            return
    except ConflictingFact:
        message = f"the order {order.id!r} is known with other content, and is not changed by an update"
        raise ConflictingFact(message, place="id") from None
    raise ConflictingFact(f"the order {order.id!r} is not known, and an update makes none", place="id")


def _sealed(key: bytes, aside: str | None) -> str | None:
    return None if aside is None else seal(key, aside)
