"""Sample ratio mismatch: against scipy, and where a weight is 0."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from domain.experiment.health import SUSPICIOUS, sample_ratio


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
