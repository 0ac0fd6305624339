"""Intervals: what is drawn is what is written, on one axis that has zero (issue 16)."""

import re
import xml.etree.ElementTree as ET
from math import inf

import pytest

from infrastructure.pictures import shapes
from infrastructure.pictures.formatting import POINTS, RATE, Measure, Unit
from infrastructure.pictures.intervals import Estimate, intervals
from infrastructure.pictures.picture import Picture
from tests.infrastructure.pictures.drawn import bare, inline, numbers, of_class, share, texts, words

ROWS = [
    Estimate("A", 0.041, (-0.05, 0.13)),
    Estimate("B", 0.142, (0.05, 0.239), is_winner=True),
    Estimate("holdout", -0.03, (-0.2, 0.1), is_control=True),
]


def _places(root: ET.Element) -> dict[float, float]:
    """Where each tick is that is written below the axis, in percent."""
    lines = of_class(root, "p-grid") + of_class(root, "p-zero")
    at = sorted(share(each.get("x1")) for each in lines)
    values = sorted(numbers(words(each))[0] for each in of_class(root, "p-tick"))
    return dict(zip(values, at, strict=True))


def _value(root: ET.Element, place: str | None) -> float:
    """The value at a place, by the ticks on the axis."""
    (low, at_low), *_, (high, at_high) = sorted(_places(root).items())
    return low + (share(place) - at_low) / (at_high - at_low) * (high - low)


def _ends(row: ET.Element) -> list[str | None]:
    line = of_class(row, "p-interval")[0]
    return [line.get("x1"), line.get("x2")]


def _described(picture: Picture) -> list[str]:
    return re.findall(r"(?:^|(?<=\. ))(.*?)\.(?= |$)", bare(picture.description))


def test_title_and_description_say_what_is_drawn() -> None:
    """Each estimate and each end stands in the description where the axis has it in the drawing."""
    picture = intervals("Uplift against holdout", ROWS)
    root = inline(picture)
    assert root.findtext("title") == "Uplift against holdout"
    *said, axis = _described(picture)
    assert said[1] == "B, winner: +14.2 % (+5.0 to +23.9)"
    for row, sentence in zip(of_class(root, "p-row"), said, strict=True):
        figures = numbers(sentence.partition(": ")[2])
        dot = of_class(row, "p-dot")[0].get("x")
        assert [_value(root, place) for place in (dot, *_ends(row))] == pytest.approx(figures, abs=0.06)
        assert sentence.partition(": ")[2] in texts(row)
    assert numbers(axis) == [min(_places(root)), max(_places(root))]


def test_zero_is_on_every_axis() -> None:
    for rows in (
        ROWS,
        [Estimate("A", 0.5, (0.4, 0.6))],
        [Estimate("A", -0.5, (-0.6, -0.4))],
        [Estimate("A", None)],
        [],
    ):
        root = inline(intervals("Uplift", rows))
        assert _value(root, of_class(root, "p-zero")[0].get("x1")) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("end", [None, inf, 8.0], ids=["none", "infinite", "beyond 300 %"])
def test_an_end_that_is_not_drawn_is_an_arrow_at_the_end_of_the_axis(end: float | None) -> None:
    root = inline(intervals("Uplift", [Estimate("C", 0.9, (-0.1, end))]))
    arrow = of_class(root, "p-open")[0]
    assert next(arrow.iter("path")).get("d") == shapes.RIGHTWARDS
    assert len(of_class(root, "p-end")) == 1
    assert share(arrow.get("x")) == max(_places(root).values())
    written = "+800.0" if end == 8.0 else "\N{INFINITY}"
    assert f"+90.0 % (-10.0 to {written})" in texts(root)


def test_an_open_lower_end_is_an_arrow_to_the_left() -> None:
    root = inline(intervals("Uplift", [Estimate("D", 0.2, (None, 0.5)), Estimate("A", -0.4, (-0.5, 0.1))]))
    assert next(of_class(root, "p-open")[0].iter("path")).get("d") == shapes.LEFTWARDS
    assert "+20.0 % (-\N{INFINITY} to +50.0)" in texts(root)


def test_the_winner_has_a_sign_and_a_word_and_control_is_named() -> None:
    a, b, control = of_class(inline(intervals("Uplift", ROWS)), "p-row")
    assert texts(b)[0] == "B \N{BLACK STAR} winner"
    assert next(of_class(b, "p-dot")[0].iter("path")).get("d") == shapes.STAR
    assert next(of_class(a, "p-dot")[0].iter("path")).get("d") == shapes.DOT
    assert texts(control)[0] == "holdout (control)"


def test_where_there_is_no_figure_nothing_is_drawn_and_it_is_said() -> None:
    picture = intervals("Uplift", [Estimate("E", None, (None, None))])
    row = of_class(inline(picture), "p-row")[0]
    assert texts(row) == ["E", "no figure"]
    assert not of_class(row, "p-dot") + of_class(row, "p-interval")
    assert "E: no figure." in bare(picture.description)


def test_an_estimate_without_interval_is_a_dot() -> None:
    row = of_class(inline(intervals("Rate", [Estimate("A", 0.0412)], unit=RATE)), "p-row")[0]
    assert texts(row) == ["A", "4.12 %"]
    assert not of_class(row, "p-end") + of_class(row, "p-open")


@pytest.mark.parametrize(
    ("unit", "row", "written"),
    [
        (RATE, Estimate("A", 0.04, (0.039, 0.041)), "4.00 % (3.90 to 4.10)"),
        (RATE, Estimate("A", 0.04, (0.03999, 0.04001)), "4.0000 % (3.9990 to 4.0010)"),
        (POINTS, Estimate("A", 0.0083, (-0.001, 0.02)), "+0.83 points (-0.10 to +2.00)"),
        (
            Unit(Measure.NUMBER, "EUR", is_change=True),
            Estimate("A", 1.25, (-0.5, 3.0)),
            "+1.2 EUR (-0.5 to +3.0)",
        ),
        (
            Unit(Measure.NUMBER, "users"),
            Estimate("A", 1234.0, (1000.0, 1500.0)),
            "1,234 users (1,000 to 1,500)",
        ),
    ],
    ids=["rates", "narrow rates", "points", "money", "users"],
)
def test_figures_have_the_decimals_that_their_interval_deserves(
    unit: Unit, row: Estimate, written: str
) -> None:
    assert written in texts(inline(intervals("Figures", [row], unit=unit)))


def test_numbers_are_written_as_the_reader_does() -> None:
    for locale, written in (
        ("de", "1.234,50 % (1.000,00 to 1.500,00)"),
        ("xx-nonsense", "1,234.50 % (1,000.00 to 1,500.00)"),
    ):
        assert written in texts(
            inline(intervals("Rate", [Estimate("A", 12.345, (10.0, 15.0))], unit=RATE, locale=locale))
        )


def test_figures_too_long_for_a_phone_have_a_line_of_their_own() -> None:
    money = Unit(Measure.NUMBER, "EUR", is_change=True)
    long, short = (
        of_class(
            inline(intervals("Revenue", [Estimate("A", value, (-value, value * 2))], unit=money)), "p-row"
        )[0]
        for value in (1_200_000.0, 12.0)
    )
    assert [each.get("y") for each in long.iter("text")] == ["14", "31"]
    assert [each.get("y") for each in short.iter("text")] == ["14", "14"]
