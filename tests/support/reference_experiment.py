"""What experiments are judged by: every user looked at anew, one by one, as in tests.support.reference_reports."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact
from functools import reduce
from typing import Any

from tests.support import reference
from tests.support.reference import Campaign, Fact, Row
from tests.support.reference_reports import campaign_named, conversions, of_campaign, recipients

EXACT = Context(prec=100, traps=[Inexact])


def experiment(
    campaigns: Sequence[Campaign], facts: Iterable[Fact], campaign_id: str, as_of: datetime
) -> Row:
    """R6, R9, R11, R18: users of exactly one variant, looked at one by one; those of several are only counted."""
    stand = reference.standing(facts)
    campaign = campaign_named(campaigns, campaign_id)
    control, events = reference.control_of(campaign), reference.conversion_events_of(campaign)
    of_users: dict[str, dict[str, Any]] = defaultdict(dict)
    for (user, _, variant), row in of_campaign(recipients(campaigns, stand), campaign_id).items():
        if variant is not None:
            of_users[user][variant] = row
    firsts: dict[str, dict[datetime, int]] = defaultdict(lambda: defaultdict(int))
    for variants in of_users.values():
        at, _, variant = min((r["first_received_at"], r["first_receipt_id"], v) for v, r in variants.items())
        firsts[variant][full_hour(at)] += 1
    several = [variants for variants in of_users.values() if len(variants) > 1]
    alone = [next(iter(variants.items())) for variants in of_users.values() if len(variants) == 1]
    return {
        "users_in_several_variants": len(several),
        "with_control": sum(control in variants for variants in several),
        "variants": {
            variant: experiment_of(events, [row for of, row in alone if of == variant], as_of)
            | {"first_receipts": dict(firsts[variant])}
            | {"delays": experiment_delays(campaigns, stand, campaign_id, variant)}
            for variant in reference.variants_of(campaign)
        },
    }


def experiment_of(events: Sequence[Any], rows: Sequence[dict[str, Any]], as_of: datetime) -> Row:
    """R6, R11: what recipients who received one variant alone come to."""
    hours: dict[datetime, list[dict[str, Any]]] = defaultdict(list)
    for each in rows:
        hours[full_hour(each["first_received_at"])].append(each)
    nets = defaultdict(list)
    for each in rows:
        for currency, (_, net) in each["revenue"].items():
            nets[currency].append(net)
    indexes = range(len(events))
    mature = [
        [each for each in rows if each["last_received_at"] + reference.deadline_of(event) < as_of]
        for event in events
    ]
    return {
        "recipients": len(rows),
        "converted": [sum(i in each["converted"] for each in rows) for i in indexes],
        "mature_recipients": [len(over) for over in mature],
        "mature_converted": [sum(i in each["converted"] for each in mature[i]) for i in indexes],
        "revenue": {
            currency: (len(each), exact_sum(each), exact_sum(EXACT.multiply(net, net) for net in each))
            for currency, each in nets.items()
        },
        "by_hour": {
            hour: (len(each), [sum(i in one["converted"] for one in each) for i in indexes])
            for hour, each in hours.items()
        },
    }


def experiment_delays(
    campaigns: Sequence[Campaign], stand: Iterable[Fact], campaign_id: str, variant_id: str
) -> list[dict[int, int]]:
    """R9: of the variant, on each conversion event, how many conversions came after so many full hours from their receipt."""
    events = reference.conversion_events_of(campaign_named(campaigns, campaign_id))
    found: list[dict[int, int]] = [defaultdict(int) for _ in events]
    for (_, _, index), conversion in of_campaign(conversions(campaigns, stand), campaign_id).items():
        if conversion["variant_id"] != variant_id:
            continue
        delay = conversion["behaviour_at"] - conversion["received_at"]
        found[index][delay // timedelta(hours=1)] += 1
    return [dict(delays) for delays in found]


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Add up money, or squares of it, without rounding: Python's own sums keep 28 digits."""
    return reduce(EXACT.add, amounts, Decimal(0))


def full_hour(at: datetime) -> datetime:
    """Cut an instant to its full hour, in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
