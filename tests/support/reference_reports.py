"""What the read models are judged by: every figure worked out anew from the facts that stand.

Slow and obvious, like tests.support.reference, whose judgement each function restates by another key or day. Campaigns
and facts have the shapes of docs/files.md; facts may come again, and voids in any order. A variant of None is
the campaign: any variant but control (R9). Instants are in UTC, money is exact.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from tests.support import reference
from tests.support.reference import Campaign, Fact, Row, instant

Clock = Literal["conversion", "receipt"]
Variant = str | None


def conversions(
    campaigns: Sequence[Campaign], facts: Iterable[Fact]
) -> dict[tuple[str, str, int], dict[str, Any]]:
    """R7, R9: each conversion by (user, campaign, index), with its behaviour, receipt and window."""
    stand = reference.standing(facts)
    by_identity = {(fact["user_id"], fact["id"]): fact for fact in stand}
    found = {}
    for (user, campaign_id, index), credit in reference.judge(campaigns, stand).conversions.items():
        behaviour_id, receipt_id, variant_id = credit
        event = reference.conversion_events_of(campaign_named(campaigns, campaign_id))[index]
        received_at = instant(by_identity[user, receipt_id])
        found[user, campaign_id, index] = {
            "variant_id": variant_id,
            "receipt_id": receipt_id,
            "received_at": received_at,
            "window_ends_at": received_at + reference.deadline_of(event),
            "behaviour_id": behaviour_id,
            "behaviour_at": instant(by_identity[user, behaviour_id]),
        }
    return found


def counted_purchases(
    campaigns: Sequence[Campaign], facts: Iterable[Fact]
) -> dict[tuple[str, str, str], dict[str, Any]]:
    """R11, R12: each purchase that counts, by (user, campaign, purchase), with its receipt and its net."""
    stand = reference.standing(facts)
    by_identity = {(fact["user_id"], fact["id"]): fact for fact in stand}
    found = {}
    for (user, campaign_id, purchase_id), counted in reference.judge(campaigns, stand).revenue.items():
        receipt_id, variant_id, currency, net = counted
        found[user, campaign_id, purchase_id] = {
            "variant_id": variant_id,
            "receipt_id": receipt_id,
            "received_at": instant(by_identity[user, receipt_id]),
            "purchased_at": instant(by_identity[user, purchase_id]),
            "currency": currency,
            "net": net,
        }
    return found


def recipients(
    campaigns: Sequence[Campaign], facts: Iterable[Fact]
) -> dict[tuple[str, str, Variant], dict[str, Any]]:
    """R18, R20: each recipient of a variant, or of any but control, with what was credited to it (R9)."""
    stand = reference.standing(facts)
    found = {}
    for campaign in campaigns:
        for variant in rows_of(campaign):
            for user, receipts in receipts_by_user(campaign, variant, stand).items():
                first, last = reference.earliest(receipts), reference.latest(receipts)
                found[user, campaign["id"], variant] = {
                    "receipts": len(receipts),
                    "first_receipt_id": first["id"],
                    "first_received_at": instant(first),
                    "last_receipt_id": last["id"],
                    "last_received_at": instant(last),
                }
    earned, counted = by_user(conversions(campaigns, stand)), by_user(counted_purchases(campaigns, stand))
    for (user, campaign_id, variant), recipient in found.items():
        campaign = campaign_named(campaigns, campaign_id)
        recipient["converted"] = converted_indexes(earned[user], campaign, variant)
        recipient["revenue"] = purchases_and_net(counted[user], campaign, variant)
    return found


def series(
    campaigns: Sequence[Campaign], facts: Iterable[Fact], campaign_id: str, clock: Clock, zone: str
) -> dict[tuple[Variant, date], dict[str, Any]]:
    """R20: the figures of each day with something in it, under one of the two clocks."""
    stand = reference.standing(facts)
    campaign = campaign_named(campaigns, campaign_id)
    return series_of(
        campaign, stand, conversions(campaigns, stand), counted_purchases(campaigns, stand), clock, zone
    )


def series_of(
    campaign: Campaign,
    stand: Sequence[Fact],
    earned: Mapping[tuple[str, str, int], dict[str, Any]],
    counted: Mapping[tuple[str, str, str], dict[str, Any]],
    clock: Clock,
    zone: str,
) -> dict[tuple[Variant, date], dict[str, Any]]:
    """R20: the same of one campaign, from the facts that stand and from what was earned and counted."""
    days: dict[tuple[Variant, date], dict[str, Any]] = defaultdict(lambda: nothing(campaign))
    for variant in rows_of(campaign):
        for receipts in receipts_by_user(campaign, variant, stand).values():
            for receipt in receipts:
                days[variant, day(instant(receipt), zone)]["receipts"] += 1
            first = reference.earliest(receipts)
            days[variant, day(instant(first), zone)]["unique_recipients"] += 1
        for (_, _, index), conversion in credited(earned, campaign, variant).items():
            at = conversion["behaviour_at" if clock == "conversion" else "received_at"]
            days[variant, day(at, zone)]["conversions"][index] += 1
        for purchase in credited(counted, campaign, variant).values():
            at = purchase["purchased_at" if clock == "conversion" else "received_at"]
            days[variant, day(at, zone)]["revenue"][purchase["currency"]] += purchase["net"]
    return {key: figures | {"revenue": dict(figures["revenue"])} for key, figures in days.items()}


def mature(
    campaigns: Sequence[Campaign], facts: Iterable[Fact], campaign_id: str, as_of: datetime
) -> dict[Variant, list[dict[str, int]]]:
    """R6: of each conversion event, the recipients whose last window is over, and how many converted.

    The end of a window is inside it: at that very instant the recipient is still open.
    """
    stand = reference.standing(facts)
    campaign = campaign_named(campaigns, campaign_id)
    told = of_campaign(recipients(campaigns, stand), campaign_id)
    found: dict[Variant, list[dict[str, int]]] = {variant: [] for variant in rows_of(campaign)}
    for index, event in enumerate(reference.conversion_events_of(campaign)):
        deadline = reference.deadline_of(event)
        for variant, figures in found.items():
            everyone = [told[key] for key in told if key[2] == variant]
            over = [each for each in everyone if each["last_received_at"] + deadline < as_of]
            converted = sum(index in each["converted"] for each in over)
            still_open = len(everyone) - len(over)
            figures.append({"recipients": len(over), "converted": converted, "open": still_open})
    return found


def overlap(campaigns: Sequence[Campaign], facts: Iterable[Fact], campaign_id: str) -> list[dict[str, int]]:
    """R8: of each conversion event, the conversions whose behaviour also converted on another campaign.

    Control's conversions count on neither side (R9).
    """
    return overlap_of(campaigns, conversions(campaigns, facts), campaign_id)


def overlap_of(
    campaigns: Sequence[Campaign], all_earned: Mapping[tuple[str, str, int], dict[str, Any]], campaign_id: str
) -> list[dict[str, int]]:
    """R8: the same from what was earned."""
    earned = outside_control(campaigns, all_earned)
    campaign = campaign_named(campaigns, campaign_id)
    found = [{"conversions": 0, "overlapping": 0} for _ in reference.conversion_events_of(campaign)]
    elsewhere = {
        (user, conversion["behaviour_id"])
        for (user, of, _), conversion in earned.items()
        if of != campaign_id
    }
    for (user, _, index), conversion in of_campaign(earned, campaign_id).items():
        found[index]["conversions"] += 1
        if (user, conversion["behaviour_id"]) in elsewhere:
            found[index]["overlapping"] += 1
    return found


def overlap_with(campaigns: Sequence[Campaign], facts: Iterable[Fact], campaign_id: str) -> dict[str, int]:
    """R8: how many behaviours converted on this campaign and on the other; a campaign with none is left out."""
    earned = outside_control(campaigns, conversions(campaigns, facts))
    behaviours: dict[str, set[tuple[str, str]]] = {campaign["id"]: set() for campaign in campaigns}
    for (user, of, _), conversion in earned.items():
        behaviours[of].add((user, conversion["behaviour_id"]))
    own = behaviours.pop(campaign_id)
    return {other: len(own & theirs) for other, theirs in behaviours.items() if own & theirs}


def received_between(
    campaigns: Sequence[Campaign],
    facts: Iterable[Fact],
    campaign_id: str,
    first: date,
    last: date,
    zone: str,
) -> Row:
    """R18, R19, R20: the report of the receipts of these days, both inside, and what is credited to them."""
    stand = reference.standing(facts)
    campaign = campaign_named(campaigns, campaign_id)

    def inside(at: datetime) -> bool:
        return first <= day(at, zone) <= last

    rows = {variant: row(campaigns, stand, campaign, variant, inside) for variant in rows_of(campaign)}
    return {"totals": rows.pop(None), "variants": rows}


def true_as_of(
    campaigns: Sequence[Campaign], facts: Iterable[Fact], campaign_id: str, instant: datetime
) -> Row:
    """R12, R17, R27: the report of what had happened by then, with every void, refund and cancellation known.

    A void is of a fact that should never have been, and the instants of refunds and cancellations play no part. What
    came as a named event performs that event at its own instant only, so later ones count without their names.
    """
    whenever = ("void", "refund", "order_refund", "order_cancelled")
    happened: list[Fact] = []
    later: list[Fact] = []
    for fact in facts:
        (happened if reference.instant(fact) <= instant else later).append(fact)
    corrections = [{**fact, "name": None} for fact in later if fact["type"] in whenever]
    return reference.judge(campaigns, [*happened, *corrections]).report(campaign_id)


def row(
    campaigns: Sequence[Campaign],
    stand: Sequence[Fact],
    campaign: Campaign,
    variant: Variant,
    inside: Callable[[datetime], bool],
) -> Row:
    """R18, R19: one row of a report, of the receipts that are inside and of what is credited to them."""
    by_user = receipts_by_user(campaign, variant, [f for f in stand if inside(instant(f))])
    figures = nothing(campaign)
    figures["receipts"] = sum(len(receipts) for receipts in by_user.values())
    figures["unique_recipients"] = users = len(by_user)
    for (_, _, index), conversion in credited(conversions(campaigns, stand), campaign, variant).items():
        if inside(conversion["received_at"]):
            figures["conversions"][index] += 1
    for purchase in credited(counted_purchases(campaigns, stand), campaign, variant).values():
        if inside(purchase["received_at"]):
            figures["revenue"][purchase["currency"]] += purchase["net"]
    rates = [count / users if users else None for count in figures["conversions"]]
    return figures | {"conversion_rates": rates, "revenue": dict(figures["revenue"])}


def campaign_named(campaigns: Iterable[Campaign], campaign_id: str) -> Campaign:
    """Find the one campaign with this id."""
    [found] = [campaign for campaign in campaigns if campaign["id"] == campaign_id]
    return found


def rows_of(campaign: Campaign) -> list[Variant]:
    """R19: the campaign itself, and each of its variants, control included."""
    return [None, *reference.variants_of(campaign)]


def stands_in(campaign: Campaign, variant_id: str, row: Variant) -> bool:
    """R9: a variant stands in its own row, and in the campaign's unless it is control."""
    return variant_id != reference.control_of(campaign) if row is None else variant_id == row


def receipts_by_user(campaign: Campaign, variant: Variant, stand: Iterable[Fact]) -> dict[str, list[Fact]]:
    """R18: the receipts of a variant, or of any but control, of each user who has any."""
    of_any = [f for f in stand if f["type"] == "received" and f["campaign_id"] == campaign["id"]]
    found = defaultdict(list)
    for receipt in of_any:
        if stands_in(campaign, reference.variant_of(campaign, receipt), variant):
            found[receipt["user_id"]].append(receipt)
    return dict(found)


def of_campaign(
    found: Mapping[tuple[str, str, Any], dict[str, Any]], campaign_id: str
) -> dict[tuple[str, str, Any], dict[str, Any]]:
    """Keep what is one campaign's: no id of a user, receipt or behaviour is enough to tell (R8)."""
    return {key: value for key, value in found.items() if key[1] == campaign_id}


def credited(
    found: Mapping[tuple[str, str, Any], dict[str, Any]], campaign: Campaign, variant: Variant
) -> dict[tuple[str, str, Any], dict[str, Any]]:
    """R9: keep the campaign's conversions, or purchases, credited to a variant, or to any but control."""
    own = of_campaign(found, campaign["id"])
    return {key: each for key, each in own.items() if stands_in(campaign, each["variant_id"], variant)}


def outside_control(
    campaigns: Sequence[Campaign], earned: Mapping[tuple[str, str, int], dict[str, Any]]
) -> dict[tuple[str, str, int], dict[str, Any]]:
    """R9: keep the conversions that are not credited to their own campaign's control."""
    kept: dict[tuple[str, str, int], dict[str, Any]] = {}
    for campaign in campaigns:
        kept |= credited(earned, campaign, None)
    return kept


def by_user(
    found: Mapping[tuple[str, str, Any], dict[str, Any]],
) -> defaultdict[str, dict[tuple[str, str, Any], dict[str, Any]]]:
    """Each user's own."""
    own: defaultdict[str, dict[tuple[str, str, Any], dict[str, Any]]] = defaultdict(dict)
    for key, each in found.items():
        own[key[0]][key] = each
    return own


def converted_indexes(
    earned: Mapping[tuple[str, str, int], dict[str, Any]], campaign: Campaign, variant: Variant
) -> list[int]:
    """R9: the conversion events on which a user converted, credited to the variant, or to any but control."""
    return sorted(index for (_, _, index) in credited(earned, campaign, variant))


def purchases_and_net(
    counted: Mapping[tuple[str, str, str], dict[str, Any]], campaign: Campaign, variant: Variant
) -> dict[str, tuple[int, Decimal]]:
    """R11: of each currency, how many of a user's purchases counted, also at 0, and their net."""
    nets = defaultdict(list)
    for purchase in credited(counted, campaign, variant).values():
        nets[purchase["currency"]].append(purchase["net"])
    return {currency: (len(each), sum(each, Decimal(0))) for currency, each in nets.items()}


def nothing(campaign: Campaign) -> dict[str, Any]:
    """Start a day, or a row, with nothing in it; a currency appears with its first purchase (R11)."""
    none_converted = [0 for _ in reference.conversion_events_of(campaign)]
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    return {"receipts": 0, "unique_recipients": 0, "conversions": none_converted, "revenue": revenue}


def day(at: datetime, zone: str) -> date:
    """R20: the calendar date in an IANA time zone."""
    return at.astimezone(ZoneInfo(zone)).date()
