"""Braze's recommended e-commerce events as facts: orders placed, refunded and cancelled (docs/braze.md)."""

from typing import Any

from infrastructure.inbound.ecommerce.products import (
    Sent,
    read_currency,
    read_lines,
    read_order_id,
    read_rest,
    value_or_none,
    without_nothing,
)

_NAMES = ("product_id", "variant_id")
"""The fields that name a product: the product, or else its variant."""


def is_of_order(name: object) -> bool:
    """Whether a custom event of this name is about an order."""
    return isinstance(name, str) and name in _FACTS


def read_order_event(event: Sent) -> dict[str, Any]:
    """The fact about an order in a custom event of such a name."""
    common = {name: event.get(name) for name in ("id", "user_id", "at", "name")}
    properties = event.get("properties")
    return without_nothing(
        _FACTS[event["name"]](event, common, properties if isinstance(properties, dict) else {})
    )


def _placed(event: Sent, common: dict[str, Any], properties: Sent) -> dict[str, Any]:
    named, total = read_order_id(properties.get("order_id")), value_or_none(properties.get("total_value"))
    return common | {
        "type": "order",
        "id": common["id"] if named is None else named,
        "lines": read_lines(properties.get("products"), _NAMES),
        "currency": read_currency(properties.get("currency")),
        "total": total,
        "app_id": event.get("app_id"),
        "app_version": event.get("app_version"),
        "properties": read_rest(properties, ("order_id", "currency", "total_value"), _NAMES),
    }


def _refunded(_event: Sent, common: dict[str, Any], properties: Sent) -> dict[str, Any]:
    # In Braze revenue is the totals of orders less the `total_value` of refunds; products only say what for.
    amount = value_or_none(properties.get("total_value"))
    return common | {
        "type": "order_refund",
        "order_id": read_order_id(properties.get("order_id")),
        "amount": amount,
        "lines": read_lines(properties.get("products"), _NAMES) if amount is None else None,
        "currency": read_currency(properties.get("currency")),
    }


def _cancelled(_event: Sent, common: dict[str, Any], properties: Sent) -> dict[str, Any]:
    return common | {"type": "order_cancelled", "order_id": read_order_id(properties.get("order_id"))}


_FACTS = {
    "ecommerce.order_placed": _placed,
    "ecommerce.order_refunded": _refunded,
    "ecommerce.order_cancelled": _cancelled,
}
