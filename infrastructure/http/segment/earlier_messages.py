"""How an earlier version read messages: it split orders into purchases, and took ids and versions as they were written.

Ledgers hold such facts, and their messages may be sent again (R13). Never change this.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from application.commands.facts import FactCommand, read_fact
from application.commands.values import Notes, read_money, read_quantity
from domain import money
from domain.errors import DomainError, FactRefused
from infrastructure.http.segment import events
from infrastructure.http.segment.calls import MESSAGE_BYTES
from infrastructure.http.segment.messages import Fact, Message, read_mapping, read_text
from infrastructure.http.taking import Read

_CURRENCY = "USD"
_WHOLE = "order"
_OF_PURCHASE = frozenset({"product_id", "sku", "price", "quantity"})


def read_facts(message: Message, size: int) -> list[FactCommand]:
    """The facts that it made of a track; none if it refused it."""
    then = _EarlierMessage(message.sent, message.origin)
    if size > MESSAGE_BYTES or then.kind != "track" or then.event is None:
        return []
    try:
        found = list(_EVENTS.get(then.event, _one(events.custom_event))(then))
    except FactRefused:
        return []
    return [each.fact for each in found if isinstance(each.fact, FactCommand)]


class _EarlierMessage(Message):
    """A message whose ids and versions are taken as they are written."""

    def read_identifier(self, value: object, place: str) -> str | None:
        return read_text(value)

    def read_version(self, value: object) -> str | None:
        return read_text(value)

    @property
    def version_before(self) -> dict[str, Any]:
        """That version did not read it."""
        return {}

    @property
    def user_id(self) -> str:
        """The user's id, whatever it is."""
        user_id = read_text(self.sent.get("userId")) or read_text(self.sent.get("anonymousId"))
        if user_id is None:
            raise FactRefused("a message names its user", place="userId")
        return user_id

    def read(self, fact: Fact) -> Read:
        try:
            command = read_fact(fact, Notes(lenient=True))
        except FactRefused as refusal:
            return Read(fact, refusal)
        return Read(fact, command.with_defaults("at") if self.time is None else command)


@dataclass(frozen=True)
class _Line:
    """A product of an order; `name` is the line's own in the order: the product, or else its place."""

    name: str
    index: int
    product: Any


def _purchases(message: Message) -> Iterator[Read]:
    order_id = read_text(message.properties.get("order_id"))
    for line in _lines(message):
        own = f"{message.message_id}/{line.index}" if order_id is None else f"order:{order_id}:{line.name}"
        fact = message.fact("purchase", own, currency=_currency(message)) | message.app
        if isinstance(line.product, dict):
            yield message.read(fact | _bought(line.product))


def _refunds(message: Message) -> Iterator[Read]:
    order_id = read_text(message.properties.get("order_id"))
    if order_id is None:
        return
    for line in _lines(message):
        fact = message.fact(
            "refund", f"{message.message_id}/{line.index}", purchase_id=f"order:{order_id}:{line.name}"
        )
        if isinstance(line.product, dict) and (amount := _amount(line.product)) is not None:
            yield message.read(fact | {"amount": amount})


def _lines(message: Message) -> list[_Line]:
    """The products, or the order as one product; raises FactRefused if there is neither."""
    given = message.properties.get("products")
    if given:
        if not isinstance(given, list):
            raise FactRefused("products: a list is wanted", place="products")
        names = _names([_product_id(each) for each in given])
        return [_Line(name, index, each) for index, (name, each) in enumerate(zip(names, given, strict=True))]
    for name in ("revenue", "total"):
        amount = message.properties.get(name)
        if amount is not None:
            return [_Line(_WHOLE, 0, {"product_id": _WHOLE, "price": amount})]
    raise FactRefused("products: an order tells its products, or else its revenue or total", place="products")


def _names(product_ids: Sequence[str | None]) -> list[str]:
    """A name for each line, no two alike: a product's id where it comes first, its place where it has none or again."""
    taken = {each for each in product_ids if each is not None}
    names: list[str] = []
    seen: set[str] = set()
    for index, product_id in enumerate(product_ids):
        if product_id is None or product_id in seen:
            name = str(index)
            while name in taken:
                name = f"#{name}"
            taken.add(name)
        else:
            name = product_id
        seen.add(name)
        names.append(name)
    return names


def _product_id(product: object) -> str | None:
    given = read_mapping(product)
    return read_text(given.get("product_id")) or read_text(given.get("sku"))


def _currency(message: Message) -> object:
    given = message.properties.get("currency")
    return given.upper() if isinstance(given, str) and given else given or _CURRENCY


def _bought(product: dict[str, Any]) -> Fact:
    given = {
        "product_id": _product_id(product) or read_text(product.get("name")),
        "price": product.get("price"),
        "quantity": product.get("quantity"),
        "properties": {name: each for name, each in product.items() if name not in _OF_PURCHASE},
    }
    return {name: value for name, value in given.items() if value is not None and value != {}}


def _amount(product: dict[str, Any]) -> str | None:
    """What was given back of a product; None where it was refused."""
    if product.get("price") is None:
        return None
    try:
        return f"{money.amount(read_money(product['price']), read_quantity(product.get('quantity'))):f}"
    except DomainError:
        return None


def _one(event: Callable[[Message], Read]) -> Callable[[Message], Iterator[Read]]:
    def facts_of(message: Message) -> Iterator[Read]:
        yield event(message)

    return facts_of


_EVENTS: Mapping[str, Callable[[Message], Iterator[Read]]] = {
    "Application Opened": _one(events.session),
    "Application Installed": _one(events.installed),
    "Application Updated": _one(events.app_version),
    "Order Completed": _purchases,
    "Order Refunded": _refunds,
    "Email Delivered": _one(events.receipt),
    "Push Notification Received": _one(events.receipt),
    "Campaign Received": _one(events.receipt),
}
