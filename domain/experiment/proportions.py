"""Conversion rates and how they differ: intervals, and tests that are right when looked at once."""

from collections.abc import Sequence
from math import inf, sqrt
from typing import NamedTuple

import numpy as np
from scipy import special

# Tables as likely as the one seen, though rounding says otherwise: what R's fisher.test allows for.
_AS_LIKELY = 1 + 1e-7
_ENOUGH_EXPECTED = 5


class Proportion(NamedTuple):
    """How many of a variant's unique recipients converted (R18)."""

    converted: int
    recipients: int

    @property
    def rate(self) -> float | None:
        """Conversions / unique recipients, a share of 1; none without recipients (R18)."""
        return self.converted / self.recipients if self.recipients else None


class Interval(NamedTuple):
    """A confidence interval, in the unit of what it surrounds."""

    low: float
    high: float


class Tested(NamedTuple):
    """A test's statistic, and how often chance alone would give one as far off."""

    statistic: float
    p: float


def deviations(confidence: float) -> float:
    """How many standard deviations to both sides hold this share of a normal distribution (1.96 for 0.95)."""
    return float(special.ndtri((1 + confidence) / 2))


def wilson(proportion: Proportion, confidence: float = 0.95) -> Interval | None:
    """The interval of a conversion rate that keeps its promise for small counts and rates near 0 too.

    (x + z^2/2 -+ z sqrt(x (n - x) / n + z^2/4)) / (n + z^2), with x of n converted; shares of 1; none
    without recipients. Source: Wilson (1927).
    """
    converted, recipients = proportion
    if not recipients:
        return None
    others, z = recipients - converted, deviations(confidence)
    spread = z * sqrt(converted * others / recipients + z**2 / 4)
    low = (converted + z**2 / 2 - spread) / (recipients + z**2) if converted else 0.0
    high = (converted + z**2 / 2 + spread) / (recipients + z**2) if others else 1.0
    return Interval(low, high)


def difference(variant: Proportion, against: Proportion, confidence: float = 0.95) -> Interval | None:
    """The interval of a difference of two rates, made of the limits (l, u) of each alone.

    d - sqrt((p1 - l1)^2 + (u2 - p2)^2) to d + sqrt((u1 - p1)^2 + (p2 - l2)^2), d = p1 - p2; shares of 1; none where
    either has no recipients.
    Source: Newcombe (1998), "Interval estimation for the difference between independent proportions", method 10.
    """
    ours, theirs = wilson(variant, confidence), wilson(against, confidence)
    if ours is None or theirs is None:
        return None
    rate, other = variant.converted / variant.recipients, against.converted / against.recipients
    below = sqrt((rate - ours.low) ** 2 + (theirs.high - other) ** 2)
    above = sqrt((ours.high - rate) ** 2 + (other - theirs.low) ** 2)
    return Interval(rate - other - below, rate - other + above)


def uplift(variant: Proportion, against: Proportion, confidence: float = 0.95) -> Interval | None:
    """The interval of the relative uplift p1 / p2 - 1, made of the Wilson limits (l, u) of each rate.

    L = l1 (2 p1 - l1) / (p1 p2 + sqrt((p1 p2)^2 - l1 u2 (2 p1 - l1) (2 p2 - u2))) and
    U = (p1 p2 + sqrt((p1 p2)^2 - u1 l2 (2 p1 - u1) (2 p2 - l2))) / (l2 (2 p2 - l2)), less 1; 0.1 is 10 % more. The
    upper end is infinite where the other has no conversions; none where neither has, or either has no recipients.
    Source: Donner and Zou (2012), "Closed-form confidence intervals for functions of the normal mean and standard
    deviation".
    """
    ours, theirs = wilson(variant, confidence), wilson(against, confidence)
    if ours is None or theirs is None or not (variant.converted or against.converted):
        return None
    rate, other = variant.converted / variant.recipients, against.converted / against.recipients
    # L multiplied out, so that 2 p2 = u2 divides nothing by 0.
    least, most = ours.low * (2 * rate - ours.low), theirs.high * (2 * other - theirs.high)
    low = least / (rate * other + sqrt((rate * other) ** 2 - least * most)) if least else 0.0
    most, least = ours.high * (2 * rate - ours.high), theirs.low * (2 * other - theirs.low)
    high = (rate * other + sqrt((rate * other) ** 2 - most * least)) / least if least else inf
    return Interval(low - 1, high - 1)


def z_test(variant: Proportion, against: Proportion) -> Tested | None:
    """Whether two rates differ, two-sided; 1 - p is what marketers call "confidence".

    z = (p1 - p2) / sqrt(p (1 - p) (1/n1 + 1/n2)), p being the rate of both together; none where that is 0 or 1, or
    either has no recipients.
    Source: Fleiss (1981), "Statistical methods for rates and proportions", without his correction.
    """
    rate, other, together = variant.rate, against.rate, _together((variant, against)).rate
    if rate is None or other is None or together in (None, 0, 1):
        return None
    error = sqrt(together * (1 - together) * (1 / variant.recipients + 1 / against.recipients))
    z = (rate - other) / error
    return Tested(z, float(2 * special.ndtr(-abs(z))))


def chi_squared(variants: Sequence[Proportion]) -> Tested | None:
    """Whether the rates of all variants may be one and the same, by Pearson's statistic on (variants - 1) degrees.

    Sum of n (p_i - p)^2 / (p (1 - p)), p being the rate of all; variants without recipients are left out; none where
    fewer than two are left, or p is 0 or 1. Source: Pearson (1900), without Yates's correction.
    """
    received = [each for each in variants if each.recipients]
    rate = _together(received).rate
    if len(received) < 2 or rate in (None, 0, 1):
        return None
    squares = (each.recipients * (each.converted / each.recipients - rate) ** 2 for each in received)
    statistic = sum(squares) / (rate * (1 - rate))
    return Tested(statistic, float(special.chdtrc(len(received) - 1, statistic)))


def fisher(variant: Proportion, against: Proportion) -> float | None:
    """The p of whether two rates differ that is exact for the smallest counts, two-sided.

    The probability of all tables with the same sums that are no likelier than this one, each of
    C(n1, k) C(n2, m - k) / C(n1 + n2, m); none where either has no recipients. Source: Fisher (1935).
    """
    if not variant.recipients or not against.recipients:
        return None
    together = _together((variant, against))
    least, most = max(0, together.converted - against.recipients), min(together.converted, variant.recipients)
    counts = np.arange(least, most + 1)
    likely = _choices(variant.recipients, counts) + _choices(against.recipients, together.converted - counts)
    likely = np.exp(likely - likely.max())
    as_far = likely <= likely[variant.converted - least] * _AS_LIKELY
    return min(1.0, float(likely[as_far].sum() / likely.sum()))


def small(variant: Proportion, against: Proportion) -> bool:
    """Whether a count expected if nothing differed is below 5, so that Fisher's test is the one to read.

    Source: Cochran (1954), "Some methods for strengthening the common chi-squared tests".
    """
    together = _together((variant, against))
    rarer = min(together.converted, together.recipients - together.converted)
    fewer = min(variant.recipients, against.recipients)
    return rarer * fewer < _ENOUGH_EXPECTED * together.recipients or not together.recipients


def _together(variants: Sequence[Proportion]) -> Proportion:
    return Proportion(sum(each.converted for each in variants), sum(each.recipients for each in variants))


def _choices(recipients: int, converted: np.ndarray) -> np.ndarray:
    """The logarithm of how many ways there are, but for a constant of these recipients."""
    ways: np.ndarray = -special.gammaln(converted + 1) - special.gammaln(recipients - converted + 1)
    return ways
