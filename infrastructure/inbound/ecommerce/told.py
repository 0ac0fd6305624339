"""Products, money and currencies as shops send them: text or numbers, null or empty where there is nothing."""

import re
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from application.commands.values import is_nobody

Told = Mapping[str, Any]

_ZERO = re.compile(r"0+(?:\.0+)?", re.ASCII)
_OF_LINE = ("price", "quantity", "currency")


def told(value: object) -> Any:  # noqa: ANN401
    """The value; None where it is null or a text without a character: shops write both for nothing."""
    return None if isinstance(value, str) and not value.strip() else value


def order_id(value: object) -> Any:  # noqa: ANN401
    """The id of an order; None where it is a word that stands for nothing."""
    found = told(value)
    return None if isinstance(found, str) and is_nobody(found) else found


def currency(value: object) -> Any:  # noqa: ANN401
    """A currency in capitals; anything but a text as it came, to be refused."""
    found = told(value)
    return found.upper() if isinstance(found, str) else found


def lines(products: object, names: Sequence[str]) -> Any:  # noqa: ANN401
    """The lines of products; a product is named by the first of the names that it has.

    None where there are no products; what is no list, or no product, as it came, to be refused. A product of which
    there are no units is no line, beside others: baskets keep what was taken out of them.
    """
    if not isinstance(products, list):
        return told(products)
    ordered = [each for each in products if not _is_taken_out(each)]
    return [_line(each, names) for each in ordered or products] or None


def _line(product: object, names: Sequence[str]) -> Any:  # noqa: ANN401
    if not isinstance(product, dict):
        return product
    found = {
        "product_id": name_of(product, names),
        "price": told(product.get("price")),
        "quantity": told(product.get("quantity")),
        "currency": currency(product.get("currency")),
    }
    return {name: value for name, value in found.items() if value is not None}


def name_of(product: Told, names: Sequence[str]) -> Any:  # noqa: ANN401
    """What names the product; None where nothing does."""
    return next((each for name in names if (each := told(product.get(name))) is not None), None)


def _is_taken_out(product: object) -> bool:
    quantity = product.get("quantity") if isinstance(product, dict) else None
    if isinstance(quantity, str):
        return _ZERO.fullmatch(quantity) is not None
    return isinstance(quantity, int | Decimal) and not isinstance(quantity, bool) and quantity == 0


def have_prices(found: object) -> bool:
    """Whether there are lines, and all of them have a price."""
    return isinstance(found, list) and all(isinstance(each, dict) and "price" in each for each in found)


def rest(properties: Told, read: Collection[str], names: Sequence[str]) -> dict[str, Any] | None:
    """What else an order tells beside what was read of it, of itself and of each of its products."""
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
    named = next((name for name in names if told(product.get(name)) is not None), None)
    return {name: value for name, value in product.items() if name not in {*_OF_LINE, named}}


def without_nothing(fact: Told) -> dict[str, Any]:
    """The fact without the fields that are not told."""
    return {name: value for name, value in fact.items() if value is not None}
