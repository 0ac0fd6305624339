"""Lanes: the ordered indexes of a journey's facts, in which a decision finds the neighbours of a late fact.

A lane has a name and keeps facts by instant, then by id. The fact alone says in which lanes it is.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from domain.facts import (
    CustomEvent,
    Fact,
    Order,
    OrderCancelled,
    OrderRefund,
    Purchase,
    Received,
    Refund,
    SessionStarted,
    Void,
    reported_version,
)
from domain.instants import EPOCH

SESSIONS = "session"
PURCHASES = "purchase"
UPGRADES = "upgrade"

_MONTH = timedelta(days=30)


def receipts(campaign_id: str) -> str:
    """The receipts of one campaign."""
    return f"received/{campaign_id}"


def custom_events(name: str) -> str:
    """The performances of one custom event."""
    return f"custom_event/{name}"


def versions(app_id: str) -> str:
    """The version reports of one app."""
    return f"app_version/{app_id}"


def refunds(purchase_id: str) -> str:
    """The refunds that name one purchase."""
    return f"refund/{purchase_id}"


def order_corrections(order_id: str) -> str:
    """The refunds and cancellations that name one order."""
    return f"order/{order_id}"


def voids(fact_id: str) -> str:
    """The voids that name one fact."""
    return f"void/{fact_id}"


def month(at: datetime) -> int:
    """The number of the 30-day span, the longest deadline, that holds the instant."""
    return (at - EPOCH) // _MONTH


OF_ORDERS = (Order, OrderRefund, OrderCancelled)
"""What may have come as a named event, and is a performance of that too (R27)."""

_OWN: dict[type[Fact], Callable[[Any], str]] = {
    Received: lambda fact: receipts(fact.campaign_id),
    SessionStarted: lambda _: SESSIONS,
    Purchase: lambda _: PURCHASES,
    CustomEvent: lambda fact: custom_events(fact.name),
    Order: lambda _: PURCHASES,
    Refund: lambda fact: refunds(fact.purchase_id),
    OrderRefund: lambda fact: order_corrections(fact.order_id),
    OrderCancelled: lambda fact: order_corrections(fact.order_id),
    Void: lambda fact: voids(fact.fact_id),
}


def of(fact: Fact) -> list[str]:
    """The lanes in which a fact stands."""
    own = _OWN.get(type(fact))
    found = [] if own is None else [own(fact)]
    if type(fact) in OF_ORDERS and fact.name is not None:  # type: ignore[attr-defined]
        found.append(custom_events(fact.name))  # type: ignore[attr-defined]
    if (report := reported_version(fact)) is not None:
        found.append(versions(report[0]))
    return found
