"""R18, R20: unique recipients, of each variant and of the campaign, each standing on the user's first receipt."""

from domain import lanes
from domain.facts import Received
from domain.journey.decisions import Receipt, RecipientCounted, RecipientRestated, RecipientWithdrawn
from domain.journey.lookups import JourneySoFar, as_receipt


def count(journey: JourneySoFar, fact: Received) -> None:
    """A receipt came: it may be the first of its variant, and, unless it is control's, of the campaign."""
    receipt = Receipt(fact.id, fact.at, fact.variant_id)
    _count(journey, fact.campaign_id, fact.variant_id, receipt)
    if fact.variant_id != journey.definitions[fact.campaign_id].control:
        _count(journey, fact.campaign_id, None, receipt)


def discount(journey: JourneySoFar, fact: Received) -> None:
    """A receipt is gone (R17): where it was the first, the next one is, or none."""
    for variant_id in (fact.variant_id, None):
        first = journey.state.standings[fact.campaign_id].first_of(variant_id)
        if first is None or first.id != fact.id:
            return  # What is not the first of its variant is not the campaign's first either.
        now = _first_after(journey, fact, variant_id)
        if now is None:
            journey.record(RecipientWithdrawn(fact.campaign_id, variant_id, first))
        else:
            journey.record(RecipientRestated(fact.campaign_id, variant_id, first, now))


def _count(journey: JourneySoFar, campaign_id: str, variant_id: str | None, receipt: Receipt) -> None:
    first = journey.state.standings[campaign_id].first_of(variant_id)
    if first is None:
        journey.record(RecipientCounted(campaign_id, variant_id, receipt))
    elif receipt.key < first.key:
        journey.record(RecipientRestated(campaign_id, variant_id, first, receipt))


def _first_after(journey: JourneySoFar, gone: Received, variant_id: str | None) -> Receipt | None:
    """The first receipt of the variant, or of the campaign, after the one that was first and is gone."""
    control = journey.definitions[gone.campaign_id].control
    for fact in journey.history.between(lanes.receipts(gone.campaign_id), gone.at):
        receipt = as_receipt(fact)
        if receipt is not None and (
            receipt.variant_id == variant_id or (variant_id is None and receipt.variant_id != control)
        ):
            return receipt
    return None
