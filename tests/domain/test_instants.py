"""Instants: exact to the microsecond, and the full hours that counts go by."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.instants import full_hour

HOUR = datetime(2024, 3, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "after", [timedelta(0), timedelta(microseconds=1), timedelta(hours=1, microseconds=-1)]
)
def test_a_full_hour_is_at_or_before_every_instant_of_its_hour(after: timedelta) -> None:
    """R6: the hour's own begin is inside, and the next hour's is not."""
    assert full_hour(HOUR + after) == HOUR


def test_a_full_hour_is_one_of_utc() -> None:
    """Half past nine in India is four o'clock in UTC."""
    india = timezone(timedelta(hours=5, minutes=30))
    assert full_hour(datetime(2024, 3, 1, 9, 45, tzinfo=india)) == datetime(2024, 3, 1, 4, tzinfo=UTC)
