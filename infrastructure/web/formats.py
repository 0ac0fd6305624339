"""Numbers, money and time as the reader's language and the app group's time zone have them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.dates import format_date, format_datetime
from babel.localedata import locale_identifiers
from babel.numbers import format_currency, format_decimal, format_percent
from markupsafe import Markup

from domain.instants import from_microseconds
from infrastructure.words.quantities import name_zone

NO_FIGURE = "\N{EN DASH}"

_USUAL = "en"


@dataclass(frozen=True)
class Formats:
    """How one reader sees figures. Rates are shares of 1; times are RFC 3339 texts or instants."""

    locale: Locale
    zone: ZoneInfo

    @property
    def zone_name(self) -> str:
        """The name of the time zone, such as Europe/Berlin."""
        return self.zone.key

    def number(self, value: float | Decimal | None) -> str:
        """A whole number, or one that is rounded to a whole one."""
        return NO_FIGURE if value is None else _write(round(value), None, self.locale)

    def counted(self, number: int, noun: str) -> str:
        """A number of things: 1 receipt, 2 receipts."""
        return f"{self.number(number)} {noun}{'' if number == 1 else 's'}"

    def decimal(self, value: float | None, places: int = 2) -> str:
        """A number with so many decimals."""
        return NO_FIGURE if value is None else _write(value, _places("#,##0", places), self.locale)

    def percent(self, rate: float | None, places: int = 2) -> str:
        """A rate in percent."""
        return (
            NO_FIGURE
            if rate is None
            else _write_percent(rate, _places("#,##0", places) + "\N{NO-BREAK SPACE}%", self.locale)
        )

    def signed(self, value: float | None) -> str:
        """A whole number with its sign."""
        return NO_FIGURE if value is None else _sign(round(value)) + self.number(abs(value))

    def points(self, difference: float | None, places: int = 2) -> str:
        """A difference of two rates in percentage points, with its sign."""
        return (
            NO_FIGURE
            if difference is None
            else _sign(difference) + self.decimal(abs(difference) * 100, places)
        )

    def money(self, amount: str | Decimal, currency: str) -> str:
        """An amount with its currency's code, as exact as it is."""
        exact = Decimal(amount)
        places = max(-int(exact.as_tuple().exponent), 0)
        pattern = _places("#,##0", places) + "\N{NO-BREAK SPACE}\N{CURRENCY SIGN}\N{CURRENCY SIGN}"
        return _write_money(str(exact), currency, pattern, self.locale)

    def p(self, value: float | None) -> str:
        """A p with four decimals."""
        if value is None:
            return NO_FIGURE
        return f"< {self.decimal(0.0001, 4)}" if value < 0.0001 else self.decimal(value, 4)

    def instant(self, value: str | datetime | int) -> Markup:
        """An instant in the reader's zone; the element names the instant in UTC."""
        at = read_instant(value)
        local = at.astimezone(self.zone)
        text = f"{format_datetime(local, 'd MMM y, HH:mm:ss', locale=self.locale)} {name_zone(local)}"
        return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
            at.astimezone(UTC).isoformat(), at.astimezone(UTC).replace(tzinfo=None).isoformat(" "), text
        )

    @staticmethod
    def later(value: str | datetime | int, seconds: int) -> datetime:
        """The instant so many seconds after another."""
        return read_instant(value) + timedelta(seconds=seconds)

    def day(self, value: date | str) -> str:
        """A day."""
        day = date.fromisoformat(value) if isinstance(value, str) else value
        return format_date(day, "d MMM y", locale=self.locale)


def read_instant(value: str | datetime | int) -> datetime:
    """An instant out of RFC 3339 or microseconds since 1970."""
    if isinstance(value, datetime):
        return value
    return from_microseconds(value) if isinstance(value, int) else datetime.fromisoformat(value)


# The same figures come again on page after page, and Babel takes a quarter of the time that a page takes to be drawn.
_MOST_KEPT = 16_384


@lru_cache(maxsize=_MOST_KEPT)
def _write(value: float | Decimal, pattern: str | None, locale: Locale) -> str:
    return format_decimal(value or 0, pattern, locale)  # a zero has no sign: it is one key with its negative


@lru_cache(maxsize=_MOST_KEPT)
def _write_percent(rate: float, pattern: str, locale: Locale) -> str:
    return format_percent(rate or 0, pattern, locale)


@lru_cache(maxsize=_MOST_KEPT)
def _write_money(amount: str, currency: str, pattern: str, locale: Locale) -> str:
    return format_currency(Decimal(amount), currency, pattern, locale=locale, currency_digits=False)


def _places(pattern: str, places: int) -> str:
    return pattern + (f".{'0' * places}" if places else "")


def _sign(value: float) -> str:
    return "" if not value else "+" if value > 0 else "\N{MINUS SIGN}"


@lru_cache(maxsize=256)
def choose_locale(accept_language: str) -> Locale:
    """The reader's locale by the header Accept-Language; English where it names none that is known."""
    asked = [tag.replace("-", "_") for tag in _order(accept_language[:500].split(","))]
    found = negotiate_locale(asked, _identifiers()) or _USUAL
    try:
        return Locale.parse(found)
    except (UnknownLocaleError, ValueError):
        return Locale.parse(_USUAL)


@lru_cache(maxsize=1)
def _identifiers() -> list[str]:
    return locale_identifiers()


def _order(ranges: Iterable[str]) -> list[str]:
    """The languages of a header, the one with the greatest weight first."""

    def weight(each: str) -> float:
        try:
            return float(each.partition(";q=")[2] or 1)
        except ValueError:
            return 0.0

    return [
        each.partition(";")[0].strip() for each in sorted(ranges, key=weight, reverse=True) if each.strip()
    ]
