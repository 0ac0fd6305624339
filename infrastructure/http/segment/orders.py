"""Orders of the public e-commerce spec: what each of its events means (R27)."""

from typing import Any

from application.commands.facts import OrderCommand, OrderUpdatedCommand
from domain.errors import FactRefused
from infrastructure.http.segment.messages import Fact, Message
from infrastructure.http.taking import Read
from infrastructure.inbound.ecommerce.products import (
    has_prices,
    read_currency,
    read_lines,
    read_rest,
    value_or_none,
    without_nothing,
)

_NAMES = ("product_id", "sku", "name")
"""What names a product, the first of these that it has."""


def completed(message: Message) -> Read:
    """An order; its id is the order's own, or else the message's."""
    return message.read(_order(message))


def updated(message: Message) -> Read:
    """What another service says of an order that is known. It makes none: a refused message is kept as it was sent.

    Its instant is the update's, and no part of the order.
    """
    found = message.read(_order(message) | {"id": _name(message)})
    if isinstance(found.fact, OrderCommand):
        said = {name: getattr(found.fact, name) for name in OrderCommand.model_fields}
        command = OrderUpdatedCommand.model_construct(**said).with_defaults("at")
        return Read(message.to_keep, command, found.rounded)
    return Read(message.to_keep, found.fact)


def refunded(message: Message) -> Read:
    """A refund of an order: by products, else an amount, else everything; raises FactRefused if it names no order."""
    properties = message.properties
    given = read_lines(properties.get("products"), _NAMES)
    revenue, total = value_or_none(properties.get("revenue")), value_or_none(properties.get("total"))
    amount = (total if revenue is None else revenue) if given is None else None
    more = {"lines": given, "amount": amount, "currency": read_currency(properties.get("currency"))}
    return message.read(_correction(message, "order_refund") | without_nothing(more))


def cancelled(message: Message) -> Read:
    """A cancellation gives everything back; raises FactRefused if it names no order."""
    return message.read(_correction(message, "order_cancelled"))


def _correction(message: Message, kind: str) -> Fact:
    return message.fact(kind, message.message_id, order_id=_name(message), name=message.event)


def _name(message: Message) -> str:
    order_id = message.read_order_id()
    if order_id is None:
        raise FactRefused("order_id: name the order that this is about", place="order_id")
    return order_id


def _order(message: Message) -> Fact:
    properties = message.properties
    ordered = read_lines(properties.get("products"), _NAMES)
    total_name = _total(properties, ordered)
    more = {
        "lines": ordered,
        "currency": read_currency(properties.get("currency")),
        "total": value_or_none(properties.get(total_name)) if total_name else None,
        "properties": read_rest(properties, {"order_id", "currency", total_name}, _NAMES),
    }
    fact = message.fact("order", message.read_order_id() or message.message_id, name=message.event)
    return fact | message.app | without_nothing(more)


def _total(properties: dict[str, Any], ordered: object) -> str:
    """The name of the property that says what the order comes to; empty if its lines say it.

    A `total` includes tax and shipping, and is taken only if there is nothing else.
    """
    if value_or_none(properties.get("revenue")) is not None:
        return "revenue"
    return "" if has_prices(ordered) else "total"
