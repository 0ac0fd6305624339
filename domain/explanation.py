"""Why a user converted on a conversion event, or why not (docs/files.md, Reports), from the whole journey."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.campaigns.conversion_events import ConversionEvent
from domain.campaigns.definition import Definition
from domain.explained_revenue import Corrected, CountedSale, IdleCorrection, apply_corrections
from domain.facts import AnyFact, Fact, Order, Received, Sale, reported_version
from domain.journey import decisions
from domain.journey.decisions import Conversion, Receipt, Revenue
from domain.journey.rules.attribution import holds


class Reason(StrEnum):
    """Why a user did not convert."""

    NO_RECEIPT = "no_receipt"
    NOT_AN_UPGRADE = "not_an_upgrade"
    BEFORE_RECEIPT = "before_receipt"
    AFTER_DEADLINE = "after_deadline"
    NO_MATCHING_BEHAVIOUR = "no_matching_behaviour"


@dataclass(frozen=True)
class RecordedEvent:
    """An event of the journey, and when it was recorded."""

    recorded_at: datetime
    event: decisions.JourneyEvent


@dataclass(frozen=True)
class Change:
    """A new decision on a conversion: what stood before and what has stood since; None where nothing did."""

    recorded_at: datetime
    before: Conversion | None
    now: Conversion | None


@dataclass(frozen=True)
class Comparison:
    """The version that a report is compared with (R10): the latest earlier report's, or what it names itself."""

    version: str
    report: Fact | None


@dataclass(frozen=True)
class EventExplanation:
    """One conversion event: converted by a behaviour within a receipt's window, or a reason and the nearest one."""

    index: int
    event: ConversionEvent
    reason: Reason | None
    behaviour: Fact | None
    receipt: Receipt | None
    compared_with: Comparison | None
    """Of a version report alone; None for the first of a user and app, unless it names the version before it."""
    changes: list[Change]
    disregarded: list[decisions.FactDisregarded]
    """What would match, had no void named it."""

    @property
    def window(self) -> tuple[datetime, datetime] | None:
        """The receipt's window, both ends inside (R6)."""
        return None if self.receipt is None else (self.receipt.at, self.receipt.at + self.event.deadline)


@dataclass(frozen=True)
class Explanation:
    """One user and one campaign; `known` says whether any fact of the user was ever recorded."""

    known: bool

    receipts: list[Received]
    conversion_events: list[EventExplanation]
    sales: list[CountedSale]
    orders_without_money: list[Order]
    disregarded: list[decisions.FactDisregarded]
    refunds_without_effect: list[IdleCorrection]


def explain(campaign_id: str, definition: Definition, events: Sequence[RecordedEvent]) -> Explanation:
    """Explain what a campaign counts for a user, and why, from all events of the journey."""
    disregarded = [each.event for each in events if isinstance(each.event, decisions.FactDisregarded)]
    gone = {event.fact.id for event in disregarded}
    facts = sorted(
        (each.event for each in events if isinstance(each.event, Fact) and each.event.id not in gone),
        key=lambda fact: fact.key,
    )
    receipts = [fact for fact in facts if isinstance(fact, Received) and fact.campaign_id == campaign_id]
    upgrades = _upgrades(events)
    found = apply_corrections(facts, [event.fact for event in disregarded])

    def explain_event(index: int, event: ConversionEvent) -> EventExplanation:
        changes = _changes(campaign_id, index, events)
        reason, behaviour, receipt = _explain_event(event, facts, receipts, upgrades, changes)
        compared = None if behaviour is None or not event.of_upgrades else _find_compared(behaviour, facts)
        would = [each for each in disregarded if event.matches(each.fact, upgrade=event.of_upgrades)]
        return EventExplanation(index, event, reason, behaviour, receipt, compared, changes, would)

    return Explanation(
        bool(events),
        receipts,
        [explain_event(index, event) for index, event in enumerate(definition.conversion_events)],
        _sales(campaign_id, facts, events, found),
        _orders_without_money(facts, receipts, definition),
        disregarded,
        found.idle,
    )


def _explain_event(
    event: ConversionEvent,
    facts: Sequence[AnyFact],
    receipts: Sequence[Received],
    upgrades: set[str],
    changes: Sequence[Change],
) -> tuple[Reason | None, Fact | None, Receipt | None]:
    """The reason why the user did not convert, and the behaviour and receipt that show it; no reason where they did."""
    standing = changes[-1].now if changes else None
    if standing is not None:
        return None, next(fact for fact in facts if fact.id == standing.behaviour.id), standing.receipt
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
    return (Reason.BEFORE_RECEIPT if nearest.at < receipt.at else Reason.AFTER_DEADLINE), nearest, receipt


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


def _upgrades(events: Iterable[RecordedEvent]) -> set[str]:
    standing: set[str] = set()
    for each in events:
        if isinstance(each.event, decisions.UpgradeRecorded):
            standing.add(each.event.report.id)
        elif isinstance(each.event, decisions.UpgradeWithdrawn):
            standing.discard(each.event.report.id)
    return standing


def _find_compared(report: Fact, facts: Iterable[AnyFact]) -> Comparison | None:
    """What a version report is compared with (R10)."""
    app_id, _ = reported_version(report) or (None, "")
    before = None
    for fact in facts:
        reported = reported_version(fact)
        if reported is not None and reported[0] == app_id and fact.key < report.key:
            before = Comparison(reported[1], fact)
    named: str | None = getattr(report, "previous_version", None)
    return before if before is not None or named is None else Comparison(named, None)


def _changes(campaign_id: str, index: int, events: Iterable[RecordedEvent]) -> list[Change]:
    kinds = (decisions.ConversionRecorded, decisions.ConversionRestated, decisions.ConversionWithdrawn)
    return [
        Change(each.recorded_at, getattr(each.event, "before", None), getattr(each.event, "now", None))
        for each in events
        if isinstance(each.event, kinds)
        and each.event.campaign_id == campaign_id
        and each.event.index == index
    ]


def _sales(
    campaign_id: str, facts: Sequence[AnyFact], events: Iterable[RecordedEvent], found: Corrected
) -> list[CountedSale]:
    kinds = (decisions.RevenueAttributed, decisions.RevenueRestated, decisions.RevenueWithdrawn)
    counted: dict[str, Revenue | None] = {}
    for each in events:
        if isinstance(each.event, kinds) and each.event.campaign_id == campaign_id:
            counted[each.event.purchase.id] = getattr(each.event, "now", None)
    return [
        CountedSale(fact, found.effects[fact.id], revenue)
        for fact in facts
        if isinstance(fact, Sale) and (revenue := counted.get(fact.id)) is not None
    ]


def _orders_without_money(
    facts: Iterable[AnyFact], receipts: Iterable[Received], definition: Definition
) -> list[Order]:
    """Orders inside the window in which revenue counts that name no money."""
    windows = [Receipt(fact.id, fact.at, fact.variant_id) for fact in receipts]
    return [
        fact
        for fact in facts
        if isinstance(fact, Order)
        and fact.currency is None
        and any(holds(receipt, fact.at, definition.revenue_window) for receipt in windows)
    ]
