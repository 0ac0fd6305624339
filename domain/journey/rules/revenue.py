"""R11, R12, R27: which purchases and orders count for a campaign, their net, and the receipt they are credited to."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from domain import lanes
from domain.facts import AnyFact, Order, OrderCorrection, Purchase, Received, Refund, Sale
from domain.instants import EPOCH
from domain.journey.decisions import (
    Occurrence,
    Receipt,
    Revenue,
    RevenueAttributed,
    RevenueRestated,
    RevenueWithdrawn,
)
from domain.journey.lookups import JourneySoFar
from domain.journey.rules import earlier_orders, orders
from domain.journey.rules.attribution import credit


def attribute(journey: JourneySoFar, sale: Sale) -> None:
    """A purchase or order came: it counts wherever the primary window holds it (R11)."""
    sharing = _sharing(journey, sale)
    nets = _nets(journey, sharing)
    _restate_everywhere(journey, sale, None, nets[sale.id])
    others = [each for each in sharing if each.id != sale.id]
    _restate_changed(journey, others, _nets(journey, others), nets)


def withdraw(journey: JourneySoFar, sale: Sale) -> None:
    """A purchase or order is gone (R17): it counts nowhere."""
    others = [each for each in _sharing(journey, sale) if each.id != sale.id]
    before = _nets(journey, [*others, sale])
    _restate_everywhere(journey, sale, before[sale.id], None)
    _restate_changed(journey, others, before, _nets(journey, others))


def refund(journey: JourneySoFar, fact: Refund, *, gone: bool = False) -> None:
    """A refund came, or is gone: the purchase's net is another wherever it counts; the instant plays no part (R12)."""
    purchase = journey.history.fact(fact.purchase_id)
    if isinstance(purchase, Purchase) and not journey.is_disregarded(purchase.id):
        _correct(journey, _sharing(journey, purchase), fact, gone=gone)


def correct(journey: JourneySoFar, fact: OrderCorrection, *, gone: bool = False) -> None:
    """A refund of an order or its cancellation came, or is gone: the order's net is another (R12, R27)."""
    order = journey.history.fact(fact.order_id)
    if not isinstance(order, Order):
        _correct(journey, _purchases_of(journey, fact.order_id), fact, gone=gone)
    elif not journey.is_disregarded(order.id):
        _correct(journey, [order], fact, gone=gone)


def move(
    journey: JourneySoFar,
    fact: Received,
    until: datetime | None,
    *,
    loser: Receipt | None,
    winner: Receipt | None,
) -> None:
    """A receipt came late, or is gone: in its reign sales go from one receipt to the other (R9, R11, R14)."""
    window = journey.definitions[fact.campaign_id].revenue_window
    reigned = journey.facts_in_reign(lanes.PURCHASES, fact.at, window, until)
    nets: dict[str, Decimal] = {}
    for sale in [fact for fact in reigned if isinstance(fact, Sale)]:
        if sale.id not in nets:
            nets |= _nets(journey, _sharing(journey, sale))
        amount = nets[sale.id]
        before, now = credit(loser, sale.at, window), credit(winner, sale.at, window)
        _restate(journey, fact.campaign_id, sale, _revenue(amount, before), _revenue(amount, now))


def _correct(
    journey: JourneySoFar, sales: Sequence[Sale], fact: Refund | OrderCorrection, *, gone: bool
) -> None:
    """What the sales come to changes by one correction that came, or is gone."""
    without_it, with_it = _nets(journey, sales, but_for=fact), _nets(journey, sales, also=fact)
    before, now = (with_it, without_it) if gone else (without_it, with_it)
    _restate_changed(journey, sales, before, now)


def _sharing(journey: JourneySoFar, sale: Sale) -> list[Sale]:
    """The sale, and those whose net depends on the same corrections: an order's purchases of an earlier version."""
    if isinstance(sale, Purchase) and journey.state.names_facts:
        for order_id in earlier_orders.order_ids(sale.id, sale.product_id):
            if _corrections(journey, order_id):
                return list(_purchases_of(journey, order_id))
    return [sale]


def _purchases_of(journey: JourneySoFar, order_id: str) -> list[Purchase]:
    """The purchases that stand and that an earlier version made of an order."""
    if journey.state.orders_as_purchases is False:
        return []
    found = journey.history.beginning(earlier_orders.purchases_prefix(order_id))
    return [
        each for each in earlier_orders.purchases_of(order_id, found) if not journey.is_disregarded(each.id)
    ]


Correction = Refund | OrderCorrection


def _nets(
    journey: JourneySoFar,
    sales: Sequence[Sale],
    *,
    but_for: Correction | None = None,
    also: Correction | None = None,
) -> dict[str, Decimal]:
    """What is left of sales after all that is given back (R12, R27); as if one correction had not been, or had."""
    if not journey.state.names_facts:
        return {sale.id: sale.amount for sale in sales}

    def given(lane: str) -> list[Correction]:
        found = [each for each in journey.history.between(lane, EPOCH) if isinstance(each, Correction)]
        toggled = but_for or also
        kept = [each for each in found if toggled is None or each.id != toggled.id]
        return [*kept, also] if also is not None and lane in lanes.of(also) else kept

    def of_order(order_id: str) -> list[OrderCorrection]:
        corrections = given(lanes.order_corrections(order_id))
        return [each for each in corrections if isinstance(each, OrderCorrection)]

    nets = {each.id: orders.net(each, of_order(each.id)) for each in sales if isinstance(each, Order)}
    purchases = [each for each in sales if isinstance(each, Purchase)]
    named = {found for each in purchases for found in earlier_orders.order_ids(each.id, each.product_id)}
    refunds = {
        each.id: [one for one in given(lanes.refunds(each.id)) if isinstance(one, Refund)]
        for each in purchases
    }
    corrections = {each: of_order(each) for each in sorted(named) if not _is_order(journey, each)}
    return nets | earlier_orders.nets_of_purchases(purchases, refunds, corrections)


def _corrections(journey: JourneySoFar, order_id: str) -> list[AnyFact]:
    """The corrections of an order that is none of this version's."""
    found = list(journey.history.between(lanes.order_corrections(order_id), EPOCH))
    return [] if found and _is_order(journey, order_id) else found


def _is_order(journey: JourneySoFar, order_id: str) -> bool:
    return isinstance(journey.history.fact(order_id), Order)


def _restate_changed(
    journey: JourneySoFar, sales: Sequence[Sale], before: Mapping[str, Decimal], now: Mapping[str, Decimal]
) -> None:
    for sale in sales:
        if before[sale.id] != now[sale.id]:
            _restate_everywhere(journey, sale, before[sale.id], now[sale.id])


def _restate_everywhere(
    journey: JourneySoFar, sale: Sale, before: Decimal | None, now: Decimal | None
) -> None:
    for campaign_id in journey.campaigns_around(sale.at):
        window = journey.definitions[campaign_id].revenue_window
        receipt = credit(journey.latest_receipt(campaign_id, sale.at), sale.at, window)
        if receipt is not None:
            _restate(journey, campaign_id, sale, _revenue(before, receipt), _revenue(now, receipt))


def _revenue(net: Decimal | None, receipt: Receipt | None) -> Revenue | None:
    return None if net is None or receipt is None else Revenue(net, receipt)


def _restate(
    journey: JourneySoFar, campaign_id: str, sale: Sale, before: Revenue | None, now: Revenue | None
) -> None:
    if sale.currency is None:
        return  # An order that names no money.
    occurrence, is_order = Occurrence(sale.id, sale.at), isinstance(sale, Order)
    if before is None:
        if now is not None:  # pragma: no branch - one of the two always stands
            journey.record(RevenueAttributed(campaign_id, occurrence, sale.currency, now, is_order))
    elif now is None:
        journey.record(RevenueWithdrawn(campaign_id, occurrence, sale.currency, before, is_order))
    else:
        journey.record(RevenueRestated(campaign_id, occurrence, sale.currency, before, now, is_order))
