"""Conversion events: what matches them, and which are allowed (R2, R3)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from domain.campaigns.conversion_events import (
    ConversionEvent,
    MakesPurchase,
    PerformsCustomEvent,
    StartsSession,
    UpgradesApp,
)
from domain.errors import BadDefinition, DomainError, UnknownApp, UnknownCustomEvent
from domain.facts import AppVersionReported, CustomEvent, Fact, Purchase, Received, SessionStarted

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
SESSION = SessionStarted("s1", AT, "ios", "1.2")
PURCHASE = Purchase("p1", AT, "sku-9", Decimal(1), "EUR", app_id="ios", app_version="1.2")
PERFORMED = CustomEvent("c1", AT, "signed_up")
REPORT = AppVersionReported("v1", AT, "ios", "1.2")
RECEIPT = Received("r1", AT, "spring", "A")
FACTS = [SESSION, PURCHASE, PERFORMED, REPORT, RECEIPT]
DAY = 86_400


@pytest.mark.parametrize(
    ("event", "matching"),
    [
        (StartsSession(DAY), [SESSION]),
        (StartsSession(DAY, ("web", "ios")), [SESSION]),
        (StartsSession(DAY, ("web",)), []),
        (MakesPurchase(DAY), [PURCHASE]),
        (MakesPurchase(DAY, "sku-9"), [PURCHASE]),
        (MakesPurchase(DAY, "SKU-9"), []),
        (PerformsCustomEvent(deadline_seconds=DAY, name="signed_up"), [PERFORMED]),
        (PerformsCustomEvent(deadline_seconds=DAY, name="shared"), []),
        (UpgradesApp(DAY), []),
    ],
    ids=repr,
)
def test_r2_a_conversion_event_is_matched_by_its_type_and_filter(
    event: ConversionEvent, matching: list[Fact]
) -> None:
    """R2: any app or product when none is given; a report that is no upgrade matches none of them."""
    assert [fact for fact in FACTS if event.matches(fact, upgrade=False)] == matching


@pytest.mark.parametrize("app_ids", [(), ("ios",), ("web", "ios")])
def test_r2_an_upgrade_is_matched_by_any_behaviour_that_reports_one(app_ids: tuple[str, ...]) -> None:
    """R2, R10: in any of the given apps, in all when none is given; what reports no version is none."""
    event = UpgradesApp(DAY, app_ids)
    assert [fact for fact in FACTS if event.matches(fact, upgrade=True)] == [SESSION, PURCHASE, REPORT]
    assert not UpgradesApp(DAY, ("web",)).matches(REPORT, upgrade=True)


@pytest.mark.parametrize("seconds", [1, DAY, 30 * DAY])
def test_r3_a_deadline_is_up_to_30_days(seconds: int) -> None:
    """R3: a whole number of seconds; a day is 86,400 of them."""
    MakesPurchase(seconds).check(set(), set())
    assert MakesPurchase(seconds).deadline == timedelta(seconds=seconds)


@pytest.mark.parametrize("seconds", [0, -1, 30 * DAY + 1])
@pytest.mark.parametrize("kind", [StartsSession, MakesPurchase, UpgradesApp])
def test_r3_no_deadline_and_a_longer_one_are_refused(kind: type[MakesPurchase], seconds: int) -> None:
    """R3: more than 0 and at most 30 days, for every type."""
    with pytest.raises(BadDefinition, match="30 days") as refused:
        kind(seconds).check(set(), set())
    assert refused.value.place == "deadline"


def test_r3_a_custom_event_has_no_longer_deadline_either() -> None:
    """R3: before its name is looked up."""
    with pytest.raises(BadDefinition, match="30 days"):
        PerformsCustomEvent(deadline_seconds=0, name="unknown").check(set(), set())


@pytest.mark.parametrize(
    ("event", "refusal", "place"),
    [
        (StartsSession(DAY, ("ios", "tv")), UnknownApp, "app_ids"),
        (UpgradesApp(DAY, ("IOS",)), UnknownApp, "app_ids"),
        (PerformsCustomEvent(deadline_seconds=DAY, name="Signed_up"), UnknownCustomEvent, "name"),
    ],
    ids=repr,
)
def test_r2_a_filter_names_what_the_app_group_knows(
    event: ConversionEvent, refusal: type[DomainError], place: str
) -> None:
    """R2: apps and custom events are known by their exact ids."""
    with pytest.raises(refusal) as refused:
        event.check({"ios", "web"}, {"signed_up"})
    assert refused.value.place == place


@pytest.mark.parametrize(
    "event",
    [
        StartsSession(DAY),
        StartsSession(DAY, ("ios", "web")),
        MakesPurchase(DAY, "unheard-of"),
        PerformsCustomEvent(deadline_seconds=DAY, name="signed_up"),
        UpgradesApp(DAY, ("ios",)),
    ],
    ids=repr,
)
def test_r2_what_the_app_group_knows_is_allowed(event: ConversionEvent) -> None:
    """R2: and any product, for products are nobody's to know; each is kept and read again as it was."""
    event.check({"ios", "web"}, {"signed_up"})
    assert msgspec.json.decode(msgspec.json.encode(event), type=ConversionEvent) == event


def test_r2_a_custom_event_has_no_default() -> None:
    """R2: the event is always given."""
    with pytest.raises(msgspec.ValidationError, match="name"):
        msgspec.json.decode(b'{"type":"performs_custom_event","deadline_seconds":1}', type=ConversionEvent)


def test_r2_what_is_stated_names_the_filter_even_where_all_passes() -> None:
    """Reports and explanations show type, filter and deadline alike."""
    day = 86_400
    assert MakesPurchase(day).stated() == {
        "type": "makes_purchase",
        "product_id": None,
        "deadline_seconds": day,
    }
    assert StartsSession(day, ("ios",)).stated() == {
        "type": "starts_session",
        "app_ids": ["ios"],
        "deadline_seconds": day,
    }
