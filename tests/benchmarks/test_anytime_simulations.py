"""The simulations of the test that decides: they ask the library's own test, and each cell gives the same again."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.anytime_simulations import SCENARIOS, FalseStop, ever_found, false_stop, power
from benchmarks.experiment_simulations import DAYS, daily
from domain.experiment.anytime import p_value
from domain.experiment.proportions import Proportion
from domain.experiment.strata import Stratum


def test_a_difference_is_found_on_any_day_on_which_the_library_finds_it() -> None:
    """Day by day and run by run."""
    looks = daily(np.random.default_rng(1), (0.3, 0.1), 200, 0.7, 12)
    days = [
        [
            p_value([Stratum(Proportion(x, n), Proportion(y, m))])
            for n, x, m, y in zip(*(each[run].tolist() for each in looks), strict=True)
        ]
        for run in range(12)
    ]
    expected = [any(p is not None and p <= 0.05 for p in each) for each in days]
    assert len(days[0]) == DAYS
    assert ever_found([looks]).tolist() == expected
    assert 0 < sum(expected) < 12


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_cell_gives_the_same_again_and_is_seldom_fooled(name: str) -> None:
    """Seeded by the cell alone, in whatever order and on however many cores cells are simulated."""
    found = false_stop(100, (name, 0.1, 1_000))
    assert found == false_stop(100, (name, 0.1, 1_000))
    assert found.percent <= 5


def test_a_bound_is_clopper_and_pearsons() -> None:
    """Of 2,000 experiments 46 were found: the truth is hardly below 1.4 %; of none found, nothing is known."""
    exact = stats.binomtest(46, 2_000, alternative="greater").proportion_ci(0.999, "exact")
    assert FalseStop("", 0.6, 1_000, 2_000, 46).bound == pytest.approx(100 * exact.low)
    assert FalseStop("", 0.6, 1_000, 2_000, 0).bound == 0


def test_power_is_a_part_of_what_a_z_test_needs() -> None:
    """A doubled rate of 10 % takes about twice as many recipients."""
    assert 1.6 < power(200, (0.5, 0.1, 1.0)).ratio < 2.5
