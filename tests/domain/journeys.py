"""Runs facts through UserJourney alone, over a history in memory, and says what stands in the reference's terms."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from application.commands.definitions import CampaignCommand
from application.commands.facts import (
    AppVersionCommand,
    CustomEventCommand,
    FactCommand,
    OrderCancelledCommand,
    OrderCommand,
    OrderRefundCommand,
    PurchaseCommand,
    ReceivedCommand,
    RefundCommand,
    SessionStartedCommand,
    VoidCommand,
    read_fact,
)
from domain import facts as f
from domain.campaigns.definition import Definition, Variant
from domain.journey import decisions as d
from domain.journey.decisions import JourneyEvent
from domain.journey.history import MemoryHistory
from domain.journey.state import JourneyState
from domain.journey.user_journey import UserJourney
from tests.support.reference import Outcome


def definition_of(campaign: dict[str, Any]) -> Definition:
    """The definition of a campaign in the shape of a file."""
    command = CampaignCommand.model_validate(campaign)
    variants = command.domain_variants({}) or (Variant("default"),)
    return Definition(variants, command.domain_conversion_events() or ())


def fact_of(raw: dict[str, Any], definitions: dict[str, Definition]) -> f.AnyFact:
    """The domain's fact for a line of a file; properties are not sealed here."""
    return as_fact(read_fact(raw), definitions)


def as_fact(  # noqa: PLR0911 - one for each type
    c: FactCommand, definitions: dict[str, Definition]
) -> f.AnyFact:
    """The domain's fact for a command."""
    match c:
        case ReceivedCommand():
            return f.Received(c.id, c.at, c.campaign_id, definitions[c.campaign_id].variant(c.variant_id))
        case SessionStartedCommand():
            return f.SessionStarted(c.id, c.at, c.app_id, c.app_version)
        case PurchaseCommand():
            assert c.currency is not None
            return f.Purchase(
                c.id, c.at, c.product_id, c.price, c.currency, c.quantity, c.app_id, c.app_version
            )
        case OrderCommand():
            return f.Order(c.id, c.at, lines(c), c.currency, c.total, c.name, c.app_id, c.app_version)
        case OrderRefundCommand():
            return f.OrderRefund(c.id, c.at, c.order_id, c.amount, lines(c), c.currency, c.name)
        case OrderCancelledCommand():
            return f.OrderCancelled(c.id, c.at, c.order_id, c.name)
        case CustomEventCommand():
            return f.CustomEvent(c.id, c.at, c.name, c.app_id, c.app_version)
        case AppVersionCommand():
            return f.AppVersionReported(c.id, c.at, c.app_id, c.version, c.previous_version)
        case RefundCommand():
            return f.Refund(c.id, c.at, c.purchase_id, c.amount)
        case VoidCommand():
            return f.Void(c.id, c.at, c.fact_id)
    raise TypeError(type(c).__name__)


def lines(command: OrderCommand | OrderRefundCommand) -> tuple[f.OrderLine, ...]:
    """The domain's lines for those of a command."""
    return tuple(f.OrderLine(line.product_id, line.price, line.quantity) for line in command.lines or ())


class Journeys:
    """The journeys of several users in memory."""

    def __init__(self, campaigns: Sequence[dict[str, Any]]) -> None:
        self.definitions = {campaign["id"]: definition_of(campaign) for campaign in campaigns}
        self.journeys: dict[str, UserJourney] = {}
        self.events: dict[str, list[JourneyEvent]] = {}

    def take(self, raws: Iterable[dict[str, Any]], *, keep_states: bool = False) -> None:
        """Take facts one by one; with `keep_states`, put away closed standings and reload every state after each."""
        for raw in raws:
            user_id = raw["user_id"]
            if user_id not in self.journeys:
                self.journeys[user_id] = UserJourney(user_id, MemoryHistory(), self.definitions)
            journey = self.journeys[user_id]
            journey.take(fact_of(raw, self.definitions))
            self.events.setdefault(user_id, []).extend(r.event for r in journey.collect_events())
            if keep_states:
                self.journeys[user_id] = reloaded(journey)

    def outcome(self) -> Outcome:
        """What stands, folded from the events alone."""
        return fold(self.events)


def reloaded(journey: UserJourney) -> UserJourney:
    """The same journey after its state was kept and read again, without the standings that were put away."""
    history = journey.history
    assert isinstance(history, MemoryHistory)
    for campaign_id, standing in journey.state.close(journey.definitions).items():
        history.standings[campaign_id] = msgspec.json.decode(
            msgspec.json.encode(standing), type=type(standing)
        )
    state = msgspec.json.decode(msgspec.json.encode(journey.state), type=JourneyState)
    again = UserJourney(journey.id, history, journey.definitions, state)
    again.version = journey.version
    return again


def fold(events: dict[str, list[JourneyEvent]]) -> Outcome:
    """What stands after all events, checking that each says truly what stood before."""
    outcome = Outcome({}, {}, {}, {})
    for user_id, stream in events.items():
        for event in stream:
            _apply(outcome, user_id, event)
    receipts = {key: count for key, count in outcome.receipts.items() if count}
    return Outcome(outcome.conversions, outcome.revenue, outcome.recipients, receipts)


def _apply(outcome: Outcome, user_id: str, event: JourneyEvent) -> None:
    match event:
        case f.Received():
            _count(outcome, event, 1)
        case d.FactDisregarded(fact=f.Received() as receipt):
            _count(outcome, receipt, -1)
        case d.ConversionRecorded() | d.ConversionRestated() | d.ConversionWithdrawn():
            _swap(outcome.conversions, (user_id, event.campaign_id, event.index), event, _conversion)
        case d.RevenueAttributed() | d.RevenueRestated() | d.RevenueWithdrawn():
            key = (user_id, event.campaign_id, event.purchase.id)
            _swap(outcome.revenue, key, event, lambda r: (*_receipt(r.receipt), event.currency, r.net))
        case d.RecipientCounted() | d.RecipientRestated() | d.RecipientWithdrawn():
            _swap(outcome.recipients, (user_id, event.campaign_id, event.variant_id), event, lambda r: r.id)


def _swap(table: dict[Any, Any], key: Any, event: Any, value: Any) -> None:
    before, now = getattr(event, "before", None), getattr(event, "now", None)
    assert table.pop(key, None) == (None if before is None else value(before))
    assert before != now
    if now is not None:
        table[key] = value(now)


def _count(outcome: Outcome, receipt: f.Received, difference: int) -> None:
    key = (receipt.campaign_id, receipt.variant_id)
    outcome.receipts[key] = outcome.receipts.get(key, 0) + difference


def _conversion(conversion: d.Conversion) -> tuple[str, str, str]:
    return (conversion.behaviour.id, *_receipt(conversion.receipt))


def _receipt(receipt: d.Receipt) -> tuple[str, str]:
    return receipt.id, receipt.variant_id


def at(text: str) -> datetime:
    """An instant from "2026-03-01 09:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def euros(text: str) -> Decimal:
    """An amount."""
    return Decimal(text)
