"""Instants: UTC, exact to the microsecond (R6)."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FUTURE_TOLERANCE = timedelta(minutes=5)
"""How far a fact may lie ahead of the clock (R16)."""

_MICROSECOND = timedelta(microseconds=1)
_HOUR = timedelta(hours=1)


def microseconds(instant: datetime) -> int:
    """Whole microseconds since 1970-01-01T00:00:00Z."""
    return (instant - EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """The instant that many microseconds after 1970-01-01T00:00:00Z."""
    return EPOCH + timedelta(microseconds=count)


def full_hour(instant: datetime) -> datetime:
    """The full hour, in UTC, at or before an instant."""
    return EPOCH + (instant - EPOCH) // _HOUR * _HOUR


def printed(instant: datetime) -> str:
    """RFC 3339 in UTC, microseconds only where there are any: 2026-03-01T09:00:00Z."""
    return instant.isoformat().replace("+00:00", "Z")
