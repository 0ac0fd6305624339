"""The facts and the revenue of an explanation in words."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
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


def describe_revenue(explanation: dict[str, Any]) -> Iterator[str]:
    """What counts for the campaign, what each refund or cancellation gave back, and which orders name no money."""
    for sale in explanation["revenue"]:
        yield _sale(sale)
        yield from (f"     [dim]{detail}[/]" for detail in _details(sale))
    for order in explanation["orders_without_money"]:
        yield f"  No revenue: order {_order(order)} of {format_instant(order['at'])} names no money."


def describe_idle(explanation: dict[str, Any]) -> Iterator[str]:
    """Refunds and cancellations that gave back nothing, or not all, and why."""
    yield from (f"  [dim]{_idle(each)}[/]" for each in explanation["refunds_without_effect"])


def _sale(sale: dict[str, Any]) -> str:
    of = f"order {_order(sale)}" if sale["order_id"] is not None else f"purchase {shown(sale['purchase_id'])}"
    given = f" after {_count(sale['refunds'])} on {sale['amount']}" if sale["refunds"] else ""
    return (
        f"  Revenue: {sale['net']} {sale['currency']}{given}, {of} of {format_instant(sale['at'])}, "
        f"credited to {describe_variant(sale['receipt'])}"
    )


def _order(order: dict[str, Any]) -> str:
    return shown(order["order_id"]) + (f" ({shown(order['name'])})" if order["name"] else "")


def _count(corrections: list[dict[str, Any]]) -> str:
    kinds = Counter("cancellation" if each["type"] == "order_cancelled" else "refund" for each in corrections)
    return " and ".join(
        f"{kinds[kind]:,} {kind}{'s' if kinds[kind] > 1 else ''}" for kind in sorted(kinds)[::-1]
    )


def _details(sale: dict[str, Any]) -> Iterator[str]:
    if sale["order_id"] is not None:
        yield from _lines(sale)
    for each in sale["refunds"]:
        of_order = each["order_id"] is not None and sale["order_id"] is None
        what = f" for {list_units(each['lines'])}" if each["lines"] else ""
        what += f", of order {shown(each['order_id'])}" if of_order else ""
        gave = f"{each['gave_back']} {sale['currency']}" if Decimal(each["gave_back"]) else "nothing"
        yield f"{_kind(each)} {shown(each['id'])} of {format_instant(each['at'])} gave back {gave}{what}."


def _lines(order: dict[str, Any]) -> Iterator[str]:
    """The lines of an order, and where its amount comes from."""
    lines, total = order["lines"], order["total"]
    if lines:
        yield f"Ordered: {list_priced(lines)}."
    if total is not None:
        yield f"Its total is {total} {order['currency']}" + ("; it names no lines." if not lines else ".")
    elif any(line["price"] is None for line in lines):
        yield "Lines without a price add nothing."


def _kind(correction: dict[str, Any]) -> str:
    return "Cancellation" if correction["type"] == "order_cancelled" else "Refund"


def _idle(idle: dict[str, Any]) -> str:
    amount = f" of {idle['amount']} {idle['currency'] or ''}".rstrip() if idle["amount"] is not None else ""
    name = f"{_kind(idle)} {shown(idle['id'])}{amount}"
    if idle["type"] == "refund":
        return f"{name} {_idle_of_purchase(idle, shown(idle['purchase_id']))}"
    return f"{name} {_idle_of_order(idle, shown(idle['order_id']))}"


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


def _idle_of_order(idle: dict[str, Any], order: str) -> str:
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
            return (
                f"gave back nothing for {list_units(idle['without_effect'])}: order {order} {_beyond(idle)}."
            )
        case "without_price":
            return (
                f"gave back nothing for {list_units(idle['without_effect'])}: "
                f"neither it nor order {order} says the price."
            )
        case _:
            return _exceeds(idle, f"order {order}")


def _exceeds(idle: dict[str, Any], sale: str) -> str:
    if not Decimal(idle["gave_back"]):
        return f"has no effect: nothing of {sale} was left to give back."
    return f"has only part of its effect: {sale} had less left to give back."


def _beyond(idle: dict[str, Any]) -> str:
    """The products of which an order has no more, and those that it never had."""
    if not idle["order_names_lines"]:
        return "names no lines"
    products = list(dict.fromkeys(line["product_id"] for line in idle["without_effect"]))
    never = set(idle["never_ordered"])
    returned, unknown = [each for each in products if each not in never], idle["never_ordered"]
    said = [f"has no more {list_products(returned)}"] if returned else []
    return " and ".join([*said, *([f"names no {list_products(unknown)}"] if unknown else [])])
