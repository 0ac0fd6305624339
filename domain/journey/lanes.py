"""Lanes: the orders in which a journey's standing facts are looked up when a late fact needs its neighbours.

A lane is a name; in it facts stand by instant, then id. What an event adds to or takes from lanes depends on that
event alone, so the index of lanes can be made again from the log.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from domain.instants import EPOCH
from domain.journey.decisions import FactDisregarded, JourneyEvent, UpgradeRecorded, UpgradeWithdrawn
from domain.journey.facts import (
    CustomEvent,
    Fact,
    Key,
    Purchase,
    Received,
    Refund,
    SessionStarted,
    Void,
    reported_version,
)

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


def voids(fact_id: str) -> str:
    """The voids that name one fact."""
    return f"void/{fact_id}"


def month(at: datetime) -> int:
    """The number of the 30-day span, the longest deadline, that holds the instant."""
    return (at - EPOCH) // _MONTH


def of(fact: Fact) -> Iterator[str]:
    """The lanes in which a fact stands."""
    match fact:
        case Received():
            yield receipts(fact.campaign_id)
        case SessionStarted():
            yield SESSIONS
        case Purchase():
            yield PURCHASES
        case CustomEvent():
            yield custom_events(fact.name)
        case Refund():
            yield refunds(fact.purchase_id)
        case Void():
            yield voids(fact.fact_id)
    if (report := reported_version(fact)) is not None:
        yield versions(report[0])


def added(event: JourneyEvent) -> Iterator[tuple[str, Key]]:
    """What the event puts into lanes."""
    if isinstance(event, Fact):
        key = event.key
        for lane in of(event):
            yield lane, key
    elif type(event) is UpgradeRecorded:
        yield UPGRADES, event.report.key


def removed(event: JourneyEvent) -> Iterator[tuple[str, Key]]:
    """What the event takes out of lanes."""
    if type(event) is FactDisregarded:
        for lane in of(event.fact):
            yield lane, event.fact.key
    elif type(event) is UpgradeWithdrawn:
        yield UPGRADES, event.report.key
