"""Numbers, instants and text of others, as people read them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from math import floor, log10
from typing import Final, Literal
from unicodedata import category

from domain.campaigns.conversion_events import LETTERS
from domain.instants import printed

NO_FIGURE: Final = "\N{EN DASH}"

Role = Literal["plain", "good", "bad", "doubt", "dim"]
"""What a sentence means to its reader; who shows it decides how that looks."""

_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))

_SHORT_UNITS: Final = {"day": "d", "hour": "h", "minute": "min", "second": "s"}

# What turns the direction of text, and what ends that.
_DIRECTIONS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINER: Final = "\N{ZERO WIDTH JOINER}"
_ISOLATE, _END = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"


@dataclass(frozen=True)
class Sentence:
    """A sentence, and what it means to its reader."""

    text: str
    role: Role = "plain"


def plain(text: object) -> str:
    """Text of others without control characters; only a new line stays."""
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_control(c) else c for c in str(text))


def _is_control(character: str) -> bool:
    return character != "\n" and (ord(character) < 32 or 127 <= ord(character) < 160)


def isolated(text: object) -> str:
    """The same for pages: text that may run from right to left never turns the sentence around it.

    Text of one direction is left as it is, so that it can be copied out of the sentence.
    """
    found = "".join("\N{REPLACEMENT CHARACTER}" if c in _DIRECTIONS else c for c in plain(text))
    return found if found.isascii() else f"{_ISOLATE}{found}{_END}"


def shorten(text: object, most: int) -> str:
    """At most so many signs of a text, with an ellipsis where that is not all; a sign stays with its accents."""
    whole = str(text)
    if len(whole) <= most:
        return whole
    kept = most - 1
    while kept and (category(whole[kept])[0] == "M" or _JOINER in whole[kept - 1 : kept + 1]):
        kept -= 1
    return f"{whole[:kept].rstrip()}\N{HORIZONTAL ELLIPSIS}"


def format_instant(instant: datetime | str) -> str:
    """An instant as people read it: always UTC, to the second unless there is more."""
    text = instant if isinstance(instant, str) else printed(instant)
    return text.removesuffix("Z").replace("T", " ") + " UTC"


def format_instants_in(zone: tzinfo) -> Callable[[datetime | str], str]:
    """The same in a time zone, with the zone's short name: "2026-03-10 09:00:00 CET"."""

    def format_local(instant: datetime | str) -> str:
        read = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
        local = read.astimezone(zone)
        return f"{local.replace(tzinfo=None).isoformat(sep=' ')} {name_zone(local)}"

    return format_instant if zone is UTC else format_local


def name_zone(local: datetime) -> str:
    """The short name of the zone, or its distance from UTC where the short name is a mere number."""
    name = local.tzname() or ""
    return name if name.isalpha() else f"UTC{local.isoformat()[-6:]}"


def _name_by_letter(_campaign_id: str, index: int) -> str:
    return f"event {LETTERS[index]}"


@dataclass(frozen=True)
class Writing:
    """How instants and the text of others are written: as the terminal does, unless something else is given.

    `event` names a conversion event of a campaign by its index, for sentences that know no more of it.
    """

    instant: Callable[[datetime | str], str] = format_instant
    name: Callable[[object], str] = plain
    event: Callable[[str, int], str] = _name_by_letter


TERMINAL: Final = Writing()


def counted(number: int, noun: str) -> str:
    """A number of things: "1 amount", "2 amounts"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def roughly(number: int, noun: str) -> str:
    """A number of things of which nobody knows more than the first two digits: "about 1,400 recipients"."""
    digits = max(0, len(str(abs(number))) - 2)
    return counted(number, noun) if number == 1 else f"about {counted(round(number, -digits), noun)}"


def percent(rate: float | None, decimals: int = 2) -> str:
    """A rate in percent; a dash where there is none."""
    return NO_FIGURE if rate is None else f"{rate * 100:.{decimals}f} %"


def decimals_for(width: float) -> int:
    """The decimals of percent that an interval so wide deserves: two of its own digits, at least 2 and at most 6."""
    if not width > 0:
        return 2
    return min(6, max(2, 1 - floor(log10(width * 100))))


def deadline(seconds: int, *, is_short: bool = False) -> str:
    """A deadline in the largest unit that is whole: "3 days", in short "3 d"."""
    unit, size = next((unit, size) for unit, size in _UNITS if seconds % size == 0)
    count = seconds // size
    return f"{count} {_SHORT_UNITS[unit]}" if is_short else f"{count} {unit}{'s' if count > 1 else ''}"


def how_long(span: timedelta) -> str:
    """A span of time in its two largest units: "30 minutes", "about 2 days 3 hours" where something is left over."""
    left, parts = span, list[str]()
    for unit, size in _UNITS:
        count = left // timedelta(seconds=size)
        # The second part is the unit below the first one, even if nothing is of it.
        is_last = bool(parts) or unit == "second"
        if count:
            parts.append(counted(count, unit))
            left -= count * timedelta(seconds=size)
        if is_last:
            break
    if not parts:
        return "less than a second"
    return f"{'about ' if left else ''}{' '.join(parts)}"


def thousands(amount: str) -> str:
    """An amount with its thousands apart."""
    whole, point, decimals = amount.partition(".")
    return f"{int(whole):,}{point}{decimals}"


def list_amounts(amounts: dict[str, str]) -> list[str]:
    """Revenue by currency: "1,234.50 EUR"."""
    return [f"{thousands(amount)} {currency}" for currency, amount in amounts.items()]


def format_p(value: float | None) -> str:
    """A p with four decimals."""
    if value is None:
        return NO_FIGURE
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def name_p(value: float | None) -> str:
    """A p after its name: "p = 0.0123", "p < 0.0001"."""
    is_small = value is not None and value < 0.0001
    return f"p {format_p(value)}" if is_small else f"p = {format_p(value)}"


def join_names(names: Sequence[str], word: str = "and") -> str:
    """Names in one sentence: "A, B and C"."""
    *others, last = names
    return f"{', '.join(others)} {word} {last}" if others else last
