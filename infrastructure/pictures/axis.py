"""An axis: where a value is across the picture, and which values are written below it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import ceil, floor, inf, log10
from typing import Final, NamedTuple

from infrastructure.pictures.lettering import measure
from infrastructure.pictures.svg import Drawn, across, join, rule, text

_INSET: Final = 0.02
_STEPS: Final = (1, 2, 5, 10)
_MOST_TICKS: Final = 6
LETTERS: Final = 11
"""The size of the letters below an axis."""

HEIGHT: Final = 20
"""The room of the letters below an axis."""


class Axis(NamedTuple):
    """From the first tick to the last."""

    ticks: Sequence[float]
    step: float

    def at(self, value: float) -> float:
        """The place of a value across; what is beyond an end is at that end."""
        low, high = self.ticks[0], self.ticks[-1]
        share = (min(max(value, low), high) - low) / (high - low)
        return _INSET + share * (1 - 2 * _INSET)

    def holds(self, value: float) -> bool:
        """Whether the value is on the axis."""
        return self.ticks[0] <= value <= self.ticks[-1]


Label = Callable[[float, float], str]
"""Writes a tick, given the step between ticks."""


def fit(values: Iterable[float], label: Label, room: float) -> Axis:
    """An axis of round numbers for the values and zero, with as many ticks as have room for their labels."""
    kept = [0.0, *values]
    low, high = min(kept), max(kept)
    if low == high:
        high = 1.0
    for most in range(_MOST_TICKS, 2, -1):
        axis = _axis(low, high, most)
        widest = max(measure(label(each, axis.step), LETTERS) for each in axis.ticks)
        # The label of the last tick ends below its tick, the one before has its middle there.
        if widest * 1.5 + LETTERS <= room / (len(axis.ticks) - 1):
            return axis
    return _axis(low, high, 3)


def _axis(low: float, high: float, most: int) -> Axis:
    for step in _steps((high - low) / most):
        first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
        if last - first < most:
            return Axis([place * step for place in range(first, last + 1)], step)
    raise AssertionError  # pragma: no cover - steps grow without end


def _steps(least: float) -> Iterator[float]:
    power = floor(log10(least))
    while power < inf:
        yield from (factor * 10.0**power for factor in _STEPS[:3])
        power += 1


def draw(axis: Axis, label: Label, top: float, bottom: float, dashes: str | None = None) -> Drawn:
    """Lines at the ticks, the one at zero heavier, and their labels below; `dashes` leave room for what is written."""
    return join(*_ticks(axis, label, top, bottom, dashes))


def _ticks(axis: Axis, label: Label, top: float, bottom: float, dashes: str | None) -> Iterator[Drawn]:
    for value in axis.ticks:
        at = axis.at(value)
        yield rule("p-zero" if value == 0 else "p-grid", at, at, top, bottom, dashes)
    for value in axis.ticks:
        yield text(
            label(value, axis.step),
            across(axis.at(value)),
            bottom + 14,
            "p-tick",
            anchor=anchor(axis.at(value)),
        )


def anchor(share: float) -> str | None:
    """The side on which a text at this place begins, so that it stays inside the picture."""
    if share <= _INSET * 2:
        return None
    return "end" if share >= 1 - _INSET * 2 else "middle"
