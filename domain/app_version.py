"""App versions and what counts as an upgrade (R10)."""

import re
from functools import lru_cache
from itertools import zip_longest

from domain.errors import BadVersion

LENGTH_LIMIT = 64
_DOTTED_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+)*", re.ASCII)


def check(version: str) -> str:
    """The version as given, if it is one: it has a digit, and no white space at its ends (R10); raises BadVersion."""
    check_text(version)
    if version != version.strip():
        raise BadVersion("an app version has no white space at its ends")
    if not any(c.isdigit() for c in version):
        raise BadVersion(f"{version!r} is no app version: it has no digit")
    return version


def is_version(version: str) -> bool:
    """Whether the text is a version (R10, R16)."""
    try:
        check(version)
    except BadVersion:
        return False
    return True


def check_text(version: str) -> str:
    """The version as given, if it is 1 to 64 characters without control characters (R16); raises BadVersion."""
    if not 1 <= len(version) <= LENGTH_LIMIT:
        raise BadVersion(f"an app version has 1 to {LENGTH_LIMIT} characters")
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in version):
        raise BadVersion("an app version has no control characters")
    return version


def is_upgrade(before: str, after: str) -> bool:
    """Whether `after` upgrades `before`: by numbers where both are dotted numbers, else any change (R10)."""
    if before == after:
        return False
    old, new = _numbers(before), _numbers(after)
    if old is None or new is None:
        return True
    return [n for _, n in zip_longest(old, new, fillvalue=0)] > [
        o for o, _ in zip_longest(old, new, fillvalue=0)
    ]


@lru_cache(maxsize=4096)
def _numbers(version: str) -> tuple[int, ...] | None:
    if _DOTTED_NUMBERS.fullmatch(version) is None:
        return None
    return tuple(int(part) for part in version.split("."))
