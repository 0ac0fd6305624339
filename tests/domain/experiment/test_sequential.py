"""Evidence that may be looked at on any day: against scipy's own integration, closed forms, and by simulation."""

from itertools import accumulate
from math import exp, inf, log, log1p, pi, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize

from domain.experiment.proportions import Proportion
from domain.experiment.sequential import TAU, Likelihood, evidence, interval, p_value
from domain.experiment.strata import Stratum
from tests.domain.experiment.tables import proportions

STRATA = st.lists(st.builds(Stratum, proportions(most=400), proportions(most=400)), min_size=1, max_size=3)
NOBODY = Proportion(0, 0)


def explained(strata: list[Stratum], delta: float) -> float:
    """The logarithm of L(delta) / L(0) as the formula has it, conversion by conversion."""
    whole = 0.0
    for (b, n), (a, m) in strata:
        share = n / (n + m)
        whole += b * delta - (a + b) * log(1 - share + share * exp(delta))
    return whole


def integrated(strata: list[Stratum], tau: float = TAU) -> float:
    """The logarithm of the e-value by scipy's adaptive quadrature around the highest point."""

    def height(delta: float) -> float:
        return explained(strata, delta) - (delta / tau) ** 2 / 2

    # At the top, the prior pulls as hard as all conversions do; from there on it alone falls by e^-72 in 12 tau.
    reach = tau**2 * sum(each.variant.converted + each.against.converted for each in strata) + 1
    top = optimize.minimize_scalar(lambda delta: -height(delta), bounds=(-reach, reach), method="bounded").x
    total, _ = integrate.quad(
        lambda delta: exp(height(delta) - height(top)),
        top - 12 * tau,
        top + 12 * tau,
        points=[top],
        limit=500,
    )
    return float(height(top) + log(total / (tau * sqrt(2 * pi))))


@given(STRATA)
def test_a_p_is_one_over_the_integral(strata: list[Stratum]) -> None:
    """For one period of weights and several; none, all and one recipient too."""
    assert p_value(strata) == pytest.approx(min(1.0, exp(-integrated(strata))), rel=1e-5)


@given(STRATA)
def test_an_interval_ends_where_the_integral_is_twenty_times_as_likely(strata: list[Stratum]) -> None:
    """At each end, e = 20; between them less, beyond them more; and 0 is within unless p is below 0.05."""
    found, p, most = interval(strata), p_value(strata), integrated(strata)
    assert found is not None
    assert p is not None
    for end in found:
        if -0.999999 < end < inf:  # nearer to -1, a float keeps too few digits of the ratio
            assert most - explained(strata, log1p(end)) == pytest.approx(log(20), abs=1e-5)
    if abs(p - 0.05) > 1e-6:
        assert (found.low <= 0 <= found.high) == (p > 0.05)


def test_an_end_beyond_any_ratio_is_infinity() -> None:
    """A single conversion against many: the upper end would be e^192, the lower one of the other way round 0."""
    many, one = Proportion(193, 298), Proportion(1, 387)
    ours, theirs = interval([Stratum(many, one)]), interval([Stratum(one, many)])
    assert ours is not None
    assert theirs is not None
    assert (ours.high, theirs.low) == (inf, -1)
    assert log1p(theirs.high) == pytest.approx(-log1p(ours.low))


def test_millions_of_conversions_are_weighed_as_a_normal_distribution_would_be() -> None:
    """With so many, the mixture has a closed form: Robbins (1970), z^2 scaled by how much the data outweigh the prior."""
    for recipients in (10**7, 10**9):
        b, a = recipients // 10 + 2_000, recipients // 10
        found = p_value([Stratum(Proportion(b, recipients), Proportion(a, recipients))])
        error = sqrt(4 / (a + b))
        effect, weight = log(b / a), TAU**2 / (TAU**2 + error**2)
        expected = 0.5 * log(1 - weight) + weight * (effect / error) ** 2 / 2
        assert found is not None
        assert -log(found) == pytest.approx(max(expected, 0), rel=1e-3, abs=1e-3)


def test_thousands_of_millions_against_none_are_certain() -> None:
    """Nothing overflows: p is 0, and the end that is known is known."""
    strata = [Stratum(Proportion(0, 10**9), Proportion(10**9, 10**9))]
    found = interval(strata)
    assert p_value(strata) == 0
    assert found is not None
    assert found.low == -1
    assert found.high < -0.99


def test_exchanging_the_two_turns_the_ratio_round() -> None:
    """The same p; 1 / the ratio at the other end."""
    here, there = Proportion(130, 1_000), Proportion(90, 900)
    one, other = [Stratum(here, there)], [Stratum(there, here)]
    ours, theirs = interval(one), interval(other)
    assert p_value(one) == pytest.approx(p_value(other), rel=1e-9)
    assert ours is not None
    assert theirs is not None
    assert (1 + ours.low) * (1 + theirs.high) == pytest.approx(1)


def test_before_any_conversion_nothing_is_known() -> None:
    """P is 1, and the uplift may be anything."""
    strata = [Stratum(Proportion(0, 50), Proportion(0, 60))]
    assert p_value(strata) == pytest.approx(1)
    assert interval(strata) == (-1, inf)


def test_a_period_in_which_only_one_had_recipients_says_nothing() -> None:
    """Its conversions could have been no other's."""
    told, untold = Stratum(Proportion(9, 90), Proportion(20, 80)), Stratum(Proportion(30, 40), NOBODY)
    assert p_value([told, untold]) == p_value([told])
    assert interval([untold, told]) == interval([told])


@pytest.mark.parametrize("strata", [[], [Stratum(NOBODY, NOBODY)], [Stratum(Proportion(1, 2), NOBODY)]])
def test_without_recipients_of_both_there_is_no_evidence(strata: list[Stratum]) -> None:
    """R18: no control, or a variant nobody received."""
    assert (p_value(strata), interval(strata)) == (None, None)


def test_periods_of_weights_kept_apart_are_not_fooled_by_a_drift() -> None:
    """Simpson's paradox: as good in each period, but most recipients of the variant came in the better one."""
    strata = [
        Stratum(Proportion(100, 1_000), Proportion(900, 9_000)),
        Stratum(Proportion(2_700, 9_000), Proportion(300, 1_000)),
    ]
    together = Stratum(Proportion(2_800, 10_000), Proportion(1_200, 10_000))
    assert p_value(strata) == 1
    assert p_value([together]) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.7])
def test_looking_every_day_fools_at_most_one_in_twenty(rate: float) -> None:
    """A/A, 400 experiments of 60 days; and each conversion comes up to 7 days late."""
    random = np.random.default_rng(11)
    shape = (400, 60)
    arrived = random.poisson(30, (2, *shape))
    converted = random.binomial(arrived, rate)
    late = sum(
        np.pad(each, ((0, 0), (0, 0), (days, 0)))[..., :60]
        for days, each in enumerate(np.moveaxis(random.multinomial(converted, [1 / 7] * 7), -1, 0))
    )
    n, m = np.cumsum(arrived, axis=-1)
    ours, theirs = np.cumsum(late, axis=-1)
    arrays = (ours, ours + theirs, np.log(n / m))
    found = evidence(Likelihood(*(each.reshape(1, -1) for each in arrays))).reshape(shape)
    assert (found >= log(20)).any(axis=1).mean() <= 0.05


def test_many_runs_at_once_are_each_what_they_are_alone() -> None:
    """Simulations ask for arrays of runs."""
    pairs = [(Proportion(x, 200), Proportion(10, 300)) for x in accumulate([1] * 50)]
    arrays = (
        [[v.converted for v, _ in pairs]],
        [[v.converted + a.converted for v, a in pairs]],
        [[log(v.recipients / a.recipients) for v, a in pairs]],
    )
    found = evidence(Likelihood(*(np.array(each) for each in arrays)))
    alone = [p_value([Stratum(v, a)]) for v, a in pairs]
    assert np.minimum(1, np.exp(-found)).tolist() == pytest.approx(alone)


def test_a_whole_uplift_is_told_in_its_own_unit() -> None:
    """0.5 is half as many again."""
    found = interval([Stratum(Proportion(150_000, 10**6), Proportion(100_000, 10**6))])
    assert found is not None
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.06
