"""What counts as revenue, what each correction gave back of it, and what had no effect (R12, R27)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from domain.explained_revenue import Idle, lines_of
from domain.explanation import Explanation, RecordedEvent, explain
from domain.facts import OrderCancelled, OrderLine, OrderRefund
from domain.journey.decisions import JourneyEvent
from tests.domain.journey.test_journey_laws import plans
from tests.domain.journey_specification import (
    Fields,
    bought,
    campaign,
    line,
    march,
    order_cancelled,
    order_refunded,
    ordered,
    performed,
    received,
    refunded,
    under,
    voided,
)
from tests.domain.journeys import Journeys
from tests.domain.test_explanation import RECORDED, story
from tests.support.reference import instant

BUYS = {"type": "makes_purchase", "deadline": "3d"}
R1 = received("r1", march(1))
TEA, CUP = line("tea", "9.99", 2), line("cup", "4.00")
ORDER = ordered("o1", march(2), TEA, CUP, total="21.98")
LEGACY = (
    bought("order:A-1:tea", march(2), "10", quantity=2, product_id="tea"),
    bought("order:A-1:cup", march(2), "3", product_id="cup"),
)


def effects(*facts: Fields) -> dict[str, dict[str, str]]:
    """By sale and correction what it gave back."""
    sales = story(BUYS, R1, *facts).sales
    return {
        each.sale.id: {effect.correction.id: str(effect.gave_back) for effect in each.effects}
        for each in sales
    }


def nets(explained: Explanation) -> dict[str, Decimal]:
    """By sale what is left of it."""
    return {each.sale.id: each.revenue.net for each in explained.sales}


def idle(*facts: Fields) -> list[tuple[str, Idle]]:
    """The corrections without effect, and why."""
    explained = story(BUYS, R1, *facts)
    return [(each.correction.id, each.reason) for each in explained.refunds_without_effect]


def test_r27_each_correction_of_an_order_tells_what_it_gave_back() -> None:
    """R27: units at the line's price, an amount, and all that is left: 21.98, 11.99, 10.00, 0.00."""
    one_tea = order_refunded("f1", "o1", line("tea"), at=march(3))
    amount = order_refunded("f2", "o1", amount="1.99", at=march(4))
    cancelled = order_cancelled("c1", "o1", march(5))
    assert effects(ORDER, one_tea, amount) == {"o1": {"f1": "9.99", "f2": "1.99"}}
    told = story(BUYS, R1, cancelled, amount, ORDER, one_tea)
    assert nets(told) == {"o1": Decimal(0)}
    assert [str(each.gave_back) for each in told.sales[0].effects] == ["9.99", "1.99", "10"]
    assert told.refunds_without_effect == []


def test_b5_units_without_a_price_in_the_refund_come_back_at_the_orders() -> None:
    """R27: or at the refund's own price, where it names one."""
    cheaper = order_refunded("f2", "o1", line("tea", "5"), at=march(4))
    assert effects(ORDER, order_refunded("f1", "o1", line("tea"), at=march(3)), cheaper) == {
        "o1": {"f1": "9.99", "f2": "5"}
    }


def test_b3_a_cancellation_gives_back_what_refunds_have_left() -> None:
    """R27: a second one gives back nothing, and asked for no more."""
    cancelled = [order_cancelled("c1", "o1", march(5)), order_cancelled("c2", "o1", march(6))]
    assert effects(ORDER, *cancelled) == {"o1": {"c1": "21.98", "c2": "0"}}
    assert idle(ORDER, *cancelled) == []


@pytest.mark.parametrize(
    ("correction", "reason"),
    [
        (order_refunded("f", "o9", amount="1"), Idle.NO_SUCH_ORDER),
        (order_cancelled("f", "o9"), Idle.NO_SUCH_ORDER),
        (order_refunded("f", "p1"), Idle.NOT_AN_ORDER),
        (order_cancelled("f", "c1"), Idle.NOT_AN_ORDER),
        (order_refunded("f", "gone", amount="1"), Idle.ORDER_DISREGARDED),
        (order_cancelled("f", "B-2"), Idle.ORDER_DISREGARDED),
        (order_refunded("f", "o1", amount="1", currency="USD"), Idle.OTHER_CURRENCY),
        (order_refunded("f", "free", amount="1", currency="USD"), Idle.OTHER_CURRENCY),
        (order_refunded("f", "o1", amount="21.99"), Idle.EXCEEDS_ORDER),
        (order_refunded("f", "o1", line("tea", "30")), Idle.EXCEEDS_ORDER),
        (order_refunded("f", "o1", line("mug")), Idle.BEYOND_ORDER),
        (order_refunded("f", "o1", line("tea", None, 3)), Idle.BEYOND_ORDER),
        (order_refunded("f", "unpriced", line("cup")), Idle.WITHOUT_PRICE),
        (refunded("f", "o1", "1"), Idle.NOT_A_PURCHASE),
        (refunded("f", "gone", "1"), Idle.NOT_A_PURCHASE),
        (refunded("f", "c1", "1"), Idle.NO_SUCH_PURCHASE),
        (refunded("f", "order:B-2:tea", "1"), Idle.PURCHASE_DISREGARDED),
        (order_refunded("f", "A-1", amount="24"), Idle.EXCEEDS_ORDER),
        (order_refunded("f", "A-1", line("cup", None, 2)), Idle.BEYOND_ORDER),
    ],
)
def test_r12_r27_a_correction_without_effect_has_its_reason(correction: Fields, reason: Idle) -> None:
    """R12, R27: accepted, and shown: what it names is not there, or is no order, or had less."""
    facts = [
        ORDER,
        ordered("free", march(2), line("tea"), currency=None),
        ordered("unpriced", march(2), line("tea", "5"), line("cup")),
        ordered("gone", march(2), TEA),
        bought("p1", march(2)),
        performed("c1", march(2)),
        bought("order:B-2:tea", march(2)),
        *LEGACY,
        voided("d1", "gone"),
        voided("d2", "order:B-2:tea"),
    ]
    assert idle(*facts, correction) == [("f", reason)]


def test_b4_units_of_two_lines_are_one_number_of_units() -> None:
    """R27: two red and blue teas come back together; a third was never ordered, and is told with its number."""
    two = ordered("o1", march(2), line("tea", "11"), line("tea", "11"))
    assert effects(two, order_refunded("f1", "o1", line("tea", None, 2))) == {"o1": {"f1": "22"}}
    told = story(BUYS, R1, two, order_refunded("f1", "o1", line("tea", "9", 5), line("mug", None, 2)))
    (found,) = told.refunds_without_effect
    assert found.lines == (OrderLine("tea", Decimal(9), 3), OrderLine("mug", None, 2))


def test_r27_units_without_a_price_are_told_with_their_number() -> None:
    """R27: those that came back of the line, and were not more than were ordered."""
    order = ordered("o1", march(2), line("tea", "5"), line("cup", None, 3))
    told = story(BUYS, R1, order, order_refunded("f1", "o1", line("cup", None, 2)))
    assert [each.lines for each in told.refunds_without_effect] == [(OrderLine("cup", None, 2),)]


def test_r27_all_units_of_an_orders_only_line_give_back_everything() -> None:
    """R27: though no price is known, the total is; until then they give back nothing, and that is told."""
    order = ordered("o1", march(2), line("tea", None, 2), total="15")
    half = [order_refunded("f1", "o1", line("tea"), at=march(3))]
    assert (effects(order, *half), idle(order, *half)) == ({"o1": {"f1": "0"}}, [("f1", Idle.WITHOUT_PRICE)])
    whole = [*half, order_refunded("f2", "o1", line("tea"), at=march(4))]
    assert effects(order, *whole) == {"o1": {"f1": "0", "f2": "15"}}


def test_r27_an_order_recorded_as_purchases_shows_its_corrections_under_them() -> None:
    """R27: each under the purchases that it gave something back of; an amount comes off the first that have any left."""
    one_tea = order_refunded("f1", "A-1", line("tea"), at=march(3))
    amount = order_refunded("f2", "A-1", amount="4", at=march(4))
    own = refunded("x1", "order:A-1:cup", "1", at=march(5))
    assert effects(*LEGACY, one_tea, amount, own) == {
        "order:A-1:cup": {"f2": "2", "x1": "1"},
        "order:A-1:tea": {"f1": "10", "f2": "2"},
    }
    assert effects(*LEGACY, order_cancelled("c1", "A-1")) == {
        "order:A-1:cup": {"c1": "3"},
        "order:A-1:tea": {"c1": "20"},
    }


def test_r27_an_order_without_money_is_told_and_counts_nothing() -> None:
    """R11, R27: inside the window; it converts, and has no revenue."""
    free = ordered("o1", march(2), line("tea"), currency=None)
    told = story(BUYS, R1, free, free | {"id": "o9", "at": march(9)})
    assert [each.id for each in told.orders_without_money] == ["o1"]
    assert (told.sales, told.conversion_events[0].reason) == ([], None)


@settings(max_examples=60, deadline=None)
@given(plan=plans())
def test_r12_r27_what_was_given_back_is_what_the_net_lacks(plan: Any) -> None:
    """R14: for any facts, an amount less what each correction gave back of it is the net that was decided."""
    campaigns, facts, _ = plan
    journeys = Journeys(campaigns)
    journeys.take(facts)
    for user_id, events in journeys.events.items():
        for each in campaigns:
            for sale in _sales(journeys, user_id, each["id"], events):
                give_back = sum((effect.gave_back for effect in sale.effects), Decimal(0))
                assert sale.sale.amount - give_back == sale.revenue.net
                assert all(effect.gave_back >= 0 for effect in sale.effects)


def _sales(journeys: Journeys, user_id: str, campaign_id: str, events: list[JourneyEvent]) -> Any:
    definition = journeys.journeys[user_id].definitions[campaign_id]
    return explain(campaign_id, definition, [RecordedEvent(RECORDED, event) for event in events]).sales


def test_a_story_is_told_of_any_facts() -> None:
    """Without facts there is nothing to tell."""
    journey, events = under(campaign(BUYS)).journey()
    told = explain(
        "spring", journey.definitions["spring"], [RecordedEvent(RECORDED, event) for event in events]
    )
    assert (told.known, told.sales, told.refunds_without_effect) == (False, [], [])


def test_r27_only_a_refund_names_units() -> None:
    """R27: a cancellation gives back everything, and a refund may name none."""
    at, cup = instant(R1), (OrderLine("cup"),)
    assert lines_of(OrderRefund("x1", at, "o1", lines=cup)) == cup
    assert lines_of(OrderRefund("x1", at, "o1")) == lines_of(OrderCancelled("x2", at, "o1")) == ()
