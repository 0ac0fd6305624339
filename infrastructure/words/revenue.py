"""The revenue of an explanation in words: sales, what was given back of them, and what gave back nothing (R12, R27)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from infrastructure.words.facts import describe_variant, list_priced, list_products, list_units
from infrastructure.words.quantities import TERMINAL, Writing


@dataclass(frozen=True)
class SaleInWords:
    """A purchase or order that counts for the campaign, and the lines and refunds behind its amount."""

    text: str
    details: list[str]


def describe_sale(sale: dict[str, Any], writing: Writing = TERMINAL) -> SaleInWords:
    """What a purchase or order comes to, and what each refund or cancellation gave back of it."""
    is_order = sale["order_id"] is not None
    of = (
        f"order {_name_order(sale, writing)}" if is_order else f"purchase {writing.name(sale['purchase_id'])}"
    )
    given = f" after {_count_corrections(sale['refunds'])} on {sale['amount']}" if sale["refunds"] else ""
    return SaleInWords(
        f"Revenue: {sale['net']} {sale['currency']}{given}, {of} of {writing.instant(sale['at'])}, "
        f"credited to {describe_variant(sale['receipt'], writing)}",
        list(_list_details(sale, writing)),
    )


def describe_order_without_money(order: dict[str, Any], writing: Writing = TERMINAL) -> str:
    """An order inside the window in which revenue counts that names no money."""
    return (
        f"No revenue: order {_name_order(order, writing)} of {writing.instant(order['at'])} names no money."
    )


def describe_idle(idle: dict[str, Any], writing: Writing = TERMINAL) -> str:
    """A refund or cancellation that gave back nothing, or not all, and why."""
    amount = f" of {idle['amount']} {idle['currency'] or ''}".rstrip() if idle["amount"] is not None else ""
    name = f"{_name_kind(idle)} {writing.name(idle['id'])}{amount}"
    if idle["type"] == "refund":
        return f"{name} {_idle_of_purchase(idle, writing.name(idle['purchase_id']))}"
    return f"{name} {_idle_of_order(idle, writing.name(idle['order_id']), writing)}"


def _name_order(order: dict[str, Any], writing: Writing) -> str:
    return writing.name(order["order_id"]) + (f" ({writing.name(order['name'])})" if order["name"] else "")


def _count_corrections(corrections: list[dict[str, Any]]) -> str:
    kinds = Counter("cancellation" if each["type"] == "order_cancelled" else "refund" for each in corrections)
    return " and ".join(
        f"{kinds[kind]:,} {kind}{'s' if kinds[kind] > 1 else ''}" for kind in sorted(kinds)[::-1]
    )


def _list_details(sale: dict[str, Any], writing: Writing) -> Iterator[str]:
    if sale["order_id"] is not None:
        yield from _describe_lines(sale, writing)
    for each in sale["refunds"]:
        of_order = each["order_id"] is not None and sale["order_id"] is None
        what = f" for {list_units(each['lines'], writing)}" if each["lines"] else ""
        what += f", of order {writing.name(each['order_id'])}" if of_order else ""
        gave = f"{each['gave_back']} {sale['currency']}" if Decimal(each["gave_back"]) else "nothing"
        name = f"{_name_kind(each)} {writing.name(each['id'])} of {writing.instant(each['at'])}"
        yield f"{name} gave back {gave}{what}."


def _describe_lines(order: dict[str, Any], writing: Writing) -> Iterator[str]:
    """The lines of an order, and where its amount comes from."""
    lines, total = order["lines"], order["total"]
    if lines:
        yield f"Ordered: {list_priced(lines, writing)}."
    if total is not None:
        yield f"Its total is {total} {order['currency']}" + ("; it names no lines." if not lines else ".")
    elif any(line["price"] is None for line in lines):
        yield "Lines without a price add nothing."


def _name_kind(correction: dict[str, Any]) -> str:
    return "Cancellation" if correction["type"] == "order_cancelled" else "Refund"


def _idle_of_purchase(idle: dict[str, Any], purchase: str) -> str:
    match idle["reason"]:
        case "no_such_purchase":
            return f"has no effect: no purchase {purchase} of this user is known (yet)."
        case "not_a_purchase":
            return f"has no effect: {purchase} is an order, which only an order_refund gives back."
        case "purchase_disregarded":
            return f"has no effect: a void names the purchase {purchase}."
        case _:
            return _exceeds(idle, f"purchase {purchase}")


def _idle_of_order(idle: dict[str, Any], order: str, writing: Writing) -> str:
    units = list_units(idle["without_effect"], writing)
    match idle["reason"]:
        case "no_such_order":
            return f"has no effect: no order {order} of this user is known (yet)."
        case "not_an_order":
            return f"has no effect: {order} is no order."
        case "order_disregarded":
            return f"has no effect: a void names the order {order}."
        case "other_currency":
            own = f"is in {idle['order_currency']}" if idle["order_currency"] else "names no money"
            return f"has no effect: it is in {idle['currency']}, and order {order} {own}."
        case "beyond_order":
            return f"gave back nothing for {units}: order {order} {_beyond(idle, writing)}."
        case "without_price":
            return f"gave back nothing for {units}: neither it nor order {order} says the price."
        case _:
            return _exceeds(idle, f"order {order}")


def _exceeds(idle: dict[str, Any], sale: str) -> str:
    if not Decimal(idle["gave_back"]):
        return f"has no effect: nothing of {sale} was left to give back."
    return f"has only part of its effect: {sale} had less left to give back."


def _beyond(idle: dict[str, Any], writing: Writing) -> str:
    """The products of which an order has no more, and those that it never had."""
    if not idle["order_names_lines"]:
        return "names no lines"
    products = list(dict.fromkeys(line["product_id"] for line in idle["without_effect"]))
    never = set(idle["never_ordered"])
    returned, unknown = [each for each in products if each not in never], idle["never_ordered"]
    said = [f"has no more {list_products(returned, writing)}"] if returned else []
    return " and ".join([*said, *([f"names no {list_products(unknown, writing)}"] if unknown else [])])
