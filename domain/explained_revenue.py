"""What purchases and orders count for in a campaign, and what each correction gave back of them (R11, R12, R27)."""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from domain import money
from domain.facts import AnyFact, Fact, Order, OrderCorrection, OrderLine, OrderRefund, Purchase, Refund, Sale
from domain.journey.decisions import Revenue
from domain.journey.rules import earlier_orders
from domain.journey.rules.orders import GivenBack

Correction = Refund | OrderCorrection


@dataclass(frozen=True)
class Effect:
    """A refund or cancellation, and what it gave back of one purchase or order."""

    correction: Correction
    gave_back: Decimal


@dataclass(frozen=True)
class CountedSale:
    """A purchase or order that counts for the campaign, what was given back, and the receipt it is credited to."""

    sale: Sale
    effects: list[Effect]
    revenue: Revenue


class Idle(StrEnum):
    """Why a refund or cancellation has no effect, or not all of it (R12, R27)."""

    NO_SUCH_PURCHASE = "no_such_purchase"
    NOT_A_PURCHASE = "not_a_purchase"
    PURCHASE_DISREGARDED = "purchase_disregarded"
    EXCEEDS_PURCHASE = "exceeds_purchase"
    NO_SUCH_ORDER = "no_such_order"
    NOT_AN_ORDER = "not_an_order"
    ORDER_DISREGARDED = "order_disregarded"
    OTHER_CURRENCY = "other_currency"
    BEYOND_ORDER = "beyond_order"
    WITHOUT_PRICE = "without_price"
    EXCEEDS_ORDER = "exceeds_order"


@dataclass(frozen=True)
class IdleCorrection:
    """A correction without effect, or without all of it; the currency of what it names, where that is known.

    `lines` are the units of which the order has no more, or whose price nobody knows; `never_ordered` are the products
    among them that the order never named, and `names_lines` is whether it names any. `gave_back` is what the correction
    gave back where it asked for more than was left.
    """

    correction: Correction
    reason: Idle
    currency: str | None = None
    lines: tuple[OrderLine, ...] = ()
    never_ordered: tuple[str, ...] = ()
    names_lines: bool = True
    gave_back: Decimal | None = None


@dataclass
class Corrected:
    """By purchase or order, what each correction gave back of it; and the corrections without effect, in order."""

    effects: defaultdict[str, list[Effect]] = field(default_factory=lambda: defaultdict(list))
    idle: list[IdleCorrection] = field(default_factory=list)


def apply_corrections(facts: Sequence[AnyFact], disregarded: Iterable[AnyFact]) -> Corrected:
    """Work out what each correction gave back, from the facts that stand, in order, and those that voids name."""
    ledger = _Ledger(facts, disregarded)
    for fact in facts:
        if isinstance(fact, Refund):
            ledger.refund(fact)
    for order_id, corrections in ledger.of_orders.items():
        ledger.correct(order_id, corrections)
    ledger.found.idle.sort(key=lambda each: each.correction.key)
    for effects in ledger.found.effects.values():
        effects.sort(key=lambda each: each.correction.key)
    return ledger.found


class _Ledger:
    """What is left of every purchase and order while corrections are taken in."""

    def __init__(self, facts: Sequence[AnyFact], disregarded: Iterable[AnyFact]) -> None:
        self.found = Corrected()
        self._facts: Mapping[str, Fact] = {fact.id: fact for fact in facts}
        self._gone: Mapping[str, Fact] = {fact.id: fact for fact in disregarded}
        self._left = {fact.id: fact.amount for fact in facts if isinstance(fact, Purchase)}
        self.of_orders: defaultdict[str, list[OrderCorrection]] = defaultdict(list)
        for fact in facts:
            if isinstance(fact, OrderCorrection):
                self.of_orders[fact.order_id].append(fact)
        self._purchases = self._by_order()

    def _by_order(self) -> Mapping[str | None, list[Purchase]]:
        """Purchases that an earlier version made of orders, by the order: the shortest that a correction names."""
        known = (self._facts, self._gone)
        named = {each for each in self.of_orders if not any(isinstance(of.get(each), Order) for of in known)}
        found: defaultdict[str | None, list[Purchase]] = defaultdict(list)
        for fact in self._facts.values():
            if isinstance(fact, Purchase):
                found[_order_of(fact, named)].append(fact)
        return found

    def refund(self, refund: Refund) -> None:
        """Take in a refund of a purchase (R12)."""
        purchase = self._facts.get(refund.purchase_id)
        if not isinstance(purchase, Purchase):
            self.found.idle.append(self._of_no_purchase(refund, purchase))
            return
        left = money.net(self._left[purchase.id], (refund.amount,))
        gave_back = money.difference(self._left[purchase.id], left)
        self._left[purchase.id] = left
        self.found.effects[purchase.id].append(Effect(refund, gave_back))
        if gave_back < refund.amount:
            idle = IdleCorrection(refund, Idle.EXCEEDS_PURCHASE, purchase.currency, gave_back=gave_back)
            self.found.idle.append(idle)

    def _of_no_purchase(self, refund: Refund, named: Fact | None) -> IdleCorrection:
        voided = self._gone.get(refund.purchase_id)
        if isinstance(voided, Purchase):
            return IdleCorrection(refund, Idle.PURCHASE_DISREGARDED, voided.currency)
        if isinstance(named or voided, Order):
            return IdleCorrection(refund, Idle.NOT_A_PURCHASE)
        return IdleCorrection(refund, Idle.NO_SUCH_PURCHASE)

    def correct(self, order_id: str, corrections: Sequence[OrderCorrection]) -> None:
        """Take in the corrections of one order, in order (R27)."""
        order = self._facts.get(order_id)
        group = earlier_orders.sort_as_ordered(order_id, self._purchases.get(order_id, ()))
        if isinstance(order, Order):
            self._take(corrections, _Account(order.lines, order.currency, _of_order(order)))
        elif group:
            own = {each.id: self._left[each.id] for each in group}
            lines, currency = earlier_orders.as_lines(group), group[0].currency
            nets = lambda back: earlier_orders.nets_after(group, own, back)  # noqa: E731 - one of two
            self._take(corrections, _Account(lines, currency, nets))
        else:
            reason = self._of_no_order(order_id, order)
            self.found.idle += [IdleCorrection(each, reason) for each in corrections]

    def _of_no_order(self, order_id: str, named: Fact | None) -> Idle:
        prefix = earlier_orders.purchases_prefix(order_id)
        voided = [each for each in self._gone.values() if isinstance(each, Sale)]
        if any(each.id == order_id or each.id.startswith(prefix) for each in voided):
            return Idle.ORDER_DISREGARDED
        return Idle.NO_SUCH_ORDER if named is None else Idle.NOT_AN_ORDER

    def _take(self, corrections: Iterable[OrderCorrection], account: "_Account") -> None:
        for each in corrections:
            for sale_id, gave_back in account.take(each):
                self.found.effects[sale_id].append(Effect(each, gave_back))
            self.found.idle += account.idle(each)


def _order_of(purchase: Purchase, named: Container[str]) -> str | None:
    order_ids = earlier_orders.order_ids(purchase.id, purchase.product_id)
    return next((each for each in order_ids if each in named), None)


def _of_order(order: Order) -> Callable[[GivenBack], dict[str, Decimal]]:
    return lambda back: {order.id: back.net(order.amount)}


class _Account:
    """What is left of an order, or of the purchases that an earlier version made of it; `nets` says it of each."""

    def __init__(
        self,
        lines: Sequence[OrderLine],
        currency: str | None,
        nets: Callable[[GivenBack], dict[str, Decimal]],
    ) -> None:
        self._back = GivenBack(lines, currency)
        self._ordered = frozenset(line.product_id for line in lines)
        self._nets = nets
        self._left = nets(self._back)
        self._missing = self._gave_back = Decimal(0)

    def take(self, correction: OrderCorrection) -> Iterator[tuple[str, Decimal]]:
        """What the correction gives back, by sale; of several sales those alone that it gives anything back of."""
        asked, left = self._back.sum, self._left
        self._back.take(correction)
        self._left = self._nets(self._back)
        gave = {sale_id: money.difference(net, self._left[sale_id]) for sale_id, net in left.items()}
        self._gave_back = money.total(gave.values())
        self._missing = money.net(self._back.sum, (asked, self._gave_back))
        yield from (
            (sale_id, gave_back) for sale_id, gave_back in gave.items() if gave_back or len(gave) == 1
        )

    def idle(self, correction: OrderCorrection) -> Iterator[IdleCorrection]:
        """Why the correction, which was taken in last, has no effect or not all of it."""
        back, currency = self._back, self._back.currency
        if correction.id in back.of_other_currency:
            yield IdleCorrection(correction, Idle.OTHER_CURRENCY, currency)
        if beyond := back.beyond.get(correction.id):
            yield self._beyond(correction, beyond)
        if not back.everything and (unpriced := back.without_price.get(correction.id)):
            yield IdleCorrection(correction, Idle.WITHOUT_PRICE, currency, tuple(unpriced))
        if self._missing:
            yield IdleCorrection(correction, Idle.EXCEEDS_ORDER, currency, gave_back=self._gave_back)

    def _beyond(self, correction: OrderCorrection, lines: Sequence[OrderLine]) -> IdleCorrection:
        products = dict.fromkeys(line.product_id for line in lines)
        return IdleCorrection(
            correction,
            Idle.BEYOND_ORDER,
            self._back.currency,
            tuple(lines),
            never_ordered=tuple(each for each in products if each not in self._ordered),
            names_lines=bool(self._ordered),
        )


def lines_of(correction: Correction) -> tuple[OrderLine, ...]:
    """The units that a correction names."""
    return correction.lines if isinstance(correction, OrderRefund) else ()
