"""AppGroup: the tenant, which owns apps, known custom events and campaigns (docs/rules.md, Words)."""

import uuid
from collections.abc import Iterable
from functools import cache
from zoneinfo import available_timezones

import msgspec

from domain import money
from domain.aggregate import Aggregate
from domain.errors import BadDefinition, TimeZoneIsFixed

# Events: the storage format. Never change or remove a class or field that was stored.


class AppGroupEvent(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What every event of an app group is."""


class AppGroupMade(AppGroupEvent, frozen=True):
    """The app group exists; its time zone is fixed (R20). `edition` 2: it was made by a version that knows orders."""

    app_group: str
    time_zone: str
    edition: int = 1


class DefaultCurrencyChanged(AppGroupEvent, frozen=True):
    """Prices that name no currency are in this one from here on; in none, where it is null (R11).

    `by_upgrade`: the group was made by an earlier version, which took dollars where a client of Segment named none.
    """

    currency: str | None
    by_upgrade: bool = False


class AppAdded(AppGroupEvent, frozen=True):
    """The app group has one more app."""

    app_id: str


class CustomEventDeclared(AppGroupEvent, frozen=True):
    """A custom event was declared, and so is known (R2)."""

    name: str


class CustomEventSeen(AppGroupEvent, frozen=True):
    """A custom event was performed for the first time, and so is known (R2, R16)."""

    name: str


class CampaignAdded(AppGroupEvent, frozen=True):
    """The app group has one more campaign, whose id is taken."""

    campaign_id: str


AnyAppGroupEvent = (
    AppGroupMade | DefaultCurrencyChanged | AppAdded | CustomEventDeclared | CustomEventSeen | CampaignAdded
)


def stream_id(app_group: str) -> str:
    """The stream of an app group: ids hold no NUL, so that no two groups share one."""
    return f"group-{uuid.uuid5(uuid.NAMESPACE_OID, app_group).hex}"


@cache
def _time_zones() -> frozenset[str]:
    """IANA's names; `localtime` is a machine's own, and means another zone on the next."""
    return frozenset(available_timezones() - {"localtime"})


class AppGroup(Aggregate[AnyAppGroupEvent]):
    """Decides what is known to an app group."""

    def __init__(self, app_group: str) -> None:
        super().__init__(stream_id(app_group))
        self.app_group = app_group
        self.time_zone = ""
        self.default_currency: str | None = None
        self.is_of_earlier_version = False
        """Whether an earlier version took facts of the group, and may have read some of them otherwise."""
        self.apps: set[str] = set()
        self.custom_events: set[str] = set()
        self.campaigns: list[str] = []

    # Decisions

    def make(self, time_zone: str | None) -> None:
        """Make the group where it is new; afterwards its time zone is fixed (R20)."""
        if self.version:
            if time_zone is not None and time_zone != self.time_zone:
                raise TimeZoneIsFixed(
                    f"the time zone of {self.app_group!r} is {self.time_zone}, and cannot change",
                    place="time_zone",
                )
            return
        time_zone = "UTC" if time_zone is None else time_zone
        if time_zone not in _time_zones():
            raise BadDefinition(
                f"{time_zone!r} is no IANA time zone: Europe/Berlin, UTC ...", place="time_zone"
            )
        self.record(AppGroupMade(self.app_group, time_zone, edition=2))

    def change_default_currency(self, currency: str | None) -> None:
        """Change the currency of prices that name none; facts recorded before keep theirs (R11)."""
        if currency is not None and currency not in money.currencies():
            raise BadDefinition(money.no_currency(currency), place="default_currency")
        if currency != self.default_currency:
            self.record(DefaultCurrencyChanged(currency))

    def add_apps(self, app_ids: Iterable[str]) -> None:
        """Add the apps that are new."""
        for app_id in app_ids:
            if app_id not in self.apps:
                self.record(AppAdded(app_id))

    def declare_custom_events(self, names: Iterable[str]) -> None:
        """Make the custom events known (R2)."""
        for name in names:
            if name not in self.custom_events:
                self.record(CustomEventDeclared(name))

    def see_custom_event(self, name: str) -> None:
        """A custom event not seen before becomes known (R16)."""
        if name not in self.custom_events:
            self.record(CustomEventSeen(name))

    def add_campaign(self, campaign_id: str) -> None:
        """Take the campaign into the group."""
        self.record(CampaignAdded(campaign_id))

    # Evolution

    def evolve(self, event: AnyAppGroupEvent) -> None:
        match event:
            case AppGroupMade():
                self.time_zone = event.time_zone
            case DefaultCurrencyChanged():
                self.default_currency = event.currency
                self.is_of_earlier_version |= event.by_upgrade
            case AppAdded():
                self.apps.add(event.app_id)
            case CustomEventDeclared() | CustomEventSeen():
                self.custom_events.add(event.name)
            case CampaignAdded():  # pragma: no branch
                self.campaigns.append(event.campaign_id)
