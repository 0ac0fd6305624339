"""Why a user converted on a conversion event, or why not (docs/files.md, Reports), from the whole journey."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain import money
from domain.conversion_events import ConversionEvent
from domain.definition import Definition
from domain.journey import decisions
from domain.journey.attribution import holds
from domain.journey.decisions import Conversion, Receipt, Revenue
from domain.journey.facts import AnyFact, Fact, Purchase, Received, Refund


class Reason(StrEnum):
    """Why a user did not convert."""

    NO_RECEIPT = "no_receipt"
    NOT_AN_UPGRADE = "not_an_upgrade"
    BEFORE_RECEIPT = "before_receipt"
    AFTER_DEADLINE = "after_deadline"
    NO_MATCHING_BEHAVIOUR = "no_matching_behaviour"


@dataclass(frozen=True)
class Told:
    """An event of the journey, and when it was recorded."""

    recorded_at: datetime
    event: decisions.JourneyEvent


@dataclass(frozen=True)
class Change:
    """A conversion decided anew: what stood before and what stood then; None where nothing did."""

    recorded_at: datetime
    before: Conversion | None
    now: Conversion | None


@dataclass(frozen=True)
class EventExplanation:
    """One conversion event: converted by a behaviour within a receipt's window, or a reason and the nearest one."""

    index: int
    event: ConversionEvent
    reason: Reason | None
    behaviour: Fact | None
    receipt: Receipt | None
    changes: list[Change]
    disregarded: list[decisions.FactDisregarded]
    """What would match, had no void named it."""

    @property
    def window(self) -> tuple[datetime, datetime] | None:
        """The receipt's window, both ends inside (R6)."""
        return None if self.receipt is None else (self.receipt.at, self.receipt.at + self.event.deadline)


@dataclass(frozen=True)
class CountedPurchase:
    """A purchase that counts for the campaign, its refunds, and the receipt it is credited to (R11, R12)."""

    purchase: Purchase
    refunds: list[Refund]
    revenue: Revenue


class Idle(StrEnum):
    """Why a refund has no effect, or not all of it (R12)."""

    NO_SUCH_PURCHASE = "no_such_purchase"
    PURCHASE_DISREGARDED = "purchase_disregarded"
    EXCEEDS_PURCHASE = "exceeds_purchase"


@dataclass(frozen=True)
class IdleRefund:
    """A refund without effect, or without all of it; the purchase it names, where that is one."""

    refund: Refund
    reason: Idle
    purchase: Purchase | None


@dataclass(frozen=True)
class Explanation:
    """One user and one campaign; `known` says whether any fact of the user was ever recorded."""

    known: bool

    receipts: list[Received]
    conversion_events: list[EventExplanation]
    purchases: list[CountedPurchase]
    disregarded: list[decisions.FactDisregarded]
    refunds_without_effect: list[IdleRefund]


def explain(campaign_id: str, definition: Definition, told: Sequence[Told]) -> Explanation:
    """Tell the story of a user and a campaign from all events of the journey."""
    disregarded = [t.event for t in told if isinstance(t.event, decisions.FactDisregarded)]
    gone = {event.fact.id for event in disregarded}
    facts = sorted(
        (t.event for t in told if isinstance(t.event, Fact) and t.event.id not in gone),
        key=lambda fact: fact.key,
    )
    receipts = [fact for fact in facts if isinstance(fact, Received) and fact.campaign_id == campaign_id]
    upgrades = _upgrades(told)
    return Explanation(
        bool(told),
        receipts,
        [
            EventExplanation(
                index,
                event,
                *_explain_event(event, facts, receipts, upgrades, changes),
                changes,
                [each for each in disregarded if event.matches(each.fact, upgrade=event.of_upgrades)],
            )
            for index, event in enumerate(definition.conversion_events)
            for changes in [_changes(campaign_id, index, told)]
        ],
        _purchases(campaign_id, facts, told),
        disregarded,
        _refunds_without_effect(facts, disregarded),
    )


def _explain_event(
    event: ConversionEvent,
    facts: Sequence[AnyFact],
    receipts: Sequence[Received],
    upgrades: set[str],
    changes: Sequence[Change],
) -> tuple[Reason | None, Fact | None, Receipt | None]:
    """The reason why not, the behaviour and the receipt that tell it; no reason where the user converted."""
    standing = changes[-1].now if changes else None
    if standing is not None:
        behaviour = next(fact for fact in facts if fact.id == standing.behaviour.id)
        return None, behaviour, standing.receipt
    if not receipts:
        return Reason.NO_RECEIPT, None, None
    windows = [Receipt(fact.id, fact.at, fact.variant_id) for fact in receipts]
    if event.of_upgrades:
        reports = [fact for fact in facts if event.matches(fact, upgrade=True) and fact.id not in upgrades]
        for report in reversed(reports):
            for receipt in reversed(windows):
                if holds(receipt, report.at, event.deadline):
                    return Reason.NOT_AN_UPGRADE, report, receipt
    matching = [fact for fact in facts if event.matches(fact, upgrade=fact.id in upgrades)]
    if not matching:
        return Reason.NO_MATCHING_BEHAVIOUR, None, None
    nearest, receipt = _nearest(matching, windows, event.deadline)
    reason = Reason.BEFORE_RECEIPT if nearest.at < receipt.at else Reason.AFTER_DEADLINE
    return reason, nearest, receipt


def _nearest(
    behaviours: Iterable[Fact], receipts: Sequence[Receipt], deadline: timedelta
) -> tuple[Fact, Receipt]:
    """The behaviour nearest to a window, and that window's receipt; of equally near ones the later.

    Deadlines are equal and receipts in order: near a behaviour are the windows of the receipts around it alone.
    """

    def distance(behaviour: Fact, receipt: Receipt) -> timedelta:
        return max(receipt.at - behaviour.at, behaviour.at - (receipt.at + deadline))

    instants = [receipt.at for receipt in receipts]
    pairs = []
    for behaviour in behaviours:
        place = bisect_right(instants, behaviour.at)
        if place > 0:
            pairs.append((behaviour, receipts[place - 1]))
        if place < len(receipts):
            pairs.append((behaviour, receipts[bisect_right(instants, instants[place]) - 1]))
    return min(reversed(pairs), key=lambda pair: distance(*pair))


def _upgrades(told: Iterable[Told]) -> set[str]:
    standing: set[str] = set()
    for each in told:
        if isinstance(each.event, decisions.UpgradeRecorded):
            standing.add(each.event.report.id)
        elif isinstance(each.event, decisions.UpgradeWithdrawn):
            standing.discard(each.event.report.id)
    return standing


def _changes(campaign_id: str, index: int, told: Iterable[Told]) -> list[Change]:
    kinds = (decisions.ConversionRecorded, decisions.ConversionRestated, decisions.ConversionWithdrawn)
    return [
        Change(each.recorded_at, getattr(each.event, "before", None), getattr(each.event, "now", None))
        for each in told
        if isinstance(each.event, kinds)
        and each.event.campaign_id == campaign_id
        and each.event.index == index
    ]


def _purchases(campaign_id: str, facts: Sequence[AnyFact], told: Iterable[Told]) -> list[CountedPurchase]:
    kinds = (decisions.RevenueAttributed, decisions.RevenueRestated, decisions.RevenueWithdrawn)
    counted: dict[str, Revenue | None] = {}
    for each in told:
        if isinstance(each.event, kinds) and each.event.campaign_id == campaign_id:
            counted[each.event.purchase.id] = getattr(each.event, "now", None)
    found = []
    for fact in facts:
        revenue = counted.get(fact.id)
        if isinstance(fact, Purchase) and revenue is not None:
            refunds = [r for r in facts if isinstance(r, Refund) and r.purchase_id == fact.id]
            found.append(CountedPurchase(fact, refunds, revenue))
    return found


def _refunds_without_effect(
    facts: Sequence[AnyFact], disregarded: Iterable[decisions.FactDisregarded]
) -> list[IdleRefund]:
    """Refunds that name no purchase that stands, and those that come on top of what was left to refund (R12)."""
    gone = {event.fact.id: event.fact for event in disregarded if isinstance(event.fact, Purchase)}
    purchases = {fact.id: fact for fact in facts if isinstance(fact, Purchase)}
    left = {purchase.id: purchase.amount for purchase in purchases.values()}
    idle = []
    for fact in facts:
        if not isinstance(fact, Refund):
            continue
        purchase = purchases.get(fact.purchase_id)
        if purchase is None:
            voided = gone.get(fact.purchase_id)
            reason = Idle.NO_SUCH_PURCHASE if voided is None else Idle.PURCHASE_DISREGARDED
            idle.append(IdleRefund(fact, reason, voided))
            continue
        if fact.amount > left[purchase.id]:
            idle.append(IdleRefund(fact, Idle.EXCEEDS_PURCHASE, purchase))
        left[purchase.id] = money.net(left[purchase.id], (fact.amount,))
    return idle
