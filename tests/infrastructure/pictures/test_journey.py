"""A user's journey: every fact is at its instant, every conversion is joined to the receipt that it is credited to."""

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from infrastructure.pictures.journey import MOST_FACTS, MOST_LANES, journey
from infrastructure.pictures.journey_facts import (
    Behaviour,
    Conversion,
    Density,
    Kind,
    Lane,
    Receipt,
    Window,
)
from infrastructure.pictures.lettering import measure
from infrastructure.pictures.picture import PHONE
from tests.infrastructure.pictures.drawn import bare, inline, of_class, share, texts, words

BERLIN = ZoneInfo("Europe/Berlin")
FIRST = datetime(2026, 3, 1, 8, tzinfo=UTC)
DAY = timedelta(days=1)


def _receipt(day: float, *windows: tuple[str, float, bool]) -> Receipt:
    at = FIRST + DAY * day
    return Receipt(at, "A", [Window(letter, at + DAY * days, is_open) for letter, days, is_open in windows])


def _spring_sale() -> Lane:
    """Two receipts, both in windows of 3 days and of one day; converted on A and on B after the first."""
    receipts = [_receipt(day, ("A", 3, False), ("B", 1, False)) for day in (9, 16)]
    received = receipts[0].at
    return Lane(
        "Spring sale",
        receipts,
        [Conversion("A", received + 2.5 * DAY, received), Conversion("B", received + 0.5 * DAY, received)],
        {"A": "Purchase in 3 d", "B": "App opened in 1 d"},
    )


def _boxes(root: ET.Element, kind: str) -> list[tuple[float, float]]:
    """From where to where the bands of a class go, in shares of the width."""
    return [
        (float(start) / 1000, float(end) / 1000)
        for path in root.iter("path")
        if path.get("class") == kind
        for start, end in re.findall(r"M([\d.]+) 3V21H([\d.]+)V3z", path.attrib["d"])
    ]


def _causes(root: ET.Element) -> list[tuple[float, float]]:
    return [
        (float(start) / 1000, float(end) / 1000)
        for path in root.iter("path")
        if path.get("class") == "p-cause"
        for start, end in re.findall(r"M([\d.]+) 12H([\d.]+)", path.attrib["d"])
    ]


def _at(day: float, days: float) -> float:
    """Where a day is on an axis of so many, which begins and ends with some room."""
    return 0.04 + day / days * 0.92


def test_windows_begin_at_their_receipts_and_conversions_are_joined_to_them() -> None:
    """In a compact row the band of a receipt is that of its longest window."""
    picture = journey([_spring_sale()], [], zone=UTC)
    root = inline(picture)
    assert _boxes(root, "p-band") == [
        pytest.approx((_at(0, 10), _at(3, 10)), abs=1e-4),
        pytest.approx((_at(7, 10), _at(10, 10)), abs=1e-4),
    ]
    assert _causes(root) == [
        pytest.approx((_at(0, 10), _at(2.5, 10)), abs=1e-4),
        pytest.approx((_at(0, 10), _at(0.5, 10)), abs=1e-4),
    ]
    signs = {
        bare(each.findtext("title") or ""): share(each.get("x")) for each in of_class(root, "p-conversion")
    }
    credit = "credited to the receipt of 10 Mar 2026, 08:00"
    purchase = f"Purchase in 3 d on 12 Mar 2026, 20:00, {credit}"
    opened = f"App opened in 1 d on 10 Mar 2026, 20:00, {credit}"
    assert signs == pytest.approx({purchase: _at(2.5, 10), opened: _at(0.5, 10)}, abs=1e-4)
    assert "2 receipts, converted: 2 of 2" in texts(root)
    said = f"Spring sale: 2 receipts, converted: 2 of 2 ({purchase}; {opened})."
    assert said in bare(picture.description)


def test_in_full_each_conversion_event_has_a_row_with_its_own_windows() -> None:
    root = inline(journey([_spring_sale()], [], zone=UTC, density=Density.FULL))
    ends = [end for _, end in _boxes(root, "p-band")]
    assert ends == pytest.approx([_at(3, 10), _at(10, 10), _at(1, 10), _at(8, 10)], abs=1e-4)
    assert {"Purchase in 3 d", "App opened in 1 d"} <= {
        bare(words(each)) for each in of_class(root, "p-tick")
    }
    assert not {"A", "B"} & set(texts(root)), "variants are called so too"


def test_a_long_name_of_a_conversion_event_is_cut_and_is_whole_when_pointed_at() -> None:
    name = f"Purchase of {'sku-9' * 40} in 3 d"
    lane = Lane("Sale", [_receipt(0, ("A", 3, False))], events={"A": name})
    root = inline(journey([lane], [], zone=UTC, density=Density.FULL))
    (label,) = [each for each in of_class(root, "p-tick") if each.find("title") is not None]
    assert bare(label.findtext("title") or "") == name
    assert measure(bare(words(label)), 11) <= PHONE


def test_an_open_window_is_hatched_dashed_and_named() -> None:
    root = inline(journey([Lane("Newsletter", [_receipt(0, ("A", 7, True))])], [], zone=UTC))
    assert len(_boxes(root, "p-band p-band-open")) == 1
    assert not _boxes(root, "p-band")
    assert of_class(root, "p-hatch")
    assert {"1 receipt, still open", "window still open"} <= set(texts(root))


def test_a_campaign_without_windows_has_its_receipts() -> None:
    root = inline(journey([Lane("No conversion event", [_receipt(0), _receipt(1)])], [], zone=UTC))
    strokes = next(each for each in root.iter("path") if each.get("class") == "p-receipt")
    assert strokes.attrib["d"].count("M") == 2
    assert not of_class(root, "p-band")


def test_conversions_at_one_place_share_a_sign() -> None:
    receipt = _receipt(0, ("A", 3, False))
    conversions = [Conversion(letter, receipt.at + DAY, receipt.at) for letter in "BA"]
    (sign,) = of_class(inline(journey([Lane("Sale", [receipt], conversions)], [], zone=UTC)), "p-conversion")
    assert texts(sign) == ["2"]


@pytest.mark.parametrize("density", Density)
def test_each_kind_of_behaviour_has_a_shape_of_its_own_and_a_name(density: Density) -> None:
    known = [Behaviour(FIRST + DAY * place, kind, f"fact {place}") for place, kind in enumerate(Kind)]
    picture = journey([], known, zone=UTC, density=density)
    root = inline(picture)
    signs = [each for each in of_class(root, "p-sign") if each.find("title") is not None]
    assert [share(each.get("x")) for each in signs] == pytest.approx(
        [_at(day, 5) for day in range(6)], abs=1e-4
    )
    assert len({path.attrib["d"] for each in signs for path in each.iter("path")}) == 6
    assert set(Kind) <= set(texts(root))
    assert all(f"{kind}: 1" in picture.description for kind in Kind)


def test_what_the_signs_mean_stands_apart_on_a_phone() -> None:
    """Two on a line: between the words of the first and the sign of the second there is room."""
    facts = [Behaviour(FIRST, kind, "words") for kind in Kind]
    lane = _spring_sale()._replace(receipts=[_receipt(9, ("A", 3, False)), _receipt(16, ("A", 3, True))])
    root = inline(journey([lane], facts, zone=BERLIN))
    entries = [each for each in of_class(root, "p-note") if each.get("dx") == "16"]
    assert {"receipt, window", "window still open", "money given back"} <= {words(each) for each in entries}
    for each in entries:
        assert 16 + measure(words(each), 13) + 10 <= PHONE / 2 - 6, words(each)


def test_what_was_voided_is_hollow_and_named() -> None:
    root = inline(journey([], [Behaviour(FIRST, Kind.PURCHASE, "purchase p1", is_voided=True)], zone=BERLIN))
    sign, *_ = of_class(root, "p-hollow")
    assert bare(sign.findtext("title") or "") == "purchase p1, 1 Mar 2026, 09:00 (voided)"
    assert "voided" in texts(root)


def test_behaviours_of_a_kind_at_one_place_are_one_sign_that_counts_them() -> None:
    known = [Behaviour(FIRST + timedelta(minutes=each), Kind.SESSION, "session") for each in range(9)]
    last = Behaviour(FIRST + 300 * DAY, Kind.SESSION, "session")
    root = inline(journey([], [*known, last], zone=UTC))
    titles = [bare(each.findtext("title") or "") for each in of_class(root, "p-sign")]
    assert "9 times session, 1 Mar 2026, 08:00 to 1 Mar 2026, 08:08" in titles
    assert "session, 26 Dec 2026, 08:00" in titles


def test_days_are_those_of_the_zone() -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    picture = journey([], [Behaviour(late, Kind.SESSION, "session")], zone=BERLIN)
    assert "2 Mar 2026, 00:30" in bare(picture.description)
    assert "in Europe/Berlin" in bare(picture.description)


@pytest.mark.parametrize(
    ("length", "label"),
    [
        (timedelta(hours=5), "09:00"),
        (timedelta(days=5), "2 Mar"),
        (timedelta(days=40), "8 Mar"),
        (timedelta(days=400), "Jul 2026"),
        (timedelta(days=20_000), "2030"),
    ],
    ids=["hours", "days", "weeks", "months", "decades"],
)
def test_ticks_are_where_hours_days_months_and_years_begin(length: timedelta, label: str) -> None:
    known = [Behaviour(FIRST + length * part, Kind.SESSION, "session") for part in (0, 1)]
    root = inline(journey([], known, zone=UTC))
    ticks = {bare(each.text or ""): each.get("x") for each in of_class(root, "p-tick")}
    assert label in ticks
    assert 2 <= len(ticks) - 2 <= 7
    places = sorted(share(x) for x in list(ticks.values())[:-2])
    assert all(after - before > 0.1 for before, after in pairwise(places))


def test_of_very_many_facts_the_newest_are_drawn_and_the_others_are_counted() -> None:
    known = [
        Behaviour(FIRST + timedelta(hours=each), Kind.SESSION, "session") for each in range(MOST_FACTS + 7)
    ]
    picture = journey([], known, zone=UTC)
    assert "7 older facts: see the list below." in texts(inline(picture))
    assert picture.description.endswith("7 older facts: see the list below.")
    assert "1 Mar 2026, 15:00" in bare(picture.description)


def test_of_very_many_campaigns_the_first_are_drawn_and_the_others_are_counted() -> None:
    lanes = [Lane(f"Campaign {place}", [_receipt(place, ("A", 3, False))]) for place in range(MOST_LANES + 1)]
    picture = journey(lanes, [], zone=UTC)
    assert "1 further campaign: see the list below." in texts(inline(picture))
    assert f"Campaign {MOST_LANES - 1}" in texts(inline(picture))
    assert f"Campaign {MOST_LANES}" not in texts(inline(picture))


def test_the_largest_journey_is_still_small_enough_for_a_page() -> None:
    lanes = [
        Lane(f"Campaign {place}", [_receipt(place + day, ("A", 30, False)) for day in range(20)])
        for place in range(50)
    ]
    known = [Behaviour(FIRST + DAY * (place % 97), kind, "x" * 255) for kind in Kind for place in range(170)]
    assert len(journey(lanes, known, zone=UTC).inline("journey").encode()) < 300_000


def test_of_a_user_of_whom_nothing_is_known_it_is_said() -> None:
    picture = journey([], [], zone=UTC)
    assert texts(inline(picture)) == [picture.description] == ["Nothing is known yet."]
