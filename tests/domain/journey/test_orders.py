"""Orders (R27), sentence by sentence: what they convert, what they come to, and what is given back of them."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from application.commands.facts import read_fact
from domain.errors import ConflictingFact, DomainError
from domain.facts import CustomEvent
from tests.domain.journey_specification import (
    Fields,
    bought,
    campaign,
    conversion_withdrawn,
    converted,
    disregarded,
    earned,
    line,
    march,
    order_cancelled,
    order_refunded,
    ordered,
    performed,
    received,
    refunded,
    revenue_restated,
    revenue_withdrawn,
    session,
    under,
    upgraded,
    voided,
)
from tests.support.reference import instant

ANY = {"type": "makes_purchase", "deadline": "3d"}
TEA = ANY | {"product_id": "tea"}
CUP = ANY | {"product_id": "cup"}
SPRING = campaign(ANY)
R1 = received("r1", march(1))
TEA_AND_CUP = (line("tea", "9.99", 2), line("cup", "4.00"))
O2 = ordered("o2", march(2), *TEA_AND_CUP)


def net(*facts: Fields) -> Decimal:
    """What stands of the order o2 for the campaign."""
    outcome = under(SPRING).given(R1, *facts).outcome()
    return outcome.revenue["u1", "spring", "o2"][3]


# What an order is


def test_r27_an_order_converts_once_where_any_line_matches() -> None:
    """R27: it counts as a purchase of every product in it, and is one behaviour."""
    spring = campaign(TEA, CUP, ANY | {"product_id": "pot"}, ANY)
    under(spring).given(R1).when(O2).then(
        converted(O2, R1, 0), converted(O2, R1, 1), converted(O2, R1, 3), earned(O2, R1, "23.98")
    )


def test_r27_a_basket_is_one_conversion_and_no_change_of_mind() -> None:
    """B30: three products of one order, whatever their names."""
    basket = ordered("A-86", march(2), line("c", "1"), line("b", "1"), line("a", "1"))
    under(SPRING).given(R1).when(basket).then(converted(basket, R1), earned(basket, R1, "3"))


def test_r27_the_amount_is_the_total_where_that_is_given() -> None:
    """R27: whatever its lines come to."""
    assert net(O2 | {"total": "21.98"}) == Decimal("21.98")


def test_r27_the_amount_is_else_the_sum_of_the_lines() -> None:
    """R27: price x quantity of each, exact."""
    assert net(O2) == Decimal("23.98")


def test_r27_lines_without_a_price_add_nothing() -> None:
    """R27: without a total; the order converts all the same."""
    order = ordered("o2", march(2), line("tea"), line("cup", "4.00"))
    under(campaign(TEA)).given(R1).when(order).then(converted(order, R1), earned(order, R1, "4.00"))


def test_r27_an_order_of_a_total_alone_matches_any_product_only() -> None:
    """R27: its products are not known."""
    order = ordered("o2", march(2), total="20")
    under(campaign(TEA, ANY)).given(R1).when(order).then(converted(order, R1, 1), earned(order, R1, "20"))


def test_r27_an_order_that_names_no_money_converts_and_has_no_revenue() -> None:
    """R11, R27: no currency appears, as none is known."""
    order = ordered("o2", march(2), line("tea")) | {"currency": None}
    under(SPRING).given(R1).when(order).then(converted(order, R1))
    under(SPRING).given(R1, order).when(order_cancelled("x9", "o2")).then_nothing()


def test_r27_an_order_with_app_and_version_is_a_version_report() -> None:
    """R10, R27."""
    before = session("s1", march(1), app_version="1.2")
    order = ordered("o2", march(2), total="5", app_id="ios", app_version="1.3")
    under(campaign({"type": "upgrades_app", "deadline": "3d"})).given(R1, before).when(order).then(
        upgraded(order, before), converted(order, R1), earned(order, R1, "5")
    )


@pytest.mark.parametrize(
    "fact",
    [
        ordered("o2", march(2), total="5", name="Order Completed"),
        order_refunded("x2", "nothing", at=march(2), name="Order Completed"),
        order_cancelled("x2", "nothing", at=march(2), name="Order Completed"),
    ],
    ids=lambda raw: raw["type"],
)
def test_r27_what_came_as_a_named_event_performs_that_event(fact: Fields) -> None:
    """R2, R27: one behaviour, that converts on both; and falls back where it is voided (R17)."""
    event = {"type": "performs_custom_event", "name": "Order Completed", "deadline": "3d"}
    given = under(campaign(event, {"type": "starts_session", "deadline": "3d"})).given(R1)
    revenue = [earned(fact, R1, "5")] if fact["type"] == "order" else []
    given.when(fact).then(converted(fact, R1), *revenue)
    gone = [revenue_withdrawn(fact, R1, "5")] if revenue else []
    void = voided("d1", fact["id"])
    given.given(fact).when(void).then(disregarded(void, fact), conversion_withdrawn(fact, R1), *gone)


def test_r27_a_late_receipt_finds_the_named_cancellation() -> None:
    """R14, R27: a cancellation that performs an event is a behaviour of the past as any other."""
    event = {"type": "performs_custom_event", "name": "Order Cancelled", "deadline": "3d"}
    cancelled = order_cancelled("x2", "o2", at=march(2), name="Order Cancelled")
    decided = under(campaign(event)).given(cancelled).when(R1)
    assert converted(cancelled, R1) in decided.events


# Identity


def test_r27_the_same_order_again_is_a_duplicate() -> None:
    """R13, R27."""
    under(SPRING).given(R1, O2).when(O2).then_known_already()


@pytest.mark.parametrize(
    "again",
    [
        O2 | {"name": "Order Completed"},
        O2 | {"total": "23.98"},
        O2 | {"total": "23.980"},
        O2 | {"lines": [line("tea", "9.990", 2), {"product_id": "cup", "price": 4}]},
    ],
)
def test_r27_the_same_order_in_another_shape_is_a_duplicate(again: Fields) -> None:
    """R13, R27: the event it came as is no part of it, nor a total that says what the lines say."""
    under(SPRING).given(R1, O2).when(again).then_known_already()
    under(SPRING).given(R1, again).when(O2).then_known_already()


@pytest.mark.parametrize(
    "other",
    [
        O2 | {"total": "21.98"},
        O2 | {"lines": [line("cup", "4.00"), line("tea", "9.99", 2)]},
        O2 | {"lines": [line("tea", "9.99"), line("tea", "9.99"), line("cup", "4.00")]},
        O2 | {"lines": [line("tea", None, 2), line("cup", "4.00")]},
        O2 | {"currency": "USD"},
        O2 | {"at": march(3)},
        O2 | {"lines": None, "total": "23.98"},
    ],
)
def test_r27_another_order_of_the_same_id_is_a_conflict(other: Fields) -> None:
    """R13, R27: lines are compared in their order; the first stands."""
    under(SPRING).given(R1, O2).when(other).then_refused(ConflictingFact)


def test_r27_a_conflict_names_the_type_of_the_other_fact() -> None:
    """R27: an order whose id another fact of the user has."""
    journey, _ = under(SPRING).given(performed("o2", march(2))).journey()
    with pytest.raises(ConflictingFact, match="custom_event"):
        journey.take(under(SPRING).read(O2))


def test_r13_what_was_filled_in_by_default_makes_no_conflict() -> None:
    """R13: what was recorded stands; another value that was told is a conflict all the same."""
    given = under(SPRING).given(R1, O2)
    journey, _ = given.journey()
    dollars = given.read(O2 | {"currency": "USD"})
    assert journey.take(replace(dollars, filled=("currency",))) is False
    with pytest.raises(ConflictingFact, match="content: currency"):
        journey.take(dollars)
    with pytest.raises(ConflictingFact, match="total"):
        journey.take(replace(given.read(O2 | {"currency": "USD", "total": "1"}), filled=("currency",)))
    with pytest.raises(ConflictingFact, match="type order"):
        journey.take(CustomEvent("o2", instant(O2), "signed_up", filled=("at",)))


def test_r13_what_was_filled_in_when_it_was_recorded_makes_no_conflict_later() -> None:
    """R13: an instant of arrival, and a currency by default, though the same fact names them now."""
    journey, _ = under(SPRING).given(R1).journey()
    told = under(SPRING).read(O2)
    assert journey.take(replace(told, filled=("at", "currency"))) is True
    assert journey.take(replace(told, currency="USD", at=instant(R1))) is False
    with pytest.raises(ConflictingFact, match="lines"):
        journey.take(replace(told, lines=told.lines[:1]))  # type: ignore[union-attr]
    with pytest.raises(ConflictingFact, match="properties"):
        journey.take(replace(told, properties="ab12"))


def test_r11_the_recorded_currency_is_that_of_the_fact_with_the_id() -> None:
    """R11, R13: none where nothing is recorded, or what is has no currency."""
    journey, _ = under(SPRING).given(R1, O2).journey()
    assert [journey.recorded_currency(each) for each in ("o2", "r1", "nothing")] == ["EUR", None, None]


# What is given back


def test_r27_the_example() -> None:
    """R27: total 21.98; a refund of one tea, an amount of 1.99: net 10.00; cancelled: 0.00."""
    order = O2 | {"total": "21.98"}
    one_tea = order_refunded("x2", "o2", line("tea"))
    amount = order_refunded("x3", "o2", amount="1.99")
    assert net(order, one_tea) == Decimal("11.99")
    assert net(order, one_tea, amount) == Decimal("10.00")
    assert net(order, one_tea, amount, order_cancelled("x4", "o2")) == Decimal(0)


@pytest.mark.parametrize("all_of_it", [order_refunded("x2", "o2"), order_cancelled("x2", "o2")])
def test_r27_everything_is_given_back_and_the_conversion_stays(all_of_it: Fields) -> None:
    """R12, R27: by a refund with neither amount nor lines, and by a cancellation; before or after the order."""
    given = under(SPRING).given(R1)
    given.given(O2).when(all_of_it).then(revenue_restated(O2, (R1, "23.98"), (R1, "0")))
    given.given(all_of_it).when(O2).then(converted(O2, R1), earned(O2, R1, "0"))


def test_r27_a_voided_cancellation_gives_nothing_back() -> None:
    """R17, R27: as if it had not been; and a voided refund likewise."""
    cancelled, void = order_cancelled("x2", "o2"), voided("d1", "x2")
    under(SPRING).given(R1, O2, cancelled).when(void).then(
        disregarded(void, cancelled), revenue_restated(O2, (R1, "0"), (R1, "23.98"))
    )


def test_r27_a_correction_of_a_voided_order_has_no_effect() -> None:
    """R17, R27."""
    given = under(SPRING).given(R1, O2, voided("d1", "o2"))
    given.when(order_cancelled("x2", "o2")).then_nothing()


def test_r27_a_voided_order_counts_nowhere() -> None:
    """R17, R27: and what it had given back plays no part."""
    refund, void = order_refunded("x2", "o2", amount="3.98"), voided("d1", "o2")
    under(SPRING).given(R1, O2, refund).when(void).then(
        disregarded(void, O2), conversion_withdrawn(O2, R1), revenue_withdrawn(O2, R1, "20.00")
    )


def test_r27_units_are_given_back_in_the_order_of_the_refunds() -> None:
    """R27: by instant, then id, however they arrive; each from the first line that has units left."""
    order = ordered("o2", march(2), line("tea", "10"), line("tea", "7"))
    first = order_refunded("x9", "o2", line("tea"), at=march(3))
    second = order_refunded("x1", "o2", line("tea", "1"), at=march(4))
    for facts in ((order, first, second), (second, first, order), (second, order, first)):
        assert net(*facts) == Decimal(6)
    same_time = order_refunded("x1", "o2", line("tea", "1"), at=march(3))
    assert net(order, first, same_time) == Decimal(9)


def test_r27_two_lines_of_one_product_are_given_back_together() -> None:
    """B4: two units of a product that stands in two lines."""
    order = ordered("o2", march(2), line("tea", "11"), line("tea", "11"))
    assert net(order, order_refunded("x2", "o2", line("tea", "11", 2))) == Decimal(0)


def test_r27_a_unit_is_given_back_at_the_price_the_refund_says() -> None:
    """R27: else the line's (B5)."""
    assert net(O2, order_refunded("x2", "o2", line("tea", "5.00"))) == Decimal("18.98")
    assert net(O2, order_refunded("x2", "o2", line("tea"))) == Decimal("13.99")


def test_r27_units_and_products_beyond_those_ordered_give_back_nothing() -> None:
    """R27: a third tea, and a pot."""
    refund = order_refunded("x2", "o2", line("tea", "100", 3), line("pot", "100"), line("cup"))
    assert net(O2 | {"total": "1000"}, refund) == Decimal(796)
    third = order_refunded("x2", "o2", line("tea", None, 3))
    assert net(O2, third, order_refunded("x3", "o2", line("tea"))) == Decimal("4.00")


def test_r27_discounts_tax_and_shipping_are_not_shared_out_over_lines() -> None:
    """R27: all units of a discounted order come back at their prices, and the net is never below 0."""
    assert net(O2 | {"total": "25.98"}, order_refunded("x2", "o2", *TEA_AND_CUP)) == Decimal("2.00")
    assert net(O2 | {"total": "21.98"}, order_refunded("x2", "o2", *TEA_AND_CUP)) == Decimal(0)


def test_r27_a_line_without_a_price_gives_back_nothing() -> None:
    """R27: as long as not all units of the order's only line are back."""
    two = ordered("o2", march(2), line("tea", None, 2), total="15")
    one = order_refunded("x2", "o2", line("tea"))
    assert net(two, one) == Decimal(15)
    assert net(two, one, order_refunded("x3", "o2", line("tea"))) == Decimal(0)
    lines = ordered("o2", march(2), line("tea"), line("cup", "4.00"), total="15")
    assert net(lines, one) == Decimal(15)


def test_r27_a_refunds_own_price_is_given_back_of_a_line_without_one() -> None:
    """R27: at the price that the refund says, also where that is all of the only line."""
    order = ordered("o2", march(2), line("tea"), total="15")
    assert net(order, order_refunded("x2", "o2", line("tea", "6"))) == Decimal(9)


def test_r27_a_refund_in_another_currency_has_no_effect() -> None:
    """R27: accepted, and its units are not taken either."""
    refund = order_refunded("x2", "o2", line("tea"), currency="USD")
    under(SPRING).given(R1, O2).when(refund).then_nothing()
    assert net(O2, order_refunded("x3", "o2", currency="EUR")) == Decimal(0)


def test_r27_a_refund_names_purchases_only_and_order_corrections_orders_only() -> None:
    """R12, R27: accepted, without effect."""
    p2 = bought("p2", march(2), "20.00")
    under(SPRING).given(R1, O2).when(refunded("x2", "o2", "5.00")).then_nothing()
    under(SPRING).given(R1, p2).when(order_refunded("x2", "p2")).then_nothing()
    under(SPRING).given(R1, p2).when(order_cancelled("x2", "p2")).then_nothing()


def test_r27_a_late_receipt_finds_the_order_and_its_net() -> None:
    """R9, R14, R27."""
    decided = under(SPRING).given(O2, order_refunded("x2", "o2", amount="3.98")).when(R1)
    assert decided.events[-2:] == (converted(O2, R1), earned(O2, R1, "20.00"))


# Orders as they are read


@pytest.mark.parametrize(
    ("order", "code", "place"),
    [
        (ordered("o2", march(2)), "malformed", "lines"),
        (ordered("o2", march(2)) | {"lines": []}, "malformed", "lines"),
        (ordered("o2", march(2), line("tea") | {"currency": "USD"}), "bad_money", "currency"),
        (
            ordered("o2", march(2), line("tea") | {"currency": "USD"}, line("cup") | {"currency": "JPY"})
            | {"currency": None},
            "bad_money",
            "currency",
        ),
        (ordered("o2", march(2), line("tea"), line("cup", "-1")), "bad_money", "lines.1.price"),
        (ordered("o2", march(2), {"price": "1"}), "malformed", "lines.0.product_id"),
        (ordered("o2", march(2), line("tea") | {"colour": "red"}), "unknown_field", "lines.0.colour"),
        (ordered("o2", march(2), line("tea"), total="x"), "bad_money", "total"),
        (ordered("o2", march(2), *[line("tea")] * 1_001), "malformed", "lines"),
        (ordered("o2", march(2)) | {"lines": "tea"}, "malformed", "lines"),
        (ordered("o2", march(2)) | {"lines": ["tea"]}, "malformed", "lines.0"),
        (order_refunded("x2", "o2", line("tea"), amount="1"), "malformed", "amount"),
        (order_refunded("x2", "o2") | {"lines": []}, "malformed", "lines"),
        (order_refunded("x2", "o2", line("tea", None, 0)), "bad_money", "lines.0.quantity"),
        (order_refunded("x2", "o2", amount="1", currency="usd"), "bad_money", "currency"),
        (order_cancelled("x2", "o2", amount="1"), "unknown_field", "amount"),
    ],
)
def test_r27_what_is_no_order_is_refused_with_its_place(order: Fields, code: str, place: str) -> None:
    """R16, R27: the same at every door; lines that contradict the order's currency are refused with it."""
    with pytest.raises(DomainError) as refused:
        read_fact(order)
    assert (refused.value.code, refused.value.place) == (code, place)


def test_r27_an_order_has_the_currency_that_its_lines_agree_on() -> None:
    """R27: where it names none itself (B1)."""
    told = ordered("o2", march(2), line("tea", "10") | {"currency": "JPY"}, line("cup")) | {"currency": None}
    assert under(SPRING).given(R1, told).outcome().revenue["u1", "spring", "o2"][2] == "JPY"
