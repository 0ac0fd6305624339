"""The rulebook over a plain set of facts: slow, obvious, and the judge of the real ledger.

It knows nothing of events, streams or time of arrival. Every function restates a rule of docs/rules.md and
names it; campaigns and facts have the shapes of docs/files.md.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import zip_longest
from typing import Any

Campaign = Mapping[str, Any]
ConversionEvent = Mapping[str, Any]
Fact = Mapping[str, Any]
Row = dict[str, Any]

REVENUE_WINDOW_WITHOUT_CONVERSION_EVENTS = timedelta(days=3)
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True)
class Outcome:
    """What stands, once every fact is known. Only what is there has a key: no entry says 0 or None."""

    conversions: dict[tuple[str, str, int], tuple[str, str, str]]
    """(user, campaign, index) -> (behaviour, receipt, variant)"""
    revenue: dict[tuple[str, str, str], tuple[str, str, str, Decimal]]
    """(user, campaign, purchase) -> (receipt, variant, currency, net)"""
    recipients: dict[tuple[str, str, str | None], str]
    """(user, campaign, variant) -> their first receipt; variant None: of any variant but control"""
    receipts: dict[tuple[str, str], int]
    """(campaign, variant) -> how many receipts stand"""
    campaigns: dict[str, Campaign] = field(default_factory=dict, repr=False, compare=False)

    def report(self, campaign_id: str) -> Row:
        """Give the figures of R18 and R19; the totals leave the control group out (R9)."""
        campaign = self.campaigns[campaign_id]
        variants = variants_of(campaign)
        treated = [variant for variant in variants if variant != control_of(campaign)]
        return {
            "totals": self._row(campaign, treated, None),
            "variants": {variant: self._row(campaign, [variant], variant) for variant in variants},
        }

    def _row(self, campaign: Campaign, variants: Sequence[str], recipients_of: str | None) -> Row:
        """One row: what was credited to these variants, beside one count of recipients (R18, R19)."""
        of_campaign = campaign["id"]
        recipients = [
            user
            for (user, campaign_id, variant) in self.recipients
            if campaign_id == of_campaign and variant == recipients_of
        ]
        conversions = [0 for _ in conversion_events_of(campaign)]
        for (_, campaign_id, index), (_, _, variant) in self.conversions.items():
            if campaign_id == of_campaign and variant in variants:
                conversions[index] += 1
        revenue: dict[str, Decimal] = defaultdict(Decimal)
        for (_, campaign_id, _), (_, variant, currency, net) in self.revenue.items():
            if campaign_id == of_campaign and variant in variants:
                revenue[currency] += net
        return {
            "receipts": sum(self.receipts.get((of_campaign, variant), 0) for variant in variants),
            "unique_recipients": len(recipients),
            "conversions": conversions,
            "conversion_rates": [count / len(recipients) if recipients else None for count in conversions],
            "revenue": dict(revenue),
        }


def judge(campaigns: Sequence[Campaign], facts: Iterable[Fact]) -> Outcome:
    """Judge every campaign for every user, each on its own (R8), from the facts that stand (R14)."""
    outcome = Outcome({}, {}, {}, {}, {campaign["id"]: campaign for campaign in campaigns})
    journeys = defaultdict(list)
    for fact in standing(facts):
        journeys[fact["user_id"]].append(fact)
    for user, journey in journeys.items():
        for campaign in campaigns:
            judge_user(outcome, user, journey, campaign)
    return outcome


def judge_user(outcome: Outcome, user: str, journey: Sequence[Fact], campaign: Campaign) -> None:
    """Add to the outcome what one campaign did, and earned, with one user."""
    campaign_id = campaign["id"]
    receipts = [f for f in journey if f["type"] == "received" and f["campaign_id"] == campaign_id]
    count_receipts(outcome, user, receipts, campaign)
    for index, event in enumerate(conversion_events_of(campaign)):
        found = conversion(event, receipts, journey)
        if found is not None:
            behaviour, receipt = found
            credit = (behaviour["id"], receipt["id"], variant_of(campaign, receipt))
            outcome.conversions[user, campaign_id, index] = credit
    for purchase, receipt in counted_purchases(campaign, receipts, journey):
        variant, currency = variant_of(campaign, receipt), purchase["currency"]
        counted = (receipt["id"], variant, currency, net(purchase, journey))
        outcome.revenue[user, campaign_id, purchase["id"]] = counted


def count_receipts(outcome: Outcome, user: str, receipts: Sequence[Fact], campaign: Campaign) -> None:
    """R18, R20: count receipts; note a recipient's first, of each variant and of any but control."""
    campaign_id = campaign["id"]
    for variant in variants_of(campaign):
        of_variant = [r for r in receipts if variant_of(campaign, r) == variant]
        if of_variant:
            so_far = outcome.receipts.get((campaign_id, variant), 0)
            outcome.receipts[campaign_id, variant] = so_far + len(of_variant)
            outcome.recipients[user, campaign_id, variant] = earliest(of_variant)["id"]
    treated = [r for r in receipts if variant_of(campaign, r) != control_of(campaign)]
    if treated:
        outcome.recipients[user, campaign_id, None] = earliest(treated)["id"]


def standing(facts: Iterable[Fact]) -> list[Fact]:
    """R13: the same fact again changes nothing. R17: a voided fact is as if it had not been.

    A void cannot be voided, so every void counts; it does nothing but that, so none is kept.
    """
    accepted = {(fact["user_id"], fact["id"]): fact for fact in facts}
    voided = {(fact["user_id"], fact["fact_id"]) for fact in accepted.values() if fact["type"] == "void"}
    return [fact for key, fact in accepted.items() if fact["type"] != "void" and key not in voided]


def instant(fact: Fact) -> datetime:
    """R6: exact to the microsecond, in UTC; further digits are cut."""
    return datetime.fromisoformat(fact["at"].upper()).astimezone(UTC)


def moment(fact: Fact) -> tuple[datetime, str]:
    """Order facts as "earlier" and "later" do: by instant, then by id, by code point (Words)."""
    return instant(fact), fact["id"]


def earliest(facts: Iterable[Fact]) -> Fact:
    """Of equals, the one with the smallest id (Words)."""
    return min(facts, key=moment)


def latest(facts: Iterable[Fact]) -> Fact:
    """Of equals, the one with the greatest id (Words)."""
    return max(facts, key=moment)


def variants_of(campaign: Campaign) -> list[str]:
    """The ids of all variants, control included; without any, there is one named "default"."""
    return [variant["id"] for variant in campaign.get("variants") or [{"id": "default"}]]


def control_of(campaign: Campaign) -> str | None:
    """The variant that gets nothing, if there is one (R5)."""
    for variant in campaign.get("variants") or []:
        if variant.get("control"):
            return str(variant["id"])
    return None


def conversion_events_of(campaign: Campaign) -> list[ConversionEvent]:
    """R1: none to four, in order."""
    return list(campaign.get("conversion_events") or [])


def deadline_of(event: ConversionEvent) -> timedelta:
    """R3: whole seconds, or a whole number with its unit. A day is 86,400 seconds."""
    deadline = event["deadline"]
    if isinstance(deadline, int):
        return timedelta(seconds=deadline)
    return timedelta(seconds=int(deadline[:-1]) * SECONDS[deadline[-1]])


def variant_of(campaign: Campaign, receipt: Fact) -> str:
    """R5: a receipt names its variant, or its campaign has only one."""
    named: str | None = receipt.get("variant_id")
    return variants_of(campaign)[0] if named is None else named


def conversion(
    event: ConversionEvent, receipts: Sequence[Fact], journey: Sequence[Fact]
) -> tuple[Fact, Fact] | None:
    """R7: the earliest matching behaviour inside the window of any receipt, with the receipt credited."""
    window = deadline_of(event)
    matching = [fact for fact in journey if matches(event, fact, journey)]
    converting = [fact for fact in matching if receipts_holding(fact, receipts, window)]
    if not converting:
        return None
    behaviour = earliest(converting)
    return behaviour, credited_receipt(behaviour, receipts, window)


def receipts_holding(behaviour: Fact, receipts: Iterable[Fact], window: timedelta) -> list[Fact]:
    """R6: the receipts whose windows hold the behaviour. Both ends are inside."""
    return [r for r in receipts if instant(r) <= instant(behaviour) <= instant(r) + window]


def credited_receipt(behaviour: Fact, receipts: Iterable[Fact], window: timedelta) -> Fact:
    """R9: the latest receipt at or before the behaviour whose window holds it."""
    return latest(receipts_holding(behaviour, receipts, window))


def matches(event: ConversionEvent, fact: Fact, journey: Sequence[Fact]) -> bool:
    """R2: the type of the conversion event, and its filter."""
    match event["type"]:
        case "starts_session":
            return fact["type"] == "session_started" and in_apps(event, fact)
        case "makes_purchase":
            return fact["type"] == "purchase" and event.get("product_id") in (None, fact["product_id"])
        case "performs_custom_event":
            return fact["type"] == "custom_event" and bool(event["name"] == fact["name"])
        case "upgrades_app":
            return is_upgrade(fact, journey) and in_apps(event, fact)
        case unknown:
            raise AssertionError(unknown)


def in_apps(event: ConversionEvent, fact: Fact) -> bool:
    """R2: in any of the given apps; in all when none is given."""
    return not event.get("app_ids") or fact["app_id"] in event["app_ids"]


def version_reported(fact: Fact) -> str | None:
    """R10: what an app_version reports, or a session, purchase or custom event with both app and version."""
    reported: str | None = fact["version"] if fact["type"] == "app_version" else fact.get("app_version")
    return None if fact.get("app_id") is None else reported


def is_upgrade(fact: Fact, journey: Iterable[Fact]) -> bool:
    """R10: compared with the latest earlier report for the same user and app; the first is no upgrade."""
    version = version_reported(fact)
    if version is None:
        return False
    reports = [other for other in journey if version_reported(other) is not None]
    of_app = [other for other in reports if other["app_id"] == fact["app_id"]]
    earlier = [other for other in of_app if moment(other) < moment(fact)]
    if not earlier:
        return False
    before = version_reported(latest(earlier))
    return before is not None and upgrades(before, version)


def upgrades(before: str, after: str) -> bool:
    """R10: dotted whole numbers compare number by number, missing ones being 0.

    If either is anything else, any change of the text counts.
    """
    if not (is_dotted_numbers(before) and is_dotted_numbers(after)):
        return before != after
    numbers = zip_longest(map(int, before.split(".")), map(int, after.split(".")), fillvalue=0)
    for old, new in numbers:
        if old != new:
            return new > old
    return False


def is_dotted_numbers(version: str) -> bool:
    """R10: ASCII digits only, of any length."""
    return re.fullmatch(r"[0-9]+(\.[0-9]+)*", version) is not None


def revenue_window(campaign: Campaign) -> timedelta:
    """R11: the primary conversion event's deadline; 3 days when the campaign has no conversion event."""
    events = conversion_events_of(campaign)
    return deadline_of(events[0]) if events else REVENUE_WINDOW_WITHOUT_CONVERSION_EVENTS


def counted_purchases(
    campaign: Campaign, receipts: Sequence[Fact], journey: Iterable[Fact]
) -> list[tuple[Fact, Fact]]:
    """R11: every purchase, of any product, inside the window of any receipt, with the receipt credited."""
    window = revenue_window(campaign)
    purchases = [fact for fact in journey if fact["type"] == "purchase"]
    counted = [purchase for purchase in purchases if receipts_holding(purchase, receipts, window)]
    return [(purchase, credited_receipt(purchase, receipts, window)) for purchase in counted]


def net(purchase: Fact, journey: Iterable[Fact]) -> Decimal:
    """R11, R12: price x quantity, less all its refunds whenever they were, never below 0."""
    amount = Decimal(purchase["price"]) * int(purchase.get("quantity") or 1)
    refunds = [fact for fact in journey if fact["type"] == "refund" and fact["purchase_id"] == purchase["id"]]
    return max(amount - sum((Decimal(refund["amount"]) for refund in refunds), Decimal(0)), Decimal(0))
