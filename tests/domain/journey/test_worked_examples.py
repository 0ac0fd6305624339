"""The ten worked examples of docs/rules.md, as decisions of one user's journey."""

from decimal import Decimal
from itertools import permutations

import pytest

from tests.domain.journey_specification import (
    Fields,
    bought,
    campaign,
    conversion_restated,
    conversion_withdrawn,
    converted,
    counted,
    disregarded,
    earned,
    march,
    received,
    refunded,
    reported,
    revenue_withdrawn,
    under,
    upgraded,
    voided,
)

PURCHASE = {"type": "makes_purchase", "deadline": "3d"}
SPRING = campaign(PURCHASE)
TWO_VARIANTS = campaign(PURCHASE, variants=[{"id": "A"}, {"id": "B"}])
WITH_CONTROL = [{"id": "A"}, {"id": "holdout", "control": True}]
R1 = received("r1", march(1))
P2, P3 = bought("p2", march(2)), bought("p3", march(3))


def test_example_1_the_first_of_two_purchases_converts() -> None:
    """R7: the purchase of 2 March is the one conversion; that of 3 March only earns (R11)."""
    under(SPRING).given(R1).when(P2).then(converted(P2, R1), earned(P2, R1, "1.00"))
    under(SPRING).given(R1, P2).when(P3).then(earned(P3, R1, "1.00"))


@pytest.mark.parametrize("at", [march(4), march(1)])
def test_example_2_a_purchase_at_either_end_of_the_window_converts(at: str) -> None:
    """R6: both ends are inside."""
    purchase = bought("p1", at)
    under(SPRING).given(R1).when(purchase).then(converted(purchase, R1), earned(purchase, R1, "1.00"))


@pytest.mark.parametrize("at", [march(4, "09:00:00.000001"), march(1, "08:59:59.999999")])
def test_example_2_a_purchase_one_microsecond_outside_does_not_convert(at: str) -> None:
    """R6: instants are exact."""
    under(SPRING).given(R1).when(bought("p1", at)).then_nothing()


def test_example_3_a_purchase_reported_late_moves_the_conversion_to_the_earlier_receipt() -> None:
    """R7, R9, R14: credited to B at first; the purchase of 3 March restates it to 3 March and to A."""
    to_a, to_b = received("r1", march(1), "A"), received("r2", march(10), "B")
    p11 = bought("p11", march(11))
    journey = under(TWO_VARIANTS).given(to_a, to_b)
    journey.when(p11).then(converted(p11, to_b), earned(p11, to_b, "1.00"))
    journey.given(p11).when(P3).then(conversion_restated((p11, to_b), (P3, to_a)), earned(P3, to_a, "1.00"))


def test_example_4_one_purchase_converts_on_two_campaigns() -> None:
    """R8: every campaign is judged on its own."""
    summer = received("r2", march(1), campaign_id="summer")
    journey = under(SPRING, campaign(PURCHASE, campaign_id="summer")).given(R1, summer)
    journey.when(P2).then(
        converted(P2, R1), converted(P2, summer), earned(P2, R1, "1.00"), earned(P2, summer, "1.00")
    )


@pytest.mark.parametrize("events", [[PURCHASE], []])
def test_example_5_revenue_is_every_purchase_inside_the_window_by_currency(events: list[Fields]) -> None:
    """R11: the primary deadline of 3 days, and the 3 days of a campaign without one, earn the same."""
    purchases = [bought("p2", march(2), "20.00"), bought("p3", march(3), "5.00", "USD")]
    journey = under(campaign(*events)).given(R1, *purchases, bought("p9", march(9), "7.00"))
    totals = journey.outcome().report("spring")["totals"]
    assert totals["revenue"] == {"EUR": Decimal("20.00"), "USD": Decimal("5.00")}


@pytest.mark.parametrize("version", ["1.3.0", "1.2.3-beta2"])
def test_example_6_an_upgrade_or_an_incomparable_version_converts(version: str) -> None:
    """R10: 1.2.3 then 1.3.0, and 1.2.3 then 1.2.3-beta2."""
    v2, v3 = reported("v2", march(2), "1.2.3"), reported("v3", march(3), version)
    journey = under(campaign({"type": "upgrades_app", "deadline": "30d"})).given(R1, v2)
    journey.when(v3).then(upgraded(v3, over=v2), converted(v3, R1))


def test_example_6_a_downgrade_does_not_convert() -> None:
    """R10: 1.2.3 then 1.2.2."""
    journey = under(campaign({"type": "upgrades_app", "deadline": "30d"}))
    journey.given(R1, reported("v2", march(2), "1.2.3")).when(
        reported("v3", march(3), "1.2.2")
    ).then_nothing()


def test_example_7_a_control_users_purchase_counts_for_the_control_group_alone() -> None:
    """R9: control's conversions are 1, the campaign's are 0."""
    enrolled = received("r1", march(1), "holdout")
    journey = under(campaign(PURCHASE, variants=WITH_CONTROL))
    journey.when(enrolled).then(counted("holdout", enrolled))
    journey.given(enrolled).when(P2).then(converted(P2, enrolled), earned(P2, enrolled, "1.00"))
    report = journey.given(enrolled, P2).outcome().report("spring")
    assert report["variants"]["holdout"]["conversions"] == [1]
    assert report["totals"]["conversions"] == [0]


def test_example_8_a_user_of_control_and_of_a_variant_stands_in_both_rows() -> None:
    """R9, R11, R18: one conversion, control's; a recipient of both; each purchase is its receipt's revenue."""
    enrolled, to_a = received("r1", march(1), "holdout"), received("r2", march(10), "A")
    p2, p11 = bought("p2", march(2), "3.00"), bought("p11", march(11), "4.00")
    journey = under(campaign(PURCHASE | {"deadline": "30d"}, variants=WITH_CONTROL)).given(enrolled, p2)
    journey.when(to_a).then(counted("A", to_a), counted(None, to_a))
    journey.given(to_a).when(p11).then(earned(p11, to_a, "4.00"))
    report = journey.given(to_a, p11).outcome().report("spring")
    rows = [report["variants"]["holdout"], report["variants"]["A"], report["totals"]]
    assert [row["conversions"] for row in rows] == [[1], [0], [0]]
    assert [row["unique_recipients"] for row in rows] == [1, 1, 1]
    assert [row["revenue"]["EUR"] for row in rows] == [Decimal("3.00"), Decimal("4.00"), Decimal("4.00")]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_example_9_refunds_in_any_order_leave_nothing_and_the_conversion(order: tuple[int, ...]) -> None:
    """R12: 20.00 less 5.00 and 30.00 is a net of 0.00; a refund takes no conversion back."""
    facts = [bought("p2", march(2), "20.00"), refunded("x1", "p2", "5.00"), refunded("x2", "p2", "30.00")]
    outcome = under(SPRING).given(R1, *[facts[place] for place in order]).outcome()
    assert outcome.revenue == {("u1", "spring", "p2"): ("r1", "default", "EUR", Decimal(0))}
    assert outcome.conversions == {("u1", "spring", 0): ("p2", "r1", "default")}


def test_example_10_a_voided_conversion_is_restated_and_then_withdrawn() -> None:
    """R14, R17: the purchase of 2 March voided, that of 3 March converts; voided too, nothing does."""
    d2, d3 = voided("d2", "p2"), voided("d3", "p3")
    journey = under(SPRING).given(R1, P2, P3)
    journey.when(d2).then(
        disregarded(d2, P2), conversion_restated((P2, R1), (P3, R1)), revenue_withdrawn(P2, R1, "1.00")
    )
    journey.given(d2).when(d3).then(
        disregarded(d3, P3), conversion_withdrawn(P3, R1), revenue_withdrawn(P3, R1, "1.00")
    )
