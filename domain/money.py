"""Money as R11 has it: exact decimals per ISO 4217 currency, never a float."""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cache, lru_cache
from typing import Protocol

from domain.errors import BadMoney

AMOUNT_LIMIT = Decimal(10) ** 12
DECIMALS_LIMIT = 6
QUANTITY_LIMIT = 2**63 - 1

_EXACT = Context(prec=60)
_LAST_DECIMAL = Decimal(1).scaleb(-DECIMALS_LIMIT)
# Where CLDR's list and ISO 4217's list of withdrawn codes (list three) differ.
_NOT_ISO_4217 = frozenset(
    "ARL ARM BAN BGM BGO BOL BRZ CLE CNH CNX KRH KRO MAF MCF MDC MKN MVP VNN YUR".split()  # noqa: SIM905
)
_MISSING_IN_CLDR = frozenset(
    "ARY AYM BGJ BGK CHC CSJ GHP GNE LAJ LSM MVQ PEH ROK UGW UYN VNC ZWC ZWN".split()  # noqa: SIM905
)


@cache
def currencies() -> frozenset[str]:
    """Every ISO 4217 code, current (the maintenance agency's table) or withdrawn (CLDR)."""
    from babel.core import get_global  # noqa: PLC0415

    return (
        frozenset(_current()) | frozenset(get_global("all_currencies")) | _MISSING_IN_CLDR
    ) - _NOT_ISO_4217


def no_currency(code: str) -> str:
    """Why a text is no currency, and what to write instead where its capitals are one."""
    capitals = code[:10].upper()
    instead = f": write {capitals}" if len(code) <= 10 and capitals in currencies() else ""
    return f"{code[:10]!r} is no ISO 4217 currency{instead}"


@cache
def _current() -> dict[str, int]:
    """The decimals of each current currency; the table takes a while to load."""
    from iso4217 import Currency  # noqa: PLC0415

    return {currency.code: currency.exponent or 0 for currency in Currency}


def plain(number: Decimal) -> Decimal:
    """The same number in its one canonical form: no exponent above 0, no trailing zeros, no negative zero."""
    if not number:
        return Decimal(0)
    normal = number.normalize(_EXACT)
    return normal if int(normal.as_tuple().exponent) <= 0 else normal.quantize(Decimal(1), context=_EXACT)


def rounded(number: Decimal) -> Decimal:
    """A number with at most 6 decimals, rounded half to even: what computers calculate with has more (R11)."""
    # The sign is judged before, and the size bounds the work: neither is lost.
    if not number.is_finite() or number < 0 or number.adjusted() > 12:
        return number
    return number.quantize(_LAST_DECIMAL, rounding=ROUND_HALF_EVEN, context=_EXACT)


def price(number: Decimal) -> Decimal:
    """A price or refund amount within R11, in canonical form; raises BadMoney."""
    if not number:
        return Decimal(0)
    if not number.is_finite() or number < 0 or number.adjusted() > 12:
        raise BadMoney("money is a number of 0 or more, below 10^12")
    # Digits are bounded before they are normalised: a hostile number may have thousands.
    if len(number.as_tuple().digits) > 60:
        raise BadMoney(f"money has at most {DECIMALS_LIMIT} decimals and is below 10^12")
    number = plain(number)
    if number >= AMOUNT_LIMIT or -int(number.as_tuple().exponent) > DECIMALS_LIMIT:
        raise BadMoney(f"money has at most {DECIMALS_LIMIT} decimals and is below 10^12")
    return number


def amount(price: Decimal, quantity: int) -> Decimal:
    """Price x quantity, exact (R11); raises BadMoney when it reaches 10^12."""
    if quantity == 1:
        return price
    if not 1 <= quantity <= QUANTITY_LIMIT:
        raise BadMoney("quantity is a whole number of 1 or more")
    total = plain(_EXACT.multiply(price, Decimal(quantity)))
    if total >= AMOUNT_LIMIT:
        raise BadMoney("price x quantity is below 10^12")
    return total


class Priced(Protocol):
    """Units of something, and the price of one where it is known."""

    @property
    def price(self) -> Decimal | None:
        """The price of one."""

    @property
    def quantity(self) -> int:
        """How many."""


def lines_amount(lines: Iterable[Priced]) -> Decimal:
    """What lines come to, exact and without a bound; one without a price adds nothing (R27)."""
    return total(times(line.price, line.quantity) for line in lines if line.price is not None)


def below_limit(amount: Decimal) -> Decimal:
    """An amount below 10^12 (R11); raises BadMoney."""
    if amount >= AMOUNT_LIMIT:
        raise BadMoney("an order comes to less than 10^12")
    return amount


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum of amounts."""
    found = Decimal(0)
    for each in amounts:
        found = _EXACT.add(found, each)
    return plain(found)


def difference(before: Decimal, after: Decimal) -> Decimal:
    """How much less, exact."""
    return plain(_EXACT.subtract(before, after))


def times(price: Decimal, units: int) -> Decimal:
    """Price x units, exact and without a bound."""
    return plain(_EXACT.multiply(price, Decimal(units)))


def net(amount: Decimal, refunds: Iterable[Decimal]) -> Decimal:
    """A purchase's amount less all its refunds, never below 0 (R12)."""
    for refund in refunds:
        amount = _EXACT.subtract(amount, refund)
    return plain(amount) if amount > 0 else Decimal(0)


@lru_cache
def decimals(currency: str) -> int:
    """The currency's own number of decimals: ISO 4217's, or CLDR's for a withdrawn one."""
    current = _current()
    if currency in current:
        return current[currency]
    from babel.numbers import get_currency_precision  # noqa: PLC0415 - few amounts are in withdrawn currencies

    return get_currency_precision(currency)


def printed(amount: Decimal, currency: str) -> str:
    """The amount with its currency's decimals, more only where it needs them (R11)."""
    amount = plain(amount)
    places = max(decimals(currency), -int(amount.as_tuple().exponent))
    return f"{amount:.{places}f}"
