"""App groups: apps, custom events and the time zone (R2, R16, R20)."""

import pytest

from domain.aggregate import Recorded
from domain.app_group import (
    AppAdded,
    AppGroup,
    AppGroupMade,
    CampaignAdded,
    CustomEventDeclared,
    CustomEventSeen,
    DefaultCurrencyChanged,
    stream_id,
)
from domain.campaigns.conversion_events import PerformsCustomEvent
from domain.errors import BadDefinition, TimeZoneIsFixed
from tests.domain.journey_specification import decided, loaded

MADE = AppGroupMade("shop", "Europe/Berlin", edition=2)


def shop(*events: object) -> AppGroup:
    """The app group after these events."""
    return loaded(AppGroup("shop"), *events)


def test_an_app_group_is_made_with_its_time_zone() -> None:
    """R20: any IANA name."""
    group = shop()
    group.make("Europe/Berlin")
    assert decided(group) == [MADE]


def test_an_app_groups_time_zone_is_utc_where_none_is_given() -> None:
    """R20, docs/files.md: the default."""
    group = shop()
    group.make(None)
    assert decided(group) == [AppGroupMade("shop", "UTC", edition=2)]


@pytest.mark.parametrize("time_zone", ["Europe/Berlin", None])
def test_an_app_group_made_again_says_nothing(time_zone: str | None) -> None:
    """R20: the same time zone, or none stated."""
    group = shop(MADE)
    group.make(time_zone)
    assert decided(group) == []


@pytest.mark.parametrize("time_zone", ["UTC", "Europe/Paris", "Mars/Phobos"])
def test_r20_the_time_zone_is_fixed(time_zone: str) -> None:
    """R20: a day of a report means the same for good."""
    group = shop(MADE)
    with pytest.raises(TimeZoneIsFixed) as refused:
        group.make(time_zone)
    assert (refused.value.code, refused.value.place) == ("time_zone_is_fixed", "time_zone")
    assert decided(group) == []


@pytest.mark.parametrize(
    "time_zone",
    [
        "Mars/Phobos",
        "CEST",
        "+02:00",
        "Europe",
        "",
        "/etc/localtime",
        "../UTC",
        "UTC\0",
        "localtime",
        "right/UTC",
    ],
)
def test_r20_what_is_no_iana_time_zone_is_refused(time_zone: str) -> None:
    """R20: by name alone, whatever files a machine has."""
    group = shop()
    with pytest.raises(BadDefinition) as refused:
        group.make(time_zone)
    assert refused.value.place == "time_zone"
    assert decided(group) == []


def test_apps_are_added_once() -> None:
    """R2: those that are new, by their exact ids."""
    group = shop(MADE, AppAdded("ios"))
    group.add_apps(["ios", "web", "web", "iOS"])
    assert decided(group) == [AppAdded("web"), AppAdded("iOS")]


def test_r2_custom_events_are_declared_once() -> None:
    """R2: neither one declared before nor one performed before says anything."""
    group = shop(MADE, CustomEventDeclared("shared"), CustomEventSeen("signed_up"))
    group.declare_custom_events(["shared", "signed_up", "rated", "rated"])
    assert decided(group) == [CustomEventDeclared("rated")]


def test_r16_a_custom_event_not_seen_before_becomes_known() -> None:
    """R16: by being performed, once; a declared one is known."""
    group = shop(MADE, CustomEventDeclared("shared"))
    for name in ("signed_up", "signed_up", "shared", "Shared"):
        group.see_custom_event(name)
    assert decided(group) == [CustomEventSeen("signed_up"), CustomEventSeen("Shared")]


@pytest.mark.parametrize("known", [CustomEventDeclared("signed_up"), CustomEventSeen("signed_up")])
def test_r2_a_known_custom_event_can_be_hoped_for(known: object) -> None:
    """R2: declared, or performed at least once."""
    group = shop(MADE, known)
    PerformsCustomEvent(deadline_seconds=1, name="signed_up").check(group.apps, group.custom_events)


def test_a_campaign_is_taken_into_the_group() -> None:
    """Words: the app group owns its campaigns, in the order they came."""
    group = shop(MADE, CampaignAdded("winter"))
    group.add_campaign("spring")
    assert decided(group) == [CampaignAdded("spring")]
    assert group.campaigns == ["winter", "spring"]


def test_events_wait_at_consecutive_versions_until_they_are_collected() -> None:
    """After those that were loaded; collected once."""
    group = shop(MADE)
    group.add_apps(["ios", "web"])
    waiting = [Recorded(group.id, 2, AppAdded("ios")), Recorded(group.id, 3, AppAdded("web"))]
    assert (group.pending, group.collect_events(), group.pending) == (waiting, waiting, [])


def test_no_two_app_groups_share_a_stream() -> None:
    """Words: ids are compared by code point, never normalised."""
    ids = ["shop", "Shop", "shop ", "\u00e9", "e\u0301", "x" * 255]
    assert len({stream_id(app_group) for app_group in ids}) == len(ids)


def test_r11_the_default_currency_can_be_changed_and_taken_away() -> None:
    """R11: as an event each time, and nothing is said where it stays."""
    group = shop(MADE)
    for currency in ("EUR", "EUR", "USD", None, None):
        group.change_default_currency(currency)
    changes = [DefaultCurrencyChanged(currency) for currency in ("EUR", "USD", None)]
    assert (decided(group), group.default_currency) == (changes, None)


@pytest.mark.parametrize("currency", ["eur", "", "EURO", "XYZ"])
def test_r11_a_default_currency_is_of_iso_4217(currency: str) -> None:
    """R11: refused with its place."""
    group = shop(MADE)
    with pytest.raises(BadDefinition) as refused:
        group.change_default_currency(currency)
    assert refused.value.place == "default_currency"


def test_r11_a_group_of_an_earlier_version_keeps_dollars() -> None:
    """R11, R13: the upgrade says so, and that it was there before; a later change does not undo that."""
    group = shop(AppGroupMade("shop", "UTC"), DefaultCurrencyChanged("USD", by_upgrade=True))
    assert (group.default_currency, group.is_of_earlier_version) == ("USD", True)
    group.change_default_currency("EUR")
    assert (group.default_currency, group.is_of_earlier_version) == ("EUR", True)
    assert not shop(MADE).is_of_earlier_version
