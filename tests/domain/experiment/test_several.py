"""Several comparisons at once: Holm's correction, against a published example and statsmodels."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from domain.experiment.several import holm


def test_holms_correction_of_a_worked_example() -> None:
    """The smallest times 4, the next times 3: these two hold at 5 %. Times 2, 0.06; and none is below the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@settings(max_examples=25)  # theirs takes long
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holms_correction_is_statsmodels(ps: list[float]) -> None:
    """Equal ones and those of 0 and 1 too, in the order given."""
    assert holm(ps) == pytest.approx(list(multipletests(ps, method="holm")[1]), rel=1e-9)


def test_of_one_comparison_nothing_is_corrected() -> None:
    """One, and none."""
    assert (holm([0.04]), holm([])) == ([0.04], [])
