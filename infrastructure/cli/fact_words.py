"""Facts, receipts and instants of an explanation in words."""

from typing import Any

from infrastructure.cli.console import format_instant, shown

MOST_LINES = 10
"""Lines of an order that are named one by one."""


def describe_variant(receipt: dict[str, Any]) -> str:
    """The variant of a receipt."""
    name = shown(receipt["variant_id"])
    return f"the control group ({name})" if receipt["control"] else f"variant {name}"


def describe_behaviour(fact: dict[str, Any]) -> str:
    """What the user did: "purchase p1 (tea) of 2026-03-02 10:00:00 UTC"."""
    what = fact.get("product_id") or fact.get("name") or fact.get("app_id") or _products(fact)
    version = fact.get("version") or fact.get("app_version")
    detail = " ".join(filter(None, (shown(what), shown(version or ""))))
    name = f"{describe_kind(fact)} {shown(fact['id'])}" + (f" ({detail})" if detail else "")
    return f"{name} of {format_instant(fact['at'])}"


def describe_kind(fact: dict[str, Any]) -> str:
    """The type of a fact."""
    return str(fact["type"]).replace("_", " ")


def list_products(products: list[str]) -> str:
    """Products by their ids: "tea or cup"."""
    ids = [shown(each) for each in products[:MOST_LINES]]
    more = [f"{len(products) - MOST_LINES:,} more"] if len(products) > MOST_LINES else []
    return " or ".join([*ids, *more])


def _products(fact: dict[str, Any]) -> str:
    products = list(dict.fromkeys(line["product_id"] for line in fact.get("lines", ())))
    more = [f"{len(products) - 3:,} more"] if len(products) > 3 else []
    return ", ".join([*products[:3], *more])


def list_units(lines: list[dict[str, Any]]) -> str:
    """How many of which products: "2 x tea, 1 x cup"."""
    return _join([f"{line['quantity']:,} x {shown(line['product_id'])}" for line in lines])


def list_priced(lines: list[dict[str, Any]]) -> str:
    """The same, each at its price: "2 x tea at 9.99, 1 x cup without a price"."""
    return _join(
        [
            f"{line['quantity']:,} x {shown(line['product_id'])} "
            + ("without a price" if line["price"] is None else f"at {line['price']}")
            for line in lines
        ]
    )


def _join(parts: list[str]) -> str:
    more = [f"and {len(parts) - MOST_LINES:,} more lines"] if len(parts) > MOST_LINES else []
    return ", ".join([*parts[:MOST_LINES], *more])
