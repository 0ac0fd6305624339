"""Facts and receipts in words."""

from typing import Any, Final

from infrastructure.words.quantities import TERMINAL, Writing
from infrastructure.words.variants import is_called_control

MOST_LINES: Final = 10
"""Lines of an order that are named one by one."""

_MOST_PRODUCTS: Final = 3


def describe_variant(receipt: dict[str, Any], writing: Writing = TERMINAL) -> str:
    """The variant of a receipt: "variant A", "the control group (holdout)"."""
    name = writing.name(receipt["variant_id"])
    if not receipt["control"]:
        return f"variant {name}"
    return "the control group" if is_called_control(receipt["variant_id"]) else f"the control group ({name})"


def describe_kind(fact: dict[str, Any]) -> str:
    """The type of a fact: "custom event"."""
    return str(fact["type"]).replace("_", " ")


def describe_behaviour(fact: dict[str, Any], writing: Writing = TERMINAL) -> str:
    """What the user did: "purchase p1 (tea) of 2026-03-02 10:00:00 UTC"."""
    what = fact.get("product_id") or fact.get("name") or fact.get("app_id") or _list_products(fact)
    version = fact.get("version") or fact.get("app_version")
    detail = " ".join(writing.name(each) for each in (what, version) if each)
    name = f"{describe_kind(fact)} {writing.name(fact['id'])}" + (f" ({detail})" if detail else "")
    return f"{name} of {writing.instant(fact['at'])}"


def _list_products(fact: dict[str, Any]) -> str:
    products = list(dict.fromkeys(line["product_id"] for line in fact.get("lines", ())))
    more = [f"{len(products) - _MOST_PRODUCTS:,} more"] if len(products) > _MOST_PRODUCTS else []
    return ", ".join([*products[:_MOST_PRODUCTS], *more])


def list_products(products: list[str], writing: Writing = TERMINAL) -> str:
    """Products by their ids: "tea or cup"."""
    ids = [writing.name(each) for each in products[:MOST_LINES]]
    more = [f"{len(products) - MOST_LINES:,} more"] if len(products) > MOST_LINES else []
    return " or ".join([*ids, *more])


def list_units(lines: list[dict[str, Any]], writing: Writing = TERMINAL) -> str:
    """How many of which products: "2 x tea, 1 x cup"."""
    return _join_lines([f"{line['quantity']:,} x {writing.name(line['product_id'])}" for line in lines])


def list_priced(lines: list[dict[str, Any]], writing: Writing = TERMINAL) -> str:
    """The same, each at its price: "2 x tea at 9.99, 1 x cup without a price"."""
    return _join_lines(
        [
            f"{line['quantity']:,} x {writing.name(line['product_id'])} "
            + ("without a price" if line["price"] is None else f"at {line['price']}")
            for line in lines
        ]
    )


def _join_lines(parts: list[str]) -> str:
    more = [f"and {len(parts) - MOST_LINES:,} more lines"] if len(parts) > MOST_LINES else []
    return ", ".join([*parts[:MOST_LINES], *more])
