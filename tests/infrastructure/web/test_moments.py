"""Times that a reader types: days and times of the page's zone, instants, and positions."""

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.queries.reads import BadQuestion
from infrastructure.web.moments import read_moment

BERLIN = ZoneInfo("Europe/Berlin")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("name", "text", "position", "at"),
    [
        ("from", "2026-03-01", None, "2026-03-01T00:00:00+01:00"),
        ("to", "2026-03-01", None, "2026-03-01T23:59:59.999999+01:00"),
        ("to", "2026-03-29", None, "2026-03-29T23:59:59.999999+02:00"),
        ("from", " 2026-07-01 09:30 ", None, "2026-07-01T09:30:00+02:00"),
        ("to", "2026-07-01T09:30:15", None, "2026-07-01T09:30:15+02:00"),
        ("from", "2026-07-01T09:30:00Z", None, "2026-07-01T09:30:00Z"),
        ("from", "2026-07-01T09:30:00-05:00", None, "2026-07-01T09:30:00-05:00"),
        ("from", "1234", 1_234, None),
        ("from", "0", 0, None),
        ("from", "1234,2026-07-01T09:30:00Z", 1_234, "2026-07-01T09:30:00Z"),
    ],
)
def test_a_moment_is_read(name: str, text: str, position: int | None, at: str | None) -> None:
    """A day begins with its first moment, and ends with its last: also one of 23 hours."""
    found = read_moment(name, text, BERLIN)
    assert (found.position, found.instant) == (position, None if at is None else instant(at))


@given(st.text(max_size=40))
def test_any_other_text_is_refused_with_its_place(text: str) -> None:
    """Nothing raises anything else."""
    with suppress(BadQuestion):
        found = read_moment("to", text, BERLIN)
        assert found.position is not None or found.instant is not None


@pytest.mark.parametrize(
    "text", ["", "x", "2026-02-30", "1969-12-31", "0001-01-01", "1,x", "9" * 19, "-1", "٣"]
)
def test_a_refusal_names_its_place(text: str) -> None:
    """It says what a time looks like."""
    with pytest.raises(BadQuestion, match="to is a day such as 2026-03-01") as refused:
        read_moment("to", text, BERLIN)
    assert (refused.value.code, refused.value.place) == ("bad_time", "to")
