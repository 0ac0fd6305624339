"""The test that decides on any day: against slow sums, by exact enumeration, and by simulation (B28, findings 5)."""

from collections.abc import Iterator
from itertools import product
from math import comb, exp, inf, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.experiment import sequential
from domain.experiment.anytime import Tables, evidence, interval, p_value
from domain.experiment.base_rates import farthest, hold_rates
from domain.experiment.proportions import Proportion
from domain.experiment.strata import Stratum
from tests.domain.experiment.tables import proportions

NOBODY = Proportion(0, 0)
STRATA = st.lists(st.builds(Stratum, proportions(most=60), proportions(most=60)), min_size=1, max_size=3)
LARGE = st.builds(Stratum, proportions(200, 600), proportions(200, 600))


def weighed() -> Iterator[tuple[float, float]]:
    """Each difference, up and down, with its weight, as docs/statistics.md has them."""
    sizes = [0.001 * 2 ** (step / 3) for step in range(37)]
    weights = [min(1.0, (size / 0.05) ** 0.5) for size in sizes]
    for size, weight in zip(sizes, weights, strict=True):
        yield size, weight / sum(weights) / 2
        yield -size, weight / sum(weights) / 2


def by_chance(n1: int, n2: int, m: int) -> dict[int, float]:
    """How likely each count of the variant's is, where chance alone shares m conversions."""
    whole = comb(n1 + n2, m)
    return {k: comb(n1, k) * comb(n2, m - k) / whole for k in range(max(0, m - n2), min(m, n1) + 1)}


def slowly(strata: list[Stratum], null: float = 0.0) -> float:
    """The logarithm of the e-value, difference by difference and count by count."""
    heights = [log(weight) + explained(strata, null + size) for size, weight in weighed()]
    highest = max(heights)
    return highest + log(sum(exp(each - highest) for each in heights)) - explained(strata, null)


def explained(strata: list[Stratum], delta: float) -> float:
    whole = 0.0
    for (x, n1), (y, n2) in strata:
        likely = by_chance(n1, n2, x + y)
        most = max(likely) if delta > 0 else min(likely)
        rest = sum(each * exp(delta * (k - most)) for k, each in likely.items())
        whole += delta * (x - most) - log(rest)
    return whole


def tables(strata: list[Stratum]) -> Tables:
    counts = np.array([[*each.variant, *each.against] for each in strata], dtype=float)
    return Tables(*(column[:, np.newaxis] for column in counts.T))


@given(STRATA)
def test_a_p_is_one_over_the_mean_of_likelihood_ratios(strata: list[Stratum]) -> None:
    """For one period of weights and several; none, all and one recipient too."""
    assert p_value(strata) == pytest.approx(min(1.0, exp(-slowly(strata))), rel=1e-6)


@settings(max_examples=30)
@given(LARGE, st.floats(-1, 1))
def test_of_many_ways_to_share_conversions_the_series_is_right(stratum: Stratum, null: float) -> None:
    """To a part in a thousand, for any odds ratio that is asked about."""
    assert float(evidence(tables([stratum]), null)[0]) == pytest.approx(slowly([stratum], null), abs=1e-3)


@pytest.mark.parametrize(("n1", "n2"), [(1, 1), (3, 1), (6, 6), (10, 2), (18, 2), (9, 21)])
def test_evidence_is_one_on_average_where_nothing_differs(n1: int, n2: int) -> None:
    """Whatever the rate: for each sum of conversions, over all ways chance may share them; so an e of 20 is rare."""
    for m in range(n1 + n2 + 1):
        likely = by_chance(n1, n2, m)
        mean = sum(
            each * exp(float(evidence(tables([stratum(x, n1, m - x, n2)]))[0])) for x, each in likely.items()
        )
        assert mean == pytest.approx(1, abs=1e-9)


def test_evidence_of_several_periods_is_one_on_average_too() -> None:
    """Rates may differ from period to period, and shares too."""
    first, second = by_chance(5, 3, 4), by_chance(2, 7, 3)
    mean = sum(
        p * q * exp(float(evidence(tables([stratum(x, 5, 4 - x, 3), stratum(y, 2, 3 - y, 7)]))[0]))
        for (x, p), (y, q) in product(first.items(), second.items())
    )
    assert mean == pytest.approx(1, abs=1e-9)


def test_evidence_of_many_is_one_on_average_to_a_part_in_a_thousand() -> None:
    """Where the ways are so many that a series takes the place of their sum."""
    for n1, n2, m in [(70, 70, 70), (400, 100, 250), (900, 100, 120), (90, 700, 650)]:
        mean = sum(
            each * exp(float(evidence(tables([stratum(x, n1, m - x, n2)]))[0]))
            for x, each in by_chance(n1, n2, m).items()
        )
        assert mean == pytest.approx(1, abs=1e-3)


def stratum(x: int, n1: int, y: int, n2: int) -> Stratum:
    return Stratum(Proportion(x, n1), Proportion(y, n2))


@pytest.mark.parametrize(
    ("told", "before"),
    [
        (stratum(60, 1_000, 20, 1_000), 0.0536),
        (stratum(15, 200, 0, 200), 0.5807),
        (stratum(93, 908, 9, 299), 0.1414),
    ],
    ids=["B28: a tripled rate", "B28: 15 to none", "finding 5: win-back"],
)
def test_b28_and_finding_5_large_differences_are_found(told: Stratum, before: float) -> None:
    """The test that decided before says of them what it said; this one finds them, and so does its interval."""
    p, held = p_value([told]), interval([told])
    assert sequential.p_value([told]) == pytest.approx(before, abs=5e-5)
    assert p is not None
    assert held is not None
    assert p < 0.002
    assert held.low > 0


@given(STRATA)
def test_no_difference_is_within_the_interval_unless_p_is_below_0_045(strata: list[Stratum]) -> None:
    """The odds ratio has nine tenths of the 5 %: the two can differ only for a p between 0.045 and 0.05."""
    found, p = interval(strata), p_value(strata)
    assert found is not None
    assert p is not None
    if abs(p - 0.045) > 1e-6:
        assert (found.low <= 0 <= found.high) == (p > 0.045)


@settings(max_examples=40)
@given(st.builds(Stratum, proportions(most=300), proportions(most=300)))
def test_an_interval_ends_at_an_odds_ratio_and_a_rate_that_evidence_leaves(told: Stratum) -> None:
    """The odds ratio against which evidence is 1 / 0.045, told at the rate of both at which that says most."""
    found, (x, n1), (y, n2) = interval([told]), told.variant, told.against
    assert found is not None
    lowest, highest = hold_rates([Proportion(x + y, n1 + n2)], 0.005)
    for end, sign in zip(found, (-1, 1), strict=True):
        if -1 < end < inf and abs(end) > 1e-9:
            rate_of_both = float((lowest if end * sign > 0 else highest)[0])
            other = rate_of_both * (n1 + n2) / (n1 * (1 + end) + n2)
            rate = other * (1 + end)
            if 1e-9 < rate < 1 - 1e-9 and 1e-9 < other < 1 - 1e-9:
                delta = log(rate * (1 - other) / (other * (1 - rate)))
                if abs(delta) < 5:  # farther out the series is right to a few parts in a hundred
                    assert slowly([told], delta) == pytest.approx(log(1 / 0.045), abs=3e-3)


def test_exchanging_the_two_changes_nothing() -> None:
    """The same p, and the same pairs of rates are left: 1 / the ratio at the other end."""
    one, other = [stratum(130, 1_000, 90, 900)], [stratum(90, 900, 130, 1_000)]
    ours, theirs = interval(one), interval(other)
    assert p_value(one) == pytest.approx(p_value(other), rel=1e-9)
    assert ours is not None
    assert theirs is not None
    assert (1 + ours.low) * (1 + theirs.high) == pytest.approx(1)


def test_not_converting_says_as_much_as_converting() -> None:
    """At high rates too: 20 of 1,000 left over against 60 is what 60 conversions against 20 are."""
    assert p_value([stratum(940, 1_000, 980, 1_000)]) == pytest.approx(
        p_value([stratum(60, 1_000, 20, 1_000)])
    )


@pytest.mark.parametrize("converted", [0, 50])
def test_where_all_do_the_same_nothing_is_known(converted: int) -> None:
    """B29: none of all, or all of all: p is 1, and the uplift may be anything."""
    told = [stratum(converted, 50, converted, 50)]
    assert p_value(told) == pytest.approx(1)
    assert interval(told) == (-1, inf)


def test_an_end_beyond_any_ratio_has_no_limit() -> None:
    """A single conversion against many; all against none."""
    ours, theirs = interval([stratum(193, 298, 1, 387)]), interval([stratum(1, 387, 193, 298)])
    assert ours is not None
    assert theirs is not None
    assert (ours.high, theirs.low) == (inf, -1)
    every, none = (interval([stratum(x, 10**9, 10**9 - x, 10**9)]) for x in (10**9, 0))
    assert every is not None
    assert none is not None
    assert (every.high, none.low) == (inf, -1)
    assert every.low > 30


def test_a_small_difference_of_millions_is_told_closely() -> None:
    """The smallest differences are averaged over for them."""
    found = interval([stratum(150_000, 10**6, 100_000, 10**6)])
    assert found is not None
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.05


def test_a_period_in_which_only_one_had_recipients_says_nothing() -> None:
    """Its conversions could have been no other's."""
    told, untold = stratum(9, 90, 20, 80), Stratum(Proportion(30, 40), NOBODY)
    assert p_value([told, untold]) == p_value([told])
    assert interval([untold, told]) == interval([told])


@pytest.mark.parametrize("strata", [[], [Stratum(NOBODY, NOBODY)], [Stratum(Proportion(1, 2), NOBODY)]])
def test_without_recipients_of_both_there_is_no_evidence(strata: list[Stratum]) -> None:
    """R18: no control, or a variant nobody received."""
    assert (p_value(strata), interval(strata)) == (None, None)


def test_periods_of_weights_kept_apart_are_not_fooled_by_a_drift() -> None:
    """Simpson's paradox: as good in each period, but most recipients of the variant came in the better one."""
    apart = [stratum(100, 1_000, 900, 9_000), stratum(2_700, 9_000, 300, 1_000)]
    assert p_value(apart) == 1
    assert p_value([stratum(2_800, 10_000, 1_200, 10_000)]) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("rate", [0.002, 0.1, 0.6])
@pytest.mark.parametrize("uplift", [0.0, 0.5])
def test_looking_every_day_fools_at_most_one_in_twenty(rate: float, uplift: float) -> None:
    """400 experiments of 60 days, nine in ten with the variant, against the truth: no uplift, or half as many again."""
    random = np.random.default_rng(11)
    arrived = random.multinomial(4_000, [1 / 60] * 60, size=400)
    ours = random.binomial(arrived, 0.9)
    counts = [
        random.binomial(ours, rate * (1 + uplift)),
        ours,
        random.binomial(arrived - ours, rate),
        arrived - ours,
    ]
    truth = log(rate * (1 + uplift) / (1 - rate * (1 + uplift))) - log(rate / (1 - rate))
    known = Tables(*(np.cumsum(each, axis=1).reshape(1, -1).astype(float) for each in counts))
    assert (evidence(known, truth).reshape(400, 60) >= log(20)).any(axis=1).mean() <= 0.05


def test_many_runs_at_once_are_each_what_they_are_alone() -> None:
    """Simulations ask for arrays of runs: few and many conversions beside each other, in several periods."""
    runs = [[stratum(x, 400, x // 2, 300), stratum(2, 9, x // 3, 200)] for x in range(0, 400, 9)]
    together = Tables(*(np.concatenate(each, axis=1) for each in zip(*map(tables, runs), strict=True)))
    alone = [p_value(each) for each in runs]
    assert np.minimum(1, np.exp(-evidence(together))).tolist() == pytest.approx(alone)


@pytest.mark.parametrize(("rate", "other"), [(0.1, 0.1), (0.95, 0.6), (0.6, 0.95)])
def test_s1_an_interval_holds_the_true_uplift_on_all_days_at_high_rates_too(
    rate: float, other: float
) -> None:
    """40 seeded experiments, each looked at twice; benchmarks/interval_simulations.py looks at many every day."""
    random = np.random.default_rng([7, round(rate * 100), round(other * 100)])
    left_out = 0
    for _ in range(40):
        x, y = (np.cumsum(random.binomial(100, each, size=2)).tolist() for each in (rate, other))
        told = [interval([stratum(x[day], n, y[day], n)]) for day, n in enumerate((100, 200))]
        left_out += any(each is not None and not each.low <= rate / other - 1 <= each.high for each in told)
    assert left_out <= 2


def test_s1_the_tables_of_the_review_are_held() -> None:
    """95 of 100 and 60 of 100 are what is likeliest; two errors of the other's rate away, the truth is held too."""
    for y in range(50, 71, 5):
        found = interval([stratum(95, 100, y, 100)])
        assert found is not None
        assert found.low <= 0.95 / 0.6 - 1 <= found.high


@pytest.mark.parametrize("ratio", [0.02, 0.4, 1.0, 3.0, 70.0])
@pytest.mark.parametrize("sign", [-1, 1])
def test_s1_the_farthest_uplift_of_several_periods_is_that_of_all_rates_that_may_be(
    ratio: float, sign: int
) -> None:
    """Found as a search through 60 rates of each of three periods finds it."""
    weights = np.array([500.0, 20.0, 300.0])
    low, high = np.array([0.01, 0.3, 0.7]), np.array([0.05, 0.9, 0.95])
    rates = np.stack(np.meshgrid(*np.linspace(low, high, 60).T), axis=-1)
    all_of_them = (weights * rates * ratio / (1 + rates * (ratio - 1))).sum(-1) / (weights * rates).sum(-1)
    found = farthest(weights, (low, high), ratio, sign)
    assert found == pytest.approx(sign * (sign * all_of_them).max(), rel=1e-4)


def test_s1_of_each_period_a_rate_is_held_until_evidence_against_it_is_its_share() -> None:
    """Of 0.005 the s-th period has 1 / (s (s + 1)): 1/2, 1/6; a rate near 0 or 1 ends there."""
    periods = [Proportion(30, 200), Proportion(0, 40), Proportion(50, 50)]
    low, high = hold_rates(periods, 0.005)
    for (x, n), ends, share in zip(periods, zip(low, high, strict=True), (2, 6, 12), strict=True):
        assert ends[0] - 1e-12 <= x / n <= ends[1] + 1e-12
        for end in ends:
            if 1e-9 < end < 1 - 1e-9:
                e = sum(w * exp(d * x) / (1 - end + end * exp(d)) ** n for d, w in weighed())
                assert e == pytest.approx(share / 0.005, rel=1e-6)


@pytest.mark.parametrize("rates", [[0.3] * 6, [0.0, 0.9, 0.2, 0.2, 0.6, 1.0]])
def test_s1_evidence_against_the_true_mean_rate_is_at_most_one_on_average(rates: list[float]) -> None:
    """Whether all recipients have one rate or each its own."""
    likely = np.array([1.0])
    for rate in rates:
        likely = np.convolve(likely, [1 - rate, rate])
    mean = sum(rates) / len(rates)
    e = sum(
        p * w * exp(d * x) / (1 - mean + mean * exp(d)) ** len(rates)
        for x, p in enumerate(likely)
        for d, w in weighed()
    )
    assert e <= 1 + 1e-9


def test_s7_level_counts_of_a_trillion_are_no_overflow() -> None:
    """Evidence is then so far below 1 that its inverse is no float."""
    assert p_value([stratum(5 * 10**11, 10**12, 5 * 10**11, 10**12)]) == 1
    assert p_value([stratum(10**15, 3 * 10**15, 10**15, 3 * 10**15)]) == 1
