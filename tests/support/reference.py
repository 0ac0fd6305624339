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
    for sale, receipt in counted_sales(campaign, receipts, journey):
        variant, currency = variant_of(campaign, receipt), currency_of(sale)
        if currency is not None:
            counted = (receipt["id"], variant, currency, net(sale, journey))
            outcome.revenue[user, campaign_id, sale["id"]] = counted


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
            return is_sale(fact) and event.get("product_id") in (None, *products_of(fact))
        case "performs_custom_event":
            return bool(event["name"] == fact.get("name"))
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
    """R10: compared with the latest earlier report for the same user and app, else with the version it names."""
    version = version_reported(fact)
    if version is None:
        return False
    reports = [other for other in journey if version_reported(other) is not None]
    of_app = [other for other in reports if other["app_id"] == fact["app_id"]]
    earlier = [other for other in of_app if moment(other) < moment(fact)]
    before = version_reported(latest(earlier)) if earlier else fact.get("previous_version")
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


def counted_sales(
    campaign: Campaign, receipts: Sequence[Fact], journey: Iterable[Fact]
) -> list[tuple[Fact, Fact]]:
    """R11: every purchase or order inside the window of any receipt, with the receipt credited."""
    window = revenue_window(campaign)
    counted = [fact for fact in journey if is_sale(fact) and receipts_holding(fact, receipts, window)]
    return [(sale, credited_receipt(sale, receipts, window)) for sale in counted]


def is_sale(fact: Fact) -> bool:
    """R27: an order counts as a purchase."""
    return fact["type"] in {"purchase", "order"}


def products_of(sale: Fact) -> list[str]:
    """R27: every product of an order's lines; none is known where it has no lines."""
    return [line["product_id"] for line in lines_of(sale)]


def lines_of(fact: Fact) -> list[Fact]:
    """R27: the lines of an order or of a refund; a purchase is a line of its own."""
    return [fact] if fact["type"] == "purchase" else list(fact.get("lines") or [])


def currency_of(sale: Fact) -> str | None:
    """R27: its own, else the one that its lines agree on."""
    named = [sale.get("currency"), *(line.get("currency") for line in lines_of(sale))]
    return next((currency for currency in named if currency is not None), None)


def units_of(lines: Iterable[Fact]) -> list[tuple[str, Decimal | None]]:
    """The product and the price of each single unit, one after the other."""
    return [
        (line["product_id"], None if line.get("price") is None else Decimal(line["price"]))
        for line in lines
        for _ in range(int(line.get("quantity") or 1))
    ]


def amount_of(sale: Fact) -> Decimal:
    """R11: price x quantity. R27: an order's total, else the sum of its lines; one without a price adds nothing."""
    if sale.get("total") is not None:
        return Decimal(sale["total"])
    prices = (
        Decimal(line["price"]) * int(line.get("quantity") or 1)
        for line in lines_of(sale)
        if line.get("price") is not None
    )
    return sum(prices, Decimal(0))


def net(sale: Fact, journey: Sequence[Fact]) -> Decimal:
    """R12, R27: the amount less all that was given back, whenever that was, never below 0."""
    if sale["type"] == "order":
        given = given_back_of(sale, corrections_of(sale["id"], journey))
        return Decimal(0) if given is None else max(amount_of(sale) - given, Decimal(0))
    return net_of_purchase(sale, journey)


def corrections_of(order_id: str, journey: Iterable[Fact]) -> list[Fact]:
    """R27: what names the order, in order."""
    kinds = {"order_refund", "order_cancelled"}
    return sorted((f for f in journey if f["type"] in kinds and f["order_id"] == order_id), key=moment)


def given_back_of(order: Fact, corrections: Sequence[Fact]) -> Decimal | None:
    """R27: the money given back of an order; None where everything is."""
    left = units_of(lines_of(order))
    given, unpriced = Decimal(0), False
    for correction in corrections:
        if correction.get("currency") not in (None, currency_of(order)):
            continue
        if correction.get("amount") is not None:
            given += Decimal(correction["amount"])
        elif not correction.get("lines"):
            return None
        for product, price in units_of(lines_of(correction)):
            unit = next((unit for unit in left if unit[0] == product), None)
            if unit is None:
                continue
            left.remove(unit)
            paid = unit[1] if price is None else price
            unpriced = unpriced or paid is None
            given += paid or Decimal(0)
    return None if unpriced and not left and len(lines_of(order)) == 1 else given


def net_of_purchase(purchase: Fact, journey: Sequence[Fact]) -> Decimal:
    """R12: the amount less all its refunds; of an order that was recorded as purchases, less what that gives back.

    Such an order is all purchases `order:ORDER:...`; an amount comes off the first of them that have anything left.
    """
    refunds = [f for f in journey if f["type"] == "refund" and f["purchase_id"] == purchase["id"]]
    net = max(amount_of(purchase) - sum((Decimal(r["amount"]) for r in refunds), Decimal(0)), Decimal(0))
    order_id = order_recorded_as_purchases(purchase, journey)
    if order_id is None:
        return net
    group = [f for f in journey if f["type"] == "purchase" and is_line_of(order_id, f)]
    group.sort(key=lambda each: place_in_order(order_id, each))
    return split_over(group, purchase, corrections_of(order_id, journey), journey)


def order_recorded_as_purchases(purchase: Fact, journey: Sequence[Fact]) -> str | None:
    """The shortest order id that a purchase's id begins with and that any correction names."""
    parts = purchase["id"].split(":")
    if parts[0] != "order":
        return None
    recorded = {fact["id"] for fact in journey if fact["type"] == "order"}
    candidates = [":".join(parts[1:end]) for end in range(2, len(parts))]
    candidates = [each for each in candidates if each not in recorded]
    of = [each for each in candidates if each and is_line_of(each, purchase)]
    return next((each for each in of if corrections_of(each, journey)), None)


def is_line_of(order_id: str, purchase: Fact) -> bool:
    """What follows the order's id is the purchase's product, or the place of its line."""
    prefix = f"order:{order_id}:"
    name = str(purchase["id"]).removeprefix(prefix)
    is_place = re.fullmatch(r"#*[0-9]+", name) is not None
    return str(purchase["id"]).startswith(prefix) and (name == purchase["product_id"] or is_place)


def place_in_order(order_id: str, purchase: Fact) -> tuple[int, int, str]:
    """A purchase named by its product stood before those named by their place, as its product was there already."""
    name = purchase["id"].removeprefix(f"order:{order_id}:")
    digits = name.lstrip("#")
    is_place = digits.isascii() and digits.isdigit() and len(digits) < 10
    return (0 if name == purchase["product_id"] else 1), (int(digits) if is_place else 0), name


def split_over(
    group: Sequence[Fact], purchase: Fact, corrections: Sequence[Fact], journey: Sequence[Fact]
) -> Decimal:
    """The net of one purchase of an order: units come off their own purchase, amounts off the first that has any."""
    left, units, amount = {}, [], Decimal(0)
    for each in group:
        refunds = [f for f in journey if f["type"] == "refund" and f["purchase_id"] == each["id"]]
        left[each["id"]] = max(
            amount_of(each) - sum((Decimal(r["amount"]) for r in refunds), Decimal(0)), Decimal(0)
        )
        units += [(each["id"], *unit) for unit in units_of([each])]
    for correction in corrections:
        if correction.get("currency") not in (None, group[0]["currency"]):
            continue
        if correction.get("amount") is None and not correction.get("lines"):
            return Decimal(0)
        amount += Decimal(correction.get("amount") or 0)
        for product, price in units_of(lines_of(correction)):
            unit = next((unit for unit in units if unit[1] == product), None)
            if unit is not None:
                units.remove(unit)
                left[unit[0]] -= (unit[2] if price is None else price) or Decimal(0)
    for each in group:
        left[each["id"]] = max(left[each["id"]], Decimal(0))
        taken = min(left[each["id"]], amount)
        left[each["id"]] -= taken
        amount -= taken
    return left[purchase["id"]]
