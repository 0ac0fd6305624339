"""R27: orders that an earlier version of this program recorded as purchases, with ids `order:ORDER:PRODUCT`.

Such an order is known by its purchases, and a correction of the order corrects them. Plain functions of facts, as in
orders.py.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from domain import money
from domain.facts import AnyFact, Order, OrderCorrection, OrderLine, Purchase, Refund
from domain.journey.rules.orders import GivenBack, give_back
from domain.journey.state import ORDERS_AS_PURCHASES

_PLACE = re.compile(r"#*([0-9]{1,9})", re.ASCII)
_PLACED = re.compile(r":#*[0-9]+$", re.ASCII)
_WHOLE = "order"
"""The product that an earlier version named where an order named none."""


def purchases_prefix(order_id: str) -> str:
    """How the ids of an order's purchases begin."""
    return f"{ORDERS_AS_PURCHASES}{order_id}:"


def order_ids(purchase_id: str, product_id: str) -> Iterator[str]:
    """The orders that a purchase may be of, the shortest id first: what follows is its product, or its line's place."""
    if not purchase_id.startswith(ORDERS_AS_PURCHASES):
        return
    rest = purchase_id.removeprefix(ORDERS_AS_PURCHASES)
    named = len(rest) - len(product_id) - 1
    ends = {rest.rfind(":")} if _PLACED.search(rest) else set()
    if rest.endswith(f":{product_id}"):
        ends.add(named)
    yield from (rest[:end] for end in sorted(ends) if end > 0)


def purchases_of(order_id: str, facts: Iterable[AnyFact]) -> list[Purchase]:
    """The purchases among facts that an earlier version made of an order."""
    purchases = (each for each in facts if isinstance(each, Purchase))
    return [each for each in purchases if order_id in order_ids(each.id, each.product_id)]


def is_recorded_as(order: Order, purchases: Sequence[Purchase]) -> bool:
    """Whether the purchases say what the order's lines say (R13): same instant, currency, products and prices."""
    if any(each.at != order.at or each.currency != order.currency for each in purchases):
        return False
    lines = order.lines or (OrderLine(_WHOLE, order.amount),)
    if order.total not in {None, money.lines_amount(lines)}:
        return False
    prefix = purchases_prefix(order.id)
    expected = {prefix + name: line for name, line in _by_name(lines).items()}
    return expected == {each.id: OrderLine(each.product_id, each.price, each.quantity) for each in purchases}


def _by_name(lines: Sequence[OrderLine]) -> dict[str, OrderLine]:
    """An order's lines by their names in its purchases' ids: a product's where it comes first, else its place."""
    products = {line.product_id for line in lines}
    named: dict[str, OrderLine] = {}
    for place, line in enumerate(lines):
        name = line.product_id
        if name in named:
            name = str(place)
            while name in products:
                name = f"#{name}"
        named[name] = line
    return named


def sort_as_ordered(order_id: str, purchases: Iterable[Purchase]) -> list[Purchase]:
    """Purchases of one product as they were ordered: the first is named by the product, the others by their places."""
    prefix = purchases_prefix(order_id)

    def place(purchase: Purchase) -> tuple[int, int, str]:
        name = purchase.id.removeprefix(prefix)
        found = _PLACE.fullmatch(name)
        return int(name != purchase.product_id), int(found[1]) if found else 0, name

    return sorted(purchases, key=place)


def nets_of_purchases(
    purchases: Iterable[Purchase],
    refunds: Mapping[str, Iterable[Refund]],
    corrections: Mapping[str, Sequence[OrderCorrection]],
) -> dict[str, Decimal]:
    """The net of each purchase, given its own refunds and, by order, the corrections of the orders it may be of.

    A purchase is of the shortest order that any correction names.
    """
    of_order: defaultdict[str | None, list[Purchase]] = defaultdict(list)
    for each in purchases:
        of_order[_order_of(each, corrections)].append(each)
    nets: dict[str, Decimal] = {}
    for order_id, group in of_order.items():
        own = {each.id: _own_net(each, refunds) for each in group}
        nets |= own if order_id is None else _correct(order_id, group, own, corrections[order_id])
    return nets


def _order_of(purchase: Purchase, corrections: Mapping[str, Sequence[OrderCorrection]]) -> str | None:
    return next((each for each in order_ids(purchase.id, purchase.product_id) if corrections.get(each)), None)


def _own_net(purchase: Purchase, refunds: Mapping[str, Iterable[Refund]]) -> Decimal:
    return money.net(purchase.amount, (refund.amount for refund in refunds[purchase.id]))


def _correct(
    order_id: str,
    group: Sequence[Purchase],
    own: Mapping[str, Decimal],
    corrections: Sequence[OrderCorrection],
) -> dict[str, Decimal]:
    lines = sort_as_ordered(order_id, group)
    return nets_after(lines, own, give_back(as_lines(lines), lines[0].currency, corrections))


def as_lines(purchases: Iterable[Purchase]) -> list[OrderLine]:
    """An order's purchases as its lines."""
    return [OrderLine(each.product_id, each.price, each.quantity) for each in purchases]


def nets_after(
    purchases: Sequence[Purchase], own: Mapping[str, Decimal], back: GivenBack
) -> dict[str, Decimal]:
    """Nets of an order's purchases, given their own and what is given back of the order.

    An amount that is of no line comes off the first purchases that have anything left.
    """
    if back.everything:
        return dict.fromkeys(own, Decimal(0))
    nets, amount = {}, back.amount
    for place, each in enumerate(purchases):
        left = money.net(own[each.id], (back.by_line[place],))
        nets[each.id] = money.net(left, (amount,))
        amount = money.net(amount, (left,))
    return nets
