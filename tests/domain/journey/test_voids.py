"""Voids: a fact is judged as if it had not been (R17)."""

import pytest

from domain.errors import ConflictingFact
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
    performed,
    received,
    recounted,
    refunded,
    reported,
    revenue_restated,
    revenue_withdrawn,
    session,
    uncounted,
    under,
    upgrade_withdrawn,
    upgraded,
    voided,
)

VARIANTS = [{"id": "A"}, {"id": "B"}, {"id": "holdout", "control": True}]
EVENTS: list[Fields] = [
    {"type": "makes_purchase", "deadline": "3d"},
    {"type": "starts_session", "deadline": "3d"},
    {"type": "performs_custom_event", "deadline": "3d", "name": "signed_up"},
    {"type": "upgrades_app", "deadline": "3d"},
]
SPRING = campaign(*EVENTS, variants=VARIANTS)
R1, R5 = received("r1", march(1), "A"), received("r5", march(5), "B")
P2, P6, S2, C2 = (
    bought("p2", march(2)),
    bought("p6", march(6)),
    session("s2", march(2)),
    performed("c2", march(2)),
)
V1, V2, X2 = reported("v1", march(1), "1.2"), reported("v2", march(2), "1.3"), refunded("x2", "p2", "0.40")


@pytest.mark.parametrize("fact", [R1, S2, P2, C2, V2, X2], ids=lambda raw: raw["type"])
def test_r17_a_void_may_come_before_its_fact(fact: Fields) -> None:
    """R17: the fact is recorded and disregarded, and nothing else comes of it."""
    receipt, purchase = received("r0", march(1), "A"), bought("p0", march(2))
    void = voided("d1", fact["id"], march(1))
    journey = under(SPRING).given(receipt, V1, purchase, void)
    journey.when(fact).then(disregarded(void, fact))
    late = received("r1b", march(1, "12:00:00"), "A")
    assert journey.given(fact, late).outcome() == under(SPRING).given(receipt, V1, purchase, late).outcome()


@pytest.mark.parametrize(("behaviour", "index"), [(S2, 1), (C2, 2)], ids=["session_started", "custom_event"])
def test_r17_a_voided_behaviour_takes_its_conversion_with_it(behaviour: Fields, index: int) -> None:
    """R14, R17: nothing is left that converts."""
    void = voided("d1", behaviour["id"])
    under(SPRING).given(R1, behaviour).when(void).then(
        disregarded(void, behaviour), conversion_withdrawn(behaviour, R1, index)
    )


def test_r17_a_voided_purchase_takes_conversion_and_revenue_with_it() -> None:
    """R11, R17: the revenue in every campaign that counted it."""
    void, summer = voided("d1", "p2"), received("r2", march(1), campaign_id="summer")
    under(SPRING, campaign(campaign_id="summer")).given(R1, summer, P2).when(void).then(
        disregarded(void, P2),
        conversion_withdrawn(P2, R1),
        revenue_withdrawn(P2, R1, "1"),
        revenue_withdrawn(P2, summer, "1"),
    )


def test_r17_a_voided_version_report_takes_its_upgrade_with_it() -> None:
    """R10, R17: the upgrade and the conversion on it."""
    void = voided("d1", "v2")
    under(SPRING).given(R1, V1, V2).when(void).then(
        disregarded(void, V2), upgrade_withdrawn(V2), conversion_withdrawn(V2, R1, 3)
    )


def test_r17_a_voided_refund_gives_the_money_back() -> None:
    """R12, R17: the net is what it would be without it."""
    void = voided("d1", "x2")
    under(SPRING).given(R1, P2, X2).when(void).then(
        disregarded(void, X2), revenue_restated(P2, (R1, "0.6"), (R1, "1"))
    )


def test_r17_a_voided_receipt_takes_recipient_conversion_and_revenue_with_it() -> None:
    """R17, R18: the user was never a recipient."""
    void = voided("d1", "r1")
    under(SPRING).given(R1, P2).when(void).then(
        disregarded(void, R1),
        uncounted("A", R1),
        uncounted(None, R1),
        conversion_withdrawn(P2, R1),
        revenue_withdrawn(P2, R1, "1"),
    )


def test_r17_a_voided_receipt_leaves_its_credit_to_the_one_before() -> None:
    """R9, R17: where that one's window holds what was credited to it."""
    near, void = received("r1b", march(1, "12:00:00"), "B"), voided("d1", "r1b")
    under(SPRING).given(R1, near, P2).when(void).then(
        disregarded(void, near),
        uncounted("B", near),
        conversion_restated((P2, near), (P2, R1)),
        revenue_restated(P2, (near, "1"), (R1, "1")),
    )


def test_r17_a_voided_receipt_leaves_what_another_is_credited_with() -> None:
    """R8, R9, R17: each conversion event by itself, the second though the first is another receipt's."""
    p1, near, void = (
        bought("p1", march(1, "10:00:00")),
        received("r1b", march(1, "12:00:00"), "A"),
        voided("d1", "r1b"),
    )
    under(SPRING).given(R1, p1, near, S2).when(void).then(
        disregarded(void, near), conversion_restated((S2, near), (S2, R1), 1)
    )


def test_r17_what_only_the_voided_receipt_held_falls_to_the_next() -> None:
    """R7, R17: the conversion to the next behaviour in a window; the revenue to nobody."""
    near, void, p4 = (
        received("r1b", march(1, "12:00:00"), "B"),
        voided("d1", "r1b"),
        bought("p4", march(4, "12:00:00")),
    )
    under(SPRING).given(R1, near, R5, p4, P6).when(void).then(
        disregarded(void, near),
        recounted("B", near, R5),
        conversion_restated((p4, near), (P6, R5)),
        revenue_withdrawn(p4, near, "1"),
    )


def test_r17_a_conversion_falls_to_the_next_behaviour_that_matches() -> None:
    """R2, R7, R17: past what matches another filter."""
    spring = campaign({"type": "makes_purchase", "deadline": "3d", "product_id": "sku-9"}, variants=VARIANTS)
    other, p4, void = bought("p3", march(3), product_id="sku-1"), bought("p4", march(4)), voided("d1", "p2")
    under(spring).given(R1, P2, other, p4).when(void).then(
        disregarded(void, P2), conversion_restated((P2, R1), (p4, R1)), revenue_withdrawn(P2, R1, "1")
    )


def test_r17_after_the_only_receipt_was_voided_nothing_converts() -> None:
    """R17: before its fact or after it; until the campaign is received again."""
    void, again = voided("d1", "r1"), received("r1b", march(1, "12:00:00"), "A")
    for facts in ([R1, void], [void, R1]):
        under(SPRING).given(*facts).when(P2).then_nothing()
        under(SPRING).given(*facts, again).when(P2).then(converted(P2, again), earned(P2, again, "1"))


def test_r17_a_voided_first_receipt_makes_the_next_one_first() -> None:
    """R17, R20: of its variant, and of any but control for the campaign, each by itself."""
    void, h2, a3 = voided("d1", "r1"), received("h2", march(2), "holdout"), received("a3", march(8), "A")
    under(SPRING).given(R1, h2, R5, a3).when(void).then(
        disregarded(void, R1), recounted("A", R1, a3), recounted(None, R1, R5)
    )


def test_r17_a_voided_enrolment_leaves_the_campaigns_recipients_alone() -> None:
    """R17, R18: control is a recipient of its own row only; the receipts around it stay first."""
    enrolled, void = received("r0", march(1), "holdout"), voided("d1", "r0")
    under(SPRING).given(R1, enrolled).when(void).then(
        disregarded(void, enrolled), uncounted("holdout", enrolled)
    )


def test_r17_a_voided_receipt_leaves_what_stands_at_its_very_instant() -> None:
    """R17, R20: an enrolment in control with a smaller id is before it, and not the campaign's."""
    enrolled, again, void = (
        received("h1", march(1), "holdout"),
        received("r2", march(2), "A"),
        voided("d1", "r1"),
    )
    under(SPRING).given(enrolled, R1).when(void).then(
        disregarded(void, R1), uncounted("A", R1), uncounted(None, R1)
    )
    under(SPRING).given(enrolled, R1, again).when(void).then(
        disregarded(void, R1), recounted("A", R1, again), recounted(None, R1, again)
    )


def test_r17_a_voided_receipt_that_was_not_first_and_took_no_credit_leaves_no_gap() -> None:
    """R17: only that it is disregarded."""
    again, void = received("r3", march(3), "A"), voided("d1", "r3")
    under(SPRING).given(R1, P2, again).when(void).then(disregarded(void, again))


def test_r17_after_a_voided_latest_receipt_the_one_before_reigns_again() -> None:
    """R9, R17: for behaviours that follow, and for a receipt that comes between."""
    again, void = received("r3", march(3), "B"), voided("d1", "r3")
    p3, between = bought("p3", march(3, "12:00:00")), received("r2", march(2), "A")
    journey = under(SPRING).given(R1, again, void)
    journey.when(p3).then(converted(p3, R1), earned(p3, R1, "1"))
    journey.given(p3).when(between).then(
        conversion_restated((p3, R1), (p3, between)), revenue_restated(p3, (R1, "1"), (between, "1"))
    )
    journey.given(between).when(p3).then(converted(p3, between), earned(p3, between, "1"))
    journey.given(R5).when(P6).then(converted(P6, R5), earned(P6, R5, "1"))


def test_r17_of_what_is_left_at_one_instant_the_greatest_id_is_the_latest() -> None:
    """R9, R10, R17: also after a greater one was voided and a smaller one came late."""
    receipts = [received(receipt_id, march(1), "A") for receipt_id in ("m", "z", "c")]
    void = voided("d1", "z", march(1))
    under(SPRING).given(*receipts[:2], void, receipts[2]).when(P2).then(
        converted(P2, receipts[0]), earned(P2, receipts[0], "1")
    )
    versions = [("m", "1.5"), ("z", "9"), ("c", "1.1")]
    reports = [reported(report_id, march(1), version) for report_id, version in versions]
    under(SPRING).given(*reports[:2], void, reports[2]).when(reported("v2", march(2), "1.3")).then_nothing()


def test_r17_one_void_after_another_leaves_nothing() -> None:
    """R17: the latest receipt or report first, and then the only one that is left."""
    voids, v2 = [voided("d1", "r1"), voided("d5", "r5")], [voided("e1", "v1"), voided("e2", "v2")]
    under(SPRING).given(R1, R5, voids[1]).when(voids[0]).then(
        disregarded(voids[0], R1), uncounted("A", R1), uncounted(None, R1)
    )
    under(SPRING).given(V1, V2, v2[1]).when(v2[0]).then(disregarded(v2[0], V1))
    under(SPRING).given(R1, V1, V2, *v2).when(reported("v3", march(3), "1.4")).then_nothing()


def test_r17_a_voided_report_is_compared_with_no_more() -> None:
    """R10, R17: for a report that follows it, as for one that precedes it."""
    high, void, low = (
        reported("high", march(2), "9"),
        voided("d1", "high"),
        reported("low", march(1, "08:00:00"), "1.1"),
    )
    later = reported("later", march(3), "2")
    journey = under(SPRING).given(R1, high, void)
    journey.when(low).then_nothing()
    journey.given(low).when(later).then(upgraded(later, over=low), converted(later, R1, 3))


@pytest.mark.parametrize("named", ["d1", "nothing", "d0", "d2"])
def test_r17_a_void_of_a_void_or_of_nothing_has_no_effect(named: str) -> None:
    """R17: a void cannot be voided: not one that had effect, not one that waits for its fact, and not itself."""
    facts = [R1, P2, voided("d0", "s2"), S2, voided("d1", "x0")]
    under(SPRING).given(*facts).when(voided("d2", named)).then_nothing()


def test_r17_a_voided_void_keeps_its_effect() -> None:
    """R17: whether the void of it came before or after."""
    void, of_it = voided("d1", "p2"), voided("d2", "d1")
    under(SPRING).given(R1, P2, of_it).when(void).then(
        disregarded(void, P2), conversion_withdrawn(P2, R1), revenue_withdrawn(P2, R1, "1")
    )
    under(SPRING).given(R1, of_it, void).when(P2).then(disregarded(void, P2))


def test_r17_a_fact_voided_twice_is_disregarded_once() -> None:
    """R17: the second void has no effect, before its fact or after it."""
    first, second = voided("d1", "p2"), voided("d2", "p2")
    under(SPRING).given(R1, P2, first).when(second).then_nothing()
    under(SPRING).given(R1, first, P2).when(second).then_nothing()
    under(SPRING).given(R1, first, second).when(P2).then(disregarded(first, P2))


def test_r17_a_withdrawn_conversion_may_be_recorded_again() -> None:
    """R14, R17: by another behaviour, or by the same one inside another receipt's window."""
    void, p3, near = voided("d1", "p2"), bought("p3", march(3)), received("r1b", march(1, "12:00:00"), "B")
    under(SPRING).given(R1, P2, void).when(p3).then(converted(p3, R1), earned(p3, R1, "1"))
    under(SPRING).given(R1, P2, voided("d2", "r1")).when(near).then(
        counted("B", near), counted(None, near), converted(P2, near), earned(P2, near, "1")
    )


def test_r17_the_voided_facts_id_stays_taken() -> None:
    """R13, R17: it stays recorded, so the same is a duplicate and anything else a conflict."""
    for facts in ([R1, P2, voided("d1", "p2")], [R1, voided("d1", "p2"), P2]):
        under(SPRING).given(*facts).when(P2).then_known_already()
        under(SPRING).given(*facts).when(P2 | {"price": "2.00"}).then_refused(ConflictingFact)


def test_r17_a_void_works_for_the_conversion_events_that_stand_on_its_fact_alone() -> None:
    """R7, R17: what converted by another behaviour stands."""
    later, void = session("s3", march(3)), voided("d1", "s3")
    under(SPRING).given(R1, S2, later).when(void).then(disregarded(void, later))


def test_r17_a_voided_only_receipt_opens_no_window() -> None:
    """R6, R17: a behaviour inside what would have been its window converts nothing."""
    under(SPRING).given(R1, voided("d1", "r1")).when(P2).then()
