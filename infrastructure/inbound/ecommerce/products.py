"""Products, money and currencies as shops send them: text or numbers, and null or empty text for nothing."""

import re
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from application.commands.values import is_nobody

Sent = Mapping[str, Any]

_ZERO = re.compile(r"0+(?:\.0+)?", re.ASCII)
_OF_LINE = ("price", "quantity", "currency")


def value_or_none(value: object) -> Any:  # noqa: ANN401
    """The value; None if it is null or blank text, as shops write both for nothing."""
    return None if isinstance(value, str) and not value.strip() else value


def read_order_id(value: object) -> Any:  # noqa: ANN401
    """The id of an order; None if it is a word such as `undefined` (R16)."""
    found = value_or_none(value)
    return None if isinstance(found, str) and is_nobody(found) else found


def read_currency(value: object) -> Any:  # noqa: ANN401
    """A currency in capitals; what is no text is returned as it came, and is refused later."""
    found = value_or_none(value)
    return found.upper() if isinstance(found, str) else found


def read_lines(products: object, names: Sequence[str]) -> Any:  # noqa: ANN401
    """The lines of an order; the first of the names that a product has is its id.

    None if there are no products. What is no list, or no product, is returned as it came, and is refused later.
    Products of quantity 0 are left out if there are others: baskets keep what was taken out of them.
    """
    if not isinstance(products, list):
        return value_or_none(products)
    ordered = [each for each in products if not _is_taken_out(each)]
    return [_line(each, names) for each in ordered or products] or None


def _line(product: object, names: Sequence[str]) -> Any:  # noqa: ANN401
    if not isinstance(product, dict):
        return product
    found = {
        "product_id": find_name(product, names),
        "price": value_or_none(product.get("price")),
        "quantity": value_or_none(product.get("quantity")),
        "currency": read_currency(product.get("currency")),
    }
    return {name: value for name, value in found.items() if value is not None}


def find_name(product: Sent, names: Sequence[str]) -> Any:  # noqa: ANN401
    """The first of the names that the product has, or None."""
    return next((each for name in names if (each := value_or_none(product.get(name))) is not None), None)


def _is_taken_out(product: object) -> bool:
    quantity = product.get("quantity") if isinstance(product, dict) else None
    if isinstance(quantity, str):
        return _ZERO.fullmatch(quantity) is not None
    return isinstance(quantity, int | Decimal) and not isinstance(quantity, bool) and quantity == 0


def has_prices(found: object) -> bool:
    """Whether there are lines and each has a price."""
    return isinstance(found, list) and all(isinstance(each, dict) and "price" in each for each in found)


def read_rest(properties: Sent, read: Collection[str], names: Sequence[str]) -> dict[str, Any] | None:
    """The properties that were not read: those of the order, and those of each product."""
    found = {name: value for name, value in properties.items() if name not in {*read, "products"}}
    products = properties.get("products")
    if isinstance(products, list):
        more = [_more(each, names) for each in products]
        if any(more):
            found["products"] = more
    return found or None


def _more(product: object, names: Sequence[str]) -> Any:  # noqa: ANN401
    if not isinstance(product, dict):
        return product
    named = next((name for name in names if value_or_none(product.get(name)) is not None), None)
    return {name: value for name, value in product.items() if name not in {*_OF_LINE, named}}


def without_nothing(fact: Sent) -> dict[str, Any]:
    """The fact without the fields that are None."""
    return {name: value for name, value in fact.items() if value is not None}
