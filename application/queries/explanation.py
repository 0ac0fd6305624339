"""Why a user converted on a campaign, or why not, as plain values."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from application.ledger import Aggregates
from application.ports import Streams
from domain import money
from domain.campaigns.campaign import Campaign
from domain.campaigns.conversion_events import LETTERS
from domain.campaigns.definition import Definition
from domain.explained_revenue import Correction, CountedSale, Effect, Idle, IdleCorrection, lines_of
from domain.explanation import Change, Comparison, EventExplanation, Explanation, RecordedEvent, explain
from domain.facts import Fact, Order, OrderLine, Received, type_of
from domain.instants import printed
from domain.journey.decisions import Conversion, Receipt
from domain.journey.rules.earlier_orders import as_lines

_NO_CURRENCY = "XXX"
"""For money without a known currency: it is printed as it was sent."""


@dataclass(frozen=True)
class ExplainedUser:
    """All events of a user's journey, and the explanations of the campaigns that were received last.

    `campaigns` are all that the user received, in the same order.
    """

    user_id: str
    events: Sequence[RecordedEvent]
    campaigns: list[str]
    explanations: list[dict[str, Any]]


class Explanations:
    """Explains users."""

    def __init__(self, ledger: Aggregates, streams: Streams) -> None:
        self._ledger = ledger
        self._streams = streams

    def explain(self, app_group: str, campaign_id: str, user_id: str) -> dict[str, Any]:
        """The explanation; raises UnknownCampaign. An unknown user has no receipt."""
        campaign = self._ledger.existing_campaign(app_group, campaign_id)
        return _explain(campaign, user_id, self._streams.read_events(app_group, user_id))

    def explain_everything(self, app_group: str, user_id: str, most: int) -> ExplainedUser:
        """The explanations of at most so many campaigns, the one received last first; no events: an unknown user."""
        events = self._streams.read_events(app_group, user_id)
        received: dict[str, None] = {}
        receipts = (each.event for each in events if isinstance(each.event, Received))
        for fact in sorted(receipts, key=lambda fact: fact.key, reverse=True):
            received.setdefault(fact.campaign_id)
        of_campaigns = _sort_by_campaign(events)
        explanations = [
            _explain(
                self._ledger.existing_campaign(app_group, each),
                user_id,
                [*of_campaigns[None], *of_campaigns[each]],
            )
            for each in list(received)[:most]
        ]
        return ExplainedUser(user_id, events, list(received), explanations)


def _sort_by_campaign(events: Iterable[RecordedEvent]) -> defaultdict[str | None, list[RecordedEvent]]:
    """The events of each campaign, and under None those that concern all.

    An explanation compares events of its campaign only with each other, so their order among all others is not needed.
    """
    sorted_events = defaultdict[str | None, list[RecordedEvent]](list)
    for each in events:
        sorted_events[getattr(each.event, "campaign_id", None)].append(each)
    return sorted_events


def _explain(campaign: Campaign, user_id: str, events: Sequence[RecordedEvent]) -> dict[str, Any]:
    return as_json(campaign, user_id, explain(campaign.campaign_id, campaign.definition, events))


def as_json(campaign: Campaign, user_id: str, explanation: Explanation) -> dict[str, Any]:
    """The explanation as plain values; instants in RFC 3339, money as printed."""
    definition = campaign.definition
    return {
        "app_group": campaign.app_group,
        "campaign_id": campaign.campaign_id,
        "name": campaign.name,
        "user_id": user_id,
        "known": explanation.known,
        "receipts": [
            _receipt(Receipt(fact.id, fact.at, fact.variant_id), definition) for fact in explanation.receipts
        ],
        "conversion_events": [_event(each, definition) for each in explanation.conversion_events],
        "revenue": [_sale(each, definition) for each in explanation.sales],
        "orders_without_money": [_without_money(each) for each in explanation.orders_without_money],
        "disregarded": [
            {"void_id": event.void_id, "fact": _fact(event.fact)} for event in explanation.disregarded
        ],
        "refunds_without_effect": [_idle(each) for each in explanation.refunds_without_effect],
    }


def _event(explained: EventExplanation, definition: Definition) -> dict[str, Any]:
    window = explained.window
    return {
        "index": explained.index,
        "letter": LETTERS[explained.index],
        "primary": explained.index == 0,
        **explained.event.stated(),
        "converted": explained.reason is None,
        "reason": explained.reason,
        "behaviour": None if explained.behaviour is None else _fact(explained.behaviour),
        "compared_with": None if explained.compared_with is None else _comparison(explained.compared_with),
        "receipt": None if explained.receipt is None else _receipt(explained.receipt, definition),
        "window": None if window is None else {"from": printed(window[0]), "to": printed(window[1])},
        "credited_to": explained.receipt.variant_id if explained.receipt and not explained.reason else None,
        "disregarded": [
            {"void_id": event.void_id, "fact": _fact(event.fact)} for event in explained.disregarded
        ],
        "restatements": [_change(each, definition) for each in explained.changes[1:]],
    }


def _comparison(found: Comparison) -> dict[str, Any]:
    """The version before, and the report that named it; no report where the later one names it itself."""
    report = found.report
    return {
        "version": found.version,
        "type": None if report is None else type_of(report),
        "id": None if report is None else report.id,
        "at": None if report is None else printed(report.at),
    }


def _change(change: Change, definition: Definition) -> dict[str, Any]:
    return {
        "recorded_at": printed(change.recorded_at),
        "before": _conversion(change.before, definition),
        "now": _conversion(change.now, definition),
    }


def _conversion(conversion: Conversion | None, definition: Definition) -> dict[str, Any] | None:
    if conversion is None:
        return None
    behaviour = {"id": conversion.behaviour.id, "at": printed(conversion.behaviour.at)}
    return {"behaviour": behaviour, "receipt": _receipt(conversion.receipt, definition)}


def _receipt(receipt: Receipt, definition: Definition) -> dict[str, Any]:
    return {
        "id": receipt.id,
        "at": printed(receipt.at),
        "variant_id": receipt.variant_id,
        "control": receipt.variant_id == definition.control,
    }


def _fact(fact: Fact) -> dict[str, Any]:
    """A fact as it was sent, without its free text, which is kept outside the events."""
    stated: dict[str, Any] = msgspec.to_builtins(fact)
    return {name: value for name, value in stated.items() if name not in {"properties", "reason", "filled"}}


def _sale(counted: CountedSale, definition: Definition) -> dict[str, Any]:
    """A purchase or an order; both have the same fields, and null where a field belongs to the other."""
    sale, currency = counted.sale, str(counted.sale.currency)
    is_order = isinstance(sale, Order)
    total = sale.total if isinstance(sale, Order) else None
    return {
        "type": type_of(sale),
        "purchase_id": None if is_order else sale.id,
        "order_id": sale.id if is_order else None,
        "name": getattr(sale, "name", None),
        "at": printed(sale.at),
        "product_id": getattr(sale, "product_id", None),
        "lines": _lines(sale.lines if isinstance(sale, Order) else as_lines([sale]), currency),
        "currency": currency,
        "total": None if total is None else money.printed(total, currency),
        "amount": money.printed(sale.amount, currency),
        "refunds": [_effect(each, currency) for each in counted.effects],
        "net": money.printed(counted.revenue.net, currency),
        "receipt": _receipt(counted.revenue.receipt, definition),
    }


def _lines(lines: Iterable[OrderLine], currency: str) -> list[dict[str, Any]]:
    return [
        {
            "product_id": line.product_id,
            "quantity": line.quantity,
            "price": None if line.price is None else money.printed(line.price, currency),
        }
        for line in lines
    ]


def _without_money(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.id,
        "name": order.name,
        "at": printed(order.at),
        "lines": _lines(order.lines, _NO_CURRENCY),
    }


def _effect(effect: Effect, currency: str) -> dict[str, Any]:
    return _correction(effect.correction, currency) | {"gave_back": money.printed(effect.gave_back, currency)}


def _correction(correction: Correction, currency: str) -> dict[str, Any]:
    """A refund or cancellation as it was sent, money in its own currency where it names one."""
    named = getattr(correction, "currency", None) or currency
    amount = getattr(correction, "amount", None)
    return {
        "type": type_of(correction),
        "id": correction.id,
        "at": printed(correction.at),
        "purchase_id": getattr(correction, "purchase_id", None),
        "order_id": getattr(correction, "order_id", None),
        "amount": None if amount is None else money.printed(amount, named),
        "lines": _lines(lines_of(correction), named),
    }


def _idle(idle: IdleCorrection) -> dict[str, Any]:
    """A correction without effect; its currency is null where neither it nor what it names has one.

    `lines` are those that it names, `without_effect` the units among them that gave back nothing, and `never_ordered`
    the products among those that its order never named. `order_names_lines` is not null for these alone.
    """
    currency = getattr(idle.correction, "currency", None) or idle.currency
    stated = _correction(idle.correction, currency or _NO_CURRENCY)
    return stated | {
        "currency": currency,
        "reason": idle.reason,
        "order_currency": idle.currency if idle.reason is Idle.OTHER_CURRENCY else None,
        "without_effect": _lines(idle.lines, currency or _NO_CURRENCY),
        "never_ordered": list(idle.never_ordered),
        "order_names_lines": idle.names_lines if idle.reason is Idle.BEYOND_ORDER else None,
        "gave_back": (
            None if idle.gave_back is None else money.printed(idle.gave_back, currency or _NO_CURRENCY)
        ),
    }
