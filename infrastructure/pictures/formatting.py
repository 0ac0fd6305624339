"""Numbers and days as the reader's locale writes them."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, tzinfo
from enum import StrEnum
from functools import lru_cache
from math import ceil, floor, isfinite, log10
from typing import Final, NamedTuple

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal

_MOST_DECIMALS: Final = 6
_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
_ENGLISH: Final = Locale("en")
_MINUS: Final = "\N{MINUS SIGN}"
_SPACE: Final = "\N{NO-BREAK SPACE}"


class Measure(StrEnum):
    """What a figure is: a share in percent, a difference of shares in points, or a number of something."""

    PERCENT = "percent"
    POINTS = "points"
    NUMBER = "number"


class Unit(NamedTuple):
    """How the figures of a picture are written: `name` follows each (EUR, users); a change has a plus or minus."""

    measure: Measure = Measure.PERCENT
    name: str = ""
    is_change: bool = False

    @property
    def factor(self) -> float:
        """What a figure is multiplied with to be written."""
        return 1.0 if self.measure is Measure.NUMBER else 100.0

    @property
    def is_rate(self) -> bool:
        """Whether figures are rates, which have two decimals at least."""
        return self.measure is Measure.PERCENT and not self.is_change

    @property
    def least_decimals(self) -> int:
        """Rates and their differences have two decimals at least, an uplift has one."""
        if self.measure is Measure.NUMBER:
            return 0
        return 1 if self.measure is Measure.PERCENT and self.is_change else 2

    @property
    def suffix(self) -> str:
        """What follows a figure."""
        match self.measure:
            case Measure.PERCENT:
                return f"{_SPACE}%"
            case Measure.POINTS:
                return f"{_SPACE}points"
            case Measure.NUMBER:
                return f"{_SPACE}{self.name}" if self.name else ""


RATE: Final = Unit()
UPLIFT: Final = Unit(is_change=True)
POINTS: Final = Unit(Measure.POINTS, is_change=True)


# The same figures come again on page after page, and Babel takes a quarter of the time that a page takes to be drawn.
_MOST_KEPT: Final = 16_384


@lru_cache(maxsize=_MOST_KEPT)
def whole(count: int, locale: str) -> str:
    """A count."""
    return format_decimal(count, locale=_known(locale))


@lru_cache(maxsize=_MOST_KEPT)
def figure(value: float, unit: Unit, locale: str, decimals: int, *, is_bare: bool = False) -> str:
    """A figure with its unit, or bare of it."""
    scaled = round(value * unit.factor, decimals) + 0.0
    written = format_decimal(abs(scaled), format=_pattern(decimals), locale=_known(locale))
    sign = _MINUS if scaled < 0 else "+" if unit.is_change and scaled > 0 else ""
    return f"{sign}{written}{'' if is_bare else unit.suffix}"


def tick_label(unit: Unit, locale: str) -> Callable[[float, float], str]:
    """Writes the ticks of an axis, with the decimals that the step between them needs."""

    def write(value: float, step: float) -> str:
        decimals = min(max(0, -floor(log10(step * unit.factor) + 1e-9)), _MOST_DECIMALS)
        return figure(value, unit, locale, decimals)

    return write


def decimals_for(unit: Unit, widths: Iterable[float], *, least: int = 0) -> int:
    """As many decimals as the narrowest of the intervals deserves: two digits of its width can be seen."""
    scaled = [each * unit.factor for each in widths if isfinite(each) and each > 0]
    deserved = max((1 - ceil(log10(each)) + 1 for each in scaled), default=least)
    return min(max(deserved, least), _MOST_DECIMALS)


def rate_decimals(rate: float | None) -> int:
    """Decimals of a rate without an interval: two, or more where the rate would read 0."""
    if rate is None or rate <= 0:
        return 2
    return min(max(2, 1 - ceil(log10(rate * 100)) + 1), _MOST_DECIMALS)


def day(value: date, pattern: str = "d MMM y") -> str:
    """A day as our English sentences have it; a locale's own words would stand strangely among them."""
    return format_date(value, pattern, locale=_ENGLISH)


def moment(value: datetime, zone: tzinfo) -> str:
    """An instant as a calendar and a clock of the zone show it."""
    return format_datetime(value, "d MMM y, HH:mm", tzinfo=zone, locale=_ENGLISH)


def clock(value: datetime) -> str:
    """The hour and minute of an instant, in its own zone."""
    return f"{value:%H:%M}"


def duration(hours: float) -> str:
    """A duration in the largest unit that it is a whole number of; less than a second is rounded."""
    seconds = round(hours * 3600)
    fitting = (each for each in _UNITS if seconds and seconds % each[1] == 0)
    unit, length = next(fitting, _UNITS[-1])
    return counted(seconds // length, unit, "en")


def counted(count: int, noun: str, locale: str) -> str:
    """A number of things: 1 day, 2 days."""
    return f"{whole(count, locale)} {noun}{'' if count == 1 else 's'}"


@lru_cache(maxsize=64)
def _known(locale: str) -> Locale:
    """The locale, or English where it is none that we know: a browser may ask for anything."""
    try:
        return Locale.parse(locale.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return _ENGLISH


def _pattern(decimals: int) -> str:
    return f"#,##0.{'0' * decimals}" if decimals else "#,##0"
