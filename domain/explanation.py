"""Why a user converted on a conversion event, or why not (INTERFACES.md, Reports), from the whole journey."""

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


@dataclass(frozen=True)
class Explanation:
    """One user and one campaign."""

    receipts: list[Received]
    conversion_events: list[EventExplanation]
    purchases: list[CountedPurchase]
    disregarded: list[decisions.FactDisregarded]
    refunds_without_effect: list[Refund]


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
        receipts,
        [
            _explain_event(index, event, facts, receipts, upgrades, _changes(campaign_id, index, told))
            for index, event in enumerate(definition.conversion_events)
        ],
        _purchases(campaign_id, facts, told),
        disregarded,
        _refunds_without_effect(facts),
    )


def _explain_event(
    index: int,
    event: ConversionEvent,
    facts: Sequence[AnyFact],
    receipts: Sequence[Received],
    upgrades: set[str],
    changes: list[Change],
) -> EventExplanation:
    standing = changes[-1].now if changes else None
    if standing is not None:
        behaviour = next(fact for fact in facts if fact.id == standing.behaviour.id)
        return EventExplanation(index, event, None, behaviour, standing.receipt, changes)
    if not receipts:
        return EventExplanation(index, event, Reason.NO_RECEIPT, None, None, changes)
    windows = [Receipt(fact.id, fact.at, fact.variant_id) for fact in receipts]
    if event.of_upgrades:
        reports = [f for f in facts if event.matches(f, upgrade=True) and f.id not in upgrades]
        for report in reversed(reports):
            for receipt in reversed(windows):
                if holds(receipt, report.at, event.deadline):
                    return EventExplanation(index, event, Reason.NOT_AN_UPGRADE, report, receipt, changes)
    matching = [fact for fact in facts if event.matches(fact, upgrade=fact.id in upgrades)]
    if not matching:
        return EventExplanation(index, event, Reason.NO_MATCHING_BEHAVIOUR, None, None, changes)
    nearest, receipt = _nearest(matching, windows, event.deadline)
    reason = Reason.BEFORE_RECEIPT if nearest.at < receipt.at else Reason.AFTER_DEADLINE
    return EventExplanation(index, event, reason, nearest, receipt, changes)


def _nearest(
    behaviours: Iterable[Fact], receipts: Sequence[Receipt], deadline: timedelta
) -> tuple[Fact, Receipt]:
    """The behaviour nearest to a window, and that window's receipt; of equally near ones the later."""

    def distance(behaviour: Fact, receipt: Receipt) -> timedelta:
        return max(receipt.at - behaviour.at, behaviour.at - (receipt.at + deadline))

    pairs = ((behaviour, receipt) for behaviour in behaviours for receipt in receipts)
    return min(reversed(list(pairs)), key=lambda pair: distance(*pair))


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


def _refunds_without_effect(facts: Sequence[AnyFact]) -> list[Refund]:
    """Refunds that name no purchase (yet), and those that come on top of what was left to refund (R12)."""
    left = {fact.id: fact.amount for fact in facts if isinstance(fact, Purchase)}
    idle = []
    for fact in facts:
        if not isinstance(fact, Refund):
            continue
        remaining = left.get(fact.purchase_id)
        if remaining is None or fact.amount > remaining:
            idle.append(fact)
        if remaining is not None:
            left[fact.purchase_id] = money.net(remaining, (fact.amount,))
    return idle
