"""Revenue: the purchases that count for a campaign, and refunds (R11, R12)."""

from decimal import Decimal

import pytest

from tests.domain.journey_specification import (
    bought,
    campaign,
    converted,
    counted,
    disregarded,
    earned,
    march,
    performed,
    received,
    recounted,
    refunded,
    revenue_restated,
    revenue_withdrawn,
    under,
    voided,
)
from tests.domain.journeys import Journeys

OPENS = {"type": "starts_session", "deadline": "3d"}
SPRING = campaign(OPENS, variants=[{"id": "A"}, {"id": "B"}, {"id": "holdout", "control": True}])
R1, R3 = received("r1", march(1), "A"), received("r3", march(3), "B")
P2 = bought("p2", march(2), "20.00")
P9 = bought("p9", march(9), "20.00")


def test_r11_every_purchase_in_the_primary_window_counts_whatever_the_event() -> None:
    """R11: of any product, once each, though the campaign hopes for a session."""
    other = bought("p3", march(2), "5.00", "USD", product_id="sku-1")
    under(SPRING).given(R1).when(P2).then(earned(P2, R1, "20.00"))
    under(SPRING).given(R1, P2).when(other).then(earned(other, R1, "5.00"))


def test_r11_only_the_primary_window_decides() -> None:
    """R11: another conversion event's longer or shorter window has no say."""
    longer = {"type": "makes_purchase", "deadline": "30d"}
    under(campaign(OPENS, longer, variants=SPRING["variants"])).given(R1).when(P9).then(converted(P9, R1, 1))
    under(campaign(longer, OPENS, variants=SPRING["variants"])).given(R1).when(P9).then(
        converted(P9, R1, 0), earned(P9, R1, "20.00")
    )


def test_r11_without_a_conversion_event_the_window_is_3_days() -> None:
    """R6, R11: with both ends inside."""
    journey = under(campaign()).given(received("r1", march(1)))
    for at in (march(1), march(4)):
        purchase = bought("p1", at)
        journey.when(purchase).then(earned(purchase, received("r1", march(1)), "1.00"))
    for at in (march(1, "08:59:59.999999"), march(4, "09:00:00.000001")):
        journey.when(bought("p1", at)).then_nothing()


def test_r11_currencies_are_kept_apart() -> None:
    """R11: never converted; a currency appears once a purchase counted in it, even at 0."""
    purchases = [
        P2,
        bought("p3", march(2), "1.10"),
        bought("p4", march(2), "7", "JPY"),
        bought("p5", march(2), "0", "KWD"),
    ]
    totals = under(SPRING).given(R1, *purchases).outcome().report("spring")["totals"]
    assert totals["revenue"] == {"EUR": Decimal("21.10"), "JPY": Decimal(7), "KWD": Decimal(0)}


@pytest.mark.parametrize(
    ("price", "quantity", "amount"),
    [
        ("0.1", 3, "0.3"),
        ("0", 5, "0"),
        ("0.000001", 1_000_000, "1"),
        ("333333333.333333", 3, "999999999.999999"),
    ],
)
def test_r11_an_amount_is_price_times_quantity(price: str, quantity: int, amount: str) -> None:
    """R11: exact, and 0 is a purchase too."""
    purchase = bought("p1", march(2), price, quantity=quantity)
    under(SPRING).given(R1).when(purchase).then(earned(purchase, R1, amount))


def test_r11_a_purchase_is_credited_to_the_latest_receipt_before_it() -> None:
    """R9, R11: control's revenue stands in control's row alone."""
    enrolled, at_r3 = received("r2", march(2), "holdout"), bought("p3", march(3), "3.00")
    journey = under(SPRING).given(R1, enrolled, R3)
    journey.when(P2).then(earned(P2, enrolled, "20.00"))
    journey.when(at_r3).then(earned(at_r3, R3, "3.00"))
    report = journey.given(P2, at_r3).outcome().report("spring")
    assert report["variants"]["holdout"]["revenue"] == {"EUR": Decimal("20.00")}
    assert report["totals"]["revenue"] == {"EUR": Decimal("3.00")}


def test_r11_a_purchase_counts_for_every_campaign_that_holds_it() -> None:
    """R8, R11: each on its own, in the order of their ids."""
    summer = received("r2", march(2), campaign_id="summer")
    journey = under(SPRING, campaign(campaign_id="summer")).given(R1, summer)
    journey.when(P2).then(earned(P2, R1, "20.00"), earned(P2, summer, "20.00"))


def test_r14_a_late_receipt_takes_the_purchases_that_follow_it() -> None:
    """R9, R11, R14: re-credited from the receipt before it, up to the next one, its own window or not."""
    late = received("b", march(1, "12:00:00"), "B")
    p1, p3, p4 = (bought(f"p{day}", march(day, "09:30:00"), "1.00") for day in (1, 3, 4))
    under(SPRING).given(R1, R3, p1, P2, p3, p4).when(late).then(
        recounted("B", R3, late), revenue_restated(P2, (R1, "20"), (late, "20"))
    )


def test_r14_a_late_receipt_counts_purchases_that_counted_nowhere() -> None:
    """R11, R14: those in its window, and its end is inside."""
    late = received("r6", march(6), "A")
    p10 = bought("p10", march(9, "09:00:00.000001"))
    under(SPRING).given(P9, p10).when(late).then(
        counted("A", late), counted(None, late), earned(P9, late, "20.00")
    )


def test_r12_a_refund_lowers_the_net_wherever_the_purchase_counted() -> None:
    """R12: in every campaign, and its own instant plays no part."""
    summer = received("r2", march(2), campaign_id="summer")
    journey = under(SPRING, campaign(campaign_id="summer")).given(R1, summer, P2)
    for at in (march(1, "00:00:00"), march(30)):
        journey.when(refunded("x1", "p2", "5.00", at)).then(
            revenue_restated(P2, (R1, "20"), (R1, "15")), revenue_restated(P2, (summer, "20"), (summer, "15"))
        )


def test_r12_a_refund_that_comes_before_its_purchase_waits_for_it() -> None:
    """R12: accepted without effect, and taken off when the purchase comes."""
    refund = refunded("x1", "p2", "5.00")
    under(SPRING).given(R1).when(refund).then_nothing()
    under(SPRING).given(R1, refund).when(P2).then(earned(P2, R1, "15.00"))


def test_r12_a_net_is_never_below_nothing() -> None:
    """R12: any excess has no effect, in whatever order the refunds come."""
    part, excess, more = refunded("x1", "p2", "5"), refunded("x2", "p2", "30"), refunded("x3", "p2", "1")
    journey = under(SPRING).given(R1, P2)
    journey.given(part).when(excess).then(revenue_restated(P2, (R1, "15"), (R1, "0")))
    journey.given(excess).when(part).then_nothing()
    journey.given(part, excess).when(more).then_nothing()
    under(SPRING).given(R1, part, excess).when(P2).then(earned(P2, R1, "0"))


def test_r12_a_refund_of_nothing_changes_nothing() -> None:
    """R12: an amount of 0 is accepted."""
    under(SPRING).given(R1, P2).when(refunded("x1", "p2", "0")).then_nothing()


def test_r12_a_refund_of_what_is_no_purchase_has_no_effect() -> None:
    """R12: an unknown id, a custom event's, a receipt's, another refund's, or its own."""
    journey = under(SPRING).given(R1, P2, performed("c1", march(2)), refunded("x0", "p0", "1"))
    for named in ("p0", "c1", "r1", "x0", "x1"):
        journey.when(refunded("x1", named, "5.00")).then_nothing()


def test_r12_a_refund_of_a_purchase_that_counts_nowhere_has_no_effect() -> None:
    """R12: until a late receipt counts the purchase, at its net."""
    refund, late = refunded("x1", "p9", "5.00"), received("r8", march(8), "A")
    under(SPRING).given(R1, P9).when(refund).then_nothing()
    under(SPRING).given(P9, refund).when(late).then(
        counted("A", late), counted(None, late), earned(P9, late, "15.00")
    )


def test_r12_a_refund_of_another_users_purchase_has_no_effect() -> None:
    """R12, R13: no id means anything beyond its user."""
    journeys = Journeys([SPRING])
    journeys.take([R1, P2, refunded("x1", "p2", "5.00") | {"user_id": "u2"}])
    assert journeys.outcome().revenue == {("u1", "spring", "p2"): ("r1", "A", "EUR", Decimal("20.00"))}


def test_r12_a_late_receipt_takes_over_a_refunded_purchase_at_its_net() -> None:
    """R12, R14: re-credited, the refunds stay taken off."""
    late, refund = received("a", march(1, "12:00:00"), "A"), refunded("x1", "p2", "5.00")
    under(SPRING).given(R1, P2, refund).when(late).then(revenue_restated(P2, (R1, "15"), (late, "15")))


def test_r12_a_voided_refund_gives_the_money_back() -> None:
    """R12, R17: what the other refunds leave; nothing, where they leave nothing anyway."""
    part, excess = refunded("x1", "p2", "5"), refunded("x2", "p2", "30")
    void, void_excess = voided("d1", "x1"), voided("d2", "x2")
    journey = under(SPRING).given(R1, P2, part)
    journey.when(void).then(disregarded(void, part), revenue_restated(P2, (R1, "15"), (R1, "20")))
    journey.given(excess).when(void).then(disregarded(void, part))
    journey.given(excess).when(void_excess).then(
        disregarded(void_excess, excess), revenue_restated(P2, (R1, "0"), (R1, "15"))
    )


def test_r12_a_voided_purchase_takes_its_refunds_with_it() -> None:
    """R12, R17: its net goes; refunds that come afterwards, or are voided then, have no effect."""
    refund, void = refunded("x1", "p2", "5"), voided("d1", "p2")
    journey = under(SPRING).given(R1, P2, refund)
    journey.when(void).then(disregarded(void, P2), revenue_withdrawn(P2, R1, "15"))
    journey.given(void).when(refunded("x2", "p2", "1")).then_nothing()
    journey.given(void).when(voided("d2", "x1")).then(disregarded(voided("d2", "x1"), refund))
