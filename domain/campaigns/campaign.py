"""Campaign: what users receive, its life, variants, conversion events and winner (R1 to R5, R21)."""

import uuid
from datetime import timedelta

from domain.aggregate import Aggregate
from domain.app_group import AppGroup
from domain.campaigns.conversion_events import ConversionEvent
from domain.campaigns.definition import (
    Definition,
    Variant,
    Weights,
    check_conversion_events,
    check_variants,
    check_weights,
)
from domain.campaigns.events import (
    AnyCampaignEvent,
    CampaignArchived,
    CampaignDrafted,
    CampaignLaunched,
    CampaignRenamed,
    CampaignStopped,
    ChannelChanged,
    ConversionEventsChanged,
    Kind,
    SelectionEnded,
    SelectionStarted,
    Status,
    VariantsChanged,
    VariantsRenamed,
    WeightsAdjusted,
    WeightsSet,
    WinnerDeclared,
)
from domain.campaigns.evidence import SelectionEvidence, WinnerEvidence
from domain.errors import (
    BadDefinition,
    CampaignIsArchived,
    CampaignIsDraft,
    CampaignIsFixed,
    CampaignNotLaunched,
    UnknownVariant,
)

BETWEEN_ADJUSTMENTS = timedelta(hours=12)
"""Weights follow conversions at most twice a day."""

FLOOR = 0.05
"""The share that intelligent selection leaves each variant at least, of all but control, unless another is said."""


def stream_id(app_group: str, campaign_id: str) -> str:
    """The stream of a campaign: ids hold no NUL, so that no two campaigns share one."""
    return "campaign-" + uuid.uuid5(uuid.NAMESPACE_OID, f"{app_group}\0{campaign_id}").hex


class Campaign(Aggregate[AnyCampaignEvent]):
    """Decides a campaign's life and what may change in it."""

    def __init__(self, app_group: str, campaign_id: str) -> None:
        super().__init__(stream_id(app_group, campaign_id))
        self.app_group = app_group
        self.campaign_id = campaign_id
        self.name = ""
        self.kind = Kind.CAMPAIGN
        self.channel: str | None = None
        self.status = Status.DRAFT
        self.variants: tuple[Variant, ...] = ()
        self.weights: Weights = {}
        self.weights_applied: Weights = {}
        self.conversion_events: tuple[ConversionEvent, ...] = ()
        self.winner: WinnerDeclared | None = None
        self.selection: SelectionStarted | None = None
        self.floor_applied: float | None = None
        self.adjusted: SelectionEvidence | None = None

    @property
    def definition(self) -> Definition:
        """What its receipts are judged by."""
        return Definition(self.variants, self.conversion_events)

    # Decisions

    def draft(
        self,
        group: AppGroup,
        *,
        name: str | None = None,
        kind: Kind = Kind.CAMPAIGN,
        channel: str | None = None,
        variants: tuple[Variant, ...] | None = None,
        weights: Weights | None = None,
        conversion_events: tuple[ConversionEvent, ...] = (),
    ) -> None:
        """Draft a new campaign of the group; one variant "default" where none is given."""
        variants = (Variant("default"),) if variants is None else variants
        check_variants(variants)
        check_conversion_events(conversion_events, group)
        shares = check_weights(variants, weights)
        name = self.campaign_id if name is None else name
        self.record(
            CampaignDrafted(
                self.app_group, self.campaign_id, name, kind, variants, shares, conversion_events, channel
            )
        )

    def rename(self, name: str) -> None:
        """Give the campaign another name."""
        if name != self.name:
            self._refuse_archived()
            self.record(CampaignRenamed(name))

    def change_channel(self, channel: str | None) -> None:
        """Send the campaign through another channel."""
        if channel != self.channel:
            self._refuse_archived()
            self.record(ChannelChanged(channel))

    def change_kind(self, kind: Kind) -> None:
        """Refuse another kind: a campaign keeps the one it was drafted with."""
        if kind != self.kind:
            raise CampaignIsFixed(
                f"{self.campaign_id!r} is of kind {self.kind}, which cannot change", place="kind"
            )

    def change_variants(self, variants: tuple[Variant, ...], weights: Weights | None) -> None:
        """Change variants while the campaign is a draft (R4), their names at any time; their order says nothing."""
        if _by_id(variants) == _by_id(self.variants):
            return
        self._refuse_archived()
        if _controls(variants) == _controls(self.variants):
            self.record(VariantsRenamed({variant.id: variant.name for variant in variants}))
            return
        if self.status is not Status.DRAFT:
            message = f"{self.campaign_id!r} was launched: its variants are fixed; others need a campaign of their own"
            raise CampaignIsFixed(message, place="variants")
        check_variants(variants)
        if weights is None and _by_id(variants).keys() == self.weights.keys():
            weights = self.weights
        self.record(VariantsChanged(variants, check_weights(variants, weights)))

    def change_conversion_events(self, events: tuple[ConversionEvent, ...], group: AppGroup) -> None:
        """Change conversion events while the campaign is a draft (R4)."""
        if events == self.conversion_events:
            return
        self._refuse_archived()
        if self.status is not Status.DRAFT:
            message = f"{self.campaign_id!r} was launched: its conversion events are fixed"
            raise CampaignIsFixed(message, place="conversion_events")
        check_conversion_events(events, group)
        self.record(ConversionEventsChanged(events))

    def set_weights(self, weights: Weights | None) -> None:
        """Share users in another way, where that differs from what was applied last (R5, docs/files.md).

        Where nothing selects, also where it differs from the weights in force: what a selection left is no one's wish.
        """
        shares = check_weights(self.variants, weights)
        if shares != self.weights_applied or (self.floor_applied is None and shares != self.weights):
            self._refuse_archived()
            self.record(WeightsSet(shares))

    def declare_winner(self, variant_id: str, evidence: WinnerEvidence) -> None:
        """Declare the variant that a test found best on the primary conversion event: never control (R21)."""
        if self.winner is not None and self.winner.variant_id == variant_id:
            return
        self._refuse_archived()
        if variant_id not in self.definition.variants:
            raise UnknownVariant(f"{self.campaign_id!r} has no variant {variant_id!r}", place="variant_id")
        if variant_id == self.definition.control:
            raise BadDefinition("control is never the winner", place="variant_id")
        self.record(WinnerDeclared(variant_id, evidence))

    def select(self, floor: float | None) -> None:
        """Let weights follow the primary conversion event, or with no floor no longer, where that was not said last.

        A selection that ended by itself does not begin again because the same file is applied again (docs/files.md).
        """
        if floor == self.floor_applied:
            return
        if floor is None:
            self.record(SelectionEnded())
            return
        self._refuse_archived()
        self._check_selection(floor)
        self.record(SelectionStarted(floor))

    def _check_selection(self, floor: float) -> None:
        chosen_from = len(self.variants) - sum(variant.control for variant in self.variants)
        if not self.conversion_events or chosen_from < 2:
            message = (
                "intelligent selection takes a conversion event, and two variants or more beside control"
            )
            raise BadDefinition(message, place="intelligent_selection")
        if not 0 <= floor * chosen_from < 1:
            message = f"a floor of {floor} is none, or leaves nothing to select for {chosen_from} variants"
            raise BadDefinition(message, place="intelligent_selection.floor")

    def adjustable(self, as_of: int) -> bool:
        """Whether weights may follow what is known as of an instant, in microseconds since 1970."""
        if self.selection is None or self.status is not Status.LAUNCHED:
            return False
        return self.adjusted is None or as_of - self.adjusted.as_of >= BETWEEN_ADJUSTMENTS // timedelta(
            microseconds=1
        )

    def adjust(self, weights: Weights, evidence: SelectionEvidence, before: Weights, *, last: bool) -> bool:
        """Share users by what the variants converted, where it is time to; returns whether it was.

        `before` are the weights that these follow from: where others have been set since, or another floor, nothing is
        adjusted; nor before anyone received a variant. `last` says that going on would not help.
        """
        if not self.adjustable(evidence.as_of) or self.weights != before:
            return False
        if not any(share.recipients for share in evidence.shares):
            return False
        if self.selection is None or self.selection.floor != evidence.floor:
            return False
        self.record(WeightsAdjusted(check_weights(self.variants, weights), evidence))
        if last:
            self.record(SelectionEnded(evidence))
        return True

    def launch(self) -> None:
        """Launch a draft, or a stopped campaign again (R4)."""
        self._refuse_archived()
        if self.status is not Status.LAUNCHED:
            if self.selection is not None:
                # A draft may have changed since it was asked for.
                self._check_selection(self.selection.floor)
            self.record(CampaignLaunched())

    def stop(self) -> None:
        """Stop a launched campaign (R4)."""
        self._refuse_archived()
        if self.status is Status.DRAFT:
            raise CampaignNotLaunched(f"{self.campaign_id!r} is a draft: there is nothing to stop")
        if self.status is Status.LAUNCHED:
            self.record(CampaignStopped())

    def archive(self) -> None:
        """Archive the campaign: nothing takes it back (R4)."""
        if self.status is not Status.ARCHIVED:
            self.record(CampaignArchived())

    def refuse_receipts_of_draft(self) -> None:
        """Only a draft refuses receipts (R4)."""
        if self.status is Status.DRAFT:
            raise CampaignIsDraft(f"{self.campaign_id!r} is a draft: launch it first", place="campaign_id")

    def _refuse_archived(self) -> None:
        if self.status is Status.ARCHIVED:
            raise CampaignIsArchived(f"{self.campaign_id!r} is archived, and stays so")

    # Evolution

    def evolve(self, event: AnyCampaignEvent) -> None:
        match event:
            case CampaignDrafted():
                self.name, self.kind, self.channel = event.name, event.kind, event.channel
                self.variants, self.conversion_events = event.variants, event.conversion_events
                self.weights = self.weights_applied = event.weights
            case CampaignRenamed():
                self.name = event.name
            case ChannelChanged():
                self.channel = event.channel
            case VariantsChanged():
                self.variants = event.variants
                self.weights = self.weights_applied = event.weights
            case VariantsRenamed():
                self.variants = tuple(
                    Variant(variant.id, event.names[variant.id], variant.control) for variant in self.variants
                )
            case ConversionEventsChanged():
                self.conversion_events = event.conversion_events
            case WeightsSet():
                self.weights = self.weights_applied = event.weights
            case CampaignLaunched():
                self.status = Status.LAUNCHED
            case CampaignStopped():
                self.status = Status.STOPPED
            case CampaignArchived():
                self.status = Status.ARCHIVED
            case _:
                self._evolve_experiment(event)

    def _evolve_experiment(
        self, event: WinnerDeclared | SelectionStarted | SelectionEnded | WeightsAdjusted
    ) -> None:
        match event:
            case WinnerDeclared():
                self.winner = event
            case SelectionStarted():
                self.selection, self.floor_applied = event, event.floor
            case SelectionEnded():
                self.selection = None
                if event.evidence is None:
                    self.floor_applied = None
            case WeightsAdjusted():  # pragma: no branch
                # What was applied last from a file stays: the same file again changes nothing (docs/files.md).
                self.weights, self.adjusted = event.weights, event.evidence


def _by_id(variants: tuple[Variant, ...]) -> dict[str, Variant]:
    return {variant.id: variant for variant in variants}


def _controls(variants: tuple[Variant, ...]) -> dict[str, bool]:
    return {variant.id: variant.control for variant in variants}
