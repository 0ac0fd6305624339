"""Why a user converted, or why not (docs/files.md, Reports)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.explanation import Change, Explanation, Reason, RecordedEvent, explain
from domain.journey.decisions import Conversion, Occurrence, Receipt, Revenue
from domain.money import plain
from tests.domain.journey_specification import (
    Fields,
    bought,
    campaign,
    march,
    ordered,
    performed,
    received,
    refunded,
    reported,
    session,
    under,
    voided,
)
from tests.domain.journeys import euros
from tests.support.reference import instant

RECORDED = datetime(2026, 4, 1, tzinfo=UTC)
OPENS = {"type": "starts_session", "deadline": "3d"}
UPGRADE = {"type": "upgrades_app", "deadline": "3d"}
BUYS = {"type": "makes_purchase", "deadline": "3d"}
R1, R10 = received("r1", march(1)), received("r10", march(10))
D1 = voided("d1", "s2")
S2, S3 = session("s2", march(2)), session("s3", march(3))
Why = tuple[Reason | None, str | None, str | None]
"""The reason, the behaviour's id and the receipt's."""


def story(
    event: Fields | None, *facts: Fields, others: tuple[Fields, ...] = (), **fields: Any
) -> Explanation:
    """The explanation of "spring", whose facts were recorded a minute apart, in the order given."""
    told: list[RecordedEvent] = []
    spring = campaign(*([] if event is None else [event]), **fields)
    given = under(spring, *others)
    for minute in range(len(facts)):
        events = given.given(*facts[: minute + 1]).journey()[1]
        told += [RecordedEvent(RECORDED + timedelta(minutes=minute), event) for event in events[len(told) :]]
    definition = given.journey()[0].definitions["spring"]
    return explain("spring", definition, told)


def why(event: Fields, *facts: Fields) -> Why:
    """What the one conversion event's explanation names."""
    (explained,) = story(event, *facts).conversion_events
    behaviour, receipt = explained.behaviour, explained.receipt
    assert (explained.window is None) == (receipt is None)
    return (
        explained.reason,
        None if behaviour is None else behaviour.id,
        None if receipt is None else receipt.id,
    )


def at_minute(minute: int) -> datetime:
    """When the fact in this place was recorded."""
    return RECORDED + timedelta(minutes=minute)


def conversion(behaviour: Fields, receipt: Fields) -> Conversion:
    """A conversion as decisions name it."""
    return Conversion(
        Occurrence(behaviour["id"], instant(behaviour)),
        Receipt(receipt["id"], instant(receipt), receipt["variant_id"]),
    )


def test_a_conversion_is_explained_by_its_behaviour_receipt_and_window() -> None:
    """R6, R7, R9: no reason is needed; what was recorded first is no restatement."""
    (explained,) = story(OPENS, R1, S2, S3).conversion_events
    assert (explained.reason, explained.changes) == (None, [Change(at_minute(1), None, conversion(S2, R1))])
    assert explained.behaviour is not None
    assert explained.behaviour.id == "s2"
    assert explained.window == (instant(R1), instant(R1) + timedelta(days=3))


def test_r14_a_restated_conversion_tells_what_stood_before() -> None:
    """R14: each change of mind with the time it was recorded at, to the withdrawal and back."""
    late = received("r1b", march(1, "12:00:00"))
    d1, d2 = voided("d1", "s2"), voided("d2", "s3")
    (explained,) = story(OPENS, R1, S3, S2, late, d1, d2, session("s4", march(4))).conversion_events
    stood = [
        None,
        conversion(S3, R1),
        conversion(S2, R1),
        conversion(S2, late),
        conversion(S3, late),
        None,
        conversion(session("s4", march(4)), late),
    ]
    assert explained.changes == [
        Change(at_minute(minute), before, now)
        for minute, before, now in zip(range(1, 7), stood, stood[1:], strict=False)
    ]
    assert (explained.reason, explained.receipt) == (None, conversion(S2, late).receipt)


def test_a_withdrawn_conversion_is_explained_by_what_is_left() -> None:
    """R14, R17: the changes are told, and the reason why not."""
    (explained,) = story(OPENS, R1, S2, D1).conversion_events
    assert (explained.reason, explained.behaviour) == (Reason.NO_MATCHING_BEHAVIOUR, None)
    assert explained.changes == [
        Change(at_minute(1), None, conversion(S2, R1)),
        Change(at_minute(2), conversion(S2, R1), None),
    ]


def test_without_a_receipt_there_is_no_receipt() -> None:
    """docs/files.md: whatever the user did; a voided receipt is none, nor is another campaign's."""
    assert why(OPENS, S2) == (Reason.NO_RECEIPT, None, None)
    assert why(OPENS, R1, S2, voided("d1", "r1")) == (Reason.NO_RECEIPT, None, None)
    other = received("r0", march(1), campaign_id="summer")
    explained = story(OPENS, other, S2, others=(campaign(OPENS, campaign_id="summer"),))
    assert [each.reason for each in explained.conversion_events] == [Reason.NO_RECEIPT]
    assert explained.receipts == []


def test_without_a_matching_behaviour_there_is_none() -> None:
    """docs/files.md: nor is one that was voided, or a report that was the first."""
    assert why(OPENS, R1, performed("c1", march(2))) == (Reason.NO_MATCHING_BEHAVIOUR, None, None)
    assert why(OPENS, R1, S2, D1) == (Reason.NO_MATCHING_BEHAVIOUR, None, None)
    assert why(UPGRADE, R1, reported("v9", march(9), "1.2")) == (Reason.NO_MATCHING_BEHAVIOUR, None, None)


@pytest.mark.parametrize(
    ("sessions", "expected"),
    [
        ([march(1, "08:59:59.999999")], (Reason.BEFORE_RECEIPT, "0", "r1")),
        ([march(4, "09:00:00.000001")], (Reason.AFTER_DEADLINE, "0", "r1")),
        ([march(1, "08:00:00"), march(4, "09:30:00")], (Reason.AFTER_DEADLINE, "1", "r1")),
        ([march(1, "08:30:00"), march(4, "10:00:00")], (Reason.BEFORE_RECEIPT, "0", "r1")),
        ([march(5), march(6), march(20)], (Reason.AFTER_DEADLINE, "0", "r1")),
        ([march(8)], (Reason.BEFORE_RECEIPT, "0", "r10")),
        ([march(6), march(9)], (Reason.BEFORE_RECEIPT, "1", "r10")),
        ([march(14), march(6)], (Reason.AFTER_DEADLINE, "0", "r10")),
    ],
)
def test_the_matching_behaviour_nearest_to_a_window_decides(sessions: list[str], expected: Why) -> None:
    """docs/files.md: before the receipt or after the deadline, of whichever receipt is nearest."""
    assert why(OPENS, R1, R10, *[session(str(place), at) for place, at in enumerate(sessions)]) == expected


@pytest.mark.parametrize(
    ("sessions", "expected"),
    [
        ([march(1, "08:00:00"), march(4, "10:00:00")], (Reason.AFTER_DEADLINE, "1", "r1")),
        ([march(5), march(9)], (Reason.BEFORE_RECEIPT, "1", "r10")),
        ([march(5), march(5)], (Reason.AFTER_DEADLINE, "1", "r1")),
        ([march(7)], (Reason.BEFORE_RECEIPT, "0", "r10")),
    ],
)
def test_of_behaviours_equally_near_the_later_decides(sessions: list[str], expected: Why) -> None:
    """docs/files.md: the later behaviour; and for one behaviour, the later receipt."""
    told = [session(str(place), at) for place, at in enumerate(sessions)]
    assert why(OPENS, R1, R10, *told) == why(OPENS, *reversed(told), R10, R1) == expected


def test_a_report_inside_a_window_that_was_no_upgrade_is_named() -> None:
    """docs/files.md, R10: the latest such report, and the latest receipt whose window holds it."""
    near, old = received("r2", march(2)), reported("v1", march(1), "1.2")
    same, down = reported("v2", march(2), "1.2"), reported("v3", march(3), "1.1")
    outside = reported("v9", march(9), "1.0")
    assert why(UPGRADE, R1, old) == (Reason.NOT_AN_UPGRADE, "v1", "r1")
    assert why(UPGRADE, R1, near, old, same, down, outside) == (Reason.NOT_AN_UPGRADE, "v3", "r2")
    undone = [R1, reported("v0", march(1, "08:00:00"), "1.2"), reported("v2", march(2), "1.3")]
    before_it = reported("vb", march(1, "08:30:00"), "1.3")
    assert why(UPGRADE, *undone) == (None, "v2", "r1")
    assert why(UPGRADE, *undone, before_it) == (Reason.NOT_AN_UPGRADE, "v2", "r1")


def test_a_report_of_another_app_is_not_named() -> None:
    """R2: only reports that match the conversion event's own filter."""
    report = reported("v1", march(2), "1.2", "web")
    only_ios = UPGRADE | {"app_ids": ["ios"]}
    assert why(only_ios, R1, report) == (Reason.NO_MATCHING_BEHAVIOUR, None, None)


def test_an_upgrade_outside_every_window_is_before_or_after() -> None:
    """docs/files.md: no report in a window, so the upgrade nearest to one decides."""
    old, new = reported("v5", march(5), "1.2"), reported("v6", march(6), "1.3")
    assert why(UPGRADE, R1, old, new) == (Reason.AFTER_DEADLINE, "v6", "r1")
    assert why(UPGRADE, R10, old, new) == (Reason.BEFORE_RECEIPT, "v6", "r10")


def test_r19_every_conversion_event_is_explained_by_itself() -> None:
    """R8: in order, each with its own behaviour, reason and changes."""
    spring = campaign(OPENS, BUYS, OPENS | {"deadline": "1d"})
    journey, events = under(spring).given(R1, S3).journey()
    explained = explain(
        "spring", journey.definitions["spring"], [RecordedEvent(RECORDED, event) for event in events]
    )
    assert [(each.index, each.reason) for each in explained.conversion_events] == [
        (0, None),
        (1, Reason.NO_MATCHING_BEHAVIOUR),
        (2, Reason.AFTER_DEADLINE),
    ]


def test_r11_counted_purchases_are_told_with_refunds_and_credit() -> None:
    """R11, R12: those that count for this campaign now, and the net that stands."""
    p2, p3, p9 = bought("p2", march(2), "20.00"), bought("p3", march(3), "5.00"), bought("p9", march(9))
    late, refund = received("r1b", march(1, "12:00:00")), refunded("x1", "p2", "5.00")
    summer = received("r0", march(8), campaign_id="summer")
    facts = [
        R1,
        summer,
        p2,
        p3,
        p9,
        refund,
        late,
        voided("d1", "p3"),
        voided("d2", "x2"),
        refunded("x2", "p2", "1"),
    ]
    told = story(None, *facts, others=(campaign(campaign_id="summer"),)).sales
    credit = conversion(p2, late).receipt
    assert [(each.sale.id, each.revenue) for each in told] == [("p2", Revenue(euros("15"), credit))]
    assert [(each.correction.id, each.gave_back) for each in told[0].effects] == [("x1", euros("5"))]
    assert plain(told[0].sale.amount) == euros("20")


def test_r17_disregarded_facts_are_told_with_their_voids() -> None:
    """R17: what was voided stays recorded, and is no receipt or behaviour here."""
    told = story(OPENS, R1, R10, S2, D1, voided("d2", "r1"), voided("d3", "nothing"))
    assert [(each.void_id, each.fact.id) for each in told.disregarded] == [("d1", "s2"), ("d2", "r1")]
    assert [receipt.id for receipt in told.receipts] == ["r10"]


def test_receipts_are_told_in_the_order_they_occurred() -> None:
    """Words: by instant, then by id, whenever they were recorded."""
    same = received("r0", march(10))
    assert [receipt.id for receipt in story(OPENS, R10, same, R1).receipts] == ["r1", "r0", "r10"]


@pytest.mark.parametrize(
    ("refunds", "idle"),
    [
        ([("x1", "p2", "5")], []),
        ([("x1", "p2", "20")], []),
        ([("x1", "p2", "5"), ("x2", "p2", "30"), ("x3", "p2", "1")], ["x2", "x3"]),
        ([("x1", "p2", "20"), ("x2", "p2", "0")], []),
        ([("x1", "p0", "5")], ["x1"]),
        ([("x1", "s2", "5"), ("x2", "x1", "5")], ["x1", "x2"]),
        ([("x1", "p3", "5")], ["x1"]),
    ],
    ids=["part", "all", "excess", "nothing", "unknown", "no purchase", "voided"],
)
def test_r12_refunds_without_effect_are_shown(refunds: list[tuple[str, str, str]], idle: list[str]) -> None:
    """R12: of a purchase not known or voided, of what is no purchase, and any excess."""
    facts = [R1, bought("p2", march(2), "20.00"), bought("p3", march(2)), voided("d1", "p3"), S2]
    told = story(OPENS, *facts, *[refunded(*refund) for refund in refunds])
    assert [idle_one.correction.id for idle_one in told.refunds_without_effect] == idle


def test_r12_a_refund_has_effect_once_its_purchase_is_known() -> None:
    """R12: though it occurred, and was recorded, before it."""
    early = refunded("x1", "p2", "5", march(1))
    assert [each.correction.id for each in story(OPENS, R1, early).refunds_without_effect] == ["x1"]
    assert story(OPENS, R1, early, bought("p2", march(2), "20.00")).refunds_without_effect == []


def compared(*facts: Fields) -> tuple[Reason | None, str | None, str | None]:
    """The reason, and the version and report that the behaviour was compared with."""
    (explained,) = story(UPGRADE, R1, *facts).conversion_events
    found = explained.compared_with
    if found is None:
        return explained.reason, None, None
    return explained.reason, found.version, None if found.report is None else found.report.id


def test_b31_an_upgrade_names_the_version_and_the_report_it_came_from() -> None:
    """R10: the latest earlier report of the same app, of whichever type, also one before the receipt."""
    old = session("s0", march(1, "08:00:00"), app_version="v1.8")
    other = reported("w1", march(1, "12:00:00"), "7.0", "web")
    assert compared(old, other, reported("v2", march(2), "v1.9")) == (None, "v1.8", "s0")
    order = ordered("o1", march(1, "10:00:00"), app_id="ios", app_version="1.8", total="3")
    assert compared(order, reported("v2", march(2), "1.9")) == (None, "1.8", "o1")


def test_b31_is_told_from_the_facts_and_not_from_what_was_decided_first() -> None:
    """R14: a report that came late in between is the one before; one that is voided is none."""
    old, new = reported("v0", march(1, "08:00:00"), "1.7"), reported("v2", march(2), "1.9")
    late = reported("v1", march(1, "10:00:00"), "1.7.0")
    assert compared(old, new, late) == (None, "1.7.0", "v1")
    assert compared(old, new, late, voided("d1", "v1")) == (None, "1.7", "v0")


def test_b16_an_upgrade_may_be_from_the_version_that_the_report_itself_names() -> None:
    """R10: where no earlier report is known; an earlier one takes its place."""
    named = reported("v2", march(2), "2.0") | {"previous_version": "1.9"}
    assert compared(named) == (None, "1.9", None)
    assert compared(named, reported("v1", march(1, "08:00:00"), "1.8")) == (None, "1.8", "v1")


def test_b17_the_first_report_is_compared_with_none() -> None:
    """R10: the first is no upgrade; later ones name the report before them, an equal or a greater version."""
    first, same = reported("v1", march(2), "2.0"), reported("v2", march(3), "2.0.0")
    assert compared(first) == (Reason.NOT_AN_UPGRADE, None, None)
    assert compared(first, same) == (Reason.NOT_AN_UPGRADE, "2.0", "v1")
    assert compared(first | {"previous_version": "2.0"}) == (Reason.NOT_AN_UPGRADE, "2.0", None)


def test_b31_an_upgrade_outside_every_window_has_its_version_too() -> None:
    """R6, R10: not converted, and still an upgrade over something; what is no version report has none."""
    old, new = reported("v5", march(5), "1.2"), reported("v6", march(6), "1.3")
    assert compared(old, new) == (Reason.AFTER_DEADLINE, "1.2", "v5")
    (explained,) = story(OPENS, R1, S2).conversion_events
    assert explained.compared_with is None
