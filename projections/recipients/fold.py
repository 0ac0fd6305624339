"""What a batch of events says of recipients: receipts that come and go, conversions and revenue.

The log has their changes in order: the last event of a recipient and a conversion event decides.
"""

from collections import Counter
from datetime import datetime, timedelta

from domain.campaigns.conversion_events import LETTERS
from domain.facts import Received
from domain.journey.decisions import Conversion, Revenue
from projections.engine.projection import Definitions, Fold, Logged
from projections.engine.tables import CAMPAIGN, Money, stream

WIDTH = len(LETTERS)

_HOUR = timedelta(hours=1)

Recipient = tuple[str, str, str]
"""A campaign's stream, a user's journey, and a variant; or none, for any but control."""

User = tuple[str, str]
"""A campaign's stream, and a user's journey."""

ReceiptKey = tuple[datetime, str]
"""A receipt's place among the user's: by instant, then by id (docs/rules.md, Words)."""


class RecipientsFold(Fold):
    """By recipient the receipts that came, those that went (R17), and `said`: the last that was said of conversions.

    `said` is a bit mask of the conversion events on which the recipient converts now. Above it, in as many bits, is
    one of those on which they no longer do. Delays are differences of conversions by stream, conversion event, and full
    hours from the receipt.
    """

    def __init__(self, definitions: Definitions) -> None:
        super().__init__(definitions)
        self.campaigns: dict[tuple[str, str], tuple[str, str | None]] = {}
        self.came: dict[Recipient, list[ReceiptKey]] = {}
        self.went: dict[Recipient, set[ReceiptKey]] = {}
        self.said: dict[Recipient, int] = {}
        self.revenue = Money()
        self.delays: Counter[tuple[str, str, int, int]] = Counter()

    def recipients(self, logged: Logged, campaign_id: str, variant_id: str) -> tuple[Recipient, ...]:
        """The recipient of the variant and, unless it is control, of the campaign (R9, R18)."""
        campaign = (logged.app_group, campaign_id)
        found = self.campaigns.get(campaign)
        if found is None:
            found = (stream(*campaign), self.definitions.definition(*campaign).control)
            self.campaigns[campaign] = found
        key, control = found
        of_variant = (key, logged.stream_id, variant_id)
        return (of_variant,) if variant_id == control else (of_variant, (key, logged.stream_id, CAMPAIGN))

    def say(self, logged: Logged, conversion: Conversion, *, stands: bool) -> None:
        """Note that a conversion stands from here on, or that it no longer does."""
        event, now = logged.event, 1 << logged.event.index
        no_more = now << WIDTH
        found = self.recipients(logged, event.campaign_id, conversion.receipt.variant_id)
        hours = (conversion.behaviour.at - conversion.receipt.at) // _HOUR
        of_variant, variant_id = found[0], conversion.receipt.variant_id
        self.delays[of_variant[0], variant_id, event.index, hours] += 1 if stands else -1
        for recipient in found:
            said = self.said.get(recipient, 0) & ~(now | no_more)
            self.said[recipient] = said | (now if stands else no_more)

    def count(self, logged: Logged, revenue: Revenue, sign: int) -> None:
        """Add a purchase that counts, or with sign -1 take it away."""
        event = logged.event
        for recipient in self.recipients(logged, event.campaign_id, revenue.receipt.variant_id):
            self.revenue.add((*recipient, event.currency), revenue.net, sign)


def received(fold: RecipientsFold, logged: Logged) -> None:
    fact: Received = logged.event
    for recipient in fold.recipients(logged, fact.campaign_id, fact.variant_id):
        fold.came.setdefault(recipient, []).append(fact.key)


def disregarded(fold: RecipientsFold, logged: Logged) -> None:
    fact = logged.event.fact
    if isinstance(fact, Received):
        for recipient in fold.recipients(logged, fact.campaign_id, fact.variant_id):
            fold.went.setdefault(recipient, set()).add(fact.key)


def conversion_recorded(fold: RecipientsFold, logged: Logged) -> None:
    fold.say(logged, logged.event.now, stands=True)


def conversion_restated(fold: RecipientsFold, logged: Logged) -> None:
    fold.say(logged, logged.event.before, stands=False)
    fold.say(logged, logged.event.now, stands=True)


def conversion_withdrawn(fold: RecipientsFold, logged: Logged) -> None:
    fold.say(logged, logged.event.before, stands=False)


def revenue_attributed(fold: RecipientsFold, logged: Logged) -> None:
    fold.count(logged, logged.event.now, 1)


def revenue_restated(fold: RecipientsFold, logged: Logged) -> None:
    fold.count(logged, logged.event.before, -1)
    fold.count(logged, logged.event.now, 1)


def revenue_withdrawn(fold: RecipientsFold, logged: Logged) -> None:
    fold.count(logged, logged.event.before, -1)
