"""Pages of lists: opaque cursors, and how many items a page has."""

import base64
import binascii
from http import HTTPStatus
from typing import TypeVar

import msgspec

from domain.errors import FactRefused
from infrastructure.http.problems import Problem
from infrastructure.inbound.files.fact_rows import refuse_unstorable

USUAL = 100
MOST = 1_000

T = TypeVar("T")


def read_limit(limit: int | None) -> int:
    """How many items a page has; raises Problem."""
    if limit is None:
        return USUAL
    if not 1 <= limit <= MOST:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_limit", f"limit is 1 to {MOST:,}", place="limit")
    return limit


def make_cursor(place: object | None) -> str | None:
    """Make the cursor of the page that begins after a place; None if there is no such page."""
    return (
        None if place is None else base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")
    )


def read_cursor(cursor: str | None, kind: type[T]) -> T | None:
    """Read the place in a cursor; raises Problem for a text that is no cursor of this list."""
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        place = msgspec.json.decode(text, type=kind)
        _refuse_unstorable(place)
    except (binascii.Error, ValueError, FactRefused):
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "bad_cursor",
            "this is no cursor of this list: give next_cursor of the page before, unchanged",
            place="cursor",
        ) from None
    return place


def _refuse_unstorable(place: object) -> None:
    if isinstance(place, int) and not 0 <= place < 2**31:
        raise ValueError(place)
    if isinstance(place, str):
        refuse_unstorable(place)
