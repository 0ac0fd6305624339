"""Braze's recommended e-commerce events as facts: orders placed, refunded and cancelled (docs/braze.md)."""

from typing import Any

from infrastructure.inbound.ecommerce.told import Told, currency, lines, order_id, rest, told, without_nothing

_NAMES = ("product_id", "variant_id")
"""What names a product: a variant where the product is not told."""


def is_of_order(name: object) -> bool:
    """Whether a custom event of this name is of an order."""
    return isinstance(name, str) and name in _FACTS


def fact_of(event: Told) -> dict[str, Any]:
    """The fact of an event of an order, which is given as the custom event that it is by its name."""
    common = {name: event.get(name) for name in ("id", "user_id", "at", "name")}
    properties = event.get("properties")
    return without_nothing(
        _FACTS[event["name"]](event, common, properties if isinstance(properties, dict) else {})
    )


def _placed(event: Told, common: dict[str, Any], properties: Told) -> dict[str, Any]:
    named, total = order_id(properties.get("order_id")), told(properties.get("total_value"))
    return common | {
        "type": "order",
        "id": common["id"] if named is None else named,
        "lines": lines(properties.get("products"), _NAMES),
        "currency": currency(properties.get("currency")),
        "total": total,
        "app_id": event.get("app_id"),
        "app_version": event.get("app_version"),
        "properties": rest(properties, ("order_id", "currency", "total_value"), _NAMES),
    }


def _refunded(_event: Told, common: dict[str, Any], properties: Told) -> dict[str, Any]:
    # Braze's own revenue is what orders come to less the `total_value` of refunds: products say what it was for.
    amount = told(properties.get("total_value"))
    return common | {
        "type": "order_refund",
        "order_id": order_id(properties.get("order_id")),
        "amount": amount,
        "lines": lines(properties.get("products"), _NAMES) if amount is None else None,
        "currency": currency(properties.get("currency")),
    }


def _cancelled(_event: Told, common: dict[str, Any], properties: Told) -> dict[str, Any]:
    return common | {"type": "order_cancelled", "order_id": order_id(properties.get("order_id"))}


_FACTS = {
    "ecommerce.order_placed": _placed,
    "ecommerce.order_refunded": _refunded,
    "ecommerce.order_cancelled": _cancelled,
}
