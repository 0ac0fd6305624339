"""The reference itself: the worked examples of docs/rules.md, a few corners, and the reach of the strategies."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reference import Outcome, deadline_of, instant, judge, upgrades
from tests.support.strategies import APP_GROUP, BEHAVIOURS, World, arrivals, identity, worlds

Fields = dict[str, Any]

PURCHASE = {"type": "makes_purchase", "deadline": "3d"}
TWO_VARIANTS = [{"id": "A"}, {"id": "B"}]
WITH_CONTROL = [{"id": "A"}, {"id": "holdout", "control": True}]


def campaign(*events: Fields, campaign_id: str = "spring", **fields: Any) -> Fields:
    return {"id": campaign_id, "conversion_events": list(events), **fields}


def march(day: int, time: str = "09:00:00") -> str:
    return f"2026-03-{day:02}T{time}Z"


def fact(kind: str, fact_id: str, at: str, **fields: Any) -> Fields:
    return {"type": kind, "id": fact_id, "user_id": "u1", "at": at} | fields


def received(fact_id: str, at: str, campaign_id: str = "spring", **fields: Any) -> Fields:
    return fact("received", fact_id, at, campaign_id=campaign_id, **fields)


def bought(fact_id: str, at: str, price: str = "1.00", currency: str = "EUR", **fields: Any) -> Fields:
    return fact("purchase", fact_id, at, product_id="sku-9", price=price, currency=currency, **fields)


def refunded(fact_id: str, purchase_id: str, amount: str) -> Fields:
    return fact("refund", fact_id, march(9), purchase_id=purchase_id, amount=amount)


def reported(fact_id: str, at: str, version: str) -> Fields:
    return fact("app_version", fact_id, at, app_id="ios", version=version)


def voided(void_id: str, fact_id: str) -> Fields:
    return fact("void", void_id, march(20)) | {"fact_id": fact_id}


def primary(outcome: Outcome, campaign_id: str = "spring") -> tuple[str, str, str] | None:
    return outcome.conversions.get(("u1", campaign_id, 0))


def revenue(outcome: Outcome, row: str = "totals") -> dict[str, Decimal]:
    report = outcome.report("spring")
    found: dict[str, Decimal] = (report["totals"] if row == "totals" else report["variants"][row])["revenue"]
    return found


def test_example_1_the_first_of_two_purchases_is_the_one_conversion() -> None:
    """R7: a user converts at most once on a conversion event, by the earliest behaviour."""
    facts = [received("r1", march(1)), bought("p3", march(3)), bought("p2", march(2))]
    outcome = judge([campaign(PURCHASE)], facts)
    assert outcome.conversions == {("u1", "spring", 0): ("p2", "r1", "default")}


@pytest.mark.parametrize(
    ("at", "converts"),
    [
        (march(4), True),
        (march(4, "09:00:00.000001"), False),
        (march(1), True),
        (march(1, "08:59:59.999999"), False),
        ("2026-03-04T11:00:00+02:00", True),
        (march(4, "09:00:00.0000009"), True),
    ],
)
def test_example_2_both_ends_of_a_window_are_inside(at: str, converts: bool) -> None:
    """R6: instants are exact to the microsecond, in UTC, and further digits are cut."""
    outcome = judge([campaign(PURCHASE)], [received("r1", march(1)), bought("p1", at)])
    assert (primary(outcome) is not None) == converts


def test_example_3_a_purchase_reported_late_moves_the_conversion_and_its_credit() -> None:
    """R7, R9, R14: the conversion is the earliest behaviour, credited to the receipt that held it."""
    variants = [campaign(PURCHASE, variants=TWO_VARIANTS)]
    facts = [received("r1", march(1), variant_id="A"), received("r2", march(10), variant_id="B")]
    facts += [bought("p11", march(11))]
    assert primary(judge(variants, facts)) == ("p11", "r2", "B")
    assert primary(judge(variants, [*facts, bought("p3", march(3))])) == ("p3", "r1", "A")


def test_example_4_one_purchase_converts_on_two_campaigns() -> None:
    """R8: every campaign is judged on its own."""
    campaigns = [campaign(PURCHASE), campaign(PURCHASE, campaign_id="summer")]
    facts = [received("r1", march(1)), received("r2", march(2), "summer"), bought("p1", march(3))]
    outcome = judge(campaigns, facts)
    assert primary(outcome) == ("p1", "r1", "default")
    assert primary(outcome, "summer") == ("p1", "r2", "default")


@pytest.mark.parametrize("events", [[PURCHASE], [{"type": "starts_session", "deadline": 259_200}], []])
def test_example_5_revenue_is_every_purchase_inside_the_primary_window(events: list[Fields]) -> None:
    """R11: whatever the conversion events' types, and for 3 days when there are none."""
    facts = [received("r1", march(1)), bought("p2", march(2), "20.00"), bought("p3", march(3), "5.00", "USD")]
    outcome = judge([campaign(*events)], [*facts, bought("p9", march(9), "7.00")])
    assert revenue(outcome) == {"EUR": Decimal("20.00"), "USD": Decimal("5.00")}


@pytest.mark.parametrize(
    ("before", "after", "upgrade"),
    [
        ("1.2.3", "1.3.0", True),
        ("1.2.3", "1.2.2", False),
        ("1.2.3", "1.2.3-beta2", True),
        ("1.2.3-beta2", "1.2.3", True),
        ("1.2.3-beta2", "1.2.3-beta2", False),
        ("1.9", "1.10", True),
        ("1.2", "1.2.0", False),
        ("01.2", "1.2", False),
        ("1.2", "\u0661.\u0662", True),
        ("1.2", "1.2.", True),
        ("1.2", "1.2\n", True),
    ],
)
def test_example_6_versions_compare_number_by_number_or_by_any_change(
    before: str, after: str, upgrade: bool
) -> None:
    """R10: dotted whole numbers of ASCII digits are compared; of anything else, any change counts."""
    event = {"type": "upgrades_app", "deadline": "30d"}
    facts = [received("r1", march(1)), reported("v1", march(2), before), reported("v2", march(3), after)]
    assert upgrades(before, after) == upgrade
    assert primary(judge([campaign(event)], facts)) == (("v2", "r1", "default") if upgrade else None)


def test_example_7_a_control_users_conversion_is_the_control_groups_alone() -> None:
    """R9, R18: control counts for control and never in the totals, which have no recipient and so no rate."""
    facts = [received("r1", march(1), variant_id="holdout"), bought("p1", march(2))]
    report = judge([campaign(PURCHASE, variants=WITH_CONTROL)], facts).report("spring")
    columns = ["receipts", "unique_recipients", "conversions", "conversion_rates", "revenue"]
    nothing = dict(zip(columns, [0, 0, [0], [None], {}], strict=True))
    holdout = dict(zip(columns, [1, 1, [1], [1.0], {"EUR": Decimal("1.00")}], strict=True))
    assert report == {"totals": nothing, "variants": {"A": nothing, "holdout": holdout}}


def test_example_8_a_user_of_control_and_of_a_variant_stands_in_both_rows() -> None:
    """R9, R11, R18: the conversion is control's, the later revenue A's, the user a recipient of both."""
    facts = [received("r1", march(1), variant_id="holdout"), received("r2", march(10), variant_id="A")]
    facts += [bought("p2", march(2), "3.00"), bought("p11", march(11), "4.00")]
    event = PURCHASE | {"deadline": "30d"}
    outcome = judge([campaign(event, variants=WITH_CONTROL)], facts)
    rows = outcome.report("spring")
    control, variant, totals = rows["variants"]["holdout"], rows["variants"]["A"], rows["totals"]
    assert [row["conversions"] for row in (control, variant, totals)] == [[1], [0], [0]]
    assert [row["unique_recipients"] for row in (control, variant, totals)] == [1, 1, 1]
    assert [row["receipts"] for row in (control, variant, totals)] == [1, 1, 1]
    assert revenue(outcome, "holdout") == {"EUR": Decimal("3.00")}
    assert revenue(outcome, "A") == revenue(outcome) == {"EUR": Decimal("4.00")}


def test_example_9_refunds_in_any_order_never_take_a_purchase_below_nothing() -> None:
    """R12: the net is 0.00, its currency is still there, and the conversion stands."""
    facts = [bought("p1", march(2), "20.00"), refunded("x1", "p1", "5.00"), refunded("x2", "p1", "30.00")]
    for order in permutations(facts):
        outcome = judge([campaign(PURCHASE)], [received("r1", march(1)), *order])
        assert revenue(outcome) == {"EUR": Decimal("0.00")}
        assert primary(outcome) == ("p1", "r1", "default")


def test_example_10_voids_restate_and_then_withdraw_a_conversion() -> None:
    """R14, R17: everything is judged as if the voided fact had not been."""
    facts = [received("r1", march(1)), bought("p2", march(2)), bought("p3", march(3)), voided("d1", "p2")]
    assert primary(judge([campaign(PURCHASE)], facts)) == ("p3", "r1", "default")
    outcome = judge([campaign(PURCHASE)], [*facts, voided("d2", "p3")])
    assert (outcome.conversions, outcome.revenue) == ({}, {})


def test_equal_instants_are_ordered_by_the_code_points_of_their_ids() -> None:
    """R7, R9: the earliest behaviour has the smallest id, the latest receipt the greatest, as written."""
    receipts = [received("a", march(1), variant_id="A"), received("B", march(1), variant_id="B")]
    purchases = [bought("\uff5a", march(2)), bought("\U0001f600", march(2)), bought("e\u0301", march(1))]
    outcome = judge([campaign(PURCHASE, variants=TWO_VARIANTS)], [*receipts, *purchases])
    assert primary(outcome) == ("e\u0301", "a", "A")
    assert outcome.recipients["u1", "spring", None] == "B"
    without_variants = judge([campaign(PURCHASE)], [received("r1", march(1)), *purchases[:2]])
    assert primary(without_variants) == ("\uff5a", "r1", "default")


def test_a_receipt_after_the_behaviour_takes_no_credit_for_it() -> None:
    """R9: the credit goes to the latest receipt at or before the behaviour, never to one after it."""
    facts = [received("r2", march(5)), received("r1", march(1)), bought("p1", march(2))]
    assert primary(judge([campaign(PURCHASE)], facts)) == ("p1", "r1", "default")


def test_a_session_between_two_versions_undoes_the_upgrade() -> None:
    """R10: any behaviour with app and version is a report for that app; a downgrade is the new latest."""
    event = {"type": "upgrades_app", "deadline": "30d", "app_ids": ["ios"]}
    facts = [received("r1", march(1)), reported("v1", march(2), "1.2"), reported("v2", march(4), "1.3")]
    assert primary(judge([campaign(event)], facts)) == ("v2", "r1", "default")
    session = fact("session_started", "s1", march(3), app_version="1.4")
    assert primary(judge([campaign(event)], [*facts, session | {"app_id": "web"}])) == ("v2", "r1", "default")
    assert primary(judge([campaign(event)], [*facts, session | {"app_id": "ios"}])) == ("s1", "r1", "default")
    between = session | {"app_id": "ios", "app_version": "1.3"}
    before_receipt = [received("r1", march(3, "10:00:00")), *facts[1:], between]
    assert primary(judge([campaign(event)], before_receipt)) is None
    downgraded = [*before_receipt, reported("v3", march(3, "11:00:00"), "1.2")]
    assert primary(judge([campaign(event)], downgraded)) == ("v2", "r1", "default")


def test_a_void_works_on_facts_of_its_own_user_and_on_nothing_else() -> None:
    """R17: a void of a void, of itself or of nothing has no effect, nor has a second void of a fact."""
    facts = [received("r1", march(1)), bought("p1", march(2))]
    idle = [voided("d1", "d1"), voided("d2", "nothing"), voided("d3", "p1") | {"user_id": "u2"}]
    assert primary(judge([campaign(PURCHASE)], [*facts, *idle])) == ("p1", "r1", "default")
    twice = [voided("d4", "p1"), voided("d5", "p1"), voided("d6", "d4")]
    assert primary(judge([campaign(PURCHASE)], [*twice, *facts])) is None


def test_a_voided_refund_gives_the_money_back_and_a_voided_receipt_its_conversions() -> None:
    """R12, R17: refunds and receipts can be voided as well as behaviours."""
    facts = [received("r1", march(1)), bought("p1", march(2), "20.00"), refunded("x1", "p1", "5.00")]
    assert revenue(judge([campaign(PURCHASE)], facts)) == {"EUR": Decimal("15.00")}
    assert revenue(judge([campaign(PURCHASE)], [*facts, voided("d1", "x1")])) == {"EUR": Decimal("20.00")}
    assert judge([campaign(PURCHASE)], [*facts, voided("d1", "r1")]) == Outcome({}, {}, {}, {})


def test_filters_choose_product_app_and_event_by_name() -> None:
    """R2: one product, some apps, the given event; revenue is of any product (R11)."""
    events: list[Fields] = [
        PURCHASE | {"product_id": "sku-1"},
        {"type": "starts_session", "deadline": "3d", "app_ids": ["web"]},
        {"type": "performs_custom_event", "deadline": "3d", "name": "shared"},
    ]
    facts = [
        received("r1", march(1)),
        bought("p1", march(2), "2.50", quantity=3),
        fact("session_started", "s1", march(2), app_id="ios"),
        fact("session_started", "s2", march(2), app_id="web"),
        fact("custom_event", "c1", march(2), name="signed_up"),
        fact("custom_event", "c2", march(2), name="shared"),
    ]
    outcome = judge([campaign(*events)], facts)
    assert {key[2]: value[0] for key, value in outcome.conversions.items()} == {1: "s2", 2: "c2"}
    assert revenue(outcome) == {"EUR": Decimal("7.50")}


@given(st.data(), worlds())
@settings(deadline=None, database=None)
def test_the_order_and_the_repeats_of_facts_are_nothing_to_the_judge(
    data: st.DataObject, world: World
) -> None:
    """R14: what stands depends on the set of facts; batches are cut so that each fact is in one at least."""
    campaigns, facts = world
    batches = data.draw(arrivals(facts))
    arrived = [each for batch in batches for each in batch]
    assert all(batches)
    assert set(map(identity, arrived)) == set(map(identity, facts))
    assert judge(campaigns, arrived) == judge(campaigns, facts)


@given(worlds())
@settings(deadline=None, database=None)
def test_worlds_hold_valid_facts_with_an_id_each(world: World) -> None:
    """R13, R16: ids are a user's own, apps and events known, a version has its app, and variants exist."""
    campaigns, facts = world
    assert len(set(map(identity, facts))) == len(facts) <= 40
    assert all(len(found.get("conversion_events", [])) <= 4 for found in campaigns)
    variants = {c["id"]: [v["id"] for v in c.get("variants", [{"id": "default"}])] for c in campaigns}
    for each in facts:
        assert 1970 <= instant(each).year < 2026
        assert each.get("app_version") is None or each.get("app_id") in APP_GROUP["apps"]
        assert each["type"] != "custom_event" or each["name"] in APP_GROUP["custom_events"]
        if each["type"] == "received":
            named, known = each.get("variant_id"), variants[each["campaign_id"]]
            assert named in known or (named is None and len(known) == 1)


CORNERS = {
    *(f"{kind} converts" for kind in BEHAVIOURS),
    *("converts at once", "converts at the very deadline", "credited to control", "net of nothing"),
    *("refund of no purchase", "refund before its purchase"),
    *("received records", "received restates", "purchase records", "purchase restates"),
    *("app_version withdraws", "app_version restates", "void withdraws", "void restates", "void records"),
}
IMPOSSIBLE = {"received withdraws", "refund records", "refund restates", "refund withdraws"}


def corners_of_credit(world: World) -> Iterator[str]:
    """Name how conversions lie in their windows, and to whom they are credited (R6, R9)."""
    campaigns, facts = world
    events = {found["id"]: found.get("conversion_events", []) for found in campaigns}
    by_identity = {identity(each): each for each in facts}
    conversions = judge(campaigns, facts).conversions
    for (user, campaign_id, index), (behaviour, receipt, variant) in conversions.items():
        event = events[campaign_id][index]
        taken = instant(by_identity[user, behaviour]) - instant(by_identity[user, receipt])
        yield f"{event['type']} converts"
        yield "converts at the very deadline" if taken == deadline_of(event) else "converts sooner"
        yield "converts at once" if not taken else "converts later"
        yield "credited to control" if variant == "holdout" else "credited to a variant"


def corners_of_refunds(world: World) -> Iterator[str]:
    """Name how refunds lie to their purchases, and what is left of these (R11, R12)."""
    campaigns, facts = world
    purchases = {identity(each): each for each in facts if each["type"] == "purchase"}
    for refund in [each for each in facts if each["type"] == "refund"]:
        purchase = purchases.get((refund["user_id"], refund["purchase_id"]))
        if purchase is None:
            yield "refund of no purchase"
        elif instant(refund) < instant(purchase):
            yield "refund before its purchase"
    for _, _, _, net in judge(campaigns, facts).revenue.values():
        yield "net of something" if net else "net of nothing"


def corners_of_arrival(world: World) -> Iterator[str]:
    """Name what each fact changes if it arrives after all others (R14, R17)."""
    campaigns, facts = world
    after = judge(campaigns, facts).conversions
    for last in facts:
        before = judge(campaigns, [each for each in facts if each is not last]).conversions
        yield from (f"{last['type']} records" for key in after.keys() - before.keys())
        yield from (f"{last['type']} withdraws" for key in before.keys() - after.keys())
        both = before.keys() & after.keys()
        yield from (f"{last['type']} restates" for key in both if before[key] != after[key])


def test_worlds_reach_the_corners_of_the_rulebook() -> None:
    """R6, R9, R10, R12, R14, R17: each corner is in several of 300 worlds, and most full worlds convert."""
    worlds_with: Counter[str] = Counter()

    @given(worlds())
    @settings(deadline=None, database=None, derandomize=True, max_examples=300)
    def explore(world: World) -> None:
        found = {*corners_of_credit(world), *corners_of_refunds(world), *corners_of_arrival(world)}
        worlds_with.update(found)
        full, converts = len(world[1]) > 8, bool(judge(*world).conversions)
        worlds_with.update(["full"] * full + ["full and converts"] * (full and converts))

    explore()
    rare = {corner: worlds_with[corner] for corner in CORNERS if worlds_with[corner] < 3}
    assert not rare
    assert not IMPOSSIBLE & worlds_with.keys()
    assert worlds_with["full and converts"] > 0.6 * worlds_with["full"] > 90
