"""The days of a time zone as spans of instants, also where clocks are set back over midnight or leap over a day."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.recipients.days import Span, spans

TICK = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)

CHANGES = [
    ("America/New_York", date(2024, 3, 10)),
    ("America/New_York", date(2024, 11, 3)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("America/Sao_Paulo", date(2018, 2, 17)),
    ("America/Havana", date(2023, 11, 5)),
    ("America/St_Johns", date(2010, 11, 7)),
    ("America/St_Johns", date(2011, 3, 13)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Asia/Kolkata", date(2024, 3, 1)),
    ("Australia/Lord_Howe", date(2024, 4, 7)),
]


def utc(text: str) -> datetime:
    """An instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def holds(found: list[Span], at: datetime) -> bool:
    """Whether one of the spans holds an instant."""
    return any(start <= at < end for start, end in found)


@pytest.mark.parametrize(("zone", "around"), CHANGES)
@pytest.mark.parametrize("length", [1, 2])
def test_r20_every_minute_around_a_change_of_clocks_is_in_its_own_day(
    zone: str, around: date, length: int
) -> None:
    """R20: a span holds an instant if, and only if, its date in the zone is one of the days."""
    own = ZoneInfo(zone)
    for first in (around + timedelta(days=days) for days in range(-2, 3)):
        last = first + timedelta(days=length - 1)
        found = spans(own, first, last)
        start = utc(around.isoformat()) - timedelta(days=4)
        for minutes in range(8 * 24 * 60):
            at = start + minutes * MINUTE
            for instant in (at, at - TICK):
                assert holds(found, instant) == (first <= instant.astimezone(own).date() <= last)


@given(
    zone=st.timezones(),
    first=st.dates(date(1970, 1, 1), date(2037, 12, 31)),
    days=st.integers(0, 400),
    at=st.datetimes(datetime(1970, 1, 1), datetime(2038, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis adds it
)
def test_r20_an_instant_is_in_a_span_if_its_date_is_one_of_the_days(
    zone: ZoneInfo, first: date, days: int, at: datetime
) -> None:
    """R20: in any zone; spans are in order and apart, and the instants at their ends are the first in and out."""
    last = first + timedelta(days=days)
    found = spans(zone, first, last)
    ends = [end for span in found for end in span]
    assert ends == sorted(set(ends))
    for instant in (at, *ends, *(end - TICK for end in ends)):
        assert holds(found, instant) == (first <= instant.astimezone(zone).date() <= last)


def test_r20_a_day_has_23_to_25_hours() -> None:
    """R20: New York in 2024."""
    york = ZoneInfo("America/New_York")
    lengths = [
        (end - start).total_seconds() / 3600
        for day in (date(2024, 3, 10), date(2024, 11, 3), date(2024, 7, 4))
        for start, end in spans(york, day, day)
    ]
    assert lengths == [23, 25, 24]


def test_r20_a_day_that_clocks_leapt_over_holds_nothing_and_one_they_fell_back_into_has_two_spans() -> None:
    """R20: Apia had no 30 December 2011; St. John's had a minute of 7 November 2010 before the rest of the 6th."""
    leapt = date(2011, 12, 30)
    assert spans(ZoneInfo("Pacific/Apia"), leapt, leapt) == []
    johns = ZoneInfo("America/St_Johns")
    assert spans(johns, date(2010, 11, 7), date(2010, 11, 7)) == [
        (utc("2010-11-07 02:30"), utc("2010-11-07 02:31")),
        (utc("2010-11-07 03:30"), utc("2010-11-08 03:30")),
    ]


def test_r20_days_in_the_wrong_order_are_none_and_open_ends_are_taken() -> None:
    """A period that ends before it begins holds nothing; one without ends holds all there can be."""
    assert spans(UTC, date(2024, 3, 2), date(2024, 3, 1)) == []
    assert spans(UTC, date.max, date.max) == []
    [(start, end)] = spans(UTC, date.min, date.max)
    assert start < utc("1970-01-01")
    assert end > utc("9999-01-01")
