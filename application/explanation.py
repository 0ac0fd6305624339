"""The query behind `explain`: the story of one user and one campaign, as plain values."""

from typing import Any

import msgspec

from application.ledger import Ledger
from application.ports import Streams
from domain import money
from domain.campaign import Campaign
from domain.conversion_events import LETTERS
from domain.definition import Definition
from domain.explanation import Change, CountedPurchase, EventExplanation, Explanation, IdleRefund, explain
from domain.instants import printed
from domain.journey.decisions import Conversion, Receipt
from domain.journey.facts import Fact, Refund


class Explanations:
    """Answers why a user converted, or why not."""

    def __init__(self, ledger: Ledger, streams: Streams) -> None:
        self._ledger = ledger
        self._streams = streams

    def explain(self, app_group: str, campaign_id: str, user_id: str) -> dict[str, Any]:
        """The explanation; raises UnknownCampaign. A user never heard of has no receipt."""
        campaign = self._ledger.existing_campaign(app_group, campaign_id)
        told = self._streams.told(app_group, user_id)
        explanation = explain(campaign_id, campaign.definition, told)
        return as_json(campaign, user_id, explanation)


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
        "revenue": [_purchase(each, definition) for each in explanation.purchases],
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
        "receipt": None if explained.receipt is None else _receipt(explained.receipt, definition),
        "window": None if window is None else {"from": printed(window[0]), "to": printed(window[1])},
        "credited_to": explained.receipt.variant_id if explained.receipt and not explained.reason else None,
        "disregarded": [
            {"void_id": event.void_id, "fact": _fact(event.fact)} for event in explained.disregarded
        ],
        "restatements": [_change(each, definition) for each in explained.changes[1:]],
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
    """A fact as it was sent, but for what is kept aside from the events."""
    stated: dict[str, Any] = msgspec.to_builtins(fact)
    return {name: value for name, value in stated.items() if name not in {"properties", "reason"}}


def _purchase(counted: CountedPurchase, definition: Definition) -> dict[str, Any]:
    purchase, currency = counted.purchase, counted.purchase.currency
    return {
        "purchase_id": purchase.id,
        "at": printed(purchase.at),
        "product_id": purchase.product_id,
        "currency": currency,
        "amount": money.printed(purchase.amount, currency),
        "refunds": [_refund(each, currency) for each in counted.refunds],
        "net": money.printed(counted.revenue.net, currency),
        "receipt": _receipt(counted.revenue.receipt, definition),
    }


def _refund(refund: Refund, currency: str) -> dict[str, Any]:
    return {
        "id": refund.id,
        "at": printed(refund.at),
        "purchase_id": refund.purchase_id,
        "amount": money.printed(refund.amount, currency),
    }


def _idle(idle: IdleRefund) -> dict[str, Any]:
    """A refund without effect; in no currency where there is no purchase to say which."""
    currency = None if idle.purchase is None else idle.purchase.currency
    stated = _refund(idle.refund, currency or "XXX")
    return stated | {"currency": currency, "reason": idle.reason}
