"""Commands about app groups and campaigns: apply a file, launch, stop, archive."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from application.commands.definitions import AppGroupCommand, ApplyCampaigns, CampaignCommand
from application.ports import Stamp, Writer
from domain.app_group import AppGroup
from domain.campaigns.campaign import Campaign
from domain.campaigns.events import Kind, Status
from domain.errors import BadDefinition, DomainError

log = structlog.get_logger()


class CampaignExists(DomainError):
    """The app group has a campaign of this id already."""

    code = "campaign_exists"


class CampaignChanged(DomainError):
    """Somebody else changed the campaign after it was read."""

    code = "campaign_changed"


@dataclass(frozen=True)
class Applied:
    """What applying a file did to one campaign: drafted, launched, changed, or unchanged."""

    campaign_id: str
    change: str
    status: str


class Campaigns:
    """Handles the commands about campaigns."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def apply(self, command: ApplyCampaigns, stamp: Stamp) -> list[Applied]:
        """Bring the group and its campaigns to what is stated; raises DomainError, and then nothing is applied."""
        with self._writer.alone(stamp) as unit:
            group = unit.aggregates.app_group(command.app_group)
            _bring_to(group, command)
            applied, campaigns = [], []
            stated = command.campaigns or []
            _refuse_repeated([each.id for each in stated])
            for place, each in enumerate(stated):
                campaign = unit.aggregates.campaign(command.app_group, each.id)
                with _add_place(f"campaigns[{place}]"):
                    change = _apply(group, campaign, each)
                campaigns.append(campaign)
                applied.append(Applied(each.id, change, campaign.status.value))
            unit.record(command.app_group, group, *campaigns)
        log.info("campaigns.applied", app_group=command.app_group, campaigns=len(applied))
        return applied

    def create(self, app_group: str, command: CampaignCommand, stamp: Stamp) -> Campaign:
        """Draft a new campaign, and launch it unless a draft is asked for; the app group is made if it is new.

        Raises CampaignExists, even if the same call made it before; DomainError for what the rules refuse.
        """
        with self._writer.alone(stamp) as unit:
            group = unit.aggregates.app_group(app_group)
            group.make(None)
            campaign = unit.aggregates.campaign(app_group, command.id)
            if campaign.version:
                raise CampaignExists(f"there is a campaign {command.id!r} already", place="id")
            _draft(group, campaign, command)
            unit.record(app_group, group, campaign)
        log.info(
            "campaign.created", app_group=app_group, campaign_id=command.id, status=campaign.status.value
        )
        return campaign

    def change(
        self,
        app_group: str,
        command: CampaignCommand,
        stamp: Stamp,
        *,
        read_at: int | None = None,
        declared: Iterable[str] = (),
    ) -> Campaign:
        """Change what is stated of a campaign; what is left out stays. Raises UnknownCampaign, or DomainError.

        `read_at` is the version that the change was made from: if the campaign has another one by now, CampaignChanged
        is raised. Custom events that are `declared` become known with the change.
        """
        with self._writer.alone(stamp) as unit:
            group = unit.aggregates.existing_app_group(app_group)
            campaign = unit.aggregates.existing_campaign(app_group, command.id)
            _refuse_changed(campaign, read_at)
            group.declare_custom_events(declared)
            change = _apply(group, campaign, command)
            unit.record(app_group, group, campaign)
        log.info("campaign.changed", app_group=app_group, campaign_id=command.id, change=change)
        return campaign

    def change_group(self, app_group: str, command: AppGroupCommand, stamp: Stamp) -> AppGroup:
        """Bring an app group to what is stated of it, and make it if it is new; raises DomainError."""
        with self._writer.alone(stamp) as unit:
            group = unit.aggregates.app_group(app_group)
            _bring_to(group, command)
            unit.record(app_group, group)
        return group

    def launch(
        self, app_group: str, campaign_id: str, stamp: Stamp, *, read_at: int | None = None
    ) -> Campaign:
        """Launch a draft, or a stopped campaign again; raises CampaignChanged if it was read at another version."""

        def decide(campaign: Campaign) -> None:
            _refuse_changed(campaign, read_at)
            campaign.launch()

        return self._change(app_group, campaign_id, stamp, decide)

    def stop(self, app_group: str, campaign_id: str, stamp: Stamp) -> Campaign:
        """Stop a launched campaign."""
        return self._change(app_group, campaign_id, stamp, Campaign.stop)

    def archive(self, app_group: str, campaign_id: str, stamp: Stamp) -> Campaign:
        """Archive a campaign; it cannot be launched again."""
        return self._change(app_group, campaign_id, stamp, Campaign.archive)

    def _change(
        self, app_group: str, campaign_id: str, stamp: Stamp, decide: Callable[[Campaign], None]
    ) -> Campaign:
        with self._writer.alone(stamp) as unit:
            campaign = unit.aggregates.existing_campaign(app_group, campaign_id)
            decide(campaign)
            unit.record(app_group, campaign)
        log.info(
            "campaign.changed", app_group=app_group, campaign_id=campaign_id, status=campaign.status.value
        )
        return campaign


def _refuse_changed(campaign: Campaign, read_at: int | None) -> None:
    if read_at is not None and campaign.version != read_at:
        raise CampaignChanged(f"somebody else changed {campaign.campaign_id!r} after it was read")


def _bring_to(group: AppGroup, command: AppGroupCommand) -> None:
    """Make the group if it is new, and bring it to what is stated; what is left out stays."""
    group.make(command.time_zone)
    if "default_currency" in command.model_fields_set:
        group.change_default_currency(command.default_currency)
    group.add_apps(command.apps or ())
    group.declare_custom_events(command.custom_events or ())


@contextmanager
def _add_place(place: str) -> Iterator[None]:
    """Put the place of a campaign before the place of what is refused in it."""
    try:
        yield
    except DomainError as error:
        error.place = f"{place}.{error.place}" if error.place else place
        raise


def _refuse_repeated(ids: list[str]) -> None:
    for place, campaign_id in enumerate(ids):
        if campaign_id in ids[:place]:
            raise BadDefinition(
                f"the campaign {campaign_id!r} is in the file twice", place=f"campaigns[{place}].id"
            )


def _apply(group: AppGroup, campaign: Campaign, command: CampaignCommand) -> str:
    if not campaign.version:
        return _draft(group, campaign, command)
    before = campaign.version
    _change(group, campaign, command)
    launched = command.status == "launched" and campaign.status is Status.DRAFT
    if launched:
        campaign.launch()
    if campaign.version == before:
        return "unchanged"
    return "launched" if launched else "changed"


def _draft(group: AppGroup, campaign: Campaign, command: CampaignCommand) -> str:
    campaign.draft(
        group,
        name=command.name,
        kind=command.domain_kind() or Kind.CAMPAIGN,
        channel=command.channel,
        variants=command.domain_variants({}),
        weights=command.weights(),
        conversion_events=command.domain_conversion_events() or (),
    )
    campaign.select(command.floor())
    group.add_campaign(command.id)
    if command.status == "draft":
        return "drafted"
    campaign.launch()
    return "launched"


def _change(group: AppGroup, campaign: Campaign, command: CampaignCommand) -> None:
    """Change what is stated; what is left out stays."""
    if command.name is not None:
        campaign.rename(command.name)
    if (kind := command.domain_kind()) is not None:
        campaign.change_kind(kind)
    if command.channel is not None:
        campaign.change_channel(command.channel)
    if command.intelligent_selection is False:
        # First: while intelligent selection goes on, it refuses stated weights.
        campaign.select(None)
    variants = command.domain_variants({variant.id: variant for variant in campaign.variants})
    if variants is not None:
        campaign.change_variants(variants, command.weights())
        if command.weights() is not None:
            campaign.set_weights(command.weights())
    events = command.domain_conversion_events()
    if events is not None:
        campaign.change_conversion_events(events, group)
    if command.intelligent_selection:
        campaign.select(command.floor())
