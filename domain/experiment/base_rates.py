"""The rates at which an odds ratio is given as an uplift: where the rate of a period may lie, on all days looked at.

Of the rate q of N recipients, S of whom converted, e = sum over l of w(l) e^(l S) / (1 - q + q e^l)^N, over the
differences and weights of `averaged`, is at most a martingale of mean 1, also where the recipients' own rates differ:
q is their mean, and log(1 - r + r e^l) is concave in r. So it is ever 1 / a or more in at most a share a of
experiments.

Source: Ville (1939); Howard and others (2020), "Time-uniform Chernoff bounds via nonnegative supermartingales"; for
extremes of a ratio of sums, Dinkelbach (1967), "On nonlinear fractional programming".
"""

from collections.abc import Sequence

import numpy as np

from domain.experiment.averaged import DIFFERENCES, LOG_WEIGHTS
from domain.experiment.proportions import Proportion
from domain.experiment.roots import find_level

_ENDS = np.array([0.0, 1.0])
_AS_FACTORS = np.expm1(DIFFERENCES)
_STEPS = 12
# Rates this close to 0 or 1 are as good as these, and divide.
_SLIGHT = 1e-12


def hold_rates(periods: Sequence[Proportion], left: float) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest rate of each period that hold all the true ones, on all days, but for a share `left`.

    The s-th period's share of that is left / (s (s + 1)): together at most `left`, however many periods follow yet.
    """
    converted, recipients = np.array(periods, dtype=float).T[:, np.newaxis]
    place = np.arange(1, len(periods) + 1)
    likely = LOG_WEIGHTS + converted[..., np.newaxis] * DIFFERENCES

    def evidence(rates: np.ndarray) -> np.ndarray:
        each = likely - recipients[..., np.newaxis] * np.log1p(rates[..., np.newaxis] * _AS_FACTORS)
        highest = each.max(axis=-1)
        logarithm: np.ndarray = highest + np.log(np.exp(each - highest[..., np.newaxis]).sum(axis=-1))
        return logarithm

    enough = np.log(place * (place + 1) / left)
    low, high = find_level(evidence, converted / recipients, _ENDS[:, np.newaxis], enough)
    return np.maximum(low, _SLIGHT), np.minimum(high, 1 - _SLIGHT)


def farthest(weights: np.ndarray, rates: tuple[np.ndarray, np.ndarray], ratio: float, sign: int) -> float:
    """The most (sign 1) or the least (-1) of sum n f(p) / sum n p, each p between its two rates.

    f(p) has the odds ratio to p. Of f(p) - g p, which has one bend, the extreme is at an end or where f' is g.
    """
    low, high = rates
    found = 1.0
    for _ in range(_STEPS):
        level = np.clip(((ratio / found) ** 0.5 - 1) / ((ratio - 1) or _SLIGHT), low, high)
        points = np.array([low, high, level])
        with_ratio = points * ratio / (1 + points * (ratio - 1))
        best = (sign * (with_ratio - found * points)).argmax(axis=0), np.arange(len(low))
        found = float((weights * with_ratio[best]).sum() / (weights * points[best]).sum())
    return found
