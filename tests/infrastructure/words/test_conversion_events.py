"""What a conversion event asks, in short and as the whole rule."""

import pytest

from domain.campaigns.conversion_events import (
    ConversionEvent,
    MakesPurchase,
    PerformsCustomEvent,
    StartsSession,
    UpgradesApp,
)
from infrastructure.words.conversion_events import name_with_deadline, state_revenue_rule, state_rule

DAY = 86_400


@pytest.mark.parametrize(
    ("event", "short", "rule"),
    [
        (MakesPurchase(3 * DAY), "makes a purchase", "makes a purchase of any product within 3 days"),
        (
            MakesPurchase(DAY, product_id="sku-9"),
            "makes a purchase of sku-9",
            "makes a purchase of sku-9 within 1 day",
        ),
        (StartsSession(DAY), "opens any app", "opens any app within 1 day"),
        (StartsSession(DAY, ("ios", "web")), "opens ios or web", "opens ios or web within 1 day"),
        (UpgradesApp(30 * DAY), "upgrades any app", "upgrades any app within 30 days"),
        (UpgradesApp(90, ("ios",)), "upgrades ios", "upgrades ios within 90 seconds"),
        (
            PerformsCustomEvent(3_600, name="signed_up"),
            "performs signed_up",
            "performs signed_up within 1 hour",
        ),
    ],
)
def test_r2_r3_r6_a_rule_is_stated_with_its_defaults(event: ConversionEvent, short: str, rule: str) -> None:
    """R2, R3, R6: what matches, also where everything does, and that both ends are inside."""
    stated = event.stated()
    assert name_with_deadline(stated).startswith(f"{short} within ")
    assert state_rule(stated) == f"{rule} of receiving, both ends included"


def test_ids_of_others_bring_no_control_characters() -> None:
    for event in (
        MakesPurchase(1, product_id="\x1b[2J"),
        StartsSession(1, ("\x07",)),
        PerformsCustomEvent(1, name="\x00"),
    ):
        assert state_rule(event.stated()).isprintable()
        assert name_with_deadline(event.stated()).isprintable()


def test_r11_what_counts_as_revenue_is_said_with_and_without_conversion_events() -> None:
    """R11: the primary window, or 3 days; none of them means that nobody converts."""
    assert state_revenue_rule([MakesPurchase(DAY).stated()], DAY) == (
        "Purchases and orders of any product within 1 day of receiving, both ends included, count as revenue."
    )
    assert state_revenue_rule([], 3 * DAY).startswith("There is no conversion event, so nobody converts. ")
    assert "within 3 days" in state_revenue_rule([], 3 * DAY)
