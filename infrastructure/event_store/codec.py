"""Events as they are stored: JSON under explicit topics, so that no rename of a class or module can break the log."""

from typing import Any, Final

import msgspec

from domain import app_group, facts
from domain.campaigns import events
from domain.journey import decisions

TOPICS: Final[dict[type[msgspec.Struct], str]] = {
    app_group.AppGroupMade: "app_group.made",
    app_group.DefaultCurrencyChanged: "app_group.default_currency_changed",
    app_group.AppAdded: "app_group.app_added",
    app_group.CustomEventDeclared: "app_group.custom_event_declared",
    app_group.CustomEventSeen: "app_group.custom_event_seen",
    app_group.CampaignAdded: "app_group.campaign_added",
    events.CampaignDrafted: "campaign.drafted",
    events.CampaignRenamed: "campaign.renamed",
    events.ChannelChanged: "campaign.channel_changed",
    events.VariantsChanged: "campaign.variants_changed",
    events.VariantsRenamed: "campaign.variants_renamed",
    events.ConversionEventsChanged: "campaign.conversion_events_changed",
    events.WeightsSet: "campaign.weights_set",
    events.WinnerDeclared: "campaign.winner_declared",
    events.SelectionStarted: "campaign.selection_started",
    events.SelectionEnded: "campaign.selection_ended",
    events.WeightsAdjusted: "campaign.weights_adjusted",
    events.CampaignLaunched: "campaign.launched",
    events.CampaignStopped: "campaign.stopped",
    events.CampaignArchived: "campaign.archived",
    facts.Received: "journey.received",
    facts.SessionStarted: "journey.session_started",
    facts.Purchase: "journey.purchase",
    facts.CustomEvent: "journey.custom_event",
    facts.AppVersionReported: "journey.app_version",
    facts.Refund: "journey.refund",
    facts.Order: "journey.order",
    facts.OrderRefund: "journey.order_refund",
    facts.OrderCancelled: "journey.order_cancelled",
    facts.Void: "journey.void",
    decisions.FactDisregarded: "journey.fact_disregarded",
    decisions.UpgradeRecorded: "journey.upgrade_recorded",
    decisions.UpgradeWithdrawn: "journey.upgrade_withdrawn",
    decisions.RecipientCounted: "journey.recipient_counted",
    decisions.RecipientRestated: "journey.recipient_restated",
    decisions.RecipientWithdrawn: "journey.recipient_withdrawn",
    decisions.ConversionRecorded: "journey.conversion_recorded",
    decisions.ConversionRestated: "journey.conversion_restated",
    decisions.ConversionWithdrawn: "journey.conversion_withdrawn",
    decisions.RevenueAttributed: "journey.revenue_attributed",
    decisions.RevenueRestated: "journey.revenue_restated",
    decisions.RevenueWithdrawn: "journey.revenue_withdrawn",
}

_DECODERS: Final = {topic: msgspec.json.Decoder(event).decode for event, topic in TOPICS.items()}

encode: Final = msgspec.json.Encoder().encode


def decode(topic: str, state: str | bytes) -> Any:  # noqa: ANN401
    """The event stored under a topic; raises UnreadableEvent.

    Every reader of events comes through here, so an upcaster (old payload in, new payload out) would stand before the
    decoder. None is needed so far: events gain optional fields, or a new event takes over.
    """
    try:
        return _DECODERS[topic](state)
    except KeyError:
        raise UnreadableEvent(f"unknown topic {topic!r}: was it written by a newer version?") from None
    except msgspec.MsgspecError as error:
        raise UnreadableEvent(f"{topic}: {error}") from None


class UnreadableEvent(Exception):
    """A stored event that this version cannot read."""
