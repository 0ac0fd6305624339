"""The events of a user's journey in words: facts as they were reported, and what was decided from them."""

from collections.abc import Iterable
from datetime import datetime
from functools import singledispatch
from typing import Any

from domain import facts, money
from domain.journey import decisions
from infrastructure.words.facts import describe_kind, list_priced, list_units
from infrastructure.words.quantities import TERMINAL, Writing

_Conversion = decisions.ConversionRecorded | decisions.ConversionRestated | decisions.ConversionWithdrawn
_Revenue = decisions.RevenueAttributed | decisions.RevenueRestated | decisions.RevenueWithdrawn
_Recipient = decisions.RecipientCounted | decisions.RecipientRestated | decisions.RecipientWithdrawn


def is_fact(event: decisions.JourneyEvent) -> bool:
    """Whether somebody reported it; all else was decided from that."""
    return isinstance(event, facts.Fact)


def find_instant(event: decisions.JourneyEvent) -> datetime:
    """When it happened: a decision belongs to the behaviour or receipt that it is about."""
    match event:
        case facts.Fact():
            return event.at
        case decisions.FactDisregarded():
            return event.fact.at
        case decisions.UpgradeRecorded() | decisions.UpgradeWithdrawn():
            return event.report.at
        case decisions.RevenueAttributed() | decisions.RevenueRestated() | decisions.RevenueWithdrawn():
            return event.purchase.at
        case decisions.RecipientWithdrawn():
            return event.before.at
        case decisions.RecipientCounted() | decisions.RecipientRestated():
            return event.now.at
        case decisions.ConversionWithdrawn():
            return event.before.behaviour.at
        case _:
            return event.now.behaviour.at


def find_replaced(events: Iterable[decisions.JourneyEvent]) -> set[int]:
    """The versions of decisions that a later one about the same thing replaced; `events` are the whole journey."""
    newest: dict[object, int] = {}
    replaced = set[int]()
    for version, event in enumerate(events, 1):
        if subject := _find_subject(event):
            if subject in newest:
                replaced.add(newest[subject])
            newest[subject] = version
    return replaced


def _find_subject(event: decisions.JourneyEvent) -> tuple[object, ...] | None:
    """What a decision decides, of which only the newest counts; None where each counts."""
    match event:
        case (
            decisions.ConversionRecorded() | decisions.ConversionRestated() | decisions.ConversionWithdrawn()
        ):
            return "conversion", event.campaign_id, event.index
        case decisions.RevenueAttributed() | decisions.RevenueRestated() | decisions.RevenueWithdrawn():
            return "revenue", event.campaign_id, event.purchase.id
        case decisions.RecipientCounted() | decisions.RecipientRestated() | decisions.RecipientWithdrawn():
            return "recipient", event.campaign_id, event.variant_id
        case decisions.UpgradeRecorded() | decisions.UpgradeWithdrawn():
            return "upgrade", event.app_id, event.report.id
        case _:
            return None


def name_kind(event: decisions.JourneyEvent) -> str:
    """The kind of an event in one or two words: "purchase", "conversion"."""
    match event:
        case facts.Received():
            return "receipt"
        case facts.SessionStarted():
            return "session"
        case facts.Fact():
            return describe_kind({"type": facts.type_of(event)})
        case decisions.FactDisregarded():
            return "void takes effect"
        case decisions.UpgradeRecorded() | decisions.UpgradeWithdrawn():
            return "upgrade"
        case decisions.RecipientCounted() | decisions.RecipientRestated() | decisions.RecipientWithdrawn():
            return "recipient"
        case decisions.RevenueAttributed() | decisions.RevenueRestated() | decisions.RevenueWithdrawn():
            return "revenue"
        case _:
            return "conversion"


def describe_journey_event(event: decisions.JourneyEvent, writing: Writing = TERMINAL) -> str:
    """What happened, in a sentence: "The user bought 2 x tea at 9.99 USD (p1)."."""
    return _describe(event, writing)


@singledispatch
def _describe(event: Any, _writing: Writing) -> str:  # noqa: ANN401
    raise TypeError(f"{type(event).__name__} is no event of a journey")


@_describe.register
def _(event: facts.Received, writing: Writing) -> str:
    name = writing.name
    return (
        f"The user received variant {name(event.variant_id)} of {name(event.campaign_id)} ({name(event.id)})."
    )


@_describe.register
def _(event: facts.SessionStarted, writing: Writing) -> str:
    app = writing.name(event.app_id) + _version(event, writing)
    return f"The user opened {app} ({writing.name(event.id)})."


@_describe.register
def _(event: facts.Purchase, writing: Writing) -> str:
    price = money.printed(event.price, event.currency)
    product = writing.name(event.product_id)
    return f"The user bought {event.quantity:,} x {product} at {price} {event.currency} ({writing.name(event.id)})."


@_describe.register
def _(event: facts.CustomEvent, writing: Writing) -> str:
    return f"The user performed {writing.name(event.name)} ({writing.name(event.id)})."


@_describe.register
def _(event: facts.AppVersionReported, writing: Writing) -> str:
    app, version, before = writing.name(event.app_id), writing.name(event.app_version), event.previous_version
    named = f", and {writing.name(before)} as the one before it" if before else ""
    return f"The app {app} reported its version {version}{named} ({writing.name(event.id)})."


@_describe.register
def _(event: facts.Order, writing: Writing) -> str:
    lines = list_priced(_lines(event.lines, event.currency), writing)
    currency = event.currency or ""
    if event.total is not None:
        total = f"{money.printed(event.total, currency)} {currency}"
        what = f"{lines}, in total {total}" if lines else f"something for {total}"
    else:
        what = f"{lines}, in {currency}" if currency else lines
    return f"The user ordered {what} ({writing.name(event.id)})."


@_describe.register
def _(event: facts.Refund, writing: Writing) -> str:
    purchase, own = writing.name(event.purchase_id), writing.name(event.id)
    return f"{event.amount:f} of purchase {purchase} was given back, in its currency ({own})."


@_describe.register
def _(event: facts.OrderRefund, writing: Writing) -> str:
    order, own = writing.name(event.order_id), writing.name(event.id)
    what = "All"
    if event.amount is not None:
        what = f"{event.amount:f} {event.currency or ''}".rstrip()
    elif event.lines:
        what = list_units(_lines(event.lines, event.currency), writing)
    return f"{what} of order {order} was given back ({own})."


@_describe.register
def _(event: facts.OrderCancelled, writing: Writing) -> str:
    return f"Order {writing.name(event.order_id)} was cancelled ({writing.name(event.id)})."


@_describe.register
def _(event: facts.Void, writing: Writing) -> str:
    return (
        f"A void says that {writing.name(event.fact_id)} should never have been ({writing.name(event.id)})."
    )


@_describe.register
def _(event: decisions.FactDisregarded, writing: Writing) -> str:
    kind, name = name_kind(event.fact), writing.name(event.fact.id)
    return f"The {kind} {name} counts no more: void {writing.name(event.void_id)} names it."


@_describe.register
def _(event: decisions.UpgradeRecorded, writing: Writing) -> str:
    app, report = writing.name(event.app_id), writing.name(event.report.id)
    return (
        f"{report} is an upgrade of {app}, from {writing.name(event.from_version)} "
        f"to {writing.name(event.to_version)}."
    )


@_describe.register
def _(event: decisions.UpgradeWithdrawn, writing: Writing) -> str:
    return f"{writing.name(event.report.id)} is no upgrade of {writing.name(event.app_id)} any more."


@_describe.register
def _(event: decisions.RecipientCounted, writing: Writing) -> str:
    return f"The user counts as a recipient of {_of(event, writing)}, from {_receipt(event.now, writing)} on."


@_describe.register
def _(event: decisions.RecipientRestated, writing: Writing) -> str:
    return (
        f"The user is a recipient of {_of(event, writing)} from {_receipt(event.now, writing)} on, "
        f"not from {_receipt(event.before, writing)} on."
    )


@_describe.register
def _(event: decisions.RecipientWithdrawn, writing: Writing) -> str:
    return f"The user is no recipient of {_of(event, writing)} any more: no receipt is left."


@_describe.register
def _(event: decisions.ConversionRecorded, writing: Writing) -> str:
    return f"The user converted on {_event(event, writing)}: {_conversion(event.now, writing)}."


@_describe.register
def _(event: decisions.ConversionRestated, writing: Writing) -> str:
    return (
        f"The conversion on {_event(event, writing)} was decided again: {_conversion(event.now, writing)}. "
        f"Before, it was {_conversion(event.before, writing)}."
    )


@_describe.register
def _(event: decisions.ConversionWithdrawn, writing: Writing) -> str:
    return f"The conversion on {_event(event, writing)} is withdrawn: no behaviour that converts is left."


@_describe.register
def _(event: decisions.RevenueAttributed, writing: Writing) -> str:
    campaign = writing.name(event.campaign_id)
    return f"{_sale(event, writing)} counts for {campaign}: {_credit(event, event.now, writing)}."


@_describe.register
def _(event: decisions.RevenueRestated, writing: Writing) -> str:
    return (
        f"{_sale(event, writing)} counts for {writing.name(event.campaign_id)}: "
        f"{_credit(event, event.now, writing)}. Before, it was {_credit(event, event.before, writing)}."
    )


@_describe.register
def _(event: decisions.RevenueWithdrawn, writing: Writing) -> str:
    return f"{_sale(event, writing)} counts for {writing.name(event.campaign_id)} no more."


def _version(event: facts.SessionStarted, writing: Writing) -> str:
    return f" {writing.name(event.app_version)}" if event.app_version else ""


def _lines(lines: Any, currency: str | None) -> list[dict[str, Any]]:  # noqa: ANN401
    return [
        {
            "product_id": each.product_id,
            "quantity": each.quantity,
            "price": None if each.price is None else money.printed(each.price, currency or "XXX"),
        }
        for each in lines
    ]


def _of(event: _Recipient, writing: Writing) -> str:
    campaign = writing.name(event.campaign_id)
    return campaign if event.variant_id is None else f"variant {writing.name(event.variant_id)} of {campaign}"


def _receipt(receipt: decisions.Receipt, writing: Writing) -> str:
    return f"receipt {writing.name(receipt.id)} of {writing.instant(receipt.at)}"


def _event(event: _Conversion, writing: Writing) -> str:
    return f"{writing.event(event.campaign_id, event.index)} of {writing.name(event.campaign_id)}"


def _conversion(conversion: decisions.Conversion, writing: Writing) -> str:
    receipt = conversion.receipt
    return (
        f"{writing.name(conversion.behaviour.id)}, credited to receipt {writing.name(receipt.id)} "
        f"of variant {writing.name(receipt.variant_id)}"
    )


def _sale(event: _Revenue, writing: Writing) -> str:
    return f"{'Order' if event.is_order else 'Purchase'} {writing.name(event.purchase.id)}"


def _credit(event: _Revenue, revenue: decisions.Revenue, writing: Writing) -> str:
    receipt = revenue.receipt
    return (
        f"{money.printed(revenue.net, event.currency)} {event.currency}, credited to receipt "
        f"{writing.name(receipt.id)} of variant {writing.name(receipt.variant_id)}"
    )
