"""Instants as people and programs write them: RFC 3339, from 1970 on (R16)."""

import re
from datetime import UTC, datetime

from domain.errors import FactRefused
from domain.instants import EPOCH

_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)


class BadTime(FactRefused):
    """No instant with a UTC offset, or one before 1970 (R16)."""

    code = "bad_time"


def read_instant(value: object) -> datetime:
    """An RFC 3339 instant in UTC, digits beyond microseconds cut; raises BadTime."""
    if isinstance(value, str):
        if _RFC_3339.fullmatch(value) is None:
            raise BadTime("an instant is RFC 3339 with an offset: 2026-03-01T09:00:00Z", place="at")
        try:
            value = datetime.fromisoformat(value.upper())
        except ValueError as error:
            raise BadTime(f"no such instant: {error}", place="at") from error
    if not isinstance(value, datetime):
        raise FactRefused("at: an instant is a text", place="at")
    if value.tzinfo is None:
        raise BadTime("an instant needs an offset", place="at")
    try:
        instant = value.astimezone(UTC)
    except OverflowError as error:
        raise BadTime("an instant is from 1970 on", place="at") from error
    if instant < EPOCH:
        raise BadTime("an instant is from 1970 on", place="at")
    return instant
