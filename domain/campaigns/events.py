"""The events of a campaign, from its draft to its archive (R1 to R5, R21): the storage format."""

from enum import StrEnum

import msgspec

from domain.campaigns.conversion_events import ConversionEvent
from domain.campaigns.definition import Variant, Weights
from domain.campaigns.evidence import SelectionEvidence, WinnerEvidence


class Kind(StrEnum):
    """One message, or a journey of messages."""

    CAMPAIGN = "campaign"
    CANVAS = "canvas"


class Status(StrEnum):
    """Where a campaign is in its life (R4)."""

    DRAFT = "draft"
    LAUNCHED = "launched"
    STOPPED = "stopped"
    ARCHIVED = "archived"


# Never change or remove a class or field that was stored.


class CampaignEvent(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What every event of a campaign is."""


class CampaignDrafted(CampaignEvent, frozen=True):
    """The campaign exists, as a draft."""

    app_group: str
    campaign_id: str
    name: str
    kind: Kind
    variants: tuple[Variant, ...]
    weights: Weights
    conversion_events: tuple[ConversionEvent, ...]
    channel: str | None = None


class CampaignRenamed(CampaignEvent, frozen=True):
    """The campaign has another name."""

    name: str


class ChannelChanged(CampaignEvent, frozen=True):
    """The campaign goes out through another channel."""

    channel: str | None


class VariantsChanged(CampaignEvent, frozen=True):
    """A draft has other variants, with their weights."""

    variants: tuple[Variant, ...]
    weights: Weights


class VariantsRenamed(CampaignEvent, frozen=True):
    """The same variants have other names."""

    names: dict[str, str | None]


class ConversionEventsChanged(CampaignEvent, frozen=True):
    """A draft has other conversion events."""

    conversion_events: tuple[ConversionEvent, ...]


class WeightsSet(CampaignEvent, frozen=True):
    """The variants share the users in another way (R5)."""

    weights: Weights


class WinnerDeclared(CampaignEvent, frozen=True):
    """A variant is the winner, and why (R21)."""

    variant_id: str
    evidence: WinnerEvidence


class SelectionStarted(CampaignEvent, frozen=True):
    """Weights follow the primary conversion event from now on; each variant keeps a share of at least `floor`."""

    floor: float


class SelectionEnded(CampaignEvent, frozen=True):
    """Weights follow nothing any more: somebody ended it, or, with evidence, going on would not help."""

    evidence: SelectionEvidence | None = None


class WeightsAdjusted(CampaignEvent, frozen=True):
    """The variants share the users in another way, because of what they converted; control's share is what it was."""

    weights: Weights
    evidence: SelectionEvidence


class CampaignLaunched(CampaignEvent, frozen=True):
    """The campaign takes receipts from now on; variants and conversion events are fixed (R4)."""


class CampaignStopped(CampaignEvent, frozen=True):
    """The campaign goes out no more; open windows run on (R4)."""


class CampaignArchived(CampaignEvent, frozen=True):
    """The campaign was archived: nothing takes it back (R4)."""


AnyCampaignEvent = (
    CampaignDrafted
    | CampaignRenamed
    | ChannelChanged
    | VariantsChanged
    | VariantsRenamed
    | ConversionEventsChanged
    | WeightsSet
    | WinnerDeclared
    | SelectionStarted
    | SelectionEnded
    | WeightsAdjusted
    | CampaignLaunched
    | CampaignStopped
    | CampaignArchived
)
