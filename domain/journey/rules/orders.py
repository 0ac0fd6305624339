"""R27: what is given back of an order; and orders that earlier versions took apart into purchases.

Plain functions of facts: a journey asks them while it decides, and an explanation afterwards.
"""

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from domain import money
from domain.facts import (
    AnyFact,
    Order,
    OrderCancelled,
    OrderCorrection,
    OrderLine,
    OrderRefund,
    Purchase,
    Refund,
)
from domain.journey.state import ORDERS_AS_PURCHASES

_PLACE = re.compile(r"[0-9]{1,9}", re.ASCII)
_PLACED = re.compile(r":#*[0-9]+$", re.ASCII)
_WHOLE = "order"
"""The product that an earlier version named where an order told none."""


@dataclass
class GivenBack:
    """What corrections give back of lines, units in the order of the corrections: by instant, then id.

    `everything`, or else by line what comes back at its prices, and `amount`, which is of no line. By correction,
    `beyond` are the units that were never ordered, and `without_price` those whose price nobody knows;
    `of_other_currency` are the corrections in another currency: these give back nothing.
    """

    lines: Sequence[OrderLine]
    currency: str | None
    by_line: list[Decimal] = field(init=False)
    left: list[int] = field(init=False)
    places: dict[str, deque[int]] = field(init=False)
    """By product its lines that have units left, the first one first."""
    amount: Decimal = Decimal(0)
    everything: bool = False
    beyond: defaultdict[str, list[OrderLine]] = field(default_factory=lambda: defaultdict(list))
    without_price: defaultdict[str, list[OrderLine]] = field(default_factory=lambda: defaultdict(list))
    of_other_currency: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.by_line = [Decimal(0)] * len(self.lines)
        self.left = [line.quantity for line in self.lines]
        self.places = {}
        for place, line in enumerate(self.lines):
            self.places.setdefault(line.product_id, deque()).append(place)

    @property
    def sum(self) -> Decimal:
        """What comes back at prices and as amounts, however much there was."""
        return money.total((*self.by_line, self.amount))

    def net(self, amount: Decimal) -> Decimal:
        """What is left of an order's amount, never below 0."""
        return Decimal(0) if self.everything else money.net(amount, (self.sum,))

    def take(self, correction: OrderCorrection) -> None:
        """Take in the next correction."""
        if isinstance(correction, OrderCancelled):
            self.everything = True
        elif correction.currency not in {None, self.currency}:
            self.of_other_currency.add(correction.id)
        elif correction.amount is not None:
            self.amount = money.total((self.amount, correction.amount))
        elif correction.lines:
            self._take_units(correction)
        else:
            self.everything = True

    def _take_units(self, refund: OrderRefund) -> None:
        """Units come back each from the first line of its product that has any left."""
        for wanted in refund.lines:
            units, places = wanted.quantity, self.places.get(wanted.product_id)
            while units and places:
                place = places[0]
                taken = min(units, self.left[place])
                self.left[place] -= taken
                units -= taken
                self._take_price(refund.id, wanted, place, taken)
                if not self.left[place]:
                    places.popleft()
            if units:
                self.beyond[refund.id].append(OrderLine(wanted.product_id, wanted.price, units))
        # All units of an order's only line: then everything, though its price be unknown.
        if self.without_price and len(self.lines) == 1 and not self.left[0]:
            self.everything = True

    def _take_price(self, refund_id: str, wanted: OrderLine, place: int, units: int) -> None:
        price = self.lines[place].price if wanted.price is None else wanted.price
        if price is None:
            self.without_price[refund_id].append(OrderLine(wanted.product_id, None, units))
        else:
            self.by_line[place] = money.total((self.by_line[place], money.times(price, units)))


def given_back(
    lines: Sequence[OrderLine], currency: str | None, corrections: Iterable[OrderCorrection]
) -> GivenBack:
    """What corrections give back of lines."""
    back = GivenBack(lines, currency)
    for each in sorted(corrections, key=lambda correction: correction.key):
        back.take(each)
    return back


def net(order: Order, corrections: Iterable[OrderCorrection]) -> Decimal:
    """The order's amount less all that is given back, never below 0 (R12, R27)."""
    return given_back(order.lines, order.currency, corrections).net(order.amount)


# Orders that an earlier version recorded as purchases, `order:ORDER:PRODUCT`: an order is known by them, and corrected
# by correcting them.


def purchases_prefix(order_id: str) -> str:
    """How the ids of an order's purchases begin."""
    return f"{ORDERS_AS_PURCHASES}{order_id}:"


def order_ids(purchase_id: str, product_id: str) -> Iterator[str]:
    """The orders that a purchase may be of, the shortest id first: what follows is its product, or its line's place."""
    if not purchase_id.startswith(ORDERS_AS_PURCHASES):
        return
    told = purchase_id.removeprefix(ORDERS_AS_PURCHASES)
    named = len(told) - len(product_id) - 1
    ends = {told.rfind(":")} if _PLACED.search(told) else set()
    if named > 0 and told.endswith(f":{product_id}"):
        ends.add(named)
    yield from (told[:end] for end in sorted(ends) if end > 0)


def of_order(order_id: str, facts: Iterable[AnyFact]) -> list[Purchase]:
    """The purchases among facts that an earlier version made of an order."""
    purchases = (each for each in facts if isinstance(each, Purchase))
    return [each for each in purchases if order_id in order_ids(each.id, each.product_id)]


def is_recorded_as(order: Order, purchases: Sequence[Purchase]) -> bool:
    """Whether the purchases say what the order's lines say (R13): same instant, currency, products and prices."""
    if any(each.at != order.at or each.currency != order.currency for each in purchases):
        return False
    lines = order.lines or (OrderLine(_WHOLE, order.amount),)
    names = _names([line.product_id for line in lines])
    if order.total not in {None, money.lines_amount(lines)}:
        return False
    told = {purchases_prefix(order.id) + name: line for name, line in zip(names, lines, strict=True)}
    return told == {each.id: OrderLine(each.product_id, each.price, each.quantity) for each in purchases}


def _names(product_ids: Sequence[str]) -> Iterator[str]:
    """The names of an order's lines in the ids of its purchases: a product's where it comes first, else its place."""
    taken, seen = set(product_ids), set()
    for place, product_id in enumerate(product_ids):
        name = product_id if product_id not in seen else str(place)
        while product_id in seen and name in taken:
            name = f"#{name}"
        taken.add(name)
        seen.add(product_id)
        yield name


def in_order(order_id: str, purchases: Iterable[Purchase]) -> list[Purchase]:
    """Purchases so that those of one product stand as they were ordered: named by it the first, by its place others."""
    prefix = purchases_prefix(order_id)

    def place(purchase: Purchase) -> tuple[int, int, str]:
        name = purchase.id.removeprefix(prefix)
        digits = name.lstrip("#")
        return int(name != purchase.product_id), int(digits) if _PLACE.fullmatch(digits) else 0, name

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
        of_order[_named(each, corrections)].append(each)
    nets: dict[str, Decimal] = {}
    for order_id, group in of_order.items():
        own = {each.id: _own_net(each, refunds) for each in group}
        nets |= own if order_id is None else _corrected(order_id, group, own, corrections[order_id])
    return nets


def _named(purchase: Purchase, corrections: Mapping[str, Sequence[OrderCorrection]]) -> str | None:
    return next((each for each in order_ids(purchase.id, purchase.product_id) if corrections.get(each)), None)


def _own_net(purchase: Purchase, refunds: Mapping[str, Iterable[Refund]]) -> Decimal:
    return money.net(purchase.amount, (refund.amount for refund in refunds.get(purchase.id, ())))


def _corrected(
    order_id: str,
    group: Sequence[Purchase],
    own: Mapping[str, Decimal],
    corrections: Sequence[OrderCorrection],
) -> dict[str, Decimal]:
    lines = in_order(order_id, group)
    return nets_after(lines, own, given_back(as_lines(lines), lines[0].currency, corrections))


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
    for each, of_line in zip(purchases, back.by_line, strict=True):
        left = money.net(own[each.id], (of_line,))
        nets[each.id] = money.net(left, (amount,))
        amount = money.net(amount, (left,))
    return nets
