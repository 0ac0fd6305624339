"""Reference data: what never changes once facts refer to it, read from the log and kept in memory."""

from zoneinfo import ZoneInfo

from application.ledger import Ledger
from domain.campaigns.definition import Definition
from domain.campaigns.events import Status


class StoredDefinitions:
    """Time zones of app groups and definitions of campaigns, read from their streams."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._zones: dict[str, ZoneInfo] = {}
        self._definitions: dict[tuple[str, str], Definition] = {}

    def zone(self, app_group: str) -> ZoneInfo:
        """The time zone of an app group, fixed when it was made (R20); raises UnknownAppGroup."""
        zone = self._zones.get(app_group)
        if zone is None:
            zone = ZoneInfo(self._ledger.existing_app_group(app_group).time_zone)
            self._zones[app_group] = zone
        return zone

    def definition(self, app_group: str, campaign_id: str) -> Definition:
        """The variants and conversion events of a campaign, fixed by its launch (R4); raises UnknownCampaign."""
        key = (app_group, campaign_id)
        definition = self._definitions.get(key)
        if definition is None:
            campaign = self._ledger.existing_campaign(app_group, campaign_id)
            definition = campaign.definition
            # A draft may change still.
            if campaign.status is not Status.DRAFT:
                self._definitions[key] = definition
        return definition
