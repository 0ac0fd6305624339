"""The values of facts as other services write them: instants, ids, money, quantities, versions (R11, R16)."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, StringConstraints, ValidationInfo

from application.reading_instants import read_instant
from domain import app_version, money
from domain.errors import BadMoney, DomainError, FactRefused

_DECIMAL = re.compile(r"-?[0-9]{1,64}(?:\.[0-9]{1,64})?", re.ASCII)
_ID_DIGITS = 18
_ID_LIMIT = 10**_ID_DIGITS
_QUANTITY = re.compile(r"-?(?:0|[1-9][0-9]{0,62})(?:\.[0-9]{1,62})?", re.ASCII)
_NOBODY = frozenset({"null", "NULL", "undefined", "None", "NaN", "[object Object]"})
NO_NUMERIC_ID = f"a number is an id where it is whole and has at most {_ID_DIGITS} digits"


@dataclass
class Notes:
    """What is noted while facts are read: how many amounts were rounded (R11).

    `lenient`: what the rules of an earlier version took is taken, for facts that were recorded by them (R13).
    """

    rounded: int = 0
    lenient: bool = False


def read_id(value: object) -> object:
    """An id: a text as it is; of a whole number its digits (R16), anything else as it came, to be refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < _ID_LIMIT else value
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < _ID_DIGITS:
        return str(int(value)) if value == value.to_integral_value() else value
    return value


def read_money(value: object, notes: Notes | None = None) -> Decimal:
    """A price or amount: a decimal text as it is, a number rounded to 6 decimals, which is noted; raises BadMoney."""
    if isinstance(value, str):
        if _DECIMAL.fullmatch(value) is None:
            raise BadMoney("money is a decimal text such as 9.99, without separators and currency signs")
        return money.price(Decimal(value))
    if isinstance(value, Decimal):
        found = money.rounded(value)
        if notes is not None and found != value:
            if notes.lenient:
                # Earlier versions refused it.
                return money.price(value)
            notes.rounded += 1
        return money.price(found)
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < money.AMOUNT_LIMIT:
            raise BadMoney("money is a number of 0 or more, below 10^12")
        return Decimal(value)
    raise FactRefused("money is a decimal text or a number")


def read_quantity(value: object) -> int:
    """A whole number of 1 or more, written as a number or as text, also 2.0; raises BadMoney."""
    if value is None:
        return 1
    if isinstance(value, str) and _QUANTITY.fullmatch(value) is not None:
        value = Decimal(value)
    if (
        isinstance(value, Decimal)
        and value.is_finite()
        and value.adjusted() < 20
        and value == value.to_integral_value()
    ):
        value = int(value)
    if isinstance(value, Decimal):
        raise BadMoney("it is a whole number of 1 or more")
    if not isinstance(value, int) or isinstance(value, bool):
        raise FactRefused("it is a whole number")
    if not 1 <= value <= money.QUANTITY_LIMIT:
        raise BadMoney("it is a whole number of 1 or more")
    return value


def _money(name: str) -> Callable[[object, ValidationInfo], Decimal]:
    def read(value: object, info: ValidationInfo) -> Decimal:
        with _add_place(name):
            return read_money(value, info.context)

    return read


def _quantity(value: object) -> int:
    with _add_place("quantity"):
        return read_quantity(value)


@contextmanager
def _add_place(name: str) -> Iterator[None]:
    """Name the field in a refusal of its value."""
    try:
        yield
    except DomainError as refusal:
        refusal.place = name
        refusal.message = f"{name}: {refusal.message}"
        raise


def _currency(value: object) -> object:
    if isinstance(value, str) and value not in money.currencies():
        raise BadMoney(money.no_currency(value), place="currency")
    return value


def _version(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    notes: Notes = info.context  # type: ignore[assignment]
    with _add_place("app version"):
        return app_version.check_text(value) if notes.lenient else app_version.check(value)


def _previous_version(value: object) -> object:
    """The version before a report; a malformed one is treated as absent (R10)."""
    return None if isinstance(value, str) and not app_version.is_version(value) else value


def is_nobody(user_id: str) -> bool:
    """Whether an id is a placeholder such as `null` or `undefined` (R16)."""
    return user_id in _NOBODY or user_id.isspace()


Id = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
Instant = Annotated[datetime, BeforeValidator(read_instant)]
Price = Annotated[Decimal, BeforeValidator(_money("price"))]
Amount = Annotated[Decimal, BeforeValidator(_money("amount"))]
Total = Annotated[Decimal, BeforeValidator(_money("total"))]
Quantity = Annotated[int, BeforeValidator(_quantity)]
Currency = Annotated[str, BeforeValidator(_currency)]
Version = Annotated[str, BeforeValidator(_version)]
PreviousVersion = Annotated[str | None, BeforeValidator(_previous_version)]
Properties = dict[str, Any]
