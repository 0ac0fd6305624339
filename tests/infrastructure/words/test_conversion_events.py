"""What a conversion event asks, in short and as the whole rule."""

import pytest

from domain.campaigns.conversion_events import (
    ConversionEvent,
    MakesPurchase,
    PerformsCustomEvent,
    StartsSession,
    UpgradesApp,
)
from infrastructure.words.conversion_events import (
    name_event,
    name_event_first,
    name_event_shortly,
    name_with_deadline,
    naming_events,
    state_revenue_rule,
    state_rule,
)
from infrastructure.words.quantities import TERMINAL

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
        assert name_event(event.stated()).isprintable()
        assert state_rule(event.stated()).isprintable()
        assert name_with_deadline(event.stated()).isprintable()


def test_r11_what_counts_as_revenue_is_said_with_and_without_conversion_events() -> None:
    """R11: the primary window, or 3 days; none of them means that nobody converts."""
    assert state_revenue_rule([MakesPurchase(DAY).stated()], DAY) == (
        "Purchases and orders of any product within 1 day of receiving, both ends included, count as revenue."
    )
    assert state_revenue_rule([], 3 * DAY).startswith("There is no conversion event, so nobody converts. ")
    assert "within 3 days" in state_revenue_rule([], 3 * DAY)


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (MakesPurchase(3 * DAY), "purchase in 3 d"),
        (MakesPurchase(36 * 3_600, product_id="sku-9"), "purchase of sku-9 in 36 h"),
        (StartsSession(DAY), "app opened in 1 d"),
        (StartsSession(DAY, ("ios", "web")), "app ios or web opened in 1 d"),
        (UpgradesApp(90), "app upgraded in 90 s"),
        (UpgradesApp(120, ("ios",)), "app ios upgraded in 2 min"),
        (PerformsCustomEvent(3_600, name="A"), "custom event A in 1 h"),
    ],
)
def test_a_conversion_event_is_named_by_what_it_is_and_its_deadline(
    event: ConversionEvent, name: str
) -> None:
    """It begins with words of ours, so that a head may begin with it whatever ids others chose."""
    assert name_event(event.stated()) == name_event_shortly(event.stated()) == name
    assert name_event_first(event.stated()) == name[0].upper() + name[1:]


def test_a_short_name_has_the_beginning_of_a_long_id() -> None:
    """A sign stays with its accents and joiners; the whole name is still to be had."""
    family = "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
    for id_, kept in (
        ("x" * 255, "x" * 23),
        (f"{'x' * 22}e\N{COMBINING ACUTE ACCENT}yz", "x" * 22),
        (f"{'x' * 21}{family}yz", "x" * 21),
        (f"{'x' * 22} yz", "x" * 22),
    ):
        stated = MakesPurchase(DAY, product_id=id_).stated()
        assert name_event_shortly(stated) == f"purchase of {kept}\N{HORIZONTAL ELLIPSIS} in 1 d"
        assert name_event(stated) == f"purchase of {id_} in 1 d"
    many = UpgradesApp(DAY, ("ios", "android", "web")).stated()
    assert name_event_shortly(many) == "one of 3 apps upgraded in 1 d"
    assert name_event(many) == "app ios or android or web upgraded in 1 d"


def test_sentences_of_known_campaigns_name_their_conversion_events() -> None:
    """Of others they have the letter alone, which says that it is an event's."""
    writing = naming_events(TERMINAL, {"sale": [MakesPurchase(3 * DAY).stated()]})
    assert writing.event("sale", 0) == "purchase in 3 d (event A)"
    assert writing.event("sale", 1) == "event B"
    assert writing.event("other", 0) == "event A"
