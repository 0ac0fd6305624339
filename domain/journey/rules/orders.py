"""R27: what refunds and cancellations give back of an order.

Plain functions of facts: a journey asks them while it decides, and an explanation afterwards.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from domain import money
from domain.facts import (
    Order,
    OrderCancelled,
    OrderCorrection,
    OrderLine,
    OrderRefund,
)


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


def give_back(
    lines: Sequence[OrderLine], currency: str | None, corrections: Iterable[OrderCorrection]
) -> GivenBack:
    """Work out what corrections give back of lines."""
    back = GivenBack(lines, currency)
    for each in sorted(corrections, key=lambda correction: correction.key):
        back.take(each)
    return back


def net(order: Order, corrections: Iterable[OrderCorrection]) -> Decimal:
    """The order's amount less all that is given back, never below 0 (R12, R27)."""
    return give_back(order.lines, order.currency, corrections).net(order.amount)
