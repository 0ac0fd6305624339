"""What never changes once facts refer to it, read from the streams of app groups and campaigns, and remembered."""

from zoneinfo import ZoneInfo

from application.ledger import Ledger
from domain.campaigns.definition import Definition
from domain.campaigns.events import Status


class StoredDefinitions:
    """Time zones and definitions, for projections."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._zones: dict[str, ZoneInfo] = {}
        self._definitions: dict[tuple[str, str], Definition] = {}

    def zone(self, app_group: str) -> ZoneInfo:
        """The time zone of an app group, fixed when it was made (R20); raises UnknownAppGroup."""
        found = self._zones.get(app_group)
        if found is None:
            found = ZoneInfo(self._ledger.existing_app_group(app_group).time_zone)
            self._zones[app_group] = found
        return found

    def definition(self, app_group: str, campaign_id: str) -> Definition:
        """The variants and conversion events of a campaign, fixed by its launch (R4); raises UnknownCampaign."""
        key = (app_group, campaign_id)
        found = self._definitions.get(key)
        if found is None:
            campaign = self._ledger.existing_campaign(app_group, campaign_id)
            found = campaign.definition
            if campaign.status is not Status.DRAFT:
                self._definitions[key] = found
        return found
