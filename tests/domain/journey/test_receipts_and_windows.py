"""Receipts, their windows, and the credit they take (R6 to R9, R14, R15, R18, R20)."""

from datetime import UTC, datetime

import pytest

from domain.instants import from_microseconds, microseconds, printed
from tests.domain.journey_specification import (
    Fields,
    bought,
    campaign,
    conversion_restated,
    converted,
    counted,
    earned,
    march,
    performed,
    received,
    recounted,
    reported,
    session,
    under,
    upgraded,
)

OPENS = {"type": "starts_session", "deadline": "3d"}
VARIANTS = [{"id": "A"}, {"id": "B"}, {"id": "holdout", "control": True}]
SPRING = campaign(OPENS, variants=VARIANTS)
A1, B5, A9 = received("a1", march(1), "A"), received("b5", march(5), "B"), received("a9", march(9), "A")
S2, S3, S6 = session("s2", march(2)), session("s3", march(3)), session("s6", march(6))


@pytest.mark.parametrize(
    "at",
    [
        march(1),
        march(4),
        "2026-03-04T14:30:00+05:30",
        "2026-03-01T04:00:00-05:00",
        march(4, "09:00:00.0000009"),
    ],
)
def test_r6_both_ends_of_a_window_are_inside(at: str) -> None:
    """R6: the receipt's own instant and the deadline's, in whatever offset; digits beyond microseconds are cut."""
    opened = session("s1", at)
    under(SPRING).given(A1).when(opened).then(converted(opened, A1))


@pytest.mark.parametrize("at", [march(1, "08:59:59.999999"), march(4, "09:00:00.000001")])
def test_r6_a_microsecond_outside_a_window_is_outside(at: str) -> None:
    """R6: instants are exact."""
    under(SPRING).given(A1).when(session("s1", at)).then_nothing()


@pytest.mark.parametrize(("deadline", "end"), [(1, march(1, "09:00:01")), ("30d", march(31))])
def test_r6_a_window_is_as_long_as_its_deadline(deadline: int | str, end: str) -> None:
    """R3, R6: from a second to 30 days of 86,400 seconds each."""
    opened = session("s1", end)
    receipt = received("r1", march(1))
    under(campaign(OPENS | {"deadline": deadline})).given(receipt).when(opened).then(
        converted(opened, receipt)
    )


@pytest.mark.parametrize(
    ("printing", "count"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-03-01T09:00:00Z", 1_772_355_600_000_000),
        ("2026-03-01T09:00:00.000001Z", 1_772_355_600_000_001),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
    ],
)
def test_r6_instants_are_exact_to_the_microsecond(printing: str, count: int) -> None:
    """R6: counted, read back and printed, an instant stays the same."""
    at = datetime.fromisoformat(printing).astimezone(UTC)
    assert (microseconds(at), from_microseconds(count), printed(at)) == (count, at, printing)


def test_r7_a_behaviour_repeated_converts_no_more() -> None:
    """R7: a user converts at most once on each conversion event, by the earliest behaviour."""
    under(SPRING).given(A1, S2).when(S3).then_nothing()


def test_r7_a_campaign_received_again_converts_no_more() -> None:
    """R7: once, ever, however often the campaign is received."""
    under(SPRING).given(A1, S2, B5).when(S6).then_nothing()


def test_r7_a_behaviour_inside_the_window_of_any_receipt_converts() -> None:
    """R7, R9: the first window passed unused; the second receipt's holds the behaviour."""
    under(SPRING).given(A1, B5).when(S6).then(converted(S6, B5))


def test_r7_a_behaviour_between_two_windows_does_not_convert() -> None:
    """R6, R7: after the first receipt's deadline and before the second receipt."""
    between = session("s4", march(4, "12:00:00"))
    under(SPRING).given(A1, B5).when(between).then_nothing()


def test_r7_an_earlier_behaviour_that_comes_late_is_the_conversion() -> None:
    """R7, R14: the conversion is restated to the earliest behaviour."""
    under(SPRING).given(A1, S3).when(S2).then(conversion_restated((S3, A1), (S2, A1)))


def test_r7_of_behaviours_at_one_instant_the_smallest_id_converts() -> None:
    """R7: ids are compared by code point, so capitals come before small letters."""
    small, capital = session("s", march(2)), session("S", march(2))
    under(SPRING).given(A1, small).when(capital).then(conversion_restated((small, A1), (capital, A1)))
    under(SPRING).given(A1, capital).when(small).then_nothing()


def test_r7_without_a_receipt_nothing_converts() -> None:
    """R7: a behaviour needs a window."""
    under(SPRING).when(S2).then_nothing()


def test_r8_one_behaviour_converts_on_several_conversion_events() -> None:
    """R8: each conversion event that it matches is converted on."""
    product = {"type": "makes_purchase", "deadline": "1d", "product_id": "sku-9"}
    other = {"type": "makes_purchase", "deadline": "1d", "product_id": "sku-1"}
    journey = under(campaign(product, {"type": "makes_purchase", "deadline": "3d"}, other))
    receipt, purchase = received("r1", march(1)), bought("p1", march(2))
    journey.given(receipt).when(purchase).then(
        converted(purchase, receipt, 0), converted(purchase, receipt, 1), earned(purchase, receipt, "1.00")
    )


def test_r8_every_campaign_is_judged_by_its_own_windows() -> None:
    """R8: one behaviour converts on the campaigns whose windows hold it, and on no other."""
    short = campaign(OPENS | {"deadline": 60}, campaign_id="short")
    again = campaign(OPENS, campaign_id="again")
    r2, r3 = received("r2", march(1), campaign_id="short"), received("r3", march(2), campaign_id="again")
    other = campaign({"type": "makes_purchase", "deadline": "3d"}, campaign_id="and")
    r4 = received("r4", march(1), campaign_id="and")
    under(SPRING, short, again, other).given(A1, r2, r3, r4).when(S2).then(
        converted(S2, r3), converted(S2, A1)
    )


def test_r8_behaviours_of_every_type_convert_on_their_own_conversion_event() -> None:
    """R2, R8: each type of conversion event takes the behaviours that match it alone."""
    events = [
        OPENS,
        {"type": "performs_custom_event", "deadline": "3d", "name": "shared"},
        {"type": "upgrades_app", "deadline": "3d"},
    ]
    receipt, shared = received("r1", march(1)), performed("c1", march(2), "shared")
    old, new = reported("v1", march(2), "1.2"), reported("v2", march(3), "1.3")
    journey = under(campaign(*events)).given(receipt)
    journey.when(S2).then(converted(S2, receipt, 0))
    journey.when(shared).then(converted(shared, receipt, 1))
    journey.when(performed("c1", march(2), "signed_up")).then_nothing()
    journey.given(old).when(new).then(upgraded(new, over=old), converted(new, receipt, 2))


def test_r9_the_latest_receipt_whose_window_holds_it_is_credited() -> None:
    """R9: the one at the behaviour's very instant; the one after it takes no credit."""
    before, at, later = (
        received(f"r{day}", march(day), variant) for day, variant in ((1, "A"), (2, "B"), (3, "A"))
    )
    under(SPRING).given(before, at, later).when(S2).then(converted(S2, at))


def test_r9_of_receipts_at_one_instant_the_greatest_id_is_credited() -> None:
    """R9: "latest" is by instant, then by id, whichever came first."""
    small, great = received("r", march(1), "A"), received("\u00e9", march(1), "B")
    under(SPRING).given(small, great).when(S2).then(converted(S2, great))
    under(SPRING).given(great, small).when(S2).then(converted(S2, great))


def test_r9_the_control_group_is_credited_like_any_variant() -> None:
    """R9: a conversion credited to control takes the user's one conversion."""
    enrolled = received("r1", march(1), "holdout")
    under(SPRING).given(enrolled).when(S2).then(converted(S2, enrolled))
    under(SPRING).given(enrolled, S2, B5).when(S6).then_nothing()


def test_r14_a_late_receipt_converts_a_behaviour_recorded_before_it() -> None:
    """R14: the earliest behaviour in its window, among those that match."""
    journey = under(SPRING).given(performed("c2", march(1, "10:00:00")), S3, S2)
    journey.when(A1).then(counted("A", A1), counted(None, A1), converted(S2, A1))


def test_r14_a_late_receipt_opens_a_window_for_each_conversion_event() -> None:
    """R6, R8, R14: each by itself, the second whether or not the first converted before the receipt."""
    events = [OPENS, {"type": "performs_custom_event", "deadline": "3d", "name": "signed_up"}]
    c2, c6 = performed("c2", march(2)), performed("c6", march(6))
    given = under(campaign(*events, variants=VARIANTS))
    given.given(S2, c2).when(A1).then(
        counted("A", A1), counted(None, A1), converted(S2, A1, 0), converted(c2, A1, 1)
    )
    given.given(A1, S2, c6).when(B5).then(counted("B", B5), converted(c6, B5, 1))


def test_r14_a_receipt_converts_a_behaviour_of_its_very_instant_that_came_first() -> None:
    """R6, R14: both ends are inside, in whatever order the two arrive; and so is the credit of R9."""
    at_once, at_a9 = session("s1", march(1)), session("0", march(9))
    under(SPRING).given(at_once).when(A1).then(counted("A", A1), counted(None, A1), converted(at_once, A1))
    late = received("b8", march(8), "B")
    under(SPRING).given(late, at_a9).when(A9).then(
        counted("A", A9), conversion_restated((at_a9, late), (at_a9, A9))
    )


def test_r14_a_late_receipt_takes_the_credit_of_what_follows_it() -> None:
    """R9, R14: the same behaviour, credited to the receipt that is now the latest before it."""
    late = received("b2", march(1, "12:00:00"), "B")
    journey = under(SPRING).given(A1, S2)
    journey.when(late).then(counted("B", late), conversion_restated((S2, A1), (S2, late)))


def test_r14_a_late_receipt_leaves_what_a_later_receipt_is_credited_with() -> None:
    """R9, R14: a behaviour at the next receipt's very instant stays with that one."""
    at_b5 = session("s5", march(5))
    late = received("a4", march(4), "A")
    under(SPRING).given(A1, B5, at_b5).when(late).then_nothing()
    before_b5 = session("s4", march(4, "12:00:00"))
    journey = under(SPRING).given(A1, B5, at_b5, before_b5)
    journey.when(late).then(conversion_restated((at_b5, B5), (before_b5, late)))


def test_r14_a_late_receipt_whose_window_ends_with_the_next_receipt_leaves_it_that_instant() -> None:
    """R6, R9, R14: the deadline's very instant is inside, and the next receipt's all the same."""
    late, s5 = received("a2", march(2), "A"), session("s5", march(5))
    under(SPRING).given(B5, s5).when(late).then(counted("A", late), recounted(None, B5, late))


def test_r14_a_late_behaviour_at_the_first_receipts_instant_converts() -> None:
    """R6, R14: though a later receipt is known."""
    at_once = session("s1", march(1))
    under(SPRING).given(A1, B5).when(at_once).then(converted(at_once, A1))


def test_r14_a_late_receipt_leaves_an_earlier_conversion_alone() -> None:
    """R7, R14: a user who converted before it converts no more in its window."""
    under(SPRING).given(A1, S2, S6).when(B5).then(counted("B", B5))


def test_r14_a_late_receipt_between_two_receipts_opens_its_own_window() -> None:
    """R14: a behaviour no window held converts, though a later one did until now."""
    s10 = session("s10", march(10))
    journey = under(SPRING).given(A1, S6, A9, s10)
    journey.when(B5).then(counted("B", B5), conversion_restated((s10, A9), (S6, B5)))


def test_r14_a_late_first_receipt_holds_the_behaviours_that_come_after_it() -> None:
    """R14: though they are earlier than every receipt that was known before it."""
    under(SPRING).given(A9, A1).when(S2).then(converted(S2, A1))


def test_r14_a_late_receipt_without_behaviours_decides_nothing_more() -> None:
    """R14: what its window does not hold stays as it was."""
    under(SPRING).given(A1, session("s9", march(9))).when(B5).then(counted("B", B5))


def test_r18_a_receipt_counts_its_user_for_the_variant_and_for_the_campaign() -> None:
    """R18: once for each, however many receipts follow."""
    journey = under(SPRING)
    journey.when(A1).then(counted("A", A1), counted(None, A1))
    journey.given(A1).when(A9).then_nothing()
    journey.given(A1).when(B5).then(counted("B", B5))


def test_r18_an_enrolment_in_control_counts_for_control_alone() -> None:
    """R18: the campaign's recipients are those of any variant but control."""
    enrolled = received("h1", march(1), "holdout")
    under(SPRING).when(enrolled).then(counted("holdout", enrolled))
    under(SPRING).given(enrolled).when(B5).then(counted("B", B5), counted(None, B5))


@pytest.mark.parametrize("first", [received("a0", march(1, "08:00:00"), "A"), received("a", march(1), "A")])
def test_r20_an_earlier_receipt_that_comes_late_is_the_recipients_first(first: Fields) -> None:
    """R20: by instant, then by id; for its variant and for the campaign."""
    journey = under(SPRING).given(A1)
    journey.when(first).then(recounted("A", A1, first), recounted(None, A1, first))


def test_r20_an_earlier_receipt_moves_only_what_it_is_first_of() -> None:
    """R20: the first of its variant, or of the campaign, each by itself; control's never the campaign's."""
    a7, b3, h1 = (
        received("a7", march(7), "A"),
        received("b3", march(3), "B"),
        received("h1", march(1), "holdout"),
    )
    under(SPRING).given(b3, A9).when(a7).then(recounted("A", A9, a7))
    under(SPRING).given(A9).when(b3).then(counted("B", b3), recounted(None, A9, b3))
    under(SPRING).given(A9, received("h2", march(2), "holdout")).when(h1).then(
        recounted("holdout", received("h2", march(2), "holdout"), h1)
    )
