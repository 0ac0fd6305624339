"""Numbers, instants and text of others, as people read them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.words.quantities import (
    NO_FIGURE,
    counted,
    deadline,
    decimals_for,
    format_instant,
    format_instants_in,
    format_p,
    how_long,
    isolated,
    join_names,
    list_amounts,
    name_p,
    percent,
    plain,
    roughly,
)

DIRECTIONS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (5_400, "90 minutes"),
        (3_600, "1 hour"),
        (86_400, "1 day"),
        (259_200, "3 days"),
        (90_000, "25 hours"),
    ],
)
def test_r3_a_deadline_is_said_in_the_largest_whole_unit(seconds: int, said: str) -> None:
    assert deadline(seconds) == said


@pytest.mark.parametrize(
    ("span", "said"),
    [
        ({"minutes": 30}, "30 minutes"),
        ({"hours": 1, "minutes": 1, "seconds": 1}, "about 1 hour 1 minute"),
        ({"days": 2, "hours": 3}, "2 days 3 hours"),
        ({"days": 2, "minutes": 59}, "about 2 days"),
        ({"days": 1_400}, "1,400 days"),
        ({"seconds": 59, "microseconds": 1}, "about 59 seconds"),
        ({"seconds": 1}, "1 second"),
        ({"microseconds": 1}, "less than a second"),
    ],
)
def test_a_span_is_said_in_its_two_largest_units(span: dict[str, int], said: str) -> None:
    """What is smaller is left out, and the span is "about" so long."""
    assert how_long(timedelta(**span)) == said


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Europe/Berlin", "2026-03-29 03:00:00.000001 CEST"),
        ("America/New_York", "2026-03-28 21:00:00.000001 EDT"),
        ("Asia/Dubai", "2026-03-29 05:00:00.000001 UTC+04:00"),
    ],
)
def test_an_instant_is_said_in_the_zone_with_its_name(zone: str, said: str) -> None:
    """Also at the hour that is left out in spring; a zone whose name is a number says how far it is from UTC."""
    write = format_instants_in(ZoneInfo(zone))
    assert write("2026-03-29T01:00:00.000001Z") == said
    assert write(datetime(2026, 3, 29, 1, 0, 0, 1, tzinfo=UTC)) == said


def test_both_two_o_clocks_of_autumn_are_told_apart() -> None:
    write = format_instants_in(ZoneInfo("Europe/Berlin"))
    assert write("2026-10-25T00:30:00Z") == "2026-10-25 02:30:00 CEST"
    assert write("2026-10-25T01:30:00Z") == "2026-10-25 02:30:00 CET"


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - Hypothesis adds the zone
def test_utc_is_written_as_the_terminal_writes_it(instant: datetime) -> None:
    assert (
        format_instants_in(UTC)(instant)
        == format_instants_in(ZoneInfo("UTC"))(instant)
        == format_instant(instant)
    )


@pytest.mark.parametrize(
    ("width", "decimals"),
    [(1.0, 2), (0.0583, 2), (0.0021, 2), (0.0009, 3), (0.000048, 4), (1e-9, 6), (0.0, 2), (float("nan"), 2)],
)
def test_a_rate_has_as_many_decimals_as_its_interval_deserves(width: float, decimals: int) -> None:
    """Two digits of the interval, and never fewer than 2 decimals or more than 6."""
    assert decimals_for(width) == decimals


@pytest.mark.parametrize(
    ("p", "said", "named"),
    [
        (None, NO_FIGURE, f"p = {NO_FIGURE}"),
        (0.00009, "< 0.0001", "p < 0.0001"),
        (0.0123, "0.0123", "p = 0.0123"),
        (1.0, "1.0000", "p = 1.0000"),
    ],
)
def test_a_p_has_four_decimals_and_none_is_a_dash(p: float | None, said: str, named: str) -> None:
    assert (format_p(p), name_p(p)) == (said, named)


def test_numbers_of_things() -> None:
    assert (counted(1, "user"), counted(1_200, "user")) == ("1 user", "1,200 users")
    assert [roughly(number, "day") for number in (1, 7, 99, 123, 27_549)] == [
        "1 day",
        "about 7 days",
        "about 99 days",
        "about 120 days",
        "about 28,000 days",
    ]
    assert (percent(None), percent(0.21172886), percent(0.0001234, 4)) == (NO_FIGURE, "21.17 %", "0.0123 %")
    assert list_amounts({"EUR": "1234.50", "JPY": "1000"}) == ["1,234.50 EUR", "1,000 JPY"]


@pytest.mark.parametrize(
    ("names", "said"), [(["A"], "A"), (["A", "B"], "A and B"), (["A", "B", "C"], "A, B and C")]
)
def test_names_are_joined_in_one_sentence(names: list[str], said: str) -> None:
    assert join_names(names) == said


def test_control_characters_are_replaced_and_new_lines_stay() -> None:
    assert (
        plain("a\x1b[31mb\x9bc\x7f\nd")
        == "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}\nd"
    )


@given(
    st.text(
        alphabet=st.sampled_from(
            [*sorted(DIRECTIONS), "\u2068", "\u2069", "a", "\N{HEBREW LETTER ALEF}", "\x1b"]
        )
    )
)
def test_text_on_a_page_never_turns_the_sentence_around_it(text: str) -> None:
    """Nothing in it turns direction, and what may run from right to left is closed off on both sides."""
    found = isolated(text)
    if not found.isascii():
        assert (found[0], found[-1]) == ("\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}")
        found = found[1:-1]
    assert not set(found) & (DIRECTIONS | {"\u2068", "\u2069"})
    assert len(found) == len(text)
