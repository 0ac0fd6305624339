"""The results of an experiment, from what was counted."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import repeat
from typing import NamedTuple

from domain.campaigns.evidence import DecidingTest
from domain.experiment import anytime, means, proportions, sequential
from domain.experiment.bayes import judge_rates
from domain.experiment.checks import SUSPICIOUS, holm, recipients_needed, sample_ratio
from domain.experiment.incremental import incremental_conversions, incremental_revenue
from domain.experiment.means import Sums, mean_interval, welch
from domain.experiment.proportions import Proportion, chi_squared, fisher, small, wilson, z_test
from domain.experiment.results import (
    ENOUGH,
    UPLIFT,
    ComparedRates,
    ComparedRevenue,
    Difference,
    EventResults,
    Experiment,
    Health,
    LeftOut,
    Observed,
    Results,
    RevenueResults,
    SharedUsers,
    VariantRate,
    VariantRevenue,
)
from domain.experiment.tallies import Tallies
from domain.experiment.winner import SIGNIFICANCE, Decision, Why, decide, p_value


def results(experiment: Experiment, test: DecidingTest, uplift: float = UPLIFT) -> Results:
    """The results of an experiment, decided by a test (R21)."""
    counted = experiment.counted(test)
    decision = (
        decide(counted[0], experiment.control, test) if counted else Decision(None, Why.NO_CONVERSION_EVENT)
    )
    if decision.why is Why.NOTHING_TO_COMPARE and test is DecidingTest.ANYTIME:
        decision = decision._replace(waiting=sum(each.recipients > 0 for each in experiment.variants) > 1)
    currencies = sorted({currency for each in experiment.variants for currency in each.revenue})
    return Results(
        test,
        experiment.against,
        uplift,
        decision,
        check_health(experiment),
        [_event(experiment, index, test, uplift) for index in range(len(experiment.periods))],
        [_revenue(experiment, currency) for currency in currencies],
        experiment.left_out,
    )


def check_health(experiment: Experiment) -> Health:
    """Check the experiment's health."""
    found = [each.first_receipts for each in experiment.variants]
    expected = [each.expected for each in experiment.variants]
    p = sample_ratio(found, expected) if len(found) > 1 and any(found) else None
    return Health(
        p,
        p is not None and p < SUSPICIOUS,
        [SharedUsers(each.variant_id, each.first_receipts, each.expected) for each in experiment.variants],
        experiment.users_in_several_variants,
        experiment.with_control,
    )


def _event(experiment: Experiment, index: int, test: DecidingTest, uplift: float) -> EventResults:
    rates = [each.conversion_events[index] for each in experiment.variants]
    received = [each for each in rates if each.recipients]
    no_beliefs = LeftOut.PROBABILITY_BEST in experiment.left_out
    beliefs = repeat((None, None)) if no_beliefs else iter(judge_rates(received))
    variants = [
        _variant_rate(each, index, *(next(beliefs) if rate.recipients else (None, None)))
        for each, rate in zip(experiment.variants, rates, strict=True)
    ]
    others = [each for each in experiment.variants if each.variant_id != experiment.against]
    counted = _Counted(
        Tallies(experiment.periods[index]),
        Tallies(experiment.closed[index]),
        LeftOut.ANYTIME_INTERVAL not in experiment.left_out,
    )
    deciding = counted.over if test is DecidingTest.ANYTIME else counted.every
    ps = [p_value(deciding, each.variant_id, experiment.against, test) for each in others]
    comparisons = [
        _compare(counted, (each.variant_id, experiment.against), (p, least), uplift)
        for each, p, least in zip(others, ps, _adjust(ps), strict=True)
    ]
    return EventResults(index, variants, comparisons, chi_squared(rates))


def _variant_rate(variant: Observed, index: int, likely: float | None, lost: float | None) -> VariantRate:
    every, mature = variant.conversion_events[index], variant.mature[index]
    return VariantRate(
        variant.variant_id,
        variant.control,
        every.recipients,
        every.converted,
        every.rate,
        wilson(every),
        mature.recipients,
        mature.converted,
        mature.rate,
        wilson(mature),
        every.recipients - mature.recipients,
        min(every.converted, every.recipients - every.converted) < ENOUGH,
        likely,
        lost,
    )


def _adjust(ps: Sequence[float | None]) -> list[float | None]:
    """By Holm, those that there are."""
    found = iter(holm([p for p in ps if p is not None]))
    return [None if p is None else next(found) for p in ps]


class _Counted(NamedTuple):
    """All recipients, and those whose window is over; and whether there is time for intervals for any day."""

    every: Tallies
    over: Tallies
    has_intervals: bool


def differ(variant: Proportion, other: Proportion) -> Difference:
    """How far a rate is above another."""
    value = None if variant.rate is None or other.rate is None else variant.rate - other.rate
    return Difference(value, proportions.difference(variant, other))


def _compare(
    counted: _Counted,
    of: tuple[str, str],
    ps: tuple[float | None, float | None],
    uplift: float,
) -> ComparedRates:
    """A variant against another on a conversion event; `ps` are the deciding test's p, and that adjusted."""
    variant_id, against = of
    variant, other = (counted.every.pool(each) for each in of)
    every, over = counted.every.strata(*of), counted.over.strata(*of)
    return ComparedRates(
        variant_id,
        against,
        *differ(variant, other),
        None if variant.rate is None or not other.rate else variant.rate / other.rate - 1,
        proportions.uplift(variant, other),
        z_test(variant, other),
        fisher(variant, other) if small(variant, other) else None,
        anytime.p_value(over),
        anytime.interval(over) if counted.has_intervals else None,
        *(sequential.look(every) if counted.has_intervals else sequential.UNSEEN),
        *ps,
        incremental_conversions(variant, other),
        _still_needed(variant, other, ps[1], uplift),
    )


def _still_needed(
    variant: Proportion, other: Proportion, adjusted: float | None, uplift: float
) -> int | None:
    """Recipients, as many of the other coming with each as until now.

    None where a difference is found already: there is no other to wait for; and where either has no recipients.
    """
    if other.rate is None or not variant.recipients or (adjusted is not None and adjusted <= SIGNIFICANCE):
        return None
    needed = recipients_needed(other.rate, uplift, other.recipients / variant.recipients)
    return None if needed is None else max(0, needed - variant.recipients)


def _revenue(experiment: Experiment, currency: str) -> RevenueResults:
    sums = {each.variant_id: _sums(each, currency) for each in experiment.variants}
    against = sums[experiment.against]
    others = {name: each for name, each in sums.items() if name != experiment.against}
    tested = [welch(each, against) for each in others.values()]
    adjusted = _adjust([None if each is None else each.p for each in tested])
    return RevenueResults(
        currency,
        [
            VariantRevenue(name, each.recipients, _float(each.mean), mean_interval(each))
            for name, each in sums.items()
        ],
        [
            ComparedRevenue(
                name,
                experiment.against,
                None if each.mean is None or against.mean is None else float(each.mean - against.mean),
                means.difference(each, against),
                None if each.mean is None or not against.mean else float(each.mean / against.mean) - 1,
                test,
                least,
                incremental_revenue(each, against),
            )
            for (name, each), test, least in zip(others.items(), tested, adjusted, strict=True)
        ],
    )


def _sums(variant: Observed, currency: str) -> Sums:
    """Who bought nothing in the currency is a recipient all the same."""
    return variant.revenue.get(currency) or Sums(variant.recipients, Decimal(0), Decimal(0))


def _float(mean: Decimal | None) -> float | None:
    return None if mean is None else float(mean)
