"""Shares as promised, recipients needed, and Holm's correction: by hand, against scipy and statsmodels, and published."""

from math import ceil

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import (
    power_proportions_2indep,
    proportion_effectsize,
    samplesize_proportions_2indep_onetail,
)

from domain.experiment.checks import SUSPICIOUS, holm, recipients_needed, sample_ratio


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 100)), min_size=2, max_size=5))
def test_a_sample_ratio_is_scipys(variants: list[tuple[int, int]]) -> None:
    """Pearson's chi-squared, the expected being scaled to those there are."""
    recipients, weights = [each for each, _ in variants], [weight for _, weight in variants]
    recipients[0] += 1
    expected = [weight * sum(recipients) / sum(weights) for weight in weights]
    assert sample_ratio(recipients, [float(weight) for weight in weights]) == pytest.approx(
        stats.chisquare(recipients, expected).pvalue, rel=1e-6, abs=1e-12
    )


def test_a_published_mismatch_is_suspicious() -> None:
    """Kohavi, Tang and Xu (2020), "Trustworthy online controlled experiments", chapter 21: p = 1.8e-6."""
    p = sample_ratio([821_588, 815_482], [0.5, 0.5])
    assert p == pytest.approx(1.8e-6, abs=0.05e-6)
    assert p < SUSPICIOUS


def test_an_even_split_is_as_promised() -> None:
    """Nothing is off."""
    assert sample_ratio([50, 50], [50.0, 50.0]) == 1


def test_recipients_of_a_variant_without_a_weight_are_a_mismatch_for_certain() -> None:
    """However few: it should have had none."""
    assert sample_ratio([50, 50, 1], [50.5, 50.5, 0.0]) == 0


def test_a_variant_without_a_weight_or_recipients_has_no_say() -> None:
    """It takes no degree of freedom."""
    assert sample_ratio([40, 60, 0], [50.0, 50.0, 0.0]) == sample_ratio([40, 60], [50.0, 50.0])


def test_with_nothing_to_compare_nothing_is_off() -> None:
    """One variant, no recipients, no variants."""
    assert [sample_ratio([9], [9.0]), sample_ratio([0, 0], [1.0, 1.0]), sample_ratio([], [])] == [1, 1, 1]


RATES, UPLIFTS = st.floats(0.005, 0.6), st.floats(0.05, 0.5) | st.floats(-0.5, -0.05)
OTHERS = st.sampled_from([1.0, 0.1, 0.5, 9.0])
POWERS, LEVELS = st.sampled_from([0.8, 0.9]), st.sampled_from([0.01, 0.05])


@given(RATES, UPLIFTS, OTHERS, POWERS, LEVELS)
def test_recipients_needed_are_statsmodels(
    rate: float, uplift: float, others: float, power: float, level: float
) -> None:
    """The pooled test's formula, to the recipient, however many the other variant has for each of this one."""
    expected = samplesize_proportions_2indep_onetail(
        rate * uplift, rate, power, ratio=others, alpha=level, alternative="two-sided"
    )
    found = recipients_needed(rate, uplift, others, power, level)
    assert found is not None
    assert abs(found - ceil(expected)) <= 1


@given(RATES, UPLIFTS, POWERS, LEVELS)
def test_recipients_needed_are_nearly_those_of_a_normal_effect(
    rate: float, uplift: float, power: float, level: float
) -> None:
    """NormalIndPower on Cohen's h, which stretches rates instead of pooling them: within 5 % where counts are not small."""
    effect = proportion_effectsize(rate * (1 + uplift), rate)
    expected = NormalIndPower().solve_power(abs(effect), power=power, alpha=level)
    found = recipients_needed(rate, uplift, 1, power, level)
    assert found is not None
    assume(expected > 100)
    assert found == pytest.approx(expected, rel=0.05, abs=2)


@given(RATES, UPLIFTS, OTHERS)
def test_so_many_recipients_give_the_power_asked_for(rate: float, uplift: float, others: float) -> None:
    """And one less does not, whether control has as many, or a tenth."""
    found = recipients_needed(rate, uplift, others)
    assert found is not None
    power = [
        power_proportions_2indep(rate * uplift, rate, each, ratio=others).power for each in (found - 1, found)
    ]
    assert power[0] < 0.8 + 1e-4
    assert power[1] > 0.8 - 1e-4


def test_recipients_needed_are_those_computed_by_hand() -> None:
    """From 60 to 75 %: (1.95996 sqrt(2 0.675 0.325) + 0.84162 sqrt(0.24 + 0.1875))^2 / 0.15^2 = 151.9."""
    assert recipients_needed(0.6, 0.25) == 152


def test_a_small_uplift_of_a_small_rate_takes_very_many() -> None:
    """A tenth more of 0.5 %."""
    assert recipients_needed(0.005, 0.1) == pytest.approx(327_600, rel=0.01)


@pytest.mark.parametrize(("rate", "uplift"), [(0.0, 0.1), (1.0, -0.1), (0.1, 0.0), (0.6, 0.8), (0.5, -1.5)])
def test_what_cannot_be_seen_needs_no_number(rate: float, uplift: float) -> None:
    """No rate, no uplift, or one beyond all recipients."""
    assert recipients_needed(rate, uplift) is None


def test_a_rate_may_rise_to_all_or_fall_to_none() -> None:
    """Few are needed to see that."""
    assert recipients_needed(0.5, 1.0) == recipients_needed(0.5, -1.0) == 11


def test_holms_correction_of_a_worked_example() -> None:
    """The smallest times 4, the next times 3: these two hold at 5 %. Times 2, 0.06; and none is below the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@settings(max_examples=25)  # theirs takes long
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holms_correction_is_statsmodels(ps: list[float]) -> None:
    """Equal ones and those of 0 and 1 too, in the order given."""
    assert holm(ps) == pytest.approx(list(multipletests(ps, method="holm")[1]), rel=1e-9)


def test_of_one_comparison_nothing_is_corrected() -> None:
    """One, and none."""
    assert (holm([0.04]), holm([])) == ([0.04], [])
