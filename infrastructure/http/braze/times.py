"""Instants in queries, in the forms that Braze's clients write."""

import re
from datetime import datetime, tzinfo
from http import HTTPStatus

from infrastructure.http.problems import Problem

_UNQUOTED_PLUS = re.compile(r"(T\S*\d) (\d{1,2}(?::?\d\d)?)", re.ASCII)
_SHORT_HOUR = re.compile(r"(?<=[+-])(?=\d:\d\d\Z)", re.ASCII)


def read_instant(name: str, text: str, zone: tzinfo) -> datetime:
    """Read an instant of ISO 8601, converted to the zone; without an offset it is in the zone. Raises Problem."""
    # A plus sign that was not encoded arrives as a space; Braze's own examples write -5:00.
    written = _SHORT_HOUR.sub("0", _UNQUOTED_PLUS.sub(r"\1+\2", text.strip()))
    try:
        found = datetime.fromisoformat(written)
        found = found.replace(tzinfo=zone) if found.tzinfo is None else found.astimezone(zone)
    except (ValueError, OverflowError):
        raise _bad_time(name) from None
    if found.year < 1970:
        raise _bad_time(name)
    return found


def _bad_time(name: str) -> Problem:
    return Problem(
        HTTPStatus.BAD_REQUEST,
        "bad_time",
        f"{name}: an instant is ISO 8601 and from 1970 on, such as 2026-03-01T23:59:59-05:00",
        place=name,
    )
