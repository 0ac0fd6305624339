"""The campaigns that intelligent selection is tried on: their rates, sizes and delays."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

DAY = 24
_POINTS = 2_000
# Recipients an hour beside the average, from midnight: few by night, most in the evening.
_HOURS = 1 - 0.7 * np.cos(2 * np.pi * (np.arange(DAY) - 6) / DAY)

Delay = Callable[[np.ndarray], np.ndarray]
"""How likely conversions come at so many hours after the receipt, beside each other; all do before the deadline."""


def exponential(hours: np.ndarray, *, mean: float) -> np.ndarray:
    """Most at once, and ever fewer."""
    found: np.ndarray = np.exp(-hours / mean)
    return found


def lognormal(hours: np.ndarray, *, middle: float, spread: float) -> np.ndarray:
    """Few at once, most before the middle, some late."""
    found: np.ndarray = np.exp(-((np.log(hours / middle) / spread) ** 2) / 2) / hours
    return found


def uniform(hours: np.ndarray, *, first: float = 0.0) -> np.ndarray:
    """As many in every hour, from the first one on."""
    return np.where(hours >= first, 1.0, 0.0)


def two_humped(hours: np.ndarray, *, early: float, late: float, share: float) -> np.ndarray:
    """This share about an early hour, the others about a late one: who is reminded."""
    first = share * np.exp(-((hours / early - 1) ** 2) * 2) / early
    second = (1 - share) * np.exp(-((hours / late - 1) ** 2) * 18) * 3 / late
    return first + second


def steady(days: np.ndarray) -> np.ndarray:
    """Rates that stay as they are."""
    return np.ones_like(days)


def weekly(days: np.ndarray) -> np.ndarray:
    """Rates that fall by half over four weeks, and are higher on two days of each."""
    found: np.ndarray = (1.2 - 0.6 * days / 28) * np.where(days % 7 >= 5, 1.3, 1.0)
    return found


class Scenario(NamedTuple):
    """A campaign: its variants' rates, control left out, and how many recipients a day it has with control."""

    name: str
    rates: tuple[float, ...]
    a_day: float
    days: int
    deadline: int
    """In days."""

    delay: Delay
    control: float = 0.0
    """The share of recipients that is control's, whatever the others' shares are."""

    late: Delay | None = None
    """The delay of the best variant, where it is another."""

    drift: Callable[[np.ndarray], np.ndarray] = steady

    @property
    def hours(self) -> int:
        """How long it runs."""
        return self.days * DAY

    @property
    def arriving(self) -> np.ndarray:
        """By hour: how many recipients are expected to be shared out, control's left out."""
        return np.tile(_HOURS / DAY, self.days) * self.a_day * (1 - self.control)

    @property
    def rates_by_hour(self) -> np.ndarray:
        """By variant and hour of the receipt."""
        return np.outer(self.rates, self.drift(np.arange(self.hours) / DAY))

    def delays(self, variant: int, levels: np.ndarray) -> np.ndarray:
        """The hours after which so many of its conversions have come."""
        best = self.rates[variant] == max(self.rates)
        edges = np.linspace(0, self.deadline * DAY, _POINTS + 1)
        middles = (edges[1:] + edges[:-1]) / 2
        likely = self.late(middles) if best and self.late is not None else self.delay(middles)
        below = np.append(0.0, np.cumsum(likely))
        found: np.ndarray = np.interp(levels, below / below[-1], edges)
        return found


DIFFERENT = [
    Scenario("2, 10 against 12 %", (0.10, 0.12), 500, 21, 3, partial(exponential, mean=12)),
    Scenario("2, 1 against 1.3 %", (0.01, 0.013), 4_000, 28, 1, partial(lognormal, middle=4, spread=1)),
    Scenario(
        "3, 5 to 7 %, a week to convert", (0.05, 0.06, 0.07), 1_000, 21, 7, partial(exponential, mean=36),
    ),
    Scenario("4, one of 5 % among 3 %", (0.03, 0.03, 0.05, 0.03), 800, 14, 2, uniform),
    Scenario(
        "5, 8 to 12 %, two humps", (0.08, 0.12, 0.10, 0.09, 0.11), 1_500, 28, 5,
        partial(two_humped, early=6, late=72, share=0.6),
    ),
    Scenario(
        "2 and control, 20 against 23 %", (0.23, 0.20), 500, 21, 3, partial(lognormal, middle=12, spread=1),
        control=0.1,
    ),
    Scenario(
        "3 and control, 2 to 3 %", (0.02, 0.026, 0.03), 2_000, 30, 4, partial(exponential, mean=24),
        control=0.2,
    ),
    Scenario("2, 25 against 30 %, early feedback", (0.30, 0.25), 300, 14, 1, partial(exponential, mean=3)),
    Scenario(
        "2, 6 against 7.5 %, drifting", (0.06, 0.075), 1_500, 28, 3, partial(exponential, mean=24),
        drift=weekly,
    ),
    Scenario(
        "3, 10 to 13 %, the best converts late", (0.10, 0.13, 0.10), 1_000, 28, 7,
        partial(exponential, mean=24), late=partial(uniform, first=48),
    ),
]  # fmt: skip
"""Variants differ, by what a campaign of that size can find."""

ALIKE = [
    Scenario("2 of 10 %", (0.10, 0.10), 1_000, 21, 2, partial(exponential, mean=12)),
    Scenario("4 of 3 %, drifting, a week to convert", (0.03,) * 4, 2_000, 28, 7, uniform, drift=weekly),
]
"""Nothing differs."""
