"""Looking at an experiment every day without being fooled by it, at any rate and for small and large differences.

Within a period of weights, recipients of two variants who converted and who did not make a two-by-two table. If no
user is influenced by the variant, chance alone shares the converted among the variants: each table with the same sums
is as likely as the hypergeometric distribution says. That needs no rate and no order of facts: it follows from how
users were shared. The evidence is how much better a difference explains the tables, averaged over many differences
that were fixed beforehand. A recipient counts once the window is over: before, not having converted says nothing yet.

At any one look the evidence is exact: it is 1 on average, and so at least 20 in at most 5 of 100 experiments. Over many
looks it behaves like a martingale where conversions are many; for few, simulations show it (docs/statistics.md).

Source: Fisher (1935) for the table; Cox (1958), "The regression analysis of binary sequences", for several tables;
Robbins (1970), "Statistical methods related to the law of the iterated logarithm", for averaging over differences;
Ramdas and others (2023), "Game-theoretic statistics and safe anytime-valid inference", for e-values.
"""

from collections.abc import Sequence
from math import exp, inf, log
from typing import NamedTuple

import numpy as np

from domain.experiment.averaged import DIFFERENCES, LOG_WEIGHTS
from domain.experiment.base_rates import farthest, hold_rates
from domain.experiment.proportions import Interval, Proportion
from domain.experiment.roots import find_level, find_roots
from domain.experiment.strata import Stratum, keep_comparable

# Of the 5 % in which an interval may fail, the odds ratio's part; the rest is that of the rates it is given at.
_OF_THE_RATIO = 0.9
# Odds ratios beyond e^7, about 1,100, are given as having no limit.
_ENDS = np.array([-7.0, 7.0])
# Fewer ways to share the converted are summed one by one; of more, a series is right to a part in a thousand.
_FEW = 64
# Likelihoods are compared at these distances from an odds ratio: those averaged over, and none.
_AWAY = np.append(DIFFERENCES, 0.0)
_STEPS = np.arange(_FEW)
# The largest is e^(63 * 4.1), which a float holds.
_TILTS = np.exp(_STEPS[:, np.newaxis] * _AWAY)


class Tables(NamedTuple):
    """Two-by-two tables, arrays by stratum and run: one run, or the many of a simulation."""

    converted: np.ndarray
    recipients: np.ndarray
    other_converted: np.ndarray
    other_recipients: np.ndarray


class _Fitted(NamedTuple):
    """The rates that have a given odds ratio and the table's sum of conversions."""

    ours: np.ndarray
    theirs: np.ndarray


def p_value(strata: Sequence[Stratum]) -> float | None:
    """How often chance alone would ever, on any of all days looked at, give as much evidence that two rates differ.

    min(1, 1/e), e as `evidence` has it. None where no stratum has recipients of both.
    """
    tables = _tables(strata)
    return None if tables is None else exp(min(0.0, -float(evidence(tables)[0])))


def interval(strata: Sequence[Stratum], confidence: float = 0.95) -> Interval | None:
    """The interval of the relative uplift that holds the true one on all days looked at, with this confidence.

    The odds ratios e^d with an e-value below 1 / 0.045 and, of each period, the rates of both variants together that
    `base_rates.held` leaves at 0.005: each pair as the uplift it means for the variant's recipients, and of these the
    least and the most. 0.1 is 10 % more; -1 or infinity where there is no limit. None where no stratum has recipients
    of both. With another confidence, nine tenths of what it leaves are the odds ratio's as well.
    """
    tables = _tables(strata)
    if tables is None:
        return None
    middle = find_roots(lambda deltas: _count_beyond(tables, deltas), _ENDS[:1], _ENDS[1:])
    both_ends = _Likelihoods(Tables(*(np.repeat(each, 2, axis=1) for each in tables)))
    low, high = find_level(both_ends.evidence, middle, _ENDS, -log(_OF_THE_RATIO * (1 - confidence)))
    below, above = _count_beyond(tables, _ENDS)
    both = [_together(each) for each in keep_comparable(strata)]
    rates = hold_rates(both, (1 - _OF_THE_RATIO) * (1 - confidence))
    return Interval(
        -1.0 if below < 0 or low == _ENDS[0] else _uplift(tables, low, rates, -1),
        inf if above > 0 or high == _ENDS[1] else _uplift(tables, high, rates, 1),
    )


def evidence(tables: Tables, null: float = 0.0) -> np.ndarray:
    """The logarithm of each run's e-value against a logarithm d of the odds ratio; 0 says that the rates are the same.

    e = sum over differences g of w(g) L(d + g) / L(d), L(d) = product over strata of e^(d x) / sum over k of
    C(n1, k) C(n2, m - k) e^(d k): x of the variant's n1 recipients converted, m of both together.
    """
    return _Likelihoods(tables).evidence(np.full(tables.converted.shape[1], null))


def _tables(strata: Sequence[Stratum]) -> Tables | None:
    comparable = keep_comparable(strata)
    if not comparable:
        return None
    counts = np.array([[*each.variant, *each.against] for each in comparable], dtype=float)
    return Tables(*(column[:, np.newaxis] for column in counts.T))


def _together(stratum: Stratum) -> Proportion:
    (x, n1), (y, n2) = stratum
    return Proportion(x + y, n1 + n2)


class _Likelihoods:
    """How well odds ratios explain tables; what depends on the tables alone is computed once."""

    def __init__(self, tables: Tables) -> None:
        self._shape = tables.converted.shape
        x, n1, y, n2 = (each.reshape(-1, 1) for each in tables)
        self._converted, m = x, x + y
        self._is_few = (np.minimum(m, n1) - np.maximum(0, m - n2) < _FEW)[:, 0]
        self._ways = _Ways.of_table(*(each[self._is_few] for each in (n1, n2, m)))
        self._many = tuple(each[~self._is_few] for each in (n1, n2, m))

    def evidence(self, nulls: np.ndarray) -> np.ndarray:
        """The logarithm of each run's e-value, against a logarithm of the odds ratio of its own."""
        heights = self._near(nulls)
        averaged = heights[:, :-1] + LOG_WEIGHTS
        highest = averaged.max(axis=1)
        above = np.exp(averaged - highest[:, np.newaxis]).sum(axis=1)
        logarithm: np.ndarray = highest + np.log(above) - heights[:, -1]
        return logarithm

    def _near(self, nulls: np.ndarray) -> np.ndarray:
        """The logarithm of L, but for a constant, by run: at each difference from its null, and last at the null."""
        centers = np.tile(nulls, self._shape[0])[:, np.newaxis]
        deltas = centers + _AWAY
        found = self._converted * deltas
        few, many = self._is_few, ~self._is_few
        if few.any():
            found[few] -= self._ways.sum_up(centers[few], deltas[few])
        if many.any():
            found[many] -= _approximate(self._many, deltas[many])
        logarithm: np.ndarray = found.reshape(*self._shape, len(_AWAY)).sum(axis=0)
        return logarithm


class _Ways(NamedTuple):
    """By table the fewest conversions a variant may have of those that chance shares, and how likely each count is."""

    first: np.ndarray
    logarithms: np.ndarray

    @classmethod
    def of_table(cls, n1: np.ndarray, n2: np.ndarray, m: np.ndarray) -> "_Ways":
        """The hypergeometric distribution, from ratios of neighbours; its logarithm, but for a constant."""
        first, last = np.maximum(0, m - n2), np.minimum(m, n1)
        counts = first + _STEPS[: int((last - first).max(initial=0)) + 1]
        k = np.minimum(counts[:, 1:], last)
        ratios = (n1 - k + 1) * (m - k + 1) / (np.maximum(k, 1) * np.maximum(n2 - m + k, 1))
        logarithms = np.zeros(counts.shape)
        np.cumsum(np.log(ratios), axis=1, out=logarithms[:, 1:])
        return cls(first, np.where(counts <= last, logarithms, -inf))

    def sum_up(self, centers: np.ndarray, deltas: np.ndarray) -> np.ndarray:
        """The logarithm of the sum of e^(delta k) over counts k, but for a constant; deltas are around their center."""
        steps = self.logarithms.shape[1]
        tilted = self.logarithms + _STEPS[:steps] * centers
        highest = tilted.max(axis=1, keepdims=True)
        sums = np.log(np.exp(tilted - highest) @ _TILTS[:steps])
        logarithm: np.ndarray = sums + highest + self.first * deltas
        return logarithm


def _approximate(tables: tuple[np.ndarray, ...], deltas: np.ndarray) -> np.ndarray:
    """The logarithm of sum over k of C(n1, k) C(n2, m - k) e^(delta k), by its saddlepoint with the next term.

    Source: Daniels (1954), "Saddlepoint approximations in statistics".
    """
    n1, n2, m = tables
    ours, theirs = _fit(n1, n2, m, deltas)
    spreads = n1 * ours * (1 - ours), n2 * theirs * (1 - theirs)
    second, third = sum(spreads), spreads[0] * (1 - 2 * ours) + spreads[1] * (1 - 2 * theirs)
    fourth = second - 6 * (spreads[0] * ours * (1 - ours) + spreads[1] * theirs * (1 - theirs))
    first_terms = -n1 * np.log1p(-ours) - n2 * np.log1p(-theirs) - m * np.log(theirs / (1 - theirs))
    next_term = fourth / (8 * second**2) - 5 * third**2 / (24 * second**3)
    logarithm: np.ndarray = first_terms - np.log(2 * np.pi * second) / 2 + next_term
    return logarithm


def _fit(n1: np.ndarray, n2: np.ndarray, m: np.ndarray, deltas: np.ndarray) -> _Fitted:
    """The rates with n1 p1 + n2 p2 = m and an odds ratio of e^delta: the root of a quadratic that is a rate."""
    ratio = np.exp(deltas)
    square, straight = n2 * (ratio - 1), ratio * (n1 - m) + n2 + m
    root = np.sqrt(straight**2 + 4 * square * m)
    # Of the root's two forms, the one in which nothing cancels; the other may divide by 0, and is not taken.
    with np.errstate(divide="ignore", invalid="ignore"):
        theirs = np.where(straight > 0, 2 * m / (straight + root), (root - straight) / (2 * square))
    return _Fitted(ratio * theirs / (1 - theirs + ratio * theirs), theirs)


def _count_beyond(tables: Tables, deltas: np.ndarray) -> np.ndarray:
    """Conversions of the variant beyond those fitted at each odds ratio, of one run."""
    sums = tables.converted + tables.other_converted
    ours, _ = _fit(tables.recipients, tables.other_recipients, sums, deltas)
    beyond: np.ndarray = (tables.converted - tables.recipients * ours).sum(axis=0)
    return beyond


def _uplift(tables: Tables, delta: float, rates: tuple[np.ndarray, np.ndarray], sign: int) -> float:
    """The least (sign -1) or the most (1) that an odds ratio means, at any rates of both together that may be."""
    n1, n2 = tables.recipients[:, 0], tables.other_recipients[:, 0]
    low, high = (_fit(n1, n2, (n1 + n2) * each, np.array(delta)).theirs for each in rates)
    return farthest(n1, (low, high), exp(delta), sign) - 1
