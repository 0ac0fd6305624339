"""Conversion rates: against published values, statsmodels and scipy, and in the corners (R18)."""

from itertools import pairwise
from math import inf, isinf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_confint,
    proportions_ztest,
)
from statsmodels.stats.proportion import (
    test_proportions_2indep as score_test,
)

from domain.experiment.proportions import (
    Proportion,
    chi_squared,
    difference,
    fisher,
    small,
    uplift,
    wilson,
    z_test,
)
from tests.domain.experiment.tables import proportions, undecided

CONFIDENCES = st.sampled_from([0.8, 0.9, 0.95, 0.99])
NOBODY = Proportion(0, 0)


def test_r18_without_recipients_there_is_no_rate() -> None:
    """R18: null, not 0."""
    assert (NOBODY.rate, Proportion(0, 4).rate, Proportion(1, 4).rate) == (None, 0, 0.25)


@pytest.mark.parametrize(
    ("converted", "recipients", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_an_interval_of_a_rate_is_that_of_newcombes_examples(
    converted: int, recipients: int, low: float, high: float
) -> None:
    """Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3."""
    assert wilson(Proportion(converted, recipients)) == pytest.approx((low, high), abs=5e-5)


def test_an_interval_of_a_difference_is_that_of_newcombes_example() -> None:
    """Newcombe (1998), "Interval estimation for the difference between independent proportions", table II (a)."""
    assert difference(Proportion(56, 70), Proportion(48, 80)) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_the_lady_tasting_tea_may_have_guessed() -> None:
    """Fisher (1935), "The design of experiments", chapter 2: three of four cups told apart."""
    assert fisher(Proportion(3, 4), Proportion(1, 4)) == pytest.approx(0.4857, abs=5e-5)


@given(proportions(), CONFIDENCES)
def test_an_interval_of_a_rate_is_statsmodels(proportion: Proportion, confidence: float) -> None:
    """Wilson, for none, all and one recipient too."""
    expected = proportion_confint(*proportion, alpha=1 - confidence, method="wilson")
    assert wilson(proportion, confidence) == pytest.approx(expected, abs=1e-12)


@given(proportions(), proportions(), CONFIDENCES)
def test_an_interval_of_a_difference_is_statsmodels(
    variant: Proportion, against: Proportion, confidence: float
) -> None:
    """Newcombe's method 10."""
    expected = confint_proportions_2indep(*variant, *against, method="newcomb", alpha=1 - confidence)
    assert difference(variant, against, confidence) == pytest.approx(expected, abs=1e-12)


@given(undecided(), undecided())
def test_a_z_test_is_statsmodels(variant: Proportion, against: Proportion) -> None:
    """Pooled, two-sided."""
    counts, sizes = zip(variant, against, strict=True)
    expected = proportions_ztest(np.array(counts), np.array(sizes))
    assert z_test(variant, against) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(undecided(), undecided())
def test_a_z_test_is_the_score_test_without_its_correction(variant: Proportion, against: Proportion) -> None:
    """Both take the error of one rate shared by both."""
    expected = score_test(*variant, *against, method="score", compare="diff", correction=False)
    tested = z_test(variant, against)
    assert tested == pytest.approx((expected.statistic, expected.pvalue), rel=1e-6, abs=1e-9)


@given(st.lists(undecided(), min_size=2, max_size=5))
def test_pearsons_test_over_all_variants_is_scipys(variants: list[Proportion]) -> None:
    """Without Yates's correction."""
    table = [[each.converted, each.recipients - each.converted] for each in variants]
    expected = stats.chi2_contingency(table, correction=False)
    tested = chi_squared(variants)
    assert tested == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9, abs=1e-12)


@given(undecided(), undecided())
def test_of_two_variants_pearsons_test_and_the_z_test_say_the_same(
    variant: Proportion, against: Proportion
) -> None:
    """The one's statistic is the other's square."""
    z, pearson = z_test(variant, against), chi_squared([variant, against])
    assert z is not None
    assert pearson == pytest.approx((z.statistic**2, z.p), rel=1e-9, abs=1e-12)


@given(proportions(most=200), proportions(most=200))
def test_fishers_exact_test_is_scipys(variant: Proportion, against: Proportion) -> None:
    """Two-sided, for none, all and one recipient too."""
    table = [[each.converted, each.recipients - each.converted] for each in (variant, against)]
    assert fisher(variant, against) == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-9)


@given(proportions(), proportions())
def test_expected_counts_are_small_as_scipys_are(variant: Proportion, against: Proportion) -> None:
    """Below 5, of those converted or of the others."""
    table = np.array([[each.converted, each.recipients - each.converted] for each in (variant, against)])
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    assert small(variant, against) == (expected.min() < 5)


def test_expected_counts_of_nobody_are_small() -> None:
    """Where nothing is known, no test of large numbers holds."""
    assert small(NOBODY, NOBODY)
    assert small(NOBODY, Proportion(50, 100))
    assert not small(Proportion(5, 10), Proportion(5, 10))


@given(undecided(), undecided(), CONFIDENCES)
def test_an_interval_of_an_uplift_is_the_formula_of_donner_and_zou(
    variant: Proportion, against: Proportion, confidence: float
) -> None:
    """Donner and Zou (2012), equation 9, as printed."""
    ours, theirs = wilson(variant, confidence), wilson(against, confidence)
    found, rate, other = uplift(variant, against, confidence), variant.rate, against.rate
    assert ours and theirs and found and rate and other  # noqa: PT018
    (l1, u1), (l2, u2), both = ours, theirs, (rate * other) ** 2
    if abs(2 * other - u2) > 1e-6:
        low = rate * other - np.sqrt(both - l1 * u2 * (2 * rate - l1) * (2 * other - u2))
        assert found.low == pytest.approx(low / (u2 * (2 * other - u2)) - 1, rel=1e-6, abs=1e-6)
    high = rate * other + np.sqrt(both - u1 * l2 * (2 * rate - u1) * (2 * other - l2))
    assert found.high == pytest.approx(high / (l2 * (2 * other - l2)) - 1, rel=1e-9)
    assert found.low <= rate / other - 1 <= found.high


@given(undecided(), undecided(), CONFIDENCES)
def test_an_uplift_and_a_difference_agree_whether_there_is_any(
    variant: Proportion, against: Proportion, confidence: float
) -> None:
    """Both say "more" where l1, u2 and the two distances do, but for rounding at the border."""
    found, between = uplift(variant, against, confidence), difference(variant, against, confidence)
    assert found is not None
    assert between is not None
    for ratio, distance in zip(found, between, strict=True):
        assert ratio * distance >= -1e-12


def test_an_uplift_over_none_has_no_end() -> None:
    """The other's true rate may be as near 0 as one likes; the least it can be is known."""
    found = uplift(Proportion(50, 100), Proportion(0, 100))
    assert found is not None
    assert isinf(found.high)
    assert 5 < found.low < 20


def test_an_uplift_of_none_starts_at_the_whole_loss() -> None:
    """-100 %, and an end that tells how much there may be."""
    found = uplift(Proportion(0, 100), Proportion(50, 100))
    assert found is not None
    assert found.low == -1
    assert -0.95 < found.high < -0.8


def test_an_uplift_of_little_over_little_leaves_much_open() -> None:
    """2 p2 = u2 nearly: as printed, the formula would divide by nearly nothing."""
    found = uplift(Proportion(1, 1), Proportion(1, 5))
    assert found is not None
    assert -1 < found.low < 0 < found.high < inf


@pytest.mark.parametrize("nobody_is", [0, 1])
def test_without_recipients_nothing_is_said(nobody_is: int) -> None:
    """R18: no control, or a variant nobody received."""
    pair = [Proportion(3, 10), Proportion(3, 10)]
    pair[nobody_is] = NOBODY
    variant, against = pair
    assert wilson(NOBODY) is None
    assert difference(variant, against) is None
    assert uplift(variant, against) is None
    assert z_test(variant, against) is None
    assert fisher(variant, against) is None
    assert chi_squared(pair) is None


@pytest.mark.parametrize("share", [0, 1])
def test_where_none_or_all_converted_no_test_of_large_numbers_says_anything(share: int) -> None:
    """The error of a rate of 0 or 1 is 0; Fisher's test says that nothing differs."""
    pair = Proportion(8 * share, 8), Proportion(5 * share, 5)
    assert (z_test(*pair), chi_squared(pair), fisher(*pair)) == (None, None, 1)


def test_where_none_converted_there_is_no_uplift() -> None:
    """0 / 0."""
    assert uplift(Proportion(0, 8), Proportion(0, 8)) is None


def test_pearsons_test_leaves_out_variants_without_recipients() -> None:
    """They have no say, and take no degree of freedom."""
    pair = [Proportion(3, 10), Proportion(6, 10)]
    assert chi_squared([*pair, NOBODY]) == chi_squared(pair)
    assert chi_squared([]) is None


def test_intervals_of_millions_keep_their_digits() -> None:
    """Counts of a large campaign: no end is lost to rounding."""
    sizes = [10**4, 10**6, 10**8, 10**10]
    found = [uplift(Proportion(size // 10, size), Proportion(size // 10, size)) for size in sizes]
    widths = [each.high - each.low for each in found if each is not None]
    assert [wide / narrow for wide, narrow in pairwise(widths)] == pytest.approx([10] * 3, rel=0.01)


def test_equal_rates_are_no_evidence() -> None:
    """A statistic of 0, and a p of 1."""
    assert z_test(Proportion(3, 10), Proportion(30, 100)) == (0, 1)
    assert wilson(Proportion(0, 1)) == pytest.approx((0, 0.79345), abs=1e-5)
