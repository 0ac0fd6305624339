"""Beliefs about rates: closed forms, scipy's own integration, and counts from none to thousands of millions."""

from fractions import Fraction
from math import comb, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from domain.experiment.bayes import Counts, expected_loss, probability_best
from domain.experiment.proportions import Proportion
from tests.domain.experiment.tables import proportions

FEW = proportions(least=0, most=60)


def beta(a: int, b: int) -> Fraction:
    """B(a, b) of whole numbers."""
    return Fraction(a + b, a * b * comb(a + b, a))


def beats(variant: Proportion, against: Proportion) -> Fraction:
    """Miller (2015), "Formulas for Bayesian A/B testing", equation 6, in fractions."""
    b = 1 + variant.recipients - variant.converted
    c, d = 1 + against.converted, 1 + against.recipients - against.converted
    terms = (beta(c + i, b + d) / ((b + i) * beta(1 + i, b)) for i in range(1 + variant.converted))
    return sum(terms, Fraction(0)) / beta(c, d)


def loss(variant: Proportion, against: Proportion) -> float:
    """Stucchio (2015), "Bayesian A/B testing at VWO": E max(0, y - x) as two means, each weighted by who beats whom."""
    (x, n), (y, m) = variant, against
    mean, other = Fraction(1 + x, 2 + n), Fraction(1 + y, 2 + m)
    ahead = beats(Proportion(y + 1, m + 1), variant)
    behind = beats(against, Proportion(x + 1, n + 1))
    return float(other * ahead - mean * behind)


def brute(variants: list[Counts]) -> tuple[list[float], list[float]]:
    """Both integrals by half a million equal steps between the farthest quantiles."""
    shapes = [(1 + x, 1 + n - x) for x, n in variants]
    ends = [special.betaincinv(a, b, level) for a, b in shapes for level in (1e-14, 1 - 1e-14)]
    points = np.linspace(min(ends), max(ends), 500_001)
    below = np.array([special.betainc(a, b, points) for a, b in shapes])
    best, lost = [], []
    for place in range(len(shapes)):
        others = np.delete(below, place, axis=0).prod(axis=0)
        best.append(float((np.diff(below[place]) * (others[1:] + others[:-1]) / 2).sum()))
        lost.append(float(np.trapezoid(below[place] * (1 - others), points)))
    return best, lost


@given(FEW, FEW)
def test_who_is_best_of_two_is_millers_closed_form(variant: Proportion, against: Proportion) -> None:
    """None, all, one recipient, and no recipients at all."""
    expected = float(beats(variant, against))
    assert probability_best([variant, against]) == pytest.approx([expected, 1 - expected], abs=1e-9)


@given(FEW, FEW)
def test_what_is_lost_by_choosing_one_of_two_is_stucchios_closed_form(
    variant: Proportion, against: Proportion
) -> None:
    """In fractions."""
    expected = [loss(variant, against), loss(against, variant)]
    assert expected_loss([variant, against]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    "variants",
    [
        [(50, 1_000), (60, 1_000), (55, 900)],
        [(0, 10), (0, 10), (1, 3), (3, 3)],
        [(3, 2_000_000), (5, 2_100_000), (0, 1_000_000)],
        [(300_000, 3_000_000), (300_900, 3_000_000), (29_900, 300_000)],
        [(2_999_990, 3_000_000), (2_999_985, 3_000_000)],
        [(0.4, 7.5), (120.25, 1_400.75), (11.5, 100)],
        [(0.2, 900_000.5), (0.7, 1_000_000.25)],
    ],
    ids=["several", "corners", "rates near 0", "millions", "rates near 1", "parts", "parts near 0"],
)
def test_both_are_those_of_brute_force(variants: list[Counts]) -> None:
    """To 1e-6, relative to the largest for what is lost, which may be small beside 1."""
    best, lost = brute(variants)
    assert probability_best(variants) == pytest.approx(best, abs=1e-6)
    assert expected_loss(variants) == pytest.approx(lost, abs=1e-6 * max(lost), rel=1e-5)


@pytest.mark.parametrize("recipients", [10**5, 10**7, 10**9])
def test_of_many_recipients_the_better_is_likely_best_as_a_normal_distribution_says(recipients: int) -> None:
    """One standard error apart: 0.8413, at any number of recipients."""
    error = round(sqrt(2 * recipients * 0.3 * 0.7))
    rate = recipients * 3 // 10
    likely = probability_best([(rate + error, recipients), (rate, recipients)])
    assert likely[0] == pytest.approx(float(stats.norm.cdf(1)), abs=20 / sqrt(recipients))


@given(st.lists(proportions(least=0), min_size=1, max_size=6))
def test_one_of_them_is_best(variants: list[Proportion]) -> None:
    """Together 1; and the likelier one is the best, the less is lost by it."""
    likely, lost = probability_best(variants), expected_loss(variants)
    assert sum(likely) == pytest.approx(1)
    assert all(-1e-12 <= each <= 1 for each in [*likely, *lost])


def test_the_same_counts_always_give_the_same_numbers() -> None:
    """No draws: an adjustment replayed gives the same weights."""
    variants = [(10.5, 200.25), (14, 210), (9, 190)]
    assert probability_best(variants) == probability_best(variants)


def test_alike_variants_are_as_likely_best() -> None:
    """Before any recipient too."""
    assert probability_best([(0, 0)] * 4) == pytest.approx([0.25] * 4)


def test_a_variant_alone_is_best_and_loses_nothing() -> None:
    """And of none, nothing is said."""
    assert probability_best([(3, 10)]) == pytest.approx([1])
    assert expected_loss([(3, 10)]) == [0.0]
    assert (probability_best([]), expected_loss([])) == ([], [])
