"""The state of a journey kept at hand: what a fact in order is decided from, without the behaviours of the past.

It is bounded by the campaigns with open windows, not by the journey's length: `close` puts the others away.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import msgspec

from domain.campaigns.definition import Definition
from domain.facts import (
    AppVersionReported,
    CustomEvent,
    Fact,
    Key,
    Order,
    OrderCancelled,
    OrderCorrection,
    OrderRefund,
    Purchase,
    Received,
    Refund,
    SessionStarted,
    Void,
    reported_version,
)
from domain.journey.decisions import (
    Conversion,
    ConversionRecorded,
    ConversionRestated,
    ConversionWithdrawn,
    FactDisregarded,
    JourneyEvent,
    Receipt,
    RecipientCounted,
    RecipientRestated,
    RecipientWithdrawn,
)

ORDERS_AS_PURCHASES = "order:"
"""How the ids of purchases began that earlier versions made of an order: `order:ORDER:PRODUCT`."""


class Definitions(Protocol):
    """The definitions of an app group's launched campaigns, by campaign id."""

    def __getitem__(self, campaign_id: str, /) -> Definition:
        """The definition a launched campaign's receipts are judged by."""


class Report(msgspec.Struct, frozen=True):
    """A version report as later ones are compared with it (R10)."""

    id: str
    at: datetime
    version: str
    previous_version: str | None = None
    """What the report itself says was before it; of no account where an earlier report is known."""

    @property
    def key(self) -> Key:
        """Its place among the user's facts."""
        return (self.at, self.id)


class Standing(msgspec.Struct, omit_defaults=True):
    """What stands between the user and one campaign.

    All its receipts lie between `received_from`, never raised, and `received_until`, never lowered. `latest` None
    means: look it up (its receipt was voided). `firsts` are the first receipts by variant, `first` that of any but
    control.
    """

    received_from: datetime
    received_until: datetime
    latest: Receipt | None = None
    first: Receipt | None = None
    firsts: dict[str, Receipt] = {}
    conversions: dict[int, Conversion] = {}

    def first_of(self, variant_id: str | None) -> Receipt | None:
        """The first receipt of the variant; of any but control for None."""
        return self.first if variant_id is None else self.firsts.get(variant_id)

    def receive(self, receipt: Receipt) -> None:
        """Take in one more receipt."""
        if self.latest is not None:
            if receipt.key > self.latest.key:
                self.latest = receipt
        elif receipt.at > self.received_until:
            self.latest = receipt
        self.received_from = min(self.received_from, receipt.at)
        self.received_until = max(self.received_until, receipt.at)


class JourneyState(msgspec.Struct, omit_defaults=True):
    """Everything at hand. Instants that end in `_until` are bounds: never lowered, and nothing lies after them.

    `reports` holds the latest version report by app; an app not in it is to be looked up. `names_facts` says that a
    refund or void was recorded, which may name a fact yet to come. `closed_until`: no window of a campaign that was
    put away is open after it. `orders_as_purchases`: whether a purchase was recorded as an earlier version recorded
    orders (orders.py); None where an earlier version kept this state, and it has to be looked up.
    """

    seen_until: datetime | None = None
    behaved_until: datetime | None = None
    reported_until: datetime | None = None
    closed_until: datetime | None = None
    names_facts: bool = False
    orders_as_purchases: bool | None = None
    reports: dict[str, Report] = {}
    standings: dict[str, Standing] = {}

    def evolve(self, event: JourneyEvent) -> None:
        """Apply one event; assigns only."""
        if (apply := _EVOLUTION.get(type(event))) is not None:
            apply(self, event)

    def close(self, definitions: Definitions) -> dict[str, Standing]:
        """R15: put away the standings without an open window, and return them."""
        if self.seen_until is None:
            return {}
        closed = {}
        for campaign_id, standing in list(self.standings.items()):
            until = standing.received_until + definitions[campaign_id].longest_window
            if until < self.seen_until:
                closed[campaign_id] = self.standings.pop(campaign_id)
                self.closed_until = until if self.closed_until is None else max(until, self.closed_until)
        return closed


def _see(state: JourneyState, fact: Fact) -> None:
    if state.seen_until is None or fact.at > state.seen_until:
        state.seen_until = fact.at


def _received(state: JourneyState, fact: Received) -> None:
    _see(state, fact)
    receipt = Receipt(fact.id, fact.at, fact.variant_id)
    standing = state.standings.get(fact.campaign_id)
    if standing is None:
        state.standings[fact.campaign_id] = Standing(fact.at, fact.at, latest=receipt)
    else:
        standing.receive(receipt)


def _behaved(state: JourneyState, fact: Fact) -> None:
    _see(state, fact)
    if state.behaved_until is None or fact.at > state.behaved_until:
        state.behaved_until = fact.at
    if (reported := reported_version(fact)) is not None:
        previous = getattr(fact, "previous_version", None)
        _reported(state, reported[0], Report(fact.id, fact.at, reported[1], previous))


def _reported(state: JourneyState, app_id: str, report: Report) -> None:
    latest = state.reports.get(app_id)
    if latest is not None:
        if report.key > latest.key:
            state.reports[app_id] = report
    elif state.reported_until is None or report.at > state.reported_until:
        state.reports[app_id] = report
    if state.reported_until is None or report.at > state.reported_until:
        state.reported_until = report.at


def _purchased(state: JourneyState, fact: Purchase) -> None:
    _behaved(state, fact)
    if fact.id.startswith(ORDERS_AS_PURCHASES):
        state.orders_as_purchases = True


def _named(state: JourneyState, _fact: Refund | Void) -> None:
    state.names_facts = True


def _corrected(state: JourneyState, fact: OrderCorrection) -> None:
    state.names_facts = True
    if fact.name is not None:
        _behaved(state, fact)


def _disregarded(state: JourneyState, event: FactDisregarded) -> None:
    fact = event.fact
    if isinstance(fact, Received):
        standing = state.standings[fact.campaign_id]
        if standing.latest is not None and standing.latest.id == fact.id:
            standing.latest = None
    elif (reported := reported_version(fact)) is not None:
        latest = state.reports.get(reported[0])
        if latest is not None and latest.id == fact.id:
            del state.reports[reported[0]]


def _converted(state: JourneyState, event: ConversionRecorded | ConversionRestated) -> None:
    state.standings[event.campaign_id].conversions[event.index] = event.now


def _unconverted(state: JourneyState, event: ConversionWithdrawn) -> None:
    del state.standings[event.campaign_id].conversions[event.index]


def _counted(state: JourneyState, event: RecipientCounted | RecipientRestated) -> None:
    standing = state.standings[event.campaign_id]
    if event.variant_id is None:
        standing.first = event.now
    else:
        standing.firsts[event.variant_id] = event.now


def _uncounted(state: JourneyState, event: RecipientWithdrawn) -> None:
    standing = state.standings[event.campaign_id]
    if event.variant_id is None:
        standing.first = None
    else:
        del standing.firsts[event.variant_id]


_EVOLUTION: dict[type[Any], Callable[[JourneyState, Any], None]] = {
    Received: _received,
    SessionStarted: _behaved,
    Purchase: _purchased,
    Order: _behaved,
    CustomEvent: _behaved,
    AppVersionReported: _behaved,
    Refund: _named,
    OrderRefund: _corrected,
    OrderCancelled: _corrected,
    Void: _named,
    FactDisregarded: _disregarded,
    ConversionRecorded: _converted,
    ConversionRestated: _converted,
    ConversionWithdrawn: _unconverted,
    RecipientCounted: _counted,
    RecipientRestated: _counted,
    RecipientWithdrawn: _uncounted,
}
