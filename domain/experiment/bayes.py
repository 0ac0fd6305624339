"""A Bayesian reading of rates: what is to be believed of each, having believed every rate as likely as any other.

Having seen x of n convert, the belief is Beta(1 + x, 1 + n - x). Integrals are taken by quadrature, not by random
draws, so that the same counts always give the same numbers. Source: Bayes (1763); Gelman and others (2013), chapter 2.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

Counts = tuple[float, float]
"""Converted, and recipients: a Proportion, or effective numbers with parts of a recipient in them."""

# Between neighbouring quantiles a belief is smooth enough for 8 points; what lies beyond the outermost does not show.
_TAIL = np.array([1e-13, 1e-10, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 0.005, 0.02, 0.05, 0.12, 0.22, 0.35])
_LEVELS = np.concatenate([_TAIL, [0.5]])
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(8)


class _Beliefs(NamedTuple):
    """Points of all rates worth a look, their weights, and by variant the density and share below at each."""

    weights: np.ndarray
    density: np.ndarray
    below: np.ndarray

    def others_below(self) -> np.ndarray:
        """By variant the probability that all others are below each point."""
        ones = np.ones_like(self.below[:1])
        before = np.concatenate([ones, self.below[:-1]]).cumprod(axis=0)
        after = np.concatenate([ones, self.below[:0:-1]]).cumprod(axis=0)[::-1]
        product: np.ndarray = before * after
        return product


class Judged(NamedTuple):
    """What is believed of a variant: how likely it is the best, and what is lost, on average, by choosing it."""

    probability_best: float
    expected_loss: float


def probability_best(variants: Sequence[Counts]) -> list[float]:
    """How likely each variant has the highest rate of all; together 1, and right to 1e-6.

    Integral of f_i(x) prod_{j != i} F_j(x) dx, f and F being a belief's density and distribution.
    Source: Scott (2010), "A modern Bayesian look at the multi-armed bandit".
    """
    return [each.probability_best for each in judge_rates(variants)]


def expected_loss(variants: Sequence[Counts]) -> list[float]:
    """The rate given up, on average over what is believed, by choosing each variant where another is best.

    E max(0, max_{j != i} x_j - x_i) = integral of F_i(x) (1 - prod_{j != i} F_j(x)) dx; shares of 1, right to 1e-6.
    Source: Stucchio (2015), "Bayesian A/B testing at VWO".
    """
    return [each.expected_loss for each in judge_rates(variants)]


def judge_rates(variants: Sequence[Counts]) -> list[Judged]:
    """Both `probability_best` and `expected_loss`."""
    if not variants:
        return []
    beliefs = _beliefs(variants)
    others = beliefs.others_below()
    likely = (beliefs.density * others) @ beliefs.weights
    lost = (beliefs.below * (1 - others)) @ beliefs.weights
    return list(map(Judged, (likely / likely.sum()).tolist(), lost.tolist()))


def _beliefs(variants: Sequence[Counts], beyond: float = 0.0) -> _Beliefs:
    """The beliefs; shares below are taken at each point and a part of it beyond."""
    a, b = (side[:, np.newaxis] for side in np.array([_shape(each) for each in variants]).T)
    quantiles = np.array([special.betaincinv(a, b, _LEVELS), special.betainccinv(a, b, _LEVELS)])
    edges = np.unique([quantiles, quantiles / (1 + beyond)])
    half = np.diff(edges)[:, np.newaxis] / 2
    points = (edges[:-1, np.newaxis] + half + half * _POINTS).ravel()
    logarithm = special.xlogy(a - 1, points) + special.xlog1py(b - 1, -points) - special.betaln(a, b)
    return _Beliefs(
        (half * _WEIGHTS).ravel(),
        np.exp(logarithm),
        special.betainc(a, b, np.minimum(points * (1 + beyond), 1)),
    )


def _shape(counts: Counts) -> tuple[float, float]:
    converted, recipients = counts
    return 1 + converted, 1 + recipients - converted


def improvement(variants: Sequence[Counts], worth: float, likely: Sequence[float] = ()) -> float:
    """How likely another variant's rate is above that of the one most likely best by more than `worth` of itself.

    1 - integral of f_best(x) prod_{j != best} F_j((1 + worth) x) dx: where it is small, going on looking would hardly
    improve the rate. `likely` is what `probability_best` says, where that is known already.
    Source: Scott (2010), "A modern Bayesian look at the multi-armed bandit" (value remaining).
    """
    if not variants:
        return 0.0
    best = max(range(len(variants)), key=(likely or probability_best(variants)).__getitem__)
    beliefs = _beliefs(variants, worth)
    surpassed = 1 - float(beliefs.density[best] * beliefs.others_below()[best] @ beliefs.weights)
    return min(1.0, max(0.0, surpassed))
