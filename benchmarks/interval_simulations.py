"""The interval for any day, by simulation: how often it leaves the true uplift out on any of 60 days.

An experiment in which both the true odds ratio and the true rate are left is held without a look at its interval: this
is asked only on days on which either is not.
"""

from collections.abc import Iterator, Sequence
from math import log

import numpy as np

from benchmarks.experiment_simulations import DAYS, daily
from benchmarks.results import Ask, Progress, Table
from domain.experiment.anytime import Tables, evidence, interval
from domain.experiment.averaged import DIFFERENCES, LOG_WEIGHTS
from domain.experiment.proportions import Proportion
from domain.experiment.strata import Stratum

PAIRS = ((0.005, 0.005), (0.1, 0.1), (0.5, 0.4), (0.8, 0.5), (0.95, 0.6), (0.6, 0.95))
SIZES = (200, 2_000, 20_000)
ASKED = 5.0

_SEED = 41
_OF_THE_RATIO, _OF_THE_RATES = log(1 / 0.045), log(2 / 0.005)


def measure(progress: Progress, runs: int = 300, sizes: Sequence[int] = SIZES) -> Iterator[Table]:
    """Simulate pair by pair of rates and size by size, each with a seed of its own."""
    table = Table(
        "intervals",
        "Intervals for any day that leave the true uplift out on one of them, in percent",
        ["rates", *(f"{size:,} recipients" for size in sizes)],
    )
    most = 0.0
    for rates in PAIRS:
        progress(f"intervals: {rates[0]:.1%} and {rates[1]:.1%}")
        missed = [100 * left_out(rates, size, runs).mean() for size in sizes]
        table.rows.append([f"{rates[0] * 100:g} and {rates[1] * 100:g} %", *missed])
        most = max(most, *missed)
    table.notes.append(f"{runs:,} experiments a cell, each looked at on {DAYS} days; even shares")
    table.asks.append(Ask("anytime: intervals that leave the truth out, %", most, ASKED, at_most=True))
    yield table


def left_out(rates: tuple[float, float], size: int, runs: int) -> np.ndarray:
    """By run: whether the interval leaves the true uplift out on any day."""
    rate, other = rates
    random = np.random.default_rng([_SEED, round(rate * 1_000), round(other * 1_000), size])
    looks = daily(random, rates, size, 0.5, runs, delay=0)
    n, x, m, y = (each.ravel() for each in looks)
    ratio = log(rate / (1 - rate)) - log(other / (1 - other))
    tables = Tables(*(each[np.newaxis].astype(float) for each in (x, n, y, m)))
    both = (n * rate + m * other) / np.maximum(n + m, 1)
    against = (LOG_WEIGHTS + np.multiply.outer(x + y, DIFFERENCES)) - (n + m)[:, np.newaxis] * np.log1p(
        np.multiply.outer(both, np.expm1(DIFFERENCES))
    )
    unsure = (evidence(tables, ratio) >= _OF_THE_RATIO) | (
        np.logaddexp.reduce(against, axis=1) >= _OF_THE_RATES
    )
    missed = np.zeros(len(n), dtype=bool)
    for at in np.flatnonzero(unsure):
        told = Stratum(Proportion(int(x[at]), int(n[at])), Proportion(int(y[at]), int(m[at])))
        held = interval([told])
        missed[at] = held is not None and not held.low <= rate / other - 1 <= held.high
    return np.asarray(missed.reshape(runs, DAYS).any(axis=1))
