"""Where functions are 0 or reach a level, each between two ends: arrays of many functions at once, in few steps."""

from collections.abc import Callable

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]

# After so many steps, halving alone is sure to end.
_MOST_BENDS = 50
# A root is right to this part of the larger of 1 and itself.
_CLOSE = 1e-14


def find_roots(function: Function, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The root between two ends at which the signs differ; of ends with one sign, the one nearer to 0.

    Each step goes to the root of a parabola through the last three points where that is safe, and else to the middle.
    Source: Chandrupatla (1997), "A new hybrid quadratic/bisection algorithm for finding the zero of a nonlinear
    function without using derivatives".
    """
    one, other = np.broadcast_arrays(one, other)
    return _narrow(function, (one, other), (function(one), function(other)))


def find_level(
    function: Function, inside: np.ndarray, outside: np.ndarray, level: np.ndarray | float
) -> np.ndarray:
    """Where a function that grows from the inner end outwards reaches a level; the outer end where it never does.

    Evidence grows as the square of the distance from where it is least. So the root of it is nearly straight, and a few
    steps along that are enough.
    """
    inside, outside = np.broadcast_arrays(inside, outside)
    least, most = function(inside), function(outside)
    wanted = np.sqrt(np.maximum(level - least, 0))

    def straighten(values: np.ndarray) -> np.ndarray:
        straight: np.ndarray = np.sqrt(np.maximum(values - least, 0)) - wanted
        return straight

    is_reached = most >= level
    ends = inside, np.where(is_reached, outside, inside)
    heights = -wanted, np.where(is_reached, straighten(most), -wanted)
    return np.where(is_reached, _narrow(lambda point: straighten(function(point)), ends, heights), outside)


def _narrow(
    function: Function, ends: tuple[np.ndarray, np.ndarray], heights: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    (a, b), (fa, fb) = ends, heights
    is_crossed = (fa > 0) != (fb > 0)
    nearer, height = np.where(abs(fa) < abs(fb), (a, fa), (b, fb))
    a, b, fa, fb = (
        np.where(is_crossed, *each) for each in ((a, nearer), (b, nearer), (fa, height), (fb, height))
    )
    step, steps = _straight(fa, fb), 0
    while (is_open := (abs(b - a) > _reach(a, b)) & (fa != 0) & (fb != 0)).any():
        least = np.minimum(_reach(a, b) / np.where(is_open, abs(b - a), 1), 0.5)
        point = a + np.clip(step, least, 1 - least) * (b - a)
        found = function(point)
        is_same = (found > 0) == (fa > 0)
        c, fc = np.where(is_same, (a, fa), (b, fb))
        b, fb = np.where(is_same, (b, fb), (a, fa))
        a, fa = point, found
        steps += 1
        step = _bend((a, b, c), (fa, fb, fc)) if steps < _MOST_BENDS else np.full_like(a, 0.5)
    return np.where(abs(fa) < abs(fb), a, b)


def _reach(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How near two points are one and the same."""
    reach: np.ndarray = _CLOSE * np.maximum(1, np.maximum(abs(a), abs(b)))
    return reach


def _straight(fa: np.ndarray, fb: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        along: np.ndarray = np.nan_to_num(fa / (fa - fb), nan=0.5)
    return along


def _bend(points: tuple[np.ndarray, ...], heights: tuple[np.ndarray, ...]) -> np.ndarray:
    """How far from a to b the parabola through three points has its root; the middle where that is not safe."""
    (a, b, c), (fa, fb, fc) = points, heights
    with np.errstate(divide="ignore", invalid="ignore"):
        along, up = (a - b) / (c - b), (fa - fb) / (fc - fb)
        step = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
    is_safe = (up**2 < along) & ((1 - up) ** 2 < 1 - along)
    return np.where(is_safe, step, 0.5)
