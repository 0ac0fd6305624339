"""R11, R12: the purchases that count for a campaign, their net, and the receipt they are credited to."""

from datetime import datetime
from decimal import Decimal

from domain import money
from domain.instants import EPOCH
from domain.journey import lanes
from domain.journey.attribution import credited
from domain.journey.decisions import (
    Occurrence,
    Receipt,
    Revenue,
    RevenueAttributed,
    RevenueRestated,
    RevenueWithdrawn,
)
from domain.journey.facts import Purchase, Received, Refund
from domain.journey.journey import Journey


def attribute(journey: Journey, purchase: Purchase) -> None:
    """A purchase came: it counts wherever the primary window holds it (R11)."""
    _restate_everywhere(journey, purchase, None, net(journey, purchase))


def withdraw(journey: Journey, purchase: Purchase) -> None:
    """A purchase is gone (R17): it counts nowhere."""
    _restate_everywhere(journey, purchase, net(journey, purchase), None)


def refund(journey: Journey, fact: Refund, *, gone: bool = False) -> None:
    """A refund came, or is gone: the purchase's net is another wherever it counts; the instant plays no part (R12)."""
    purchase = journey.history.fact(fact.purchase_id)
    if not isinstance(purchase, Purchase) or journey.is_disregarded(purchase.id):
        return
    others = [other for other in _refunds(journey, purchase.id) if other.id != fact.id]
    without = money.net(purchase.amount, (other.amount for other in others))
    with_it = money.net(without, (fact.amount,))
    before, now = (with_it, without) if gone else (without, with_it)
    if before != now:
        _restate_everywhere(journey, purchase, before, now)


def move(
    journey: Journey,
    fact: Received,
    until: datetime | None,
    *,
    loser: Receipt | None,
    winner: Receipt | None,
) -> None:
    """A receipt came late, or is gone: in its reign purchases go from one receipt to the other (R9, R11, R14)."""
    window = journey.definitions[fact.campaign_id].revenue_window
    receipt = Receipt(fact.id, fact.at, fact.variant_id)
    reigned = journey.reigned(lanes.PURCHASES, receipt, window, until)
    for purchase in [fact for fact in reigned if isinstance(fact, Purchase)]:
        amount = net(journey, purchase)
        before, now = credited(loser, purchase.at, window), credited(winner, purchase.at, window)
        _restate(journey, fact.campaign_id, purchase, _revenue(amount, before), _revenue(amount, now))


def net(journey: Journey, purchase: Purchase) -> Decimal:
    """The purchase's amount less all its refunds that stand (R12)."""
    if not journey.state.names_facts:
        return purchase.amount
    return money.net(purchase.amount, (refund.amount for refund in _refunds(journey, purchase.id)))


def _refunds(journey: Journey, purchase_id: str) -> list[Refund]:
    facts = journey.history.between(lanes.refunds(purchase_id), EPOCH)
    return [fact for fact in facts if isinstance(fact, Refund)]


def _restate_everywhere(
    journey: Journey, purchase: Purchase, before: Decimal | None, now: Decimal | None
) -> None:
    for campaign_id in journey.campaigns_around(purchase.at):
        window = journey.definitions[campaign_id].revenue_window
        receipt = credited(journey.reigning(campaign_id, purchase.at), purchase.at, window)
        if receipt is not None:
            _restate(journey, campaign_id, purchase, _revenue(before, receipt), _revenue(now, receipt))


def _revenue(net: Decimal | None, receipt: Receipt | None) -> Revenue | None:
    return None if net is None or receipt is None else Revenue(net, receipt)


def _restate(
    journey: Journey, campaign_id: str, purchase: Purchase, before: Revenue | None, now: Revenue | None
) -> None:
    occurrence = Occurrence(purchase.id, purchase.at)
    if before is None and now is not None:
        journey.record(RevenueAttributed(campaign_id, occurrence, purchase.currency, now))
    elif before is not None and now is None:
        journey.record(RevenueWithdrawn(campaign_id, occurrence, purchase.currency, before))
    elif before is not None and now is not None:  # pragma: no branch - one of the two always stands
        journey.record(RevenueRestated(campaign_id, occurrence, purchase.currency, before, now))
