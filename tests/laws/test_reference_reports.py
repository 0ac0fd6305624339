"""The reference of the read models: the worked examples of docs/rules.md in their shapes, days, and sums."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reference import Row, judge
from tests.support.reference_reports import (
    Clock,
    conversions,
    counted_purchases,
    mature,
    overlap,
    overlap_with,
    received_between,
    recipients,
    series,
    true_as_of,
)
from tests.support.strategies import World, worlds

Fields = dict[str, Any]
CLOCKS: list[Clock] = ["conversion", "receipt"]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"]

PURCHASE = {"type": "makes_purchase", "deadline": "3d"}
SESSION = {"type": "starts_session", "deadline": "1d"}
MONTH = PURCHASE | {"deadline": "30d"}
TWO_VARIANTS = [{"id": "A"}, {"id": "B"}]
WITH_CONTROL = [{"id": "A"}, {"id": "holdout", "control": True}]
TICK = timedelta(microseconds=1)


def campaign(*events: Fields, campaign_id: str = "spring", **fields: Any) -> Fields:
    return {"id": campaign_id, "conversion_events": list(events), **fields}


def march(day: int, time: str = "09:00:00") -> str:
    return f"2026-03-{day:02}T{time}Z"


def utc(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def on(day: int) -> date:
    return date(2026, 3, day)


def fact(kind: str, fact_id: str, at: str, **fields: Any) -> Fields:
    return {"type": kind, "id": fact_id, "user_id": "u1", "at": at} | fields


def received(fact_id: str, at: str, campaign_id: str = "spring", **fields: Any) -> Fields:
    return fact("received", fact_id, at, campaign_id=campaign_id, **fields)


def bought(fact_id: str, at: str, price: str = "1.00", currency: str = "EUR", **fields: Any) -> Fields:
    return fact("purchase", fact_id, at, product_id="sku-9", price=price, currency=currency, **fields)


def opened(fact_id: str, at: str, **fields: Any) -> Fields:
    return fact("session_started", fact_id, at, app_id="ios", **fields)


def refunded(fact_id: str, purchase_id: str, amount: str) -> Fields:
    return fact("refund", fact_id, march(9), purchase_id=purchase_id, amount=amount)


def voided(void_id: str, fact_id: str) -> Fields:
    return fact("void", void_id, march(20)) | {"fact_id": fact_id}


def figures(receipts: int, unique: int, converted: list[int], revenue: Mapping[str, str]) -> Row:
    money = {currency: Decimal(amount) for currency, amount in revenue.items()}
    return {"receipts": receipts, "unique_recipients": unique, "conversions": converted, "revenue": money}


EXAMPLE_3 = [received("r1", march(1), variant_id="A"), received("r2", march(10), variant_id="B")]
EXAMPLE_3 += [bought("p11", march(11))]
EXAMPLE_5 = [received("r1", march(1)), bought("p2", march(2), "20.00"), bought("p3", march(3), "5.00", "USD")]
EXAMPLE_5 += [bought("p9", march(9), "7.00")]
EXAMPLE_8 = [received("r1", march(1), variant_id="holdout"), received("r2", march(10), variant_id="A")]
EXAMPLE_8 += [bought("p2", march(2), "3.00"), bought("p11", march(11), "4.00")]
EXAMPLE_10 = [received("r1", march(1)), bought("p2", march(2)), bought("p3", march(3))]


def test_example_3_conversions_say_behaviour_receipt_and_window() -> None:
    """R7, R9, R14: the late purchase moves the conversion to the first receipt and its window."""
    variants = [campaign(PURCHASE, variants=TWO_VARIANTS)]
    later = {"variant_id": "B", "receipt_id": "r2", "received_at": utc(10), "window_ends_at": utc(13)}
    later |= {"behaviour_id": "p11", "behaviour_at": utc(11)}
    earlier = {"variant_id": "A", "receipt_id": "r1", "received_at": utc(1), "window_ends_at": utc(4)}
    earlier |= {"behaviour_id": "p3", "behaviour_at": utc(3)}
    assert conversions(variants, EXAMPLE_3) == {("u1", "spring", 0): later}
    late = [*EXAMPLE_3, bought("p3", march(3))]
    assert conversions(variants, [*late, *late]) == {("u1", "spring", 0): earlier}


def test_example_3_series_put_the_conversion_on_its_own_day_or_its_receipts() -> None:
    """R20: receipts and recipients are on their own day under both clocks, the recipient on the first only."""
    variants = [campaign(PURCHASE, variants=TWO_VARIANTS)]
    by_receipt = {
        ("A", on(1)): figures(1, 1, [0], {}),
        ("B", on(10)): figures(1, 1, [1], {"EUR": "1.00"}),
        (None, on(1)): figures(1, 1, [0], {}),
        (None, on(10)): figures(1, 0, [1], {"EUR": "1.00"}),
    }
    by_conversion = by_receipt | {
        ("B", on(10)): figures(1, 1, [0], {}),
        ("B", on(11)): figures(0, 0, [1], {"EUR": "1.00"}),
        (None, on(10)): figures(1, 0, [0], {}),
        (None, on(11)): figures(0, 0, [1], {"EUR": "1.00"}),
    }
    assert series(variants, EXAMPLE_3, "spring", "receipt", "UTC") == by_receipt
    assert series(variants, EXAMPLE_3, "spring", "conversion", "UTC") == by_conversion


@pytest.mark.parametrize("events", [[PURCHASE], []])
def test_example_5_purchases_count_inside_the_primary_window(events: list[Fields]) -> None:
    """R11: the primary deadline, or 3 days; each purchase once, with its receipt, in its currency."""
    receipt = {"variant_id": "default", "receipt_id": "r1", "received_at": utc(1)}
    euro = receipt | {"purchased_at": utc(2), "currency": "EUR", "net": Decimal("20.00")}
    dollar = receipt | {"purchased_at": utc(3), "currency": "USD", "net": Decimal("5.00")}
    counted = counted_purchases([campaign(*events)], EXAMPLE_5)
    assert counted == {("u1", "spring", "p2"): euro, ("u1", "spring", "p3"): dollar}


def test_example_5_recipients_hold_purchases_and_net_by_currency() -> None:
    """R11, R18: the only variant's row and the campaign's say the same."""
    recipient = {
        "receipts": 1,
        "first_receipt_id": "r1",
        "first_received_at": utc(1),
        "last_receipt_id": "r1",
        "last_received_at": utc(1),
        "converted": [0],
        "revenue": {"EUR": (2, Decimal("20.50")), "USD": (1, Decimal("5.00"))},
    }
    facts = [*EXAMPLE_5, bought("p4", march(4), "0.50")]
    keys = [("u1", "spring", "default"), ("u1", "spring", None)]
    assert recipients([campaign(PURCHASE)], facts) == dict.fromkeys(keys, recipient)


def test_example_5_series_put_purchases_on_their_own_day_or_their_receipts() -> None:
    """R20: with no conversion event a day has no conversions to count, but its revenue."""
    by_conversion = {on(1): figures(1, 1, [], {}), on(2): figures(0, 0, [], {"EUR": "20.00"})}
    by_conversion[on(3)] = figures(0, 0, [], {"USD": "5.00"})
    by_receipt = {on(1): figures(1, 1, [], {"EUR": "20.00", "USD": "5.00"})}
    found = {clock: series([campaign()], EXAMPLE_5, "spring", clock, "UTC") for clock in CLOCKS}
    for variant in ("default", None):
        of = {clock: {d: f for (v, d), f in found[clock].items() if v == variant} for clock in CLOCKS}
        assert of == {"conversion": by_conversion, "receipt": by_receipt}


def test_example_8_a_recipient_of_control_and_of_a_variant_stands_in_three_rows() -> None:
    """R9, R11, R18: the conversion is in control's row alone, and each row has its own first and last."""
    found = recipients([campaign(MONTH, variants=WITH_CONTROL)], EXAMPLE_8)
    control, variant, totals = (found["u1", "spring", row] for row in ("holdout", "A", None))
    assert len(found) == 3
    assert variant == totals
    assert [row["converted"] for row in (control, variant)] == [[0], []]
    assert [row["first_receipt_id"] for row in (control, variant)] == ["r1", "r2"]
    assert [row["last_received_at"] for row in (control, variant)] == [utc(1), utc(10)]
    revenues = [{"EUR": (1, Decimal("3.00"))}, {"EUR": (1, Decimal("4.00"))}]
    assert [row["revenue"] for row in (control, variant)] == revenues


def test_example_8_series_leave_control_out_of_the_campaigns_days() -> None:
    """R9, R18, R20: the campaign's recipient stands on the day of the first receipt of any but control."""
    found = series([campaign(MONTH, variants=WITH_CONTROL)], EXAMPLE_8, "spring", "conversion", "UTC")
    days = {on(10): figures(1, 1, [0], {}), on(11): figures(0, 0, [0], {"EUR": "4.00"})}
    control = {on(1): figures(1, 1, [0], {}), on(2): figures(0, 0, [1], {"EUR": "3.00"})}
    rows = {None: days, "A": days, "holdout": control}
    assert found == {(row, day): each for row, of_row in rows.items() for day, each in of_row.items()}


def test_example_8_receipts_of_some_days_report_what_is_credited_to_them() -> None:
    """R9, R19: both days are inside; a purchase of a later day counts for the receipt it is credited to."""
    variants = [campaign(MONTH, variants=WITH_CONTROL)]
    nothing = figures(0, 0, [0], {}) | {"conversion_rates": [None]}
    control = figures(1, 1, [1], {"EUR": "3.00"}) | {"conversion_rates": [1.0]}
    treated = figures(1, 1, [0], {"EUR": "4.00"}) | {"conversion_rates": [0.0]}
    early = {"totals": nothing, "variants": {"A": nothing, "holdout": control}}
    late = {"totals": treated, "variants": {"A": treated, "holdout": nothing}}
    both = judge(variants, EXAMPLE_8).report("spring")
    days = [((1, 1), early), ((1, 9), early), ((2, 10), late), ((10, 10), late), ((1, 10), both)]
    for (first, last), report in days:
        assert received_between(variants, EXAMPLE_8, "spring", on(first), on(last), "UTC") == report
    empty = {"totals": nothing, "variants": {"A": nothing, "holdout": nothing}}
    assert received_between(variants, EXAMPLE_8, "spring", on(2), on(9), "UTC") == empty
    assert received_between(variants, EXAMPLE_8, "spring", on(10), on(1), "UTC") == empty


def test_receipts_between_two_days_make_a_recipient_whenever_the_first_was() -> None:
    """R18: of two receipts each makes the user a recipient of its own day; credit looks at all receipts."""
    variants = [campaign(PURCHASE, variants=TWO_VARIANTS)]
    facts = [received("r1", march(1), variant_id="A"), received("r2", march(2), variant_id="A")]
    facts += [bought("p3", march(3), "2.00")]
    first = received_between(variants, facts, "spring", on(1), on(1), "UTC")
    second = received_between(variants, facts, "spring", on(2), on(2), "UTC")
    assert first["variants"]["A"] == figures(1, 1, [0], {}) | {"conversion_rates": [0.0]}
    assert second["totals"] == figures(1, 1, [1], {"EUR": "2.00"}) | {"conversion_rates": [1.0]}


def test_example_9_a_purchase_of_net_nothing_still_counts() -> None:
    """R11, R12: its currency stands at 0 on the purchase's day, and the conversion stands."""
    facts = [bought("p1", march(2), "20.00"), refunded("x1", "p1", "5.00"), refunded("x2", "p1", "30.00")]
    for order in permutations(facts):
        told = [received("r1", march(1)), *order]
        assert counted_purchases([campaign(PURCHASE)], told)["u1", "spring", "p1"]["net"] == Decimal(0)
        recipient = recipients([campaign(PURCHASE)], told)["u1", "spring", None]
        assert (recipient["converted"], recipient["revenue"]) == ([0], {"EUR": (1, Decimal(0))})
        days = series([campaign()], told, "spring", "conversion", "UTC")
        assert days[None, on(2)] == figures(0, 0, [], {"EUR": "0"})


def test_example_10_voids_restate_and_then_withdraw() -> None:
    """R14, R17: in any order; a recipient stays one without a conversion, and goes with the receipt."""
    variants = [campaign(PURCHASE)]
    once = [voided("d1", "p2"), *EXAMPLE_10]
    assert conversions(variants, once)["u1", "spring", 0]["behaviour_at"] == utc(3)
    twice = [*once, voided("d2", "p3")]
    recipient = recipients(variants, twice)["u1", "spring", None]
    assert (recipient["receipts"], recipient["converted"], recipient["revenue"]) == (1, [], {})
    assert (conversions(variants, twice), counted_purchases(variants, twice)) == ({}, {})
    gone = [voided("d3", "r1"), *EXAMPLE_10]
    assert recipients(variants, gone) == {}
    assert series(variants, gone, "spring", "receipt", "UTC") == {}


def test_example_10_what_is_true_as_of_an_instant_knows_every_void() -> None:
    """R17: a void of 20 March tells of a purchase of 2 March already on 2 March."""
    variants, facts = [campaign(PURCHASE)], [*EXAMPLE_10, voided("d1", "p2")]
    asked = [utc(1) - TICK, utc(1), utc(2), utc(3) - TICK, utc(3)]
    found = [true_as_of(variants, facts, "spring", at)["totals"] for at in asked]
    assert [row["receipts"] for row in found] == [0, 1, 1, 1, 1]
    assert [row["conversions"] for row in found] == [[0], [0], [0], [0], [1]]
    assert true_as_of(variants, EXAMPLE_10, "spring", utc(2))["totals"]["conversions"] == [1]


def test_what_is_true_as_of_an_instant_knows_every_refund_and_no_later_report() -> None:
    """R10, R12: the refund of 9 March counts on 2 March; an upgrade is none before it is reported."""
    told = [received("r1", march(1)), bought("p1", march(2), "20.00"), refunded("x1", "p1", "5.00")]
    report = true_as_of([campaign(PURCHASE)], told, "spring", utc(2))
    assert report["totals"]["revenue"] == {"EUR": Decimal("15.00")}
    upgrade = [campaign({"type": "upgrades_app", "deadline": "30d"})]
    reports = [fact("app_version", f"v{d}", march(d), app_id="ios", version=f"1.{d}") for d in (2, 3)]
    counts = [
        true_as_of(upgrade, [told[0], *reports], "spring", at)["totals"]["conversions"]
        for at in (utc(3) - TICK, utc(3))
    ]
    assert counts == [[0], [1]]


def test_a_later_refund_that_came_as_an_event_takes_money_back_and_has_not_performed_it_yet() -> None:
    """R27: as of 3 March the refund of 5 March is known, and its event has not happened; on 5 March it has."""
    event = {"type": "performs_custom_event", "name": "given back", "deadline": "30d"}
    lines = [{"product_id": "tea", "price": "10.00", "currency": "EUR", "quantity": 1}]
    order = fact("order", "o1", march(2), lines=lines)
    back = fact("order_refund", "x1", march(5), order_id="o1", amount="4.00", name="given back")
    counts = [
        true_as_of([campaign(event)], [received("r1", march(1)), order, back], "spring", utc(day))["totals"]
        for day in (3, 5)
    ]
    assert [each["conversions"] for each in counts] == [[0], [1]]
    assert [each["revenue"] for each in counts] == [{"EUR": Decimal("6.00")}] * 2


def test_each_user_is_a_recipient_with_what_they_earned_themselves() -> None:
    """R13, R18: two users of one campaign, with the same ids, share neither conversions nor revenue."""
    facts = [received("r1", march(1)), received("r1", march(1), user_id="u2"), bought("p1", march(2))]
    found = recipients([campaign(PURCHASE)], facts)
    earned = {user: (each["converted"], each["revenue"]) for (user, _, row), each in found.items() if row}
    assert earned == {"u1": ([0], {"EUR": (1, Decimal("1.00"))}), "u2": ([], {})}


def test_of_equal_instants_the_smallest_id_is_first_and_the_greatest_last() -> None:
    """Words, R20: earliest and latest are by instant, then by id by code point."""
    receipts = [received(receipt_id, march(1)) for receipt_id in ("a", "B", "\U0001f600", "\uff5a")]
    recipient = recipients([campaign()], receipts)["u1", "spring", None]
    assert (recipient["first_receipt_id"], recipient["last_receipt_id"]) == ("B", "\U0001f600")
    assert recipient["receipts"] == 4


@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        ("UTC", "2024-03-30T23:00:00Z", date(2024, 3, 30)),
        # 23 hours: from 23:00Z the day before to 22:00Z
        ("Europe/Berlin", "2024-03-30T22:59:59.999999Z", date(2024, 3, 30)),
        ("Europe/Berlin", "2024-03-30T23:00:00Z", date(2024, 3, 31)),
        ("Europe/Berlin", "2024-03-31T21:59:59.999999Z", date(2024, 3, 31)),
        ("Europe/Berlin", "2024-03-31T22:00:00Z", date(2024, 4, 1)),
        # 25 hours: from 22:00Z the day before to 23:00Z
        ("Europe/Berlin", "2024-10-26T21:59:59.999999Z", date(2024, 10, 26)),
        ("Europe/Berlin", "2024-10-26T22:00:00Z", date(2024, 10, 27)),
        ("Europe/Berlin", "2024-10-27T22:59:59.999999Z", date(2024, 10, 27)),
        ("Europe/Berlin", "2024-10-27T23:00:00Z", date(2024, 10, 28)),
        # 23 hours from 05:00Z to 04:00Z, 25 hours from 04:00Z to 05:00Z
        ("America/New_York", "2024-03-10T04:59:59.999999Z", date(2024, 3, 9)),
        ("America/New_York", "2024-03-10T05:00:00Z", date(2024, 3, 10)),
        ("America/New_York", "2024-03-11T03:59:59.999999Z", date(2024, 3, 10)),
        ("America/New_York", "2024-03-11T04:00:00Z", date(2024, 3, 11)),
        ("America/New_York", "2024-11-03T03:59:59.999999Z", date(2024, 11, 2)),
        ("America/New_York", "2024-11-03T04:00:00Z", date(2024, 11, 3)),
        ("America/New_York", "2024-11-04T04:59:59.999999Z", date(2024, 11, 3)),
        ("America/New_York", "2024-11-04T05:00:00Z", date(2024, 11, 4)),
        # half an hour
        ("Asia/Kolkata", "2024-03-30T18:29:59.999999Z", date(2024, 3, 30)),
        ("Asia/Kolkata", "2024-03-30T18:30:00Z", date(2024, 3, 31)),
        # 23:30 here is tomorrow in UTC, and 23:30 in UTC is tomorrow elsewhere
        ("America/New_York", "2024-07-02T03:30:00Z", date(2024, 7, 1)),
        ("America/New_York", "2024-07-01T23:30:00-04:00", date(2024, 7, 1)),
        ("Europe/Berlin", "2024-07-01T23:30:00Z", date(2024, 7, 2)),
        ("Europe/Berlin", "2024-07-01T23:30:00+02:00", date(2024, 7, 1)),
        ("Europe/Berlin", "2024-07-01T23:30:00-04:00", date(2024, 7, 2)),
    ],
)
def test_a_day_is_the_calendar_date_in_the_zone(zone: str, at: str, day: date) -> None:
    """R20: 23 to 25 hours; the offset a fact is written in is nothing to the day it stands on."""
    variants = [campaign(PURCHASE, variants=WITH_CONTROL)]
    facts = [received("r1", at, variant_id="A"), bought("p1", at)]
    for clock in CLOCKS:
        days = series(variants, facts, "spring", clock, zone)
        assert days == dict.fromkeys([(None, day), ("A", day)], figures(1, 1, [1], {"EUR": "1.00"}))
    around = [(day - timedelta(days=1), 0), (day, 1), (day + timedelta(days=1), 0)]
    for asked, receipts in around:
        totals = received_between(variants, facts, "spring", asked, asked, zone)["totals"]
        assert totals["receipts"] == sum(totals["conversions"]) == receipts


def test_a_days_deadline_is_86400_seconds_where_the_calendar_day_is_not() -> None:
    """R3, R6, R20: after a night of clock changes a window ends an hour off its receipt's local time."""
    facts = [received("r1", "2024-10-26T12:00:00+02:00"), opened("s1", "2024-10-27T11:00:00+01:00")]
    days = series([campaign(SESSION)], facts, "spring", "conversion", "Europe/Berlin")
    assert days[None, date(2024, 10, 27)] == figures(0, 0, [1], {})
    late = [facts[0], opened("s1", "2024-10-27T11:00:00.000001+01:00")]
    assert conversions([campaign(SESSION)], late) == {}


def test_a_recipient_is_mature_one_tick_after_the_last_window() -> None:
    """R6: at the last receipt's instant plus the deadline the window is open, a microsecond later not."""
    variants = [campaign(PURCHASE, SESSION)]
    facts = [received("r1", march(1)), received("r2", march(2)), bought("p1", march(3))]
    still_open = {"recipients": 0, "converted": 0, "open": 1}
    bought_one = {"recipients": 1, "converted": 1, "open": 0}
    opened_none = {"recipients": 1, "converted": 0, "open": 0}
    asked = {
        utc(3): [still_open, still_open],
        utc(3) + TICK: [still_open, opened_none],
        utc(5): [still_open, opened_none],
        utc(5) + TICK: [bought_one, opened_none],
    }
    for as_of, rows in asked.items():
        assert mature(variants, facts, "spring", as_of) == {None: rows, "default": rows}


def test_a_variants_recipients_mature_by_its_own_last_receipt() -> None:
    """R9, R18: example 8; control's recipient is mature while the campaign's, of a later receipt, is open."""
    variants = [campaign(MONTH, variants=[{"id": "B"}, *WITH_CONTROL])]
    nobody = [{"recipients": 0, "converted": 0, "open": 0}]
    still_open = [{"recipients": 0, "converted": 0, "open": 1}]
    control = [{"recipients": 1, "converted": 1, "open": 0}]
    found = mature(variants, EXAMPLE_8, "spring", utc(31) + TICK)
    assert found == {None: still_open, "A": still_open, "B": nobody, "holdout": control}
    later = mature(variants, EXAMPLE_8, "spring", utc(31) + timedelta(days=9) + TICK)
    unconverted = [{"recipients": 1, "converted": 0, "open": 0}]
    assert later == {None: unconverted, "A": unconverted, "B": nobody, "holdout": control}


def test_a_conversion_of_another_variant_is_none_of_this_ones() -> None:
    """R9: example 3; both variants' recipient is mature, the conversion is B's and the campaign's."""
    found = mature([campaign(PURCHASE, variants=TWO_VARIANTS)], EXAMPLE_3, "spring", utc(31))
    assert {variant: rows[0]["converted"] for variant, rows in found.items()} == {None: 1, "A": 0, "B": 1}
    assert {variant: rows[0]["recipients"] for variant, rows in found.items()} == {None: 1, "A": 1, "B": 1}


def test_without_conversion_events_every_variant_is_there_with_nothing_to_mature() -> None:
    """R1: none to four conversion events, so a list of none."""
    found = mature([campaign(variants=WITH_CONTROL)], EXAMPLE_8, "spring", utc(31))
    assert found == {None: [], "A": [], "holdout": []}
    assert overlap([campaign()], EXAMPLE_5, "spring") == []


def test_one_behaviour_that_converts_on_two_campaigns_overlaps_once() -> None:
    """R8: two of the other's conversion events make one behaviour in both, and one overlapping conversion."""
    events = [PURCHASE, SESSION]
    campaigns = [campaign(*events), campaign(PURCHASE, MONTH, campaign_id="summer")]
    facts = [received("r1", march(1)), received("r2", march(1), "summer")]
    facts += [bought("p1", march(2)), opened("s1", march(2))]
    one = {"conversions": 1, "overlapping": 1}
    assert overlap(campaigns, facts, "spring") == [one, {"conversions": 1, "overlapping": 0}]
    assert overlap(campaigns, facts, "summer") == [one, one]
    assert overlap_with(campaigns, facts, "spring") == {"summer": 1}
    assert overlap_with(campaigns, facts, "summer") == {"spring": 1}


def test_a_second_conversion_inside_one_campaign_is_no_overlap() -> None:
    """R8: one purchase on both conversion events of the same campaign, and no other campaign has it."""
    campaigns = [campaign(PURCHASE, MONTH), campaign(PURCHASE, campaign_id="summer")]
    facts = [received("r1", march(1)), received("r2", march(3), "summer"), bought("p1", march(2))]
    alone = {"conversions": 1, "overlapping": 0}
    assert overlap(campaigns, facts, "spring") == [alone, alone]
    assert overlap(campaigns, facts, "summer") == [{"conversions": 0, "overlapping": 0}]
    assert overlap_with(campaigns, facts, "spring") == overlap_with(campaigns, facts, "summer") == {}


def test_a_conversion_credited_to_control_overlaps_with_nothing() -> None:
    """R9: neither as one's own nor as the other's, though a variant may have control's id elsewhere."""
    campaigns = [
        campaign(PURCHASE, variants=WITH_CONTROL),
        campaign(PURCHASE, campaign_id="summer", variants=[{"id": "holdout"}]),
    ]
    control = [received("r1", march(1), variant_id="holdout"), received("r2", march(1), "summer")]
    treated = [control[0] | {"variant_id": "A"}, control[1]]
    purchase = bought("p1", march(2))
    assert overlap(campaigns, [*control, purchase], "spring") == [{"conversions": 0, "overlapping": 0}]
    assert overlap(campaigns, [*control, purchase], "summer") == [{"conversions": 1, "overlapping": 0}]
    assert overlap_with(campaigns, [*control, purchase], "spring") == {}
    assert overlap(campaigns, [*treated, purchase], "summer") == [{"conversions": 1, "overlapping": 1}]
    assert overlap_with(campaigns, [*treated, purchase], "spring") == {"summer": 1}


def test_the_same_id_of_another_user_is_another_behaviour() -> None:
    """R13: a fact's identity has its user in it."""
    campaigns = [campaign(PURCHASE), campaign(PURCHASE, campaign_id="summer")]
    facts = [received("r1", march(1)), bought("p1", march(2))]
    facts += [received("r1", march(1), "summer") | {"user_id": "u2"}, bought("p1", march(2), user_id="u2")]
    assert overlap(campaigns, facts, "spring") == [{"conversions": 1, "overlapping": 0}]
    assert overlap_with(campaigns, facts, "spring") == {}


def summed(days: Mapping[tuple[str | None, date], Row], variant: str | None, none: list[int]) -> Row:
    """Add up one row's days; conversions of no day at all are these zeros."""
    rows = [row for (of, _), row in days.items() if of == variant]
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    for currency, amount in [item for row in rows for item in row["revenue"].items()]:
        revenue[currency] += amount
    return {
        "receipts": sum(row["receipts"] for row in rows),
        "unique_recipients": sum(row["unique_recipients"] for row in rows),
        "conversions": [sum(column) for column in zip(none, *(r["conversions"] for r in rows), strict=True)],
        "revenue": revenue,
    }


def by_variant(report: Row) -> dict[str | None, Row]:
    """Key a report's rows as a series does, rates left aside: they do not add up."""
    rows = {None: report["totals"], **report["variants"]}
    return {v: {k: each for k, each in row.items() if k != "conversion_rates"} for v, row in rows.items()}


@given(worlds(), st.sampled_from(ZONES))
@settings(deadline=None, database=None)
def test_sums_over_days_equal_the_report_under_both_clocks(world: World, zone: str) -> None:
    """R20: for each variant and for the campaign, each by itself; no day is there with nothing in it."""
    campaigns, facts = world
    outcome = judge(campaigns, facts)
    for found in campaigns:
        none = [0 for _ in found.get("conversion_events", [])]
        for clock in CLOCKS:
            days = series(campaigns, facts, found["id"], clock, zone)
            for variant, row in by_variant(outcome.report(found["id"])).items():
                assert summed(days, variant, none) == row
            assert figures(0, 0, none, {}) not in days.values()


@given(worlds(), st.sampled_from(ZONES))
@settings(deadline=None, database=None)
def test_reports_of_all_days_and_of_every_instant_equal_the_report(world: World, zone: str) -> None:
    """R18, R19: all receipts are between the first day and the last, and all is true as of the end of days."""
    campaigns, facts = world
    outcome = judge(campaigns, facts)
    first, last, end = date(1969, 12, 31), date(2026, 1, 2), datetime(2026, 1, 1, tzinfo=UTC)
    for found in campaigns:
        report = outcome.report(found["id"])
        assert received_between(campaigns, facts, found["id"], first, last, zone) == report
        assert true_as_of(campaigns, facts, found["id"], end) == report


@given(worlds(), st.sampled_from(ZONES))
@settings(deadline=None, database=None)
def test_each_days_receipts_earn_what_the_series_by_receipt_says(world: World, zone: str) -> None:
    """R20: all but unique recipients, which stand on the day of the first receipt alone."""
    campaigns, facts = world
    for found in campaigns:
        days = series(campaigns, facts, found["id"], "receipt", zone)
        for (variant, day), row in days.items():
            report = by_variant(received_between(campaigns, facts, found["id"], day, day, zone))[variant]
            assert report | {"unique_recipients": row["unique_recipients"]} == row
            assert report["unique_recipients"] >= row["unique_recipients"]


@given(worlds())
@settings(deadline=None, database=None)
def test_recipients_add_up_to_the_report_and_all_mature_in_the_end(world: World) -> None:
    """R9, R18: receipts, conversions and revenue of a row are those of its recipients, added up."""
    campaigns, facts = world
    told, end = recipients(campaigns, facts), datetime(2026, 3, 1, tzinfo=UTC)
    for found in campaigns:
        over = mature(campaigns, facts, found["id"], end)
        for variant, row in by_variant(judge(campaigns, facts).report(found["id"])).items():
            own = [each for (_, of, v), each in told.items() if (of, v) == (found["id"], variant)]
            assert (len(own), sum(each["receipts"] for each in own)) == (
                row["unique_recipients"],
                row["receipts"],
            )
            counts = range(len(row["conversions"]))
            assert [sum(i in each["converted"] for each in own) for i in counts] == row["conversions"]
            nets = [(c, net) for each in own for c, (_, net) in each["revenue"].items()]
            money = {c: sum(net for currency, net in nets if currency == c) for c, _ in nets}
            assert money == row["revenue"]
            ended = [{"recipients": len(own), "converted": count, "open": 0} for count in row["conversions"]]
            assert over[variant] == ended
