"""R13, R27: orders that an earlier version recorded as purchases are known by them, and corrected by correcting them."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.errors import ConflictingFact
from domain.facts import Order, OrderLine, OrderRefund, Purchase
from domain.journey.rules import earlier_orders
from tests.domain.journey_specification import (
    Fields,
    bought,
    campaign,
    conversion_restated,
    disregarded,
    earned,
    line,
    march,
    order_cancelled,
    order_refunded,
    ordered,
    received,
    refunded,
    revenue_restated,
    revenue_withdrawn,
    under,
    voided,
)
from tests.support.reference import instant

ANY = {"type": "makes_purchase", "deadline": "3d"}
SPRING = campaign(ANY)
R1 = received("r1", march(1))
TEA_AND_CUP = (line("tea", "9.99", 2), line("cup", "4.00"))
O2 = ordered("o2", march(2), *TEA_AND_CUP)


# What an earlier version recorded of an order of tea, cup, tea and 2: the second tea by its place.
OLD = [
    bought(f"order:o2:{name}", march(2), "11.00", product_id=product_id)
    for name, product_id in (("tea", "tea"), ("cup", "cup"), ("#2", "tea"), ("2", "2"))
]


def test_r13_an_order_recorded_as_purchases_is_known_by_them() -> None:
    """R13: the order again is a duplicate, or a conflict by those, and counts no second time."""
    lines = [line(each, "11.00") for each in ("tea", "cup", "tea", "2")]
    given = under(SPRING).given(R1, *OLD)
    given.when(ordered("o2", march(2), *lines)).then_known_already()
    given.when(ordered("o2", march(2), *reversed(lines))).then_refused(ConflictingFact)
    given.when(ordered("o2", march(2), *lines[:1])).then_refused(ConflictingFact)
    given.when(ordered("o2", march(3), *lines)).then_refused(ConflictingFact)


def test_r13_what_an_order_left_to_us_is_as_its_purchases_were_recorded() -> None:
    """R13: an instant of arrival, and a currency that was dollars then, whatever the group's default is now."""
    journey, _ = under(SPRING).given(R1, *OLD).journey()
    lines = tuple(OrderLine(each, Decimal(11)) for each in ("tea", "cup", "tea", "2"))
    again = Order("o2", instant(R1), lines, "USD")
    assert journey.take(replace(again, filled=("at", "currency"))) is False
    assert journey.recorded_currency("o2") == "EUR"
    with pytest.raises(ConflictingFact):
        journey.take(replace(again, filled=("at",)))
    with pytest.raises(ConflictingFact):
        journey.take(Order("o2", instant(O2), lines, "EUR", Decimal(3)))


def test_r13_the_quantities_of_an_order_recorded_as_purchases_are_compared() -> None:
    """R13: as its products and prices are."""
    given = under(SPRING).given(R1, bought("order:o2:tea", march(2), "9.99", product_id="tea", quantity=2))
    given.when(ordered("o2", march(2), line("tea", "9.99", 2))).then_known_already()
    given.when(ordered("o2", march(2), line("tea", "9.99"))).then_refused(ConflictingFact)


def test_r13_a_line_named_by_its_place_has_no_products_name() -> None:
    """R13: an earlier version put `#` before a place for as long as a product of the order had that name."""
    products = {"2": "2", "#2": "#2", "##2": "2"}
    old = [bought(f"order:o2:{name}", march(2), product_id=each) for name, each in products.items()]
    again = ordered("o2", march(2), *[line(each, "1.00") for each in products.values()])
    under(SPRING).given(R1, *old).when(again).then_known_already()


def test_r13_an_order_without_products_recorded_as_a_purchase_is_known_by_it() -> None:
    """R13: an earlier version named its product `order`."""
    whole = bought("order:o2:order", march(2), "20", product_id="order")
    under(SPRING).given(R1, whole).when(ordered("o2", march(2), total="20")).then_known_already()
    under(SPRING).given(R1, whole).when(ordered("o2", march(2), total="21")).then_refused(ConflictingFact)


@pytest.mark.parametrize(
    ("correction", "nets"),
    [
        (order_cancelled("x2", "o2"), ["0", "0", "0", "0"]),
        (order_refunded("x2", "o2"), ["0", "0", "0", "0"]),
        (order_refunded("x2", "o2", line("tea", "5")), ["6", "11", "11", "11"]),
        (order_refunded("x2", "o2", line("tea", None, 2)), ["0", "11", "0", "11"]),
        (order_refunded("x2", "o2", amount="12"), ["10", "0", "11", "11"]),
        (order_refunded("x2", "o2", amount="12", currency="EUR"), ["10", "0", "11", "11"]),
        (order_refunded("x2", "o2", amount="12", currency="USD"), ["11", "11", "11", "11"]),
        (order_refunded("x2", "o", amount="12"), ["11", "11", "11", "11"]),
    ],
)
def test_r27_corrections_act_on_an_order_recorded_as_purchases(correction: Fields, nets: list[str]) -> None:
    """R27: of the sum, and of the purchase of each unit; in any order, and a void takes it back (R17)."""
    for facts in ((*OLD, correction), (correction, *reversed(OLD)), (OLD[0], correction, *OLD[1:])):
        given = under(SPRING).given(R1, *facts)
        revenue = given.outcome().revenue
        assert [revenue["u1", "spring", each["id"]][3] for each in OLD] == [Decimal(each) for each in nets]
        undone = given.given(voided("d1", "x2")).outcome().revenue
        assert {undone["u1", "spring", each["id"]][3] for each in OLD} == {Decimal(11)}


def test_r27_a_purchase_that_only_looks_like_an_orders_is_no_part_of_an_order_that_is_known() -> None:
    """R27: corrections name the order itself where one is recorded."""
    alike = bought("order:o2:tea", march(2), "11.00")
    given = under(SPRING).given(R1, O2, alike)
    given.when(order_cancelled("x2", "o2")).then(revenue_restated(O2, (R1, "23.98"), (R1, "0")))
    assert list(earlier_orders.order_ids("order::tea", "tea")) == []


def test_r27_a_purchase_is_of_the_order_that_its_product_or_place_leaves() -> None:
    """R27: a colon may be of the order's id or of the product's, and no other order is taken for recorded."""
    assert list(earlier_orders.order_ids("order:a:b:tea", "tea")) == ["a:b"]
    assert list(earlier_orders.order_ids("order:a:b:tea", "b:tea")) == ["a"]
    assert list(earlier_orders.order_ids("order:a:b:#2", "tea")) == ["a:b"]
    assert list(earlier_orders.order_ids("order:a:b:2", "b:2")) == ["a", "a:b"]
    assert list(earlier_orders.order_ids("order:a:b:tea", "cup")) == []
    tea = bought("order:a:b:tea", march(2), "11.00", product_id="tea")
    given = under(SPRING).given(R1, tea)
    of_a = ordered("a", march(3), line("pot", "5.00"))
    given.when(of_a).then(earned(of_a, R1, "5.00"))
    given.when(order_cancelled("x2", "a")).then_nothing()
    given.when(ordered("a:b", march(2), line("pot"))).then_refused(ConflictingFact)


def test_r17_a_voided_purchase_of_an_order_leaves_amounts_to_the_others() -> None:
    """R17: what came off it comes off the next one; amounts come off purchases by the names of their lines."""
    tea, cup = OLD[:2]
    refund, void = order_refunded("x2", "o2", amount="12"), voided("d1", cup["id"])
    under(SPRING).given(R1, tea, cup, refund).when(void).then(
        disregarded(void, cup),
        conversion_restated((cup, R1), (tea, R1)),
        revenue_withdrawn(cup, R1, "0"),
        revenue_restated(tea, (R1, "10"), (R1, "0")),
    )


def test_r17_nothing_comes_off_a_purchase_that_was_voided() -> None:
    """R17, R27: a correction that comes after the void acts on the others alone."""
    tea, cup = OLD[:2]
    given = under(SPRING).given(R1, tea, cup, voided("d1", cup["id"]))
    given.when(order_refunded("x2", "o2", amount="3")).then(revenue_restated(tea, (R1, "11"), (R1, "8")))


def test_r12_a_refund_of_one_purchase_of_a_corrected_order_is_its_own() -> None:
    """R12, R27: what the order gives back comes off the others as before."""
    tea, cup = OLD[:2]
    given = under(SPRING).given(R1, tea, cup, order_refunded("x2", "o2", amount="1"))
    given.when(refunded("f1", tea["id"], "2")).then(revenue_restated(tea, (R1, "11"), (R1, "9")))


def test_r27_corrections_of_an_order_that_is_known_leave_purchases_that_look_like_its_own() -> None:
    """R27: those that come later, and those whose other order is the one that is corrected."""
    alike = bought("order:o2:tea", march(2), "11.00", product_id="tea")
    given = under(SPRING).given(R1, O2, order_refunded("x2", "o2", amount="5"))
    given.when(alike).then(earned(alike, R1, "11.00"))
    placed = bought("order:a:1:1", march(2), "11.00", product_id="1:1")
    tea = bought("order:a:1:tea", march(2), "3.00", product_id="tea")
    known = (ordered("a", march(2), line("pot", "5.00")), order_refunded("x3", "a", amount="1"))
    given = under(SPRING).given(*known, placed, tea, order_refunded("x4", "a:1", amount="5"), R1)
    revenue = given.outcome().revenue
    assert revenue["u1", "spring", tea["id"]][3] == 0
    assert revenue["u1", "spring", placed["id"]][3] == 9


def test_r27_as_many_units_come_off_a_purchase_as_were_bought() -> None:
    """R27: its quantity is its line's."""
    tea = bought("order:o2:tea", march(2), "9.00", product_id="tea", quantity=3)
    given = under(SPRING).given(R1, tea)
    given.when(order_refunded("x2", "o2", line("tea", None, 2))).then(
        revenue_restated(tea, (R1, "27.00"), (R1, "9.00"))
    )


def test_r27_purchases_lie_as_their_lines_did() -> None:
    """R27: places are compared as numbers, with `#` before them or not; one that none can be is 0."""
    names = ["tea", "1234567890", "1", "#9", "#10", "11"]
    purchases = [_purchase(f"order:o2:{name}") for name in names]
    assert earlier_orders.sort_as_ordered("o2", reversed(purchases)) == purchases


def test_r27_the_nets_of_several_orders_purchases_are_found_at_once() -> None:
    """R12, R27: of those of no order as well."""
    known = [_purchase(each) for each in ("p1", "order:o2:tea", "order:o3:tea")]
    off = {each: [OrderRefund("x2", instant(R1), each, Decimal(3))] for each in ("o2", "o3")}
    nets = earlier_orders.nets_of_purchases(known, {each.id: [] for each in known}, off)
    assert nets == {"p1": 11, "order:o2:tea": 8, "order:o3:tea": 8}


def _purchase(purchase_id: str) -> Purchase:
    return Purchase(purchase_id, instant(R1), "tea", Decimal(11), "EUR")


def test_r9_a_late_receipt_finds_all_purchases_of_a_corrected_order() -> None:
    """R9, R27: their nets are found once for all of them."""
    amount = order_refunded("x2", "o2", amount="12")
    revenue = under(SPRING).given(*OLD, amount, R1).outcome().revenue
    assert [revenue["u1", "spring", each["id"]][3] for each in OLD] == [
        Decimal(each) for each in (10, 0, 11, 11)
    ]


def test_r27_an_order_of_an_earlier_state_is_looked_up() -> None:
    """R13: a state kept by an earlier version does not say whether there are such purchases."""
    journey, _ = under(SPRING).given(R1, *OLD).journey()
    journey.state.orders_as_purchases = None
    with pytest.raises(ConflictingFact):
        journey.take(Order("o2", instant(O2), (OrderLine("pot"),)))
    assert journey.take(Order("o3", instant(O2), (OrderLine("pot"),))) is True
