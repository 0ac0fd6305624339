"""Orders of the public e-commerce spec: a purchase for each of their products, and refunds of those purchases."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from application.fact_commands import read_money, read_quantity
from domain import money
from domain.errors import DomainError, FactRefused
from infrastructure.http.segment.messages import Fact, Message, mapping, text
from infrastructure.http.taking import Read, read

CURRENCY = "USD"
"""The currency of an order that names none, as the public spec has it."""
WHOLE = "order"
"""The product that stands for an order whose products are not told."""

_OF_PURCHASE = frozenset({"product_id", "sku", "price", "quantity"})


@dataclass(frozen=True)
class _Line:
    """A product of an order; `name` is the line's own in the order: the product, or else its place."""

    name: str
    index: int
    product: Any


def purchases(message: Message) -> Iterator[Read]:
    """A purchase for each product of a completed order; of the order as a whole where it tells no products."""
    order_id = text(message.properties.get("order_id"))
    for line in _lines(message):
        own = f"{message.message_id}/{line.index}" if order_id is None else f"order:{order_id}:{line.name}"
        fact = message.fact("purchase", own, currency=_currency(message)) | message.app
        yield _product_refused(line, fact) or read(fact | _bought(line.product))


def refunds(message: Message) -> Iterator[Read]:
    """A refund of each product's purchase, by price and quantity; raises FactRefused where no order is named."""
    order_id = text(message.properties.get("order_id"))
    if order_id is None:
        raise FactRefused("order_id: a refund names its order", place="order_id")
    for line in _lines(message):
        purchase_id = f"order:{order_id}:{line.name}"
        fact = message.fact("refund", f"{message.message_id}/{line.index}", purchase_id=purchase_id)
        yield _product_refused(line, fact) or _refund(fact, line.product)


def _lines(message: Message) -> list[_Line]:
    """The products told, or the order as one; raises FactRefused where there is neither."""
    told = message.properties.get("products")
    if told:
        if not isinstance(told, list):
            raise FactRefused("products: a list is wanted", place="products")
        names = _names([_product_id(each) for each in told])
        return [_Line(name, index, each) for index, (name, each) in enumerate(zip(names, told, strict=True))]
    for name in ("revenue", "total"):
        amount = message.properties.get(name)
        if amount is not None:
            return [_Line(WHOLE, 0, {"product_id": WHOLE, "price": amount})]
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
    told = mapping(product)
    return text(told.get("product_id")) or text(told.get("sku"))


def _product_refused(line: _Line, fact: Fact) -> Read | None:
    if isinstance(line.product, dict):
        return None
    detail = f"products.{line.index}: an object is wanted"
    return Read(fact, FactRefused(detail, place=f"products.{line.index}"))


def _currency(message: Message) -> object:
    told = message.properties.get("currency")
    return told.upper() if isinstance(told, str) and told else told or CURRENCY


def _bought(product: dict[str, Any]) -> Fact:
    """What a purchase says of its product; what else is told of it becomes properties."""
    told = {
        "product_id": _product_id(product) or text(product.get("name")),
        "price": product.get("price"),
        "quantity": _quantity(product),
        "properties": {name: each for name, each in product.items() if name not in _OF_PURCHASE},
    }
    return {name: value for name, value in told.items() if value is not None and value != {}}


def _refund(fact: Fact, product: dict[str, Any]) -> Read:
    try:
        amount = money.amount(_price(product), read_quantity(_quantity(product)))
    except DomainError as refusal:
        message = f"price x quantity: {refusal.message}"
        return Read(fact, FactRefused(message, place="products", code=refusal.code))
    return read(fact | {"amount": f"{amount:f}"})


def _price(product: dict[str, Any]) -> Any:  # noqa: ANN401
    if product.get("price") is None:
        raise FactRefused("a product that is given back has a price")
    return read_money(product["price"])


def _quantity(product: dict[str, Any]) -> object:
    """The quantity; shops that write all as text write this so too."""
    told = product.get("quantity")
    if isinstance(told, str) and told.isascii() and told.isdigit() and len(told) < 20:
        return int(told)
    return told
