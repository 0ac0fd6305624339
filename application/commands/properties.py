"""Free-form properties: kept aside from the events, compared as JSON (R13)."""

import hmac
import json
from decimal import Decimal
from typing import Any

from domain.errors import FactRefused

_PLAIN_EXPONENTS = 64


def canonical(value: Any) -> str:  # noqa: ANN401
    """One text for all JSON values that are equal: keys sorted, numbers by value; raises FactRefused."""
    match value:
        case None | bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case int():
            return str(value)
        case float():
            return _number(Decimal(repr(value)))
        case Decimal():
            return _number(value)
        case dict():
            return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in sorted(value)) + "}"
        case list():
            return "[" + ",".join(map(canonical, value)) + "]"
    raise FactRefused(f"properties: {type(value).__name__} is not JSON", place="properties")


def seal(key: bytes, text: str) -> str:
    """The HMAC-SHA256 of the text under a journey's key, in hexadecimal: the key gone, it says nothing."""
    return hmac.digest(key, text.encode(), "sha256").hex()


def _number(number: Decimal) -> str:
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise FactRefused("properties: a JSON number is finite", place="properties")
    text = "".join(map(str, digits)).lstrip("0")
    bare = text.rstrip("0")
    exponent += len(text) - len(bare)
    if not bare:
        return "0"
    minus = "-" if sign else ""
    if exponent >= 0:
        return (
            f"{minus}{bare}{'0' * exponent}" if exponent <= _PLAIN_EXPONENTS else f"{minus}{bare}e{exponent}"
        )
    if -exponent > _PLAIN_EXPONENTS:
        return f"{minus}{bare}e{exponent}"
    padded = bare.rjust(1 - exponent, "0")
    return f"{minus}{padded[:exponent]}.{padded[exponent:]}"
