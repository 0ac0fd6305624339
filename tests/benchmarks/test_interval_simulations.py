"""The simulations of the interval for any day: they say what the library's interval says, and seldom leave out."""

import numpy as np

from benchmarks.experiment_simulations import DAYS, daily
from benchmarks.interval_simulations import left_out
from domain.experiment.anytime import interval
from domain.experiment.proportions import Proportion
from domain.experiment.strata import Stratum


def test_s1_an_interval_is_left_out_when_the_library_leaves_it_out() -> None:
    """Run by run and day by day, at rates of 95 and 60 %; looks are the same."""
    looks = daily(np.random.default_rng([41, 950, 600, 200]), (0.95, 0.6), 200, 0.5, 3, delay=0)
    expected = []
    for run in range(3):
        days = zip(*(each[run].tolist() for each in looks), strict=True)
        held = [interval([Stratum(Proportion(x, n), Proportion(y, m))]) for n, x, m, y in days]
        assert len(held) == DAYS
        expected.append(any(each and not each.low <= 0.95 / 0.6 - 1 <= each.high for each in held))
    assert left_out((0.95, 0.6), 200, 3).tolist() == expected


def test_s1_at_high_rates_an_interval_holds_the_truth() -> None:
    """100 experiments: before, a third were left out."""
    assert left_out((0.95, 0.6), 2_000, 100).mean() <= 0.05
