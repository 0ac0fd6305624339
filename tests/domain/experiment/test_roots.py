"""Roots and levels: against functions whose roots are known, in few steps, and at the ends."""

from math import expm1, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.experiment.roots import Function, find_level, find_roots

# Steep, flat, bent and stepped: the parabola is of no use to some of them.
FUNCTIONS: dict[str, Function] = {
    "straight": lambda x: 3 * x,
    "cubic": lambda x: x**3,
    "exponential": np.expm1,
    "flat at one end": lambda x: np.tanh(40 * x),
    "a step": lambda x: np.where(x > 0, 1.0, -1.0),
    "far from straight": lambda x: np.sign(x) * abs(x) ** 0.1,
}


class Counting:
    """A function that counts how often it was asked."""

    def __init__(self, root: float, name: str) -> None:
        self.root, self.name, self.asked = root, name, 0

    def __call__(self, points: np.ndarray) -> np.ndarray:
        self.asked += 1
        return np.asarray(FUNCTIONS[self.name](points - self.root))


@given(st.floats(-6.9, 6.9), st.sampled_from(sorted(FUNCTIONS)), st.booleans())
def test_a_root_between_two_ends_is_found(root: float, name: str, is_turned: bool) -> None:
    """Whichever end comes first, in a bounded number of steps, whatever the function is like."""
    function = Counting(root, name)
    ends = np.array([[-7.0], [7.0]])[:: -1 if is_turned else 1]
    assert find_roots(function, *ends).tolist() == [
        pytest.approx(root, abs=1e-11 if name != "cubic" else 1e-4)
    ]
    assert function.asked <= 110


def test_few_steps_are_enough_where_a_function_is_smooth() -> None:
    """Halving 14 to 1e-14 would take 50."""
    function = Counting(log(2), "exponential")
    find_roots(function, np.array([-7.0]), np.array([7.0]))
    assert function.asked < 20


def test_each_place_of_an_array_has_its_own_root() -> None:
    """They are found together, and are what they are alone."""
    wanted = np.linspace(-5, 5, 11)
    together = find_roots(lambda x: np.expm1(x - wanted), np.full(11, -7.0), np.full(11, 7.0))
    assert together.tolist() == pytest.approx(wanted.tolist(), abs=1e-13)


@pytest.mark.parametrize(("shift", "end"), [(-20.0, -7.0), (20.0, 7.0)])
def test_without_a_change_of_sign_the_end_nearer_to_0_is_it(shift: float, end: float) -> None:
    """A rate that is 0 or 1 has no root of its own."""
    assert find_roots(lambda x: x - shift, np.array([-7.0]), np.array([7.0])).tolist() == [end]


def test_a_level_is_found_on_both_sides_and_its_lack_is_the_outer_end() -> None:
    """One side grows as a parabola, the other as an exponential; and one never gets there."""

    def grow(x: np.ndarray) -> np.ndarray:
        return np.where(x < 0, x**2, np.expm1(abs(x)))

    ends = np.array([-7.0, 7.0, 1.0])
    found = find_level(grow, np.zeros(1), ends, 4.0)
    assert found.tolist() == pytest.approx([-2, log(5), 1])
    assert expm1(found[1]) == pytest.approx(4)


def test_a_level_below_the_inner_end_is_there() -> None:
    """Evidence may be above it from the start."""
    found = find_level(lambda x: x**2 + 3, np.zeros(1), np.array([7.0]), 2.0)
    assert found.tolist() == pytest.approx([0], abs=1e-12)
