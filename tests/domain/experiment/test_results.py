"""Results put together: each variant beside control, on each conversion event and in revenue (R18, R19, R21)."""

from dataclasses import asdict, replace
from decimal import Decimal

import pytest

from domain.campaigns.evidence import Count, DecidingTest
from domain.experiment import anytime, means, proportions, sequential
from domain.experiment.bayes import expected_loss, probability_best
from domain.experiment.checks import holm, recipients_needed
from domain.experiment.comparing import results
from domain.experiment.means import Sums, welch
from domain.experiment.proportions import Proportion, chi_squared, fisher, wilson
from domain.experiment.results import (
    BELIEFS,
    INTERVALS,
    MOST_TABLES,
    MOST_VARIANTS,
    EventResults,
    Experiment,
    Observed,
)
from domain.experiment.strata import Stratum
from domain.experiment.winner import Why

EUR, NOTHING = "EUR", Sums(500, Decimal(0), Decimal(0))


def observed(
    variant_id: str,
    *rates: Proportion,
    recipients: int = 500,
    control: bool = False,
    revenue: dict[str, Sums] | None = None,
) -> Observed:
    mature = [Proportion(each.converted // 2, each.recipients // 2) for each in rates]
    return Observed(variant_id, control, rates, mature, revenue or {}, recipients, recipients, 500)


def experiment(*variants: Observed, several: int = 0) -> Experiment:
    events = range(len(variants[0].conversion_events))
    periods = [
        [[Count(each.variant_id, each.conversion_events[index].recipients, each.conversion_events[index].converted) for each in variants]]
        for index in events
    ]  # fmt: skip
    return Experiment(variants, periods, periods, several, several // 2)


A = observed("A", Proportion(150, 500), Proportion(3, 500), revenue={EUR: Sums(500, Decimal("900.50"), Decimal(9_000))})  # fmt: skip
B = observed("B", Proportion(90, 500), Proportion(0, 500))
HOLDOUT = observed("holdout", Proportion(80, 500), Proportion(1, 500), control=True, revenue={EUR: Sums(500, Decimal(300), Decimal(2_500))})  # fmt: skip

A_ONE = observed("A", Proportion(150, 500))
HOLDOUT_ONE = observed("holdout", Proportion(80, 500), control=True)


@pytest.mark.parametrize("test", DecidingTest)
def test_variants_are_compared_with_control(test: DecidingTest) -> None:
    """R19, R21: on every conversion event, with each figure as the library has it."""
    found = results(experiment(A, B, HOLDOUT, several=7), test)
    assert (found.against, found.decision.winner, found.health.users_in_several_variants) == (
        "holdout",
        "A",
        7,
    )
    primary, second = found.conversion_events
    assert [each.variant_id for each in primary.variants] == ["A", "B", "holdout"]
    assert [(each.variant_id, each.against) for each in primary.comparisons] == [
        ("A", "holdout"),
        ("B", "holdout"),
    ]
    of_a, against_control = primary.variants[0], primary.comparisons[0]
    assert (of_a.rate, of_a.interval, of_a.open, of_a.mature_rate) == (
        0.3,
        wilson(Proportion(150, 500)),
        250,
        0.3,
    )
    assert against_control.difference == pytest.approx(0.14)
    assert against_control.uplift == pytest.approx(0.875)
    rates = Proportion(150, 500), Proportion(80, 500)
    assert against_control.difference_interval == proportions.difference(*rates)
    assert against_control.sequential == sequential.p_value([Stratum(*rates)])
    assert against_control.anytime == anytime.p_value([Stratum(*rates)])
    assert against_control.anytime_interval == anytime.interval([Stratum(*rates)])
    assert against_control.fisher is None
    assert second.comparisons[0].fisher == fisher(Proportion(3, 500), Proportion(1, 500))
    assert primary.chi_squared == chi_squared([*rates[:1], Proportion(90, 500), *rates[1:]])
    assert sum(each.probability_best or 0 for each in primary.variants) == pytest.approx(1)


def test_several_variants_are_adjusted_for() -> None:
    """By Holm, whichever test decides."""
    for test in DecidingTest:
        (primary, _) = results(experiment(A, B, HOLDOUT), test).conversion_events
        ps = [each.p for each in primary.comparisons]
        assert None not in ps
        assert [each.adjusted for each in primary.comparisons] == holm([p for p in ps if p is not None])


def test_too_little_is_said() -> None:
    """Fewer than fifty conversions, or others; windows still open are told beside."""
    primary, second = results(experiment(A, B, HOLDOUT), DecidingTest.FIXED).conversion_events
    assert not any(each.too_little for each in primary.variants)
    assert all(each.too_little for each in second.variants)


def test_who_bought_nothing_is_a_recipient_all_the_same() -> None:
    """R11, R18: revenue per recipient, with B's of nothing in the currency."""
    (found,) = results(experiment(A, B, HOLDOUT), DecidingTest.SEQUENTIAL).revenue
    assert [(each.variant_id, each.recipients, each.mean) for each in found.variants] == [
        ("A", 500, 1.801), ("B", 500, 0), ("holdout", 500, 0.6)
    ]  # fmt: skip
    of_a, of_b = found.comparisons
    assert of_a.welch == welch(A.revenue[EUR], HOLDOUT.revenue[EUR])
    assert of_a.difference == pytest.approx(1.201)
    assert of_b.uplift == -1
    assert of_b.difference_interval == means.difference(NOTHING, HOLDOUT.revenue[EUR])


def test_without_control_the_first_variant_is_compared_with() -> None:
    """R21."""
    found = results(experiment(A, B), DecidingTest.SEQUENTIAL)
    assert found.against == "A"
    assert [each.variant_id for each in found.conversion_events[0].comparisons] == ["B"]


def test_a_campaign_without_conversion_events_has_revenue_alone() -> None:
    """R11, R21: nothing is decided; recipients are those of revenue."""
    only = observed("A", revenue={EUR: NOTHING})
    found = results(experiment(only, observed("B", revenue={"USD": NOTHING})), DecidingTest.SEQUENTIAL)
    assert found.decision.why is Why.NO_CONVERSION_EVENT
    assert (found.conversion_events, [each.currency for each in found.revenue]) == ([], [EUR, "USD"])
    assert [each.first_receipts for each in found.health.shared] == [500, 500]
    assert found.revenue[0].comparisons[0].uplift is None


def test_nobody_yet_is_no_error() -> None:
    """R18: no recipients, no rate, and nothing to compare."""
    nobody = Proportion(0, 0)
    found = results(
        experiment(observed("A", nobody, recipients=0), observed("B", nobody, recipients=0)),
        DecidingTest.FIXED,
    )
    (primary,) = found.conversion_events
    assert found.health.sample_ratio_p is None
    compared = {name: each for name, each in asdict(primary.comparisons[0]).items() if each is not None}
    assert compared == {"variant_id": "B", "against": "A"}
    assert {primary.variants[0].rate, primary.comparisons[0].difference, primary.comparisons[0].adjusted} == {
        None
    }


def test_recipients_shared_otherwise_than_weights_say_are_suspicious() -> None:
    """Sample ratio mismatch: below 0.001."""
    odd = Experiment(
        [observed("A", Proportion(9, 900), recipients=900), observed("B", Proportion(5, 500))],
        [[[]]],
        [[[]]],
        0,
        0,
    )
    assert results(odd, DecidingTest.FIXED).health.suspicious


def test_recipients_are_needed_only_while_no_difference_is_found() -> None:
    """B28, finding 5: for the uplift that is looked for; where the test that decides found one, there is none to wait for."""
    for test in DecidingTest:
        found, not_yet = results(experiment(A, B, HOLDOUT), test).conversion_events[0].comparisons
        assert found.adjusted is not None
        assert found.adjusted <= 0.05
        assert found.recipients_needed is None
        assert not_yet.recipients_needed == (recipients_needed(0.16, 0.1) or 0) - 500


def test_the_anytime_test_counts_windows_that_are_over() -> None:
    """Who may convert yet has not failed to: a variant that converts later than the other is not taken for worse."""
    young = experiment(
        observed("A", Proportion(90, 900), recipients=900),
        observed("B", Proportion(180, 900), recipients=900),
    )
    closed = replace(young, closed=[[[Count("A", 300, 60), Count("B", 300, 60)]]])
    (of_all,), (of_closed,) = (
        results(each, DecidingTest.ANYTIME).conversion_events for each in (young, closed)
    )
    assert (of_all.comparisons[0].p or 1) < 0.001
    assert of_closed.comparisons[0].p == 1
    assert of_closed.comparisons[0].sequential == of_all.comparisons[0].sequential
    assert results(closed, DecidingTest.ANYTIME).decision.level == ("A", "B")
    none_over = replace(young, closed=[[]])
    waiting = results(none_over, DecidingTest.ANYTIME).decision
    assert (waiting.why, waiting.waiting) == (Why.NOTHING_TO_COMPARE, True)
    assert results(none_over, DecidingTest.FIXED).decision.winner == "B"


@pytest.mark.parametrize("test", DecidingTest)
def test_s4_a_variant_without_recipients_is_no_candidate(test: DecidingTest) -> None:
    """A 60 of 300, B 20 of 300, and nobody in control: A is best, and nothing is needed of anyone beside nobody."""
    found = results(
        experiment(
            observed("A", Proportion(60, 300), recipients=300),
            observed("B", Proportion(20, 300), recipients=300),
            observed("C", Proportion(0, 0), recipients=0, control=True),
        ),
        test,
    )
    (primary,) = found.conversion_events
    best = [each.probability_best for each in primary.variants]
    assert best[:2] == probability_best([(60, 300), (20, 300)])
    assert [each.expected_loss for each in primary.variants[:2]] == expected_loss([(60, 300), (20, 300)])
    assert (best[2], primary.variants[2].expected_loss) == (None, None)
    assert [each.recipients_needed for each in primary.comparisons] == [None, None]
    assert found.decision.waiting is False
    empty = results(experiment(observed("A", Proportion(0, 0), recipients=0), HOLDOUT_ONE), test)
    assert empty.conversion_events[0].comparisons[0].recipients_needed is None
    assert not empty.decision.waiting


@pytest.mark.parametrize(
    ("number", "left_out"), [(MOST_VARIANTS, ()), (MOST_VARIANTS + 1, (*BELIEFS, *INTERVALS))]
)
def test_of_very_many_variants_what_takes_long_is_left_out(number: int, left_out: tuple[str, ...]) -> None:
    """Whichever test decides, its p is there, and so is the winner: both are what they are without the bound."""
    some = [observed(f"V{place}", Proportion(60 + place % 9, 500)) for place in range(number - 2)]
    found = results(experiment(A_ONE, *some, HOLDOUT_ONE), DecidingTest.ANYTIME)
    (event,) = found.conversion_events
    assert (found.left_out, found.decision.winner) == (left_out, "A")
    for each in event.comparisons:
        assert (
            each.p
            == each.anytime
            == anytime.p_value(
                [Stratum(event_counts(event, each.variant_id), HOLDOUT_ONE.conversion_events[0])]
            )
        )
    for name in (*BELIEFS, *INTERVALS):
        rows = event.variants if name in BELIEFS else event.comparisons
        assert {getattr(row, name) is None for row in rows} == {bool(left_out)}


def event_counts(event: EventResults, variant_id: str) -> Proportion:
    """What a variant converted of its recipients."""
    (found,) = (each for each in event.variants if each.variant_id == variant_id)
    return Proportion(found.converted, found.recipients)


def test_of_very_many_periods_intervals_for_any_day_are_left_out() -> None:
    """A table is a variant, a conversion event and a period; beliefs do not go by period."""
    whole = experiment(A_ONE, HOLDOUT_ONE)
    most, many = (
        replace(whole, periods=[[*whole.periods[0]] * number], closed=[[]])
        for number in (MOST_TABLES, MOST_TABLES + 1)
    )
    assert (most.left_out, many.left_out) == ((), INTERVALS)
    found = results(many, DecidingTest.FIXED).conversion_events[0]
    assert found.variants[0].probability_best is not None
    assert found.comparisons[0].p is not None
    assert found.comparisons[0].sequential is None
