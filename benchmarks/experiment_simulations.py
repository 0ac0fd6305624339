"""Statistics of experiments by simulation: do intervals hold what they promise, and does looking daily cheat?"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy import special

from benchmarks.results import Ask, Progress, Table
from domain.experiment import proportions
from domain.experiment.proportions import Interval, Proportion
from domain.experiment.sequential import TAU, Likelihood, evidence

DRAWS = 20_000
RUNS = 2_000
DAYS = 60
RATES = [0.005, 0.05, 0.3, 0.7]
SIZES = [100, 1_000, 20_000]
SHARES = [0.5, 0.9]
"""Of recipients, that the variant has: an even split, and a tenth held back as control."""

ASKED_POINTS = 0.5
ASKED_COVERAGE = (94.0, 96.0)
ASKED_FALSE, ASKED_FOOLED = 5.0, 10.0
_ENOUGH = 50
_SEED = 7
_MEAN_DELAY = 3.0
_SIGNIFICANT = 0.05
# Counts less likely than this on either side change no figure.
_UNLIKELY = 1e-9


class Cell(NamedTuple):
    """Two variants as they truly are, one of which counts where an interval is of one rate alone."""

    rate: float
    recipients: int
    other_rate: float
    other_recipients: int

    @property
    def enough(self) -> bool:
        """Whether at least 50 conversions and 50 others are expected of each."""
        counts = [(self.rate, self.recipients), (self.other_rate, self.other_recipients)]
        return all(number * min(rate, 1 - rate) >= _ENOUGH - 1e-9 for rate, number in counts if number)


class Coverage(NamedTuple):
    """How often an interval held the truth, in percent: in draws, and by summing the binomial."""

    interval: str
    cell: Cell
    drawn: float
    exact: float


class Fooled(NamedTuple):
    """How often something was found, in percent, by the first of all looks that found it: ever, in so many days."""

    experiment: str
    recipients: int
    sequential: float
    fixed: float


class Looks(NamedTuple):
    """What had been received and had converted of two variants by the end of each day: arrays by run and day."""

    recipients: np.ndarray
    converted: np.ndarray
    other_recipients: np.ndarray
    other_converted: np.ndarray


Holds = Callable[[int, int], tuple[bool, bool]]
"""Of the counts of two variants: whether an interval begins at or below the truth, and ends at or above it."""


def measure(progress: Progress) -> Iterator[Table]:
    """Draw, sum and look."""
    progress(f"experiment: {DRAWS:,} draws of intervals")
    yield _coverage_table(coverages())
    progress(f"experiment: {RUNS:,} experiments looked at on {DAYS} days")
    yield _fooled_table(false_positives())


def coverages(draws: int = DRAWS) -> list[Coverage]:
    """How often each interval holds the truth, over rates, sizes and uplifts."""
    random = np.random.default_rng(_SEED)
    return [
        Coverage(name, cell, *_covered(cell, holds, draws, random))
        for name, cells, holding in _INTERVALS
        for cell in cells
        for holds in [holding(cell)]
    ]


def false_positives(runs: int = RUNS) -> list[Fooled]:
    """How often a look each day finds a difference where there is none, over rates, sizes and splits.

    And where weights are moved half way, from an even split to four in five, when rates have halved: each part of the
    experiment is a stratum of its own for the sequential test, and the z-test takes them together.
    """
    random = np.random.default_rng(_SEED)
    found = [
        Fooled(f"{rate:.1%}, {share:.0%}", size, *_found([daily(random, (rate, rate), size, share, runs)]))
        for rate in RATES
        for size in SIZES
        for share in SHARES
    ]
    for rate, size in product(RATES, SIZES):
        first, last = (0, DAYS // 2), (DAYS // 2, DAYS)
        parts = [
            daily(random, (at, at), size // 2, share, runs, days)
            for at, share, days in ((rate, 0.5, first), (rate / 2, 0.8, last))
        ]
        found.append(Fooled(f"{rate:.1%} to {rate / 2:.2%}, 50% to 80%", size, *_found(parts)))
    return found


def daily(
    random: np.random.Generator,
    rates: tuple[float, float],
    recipients: int,
    share: float | np.ndarray,
    runs: int,
    days: tuple[int, int] = (0, DAYS),
    delay: float = _MEAN_DELAY,
) -> Looks:
    """Experiments with recipients spread over some days by chance, whose conversions come days after, some too late.

    `share` is the variant's, of all runs or in a column by run; `delay` the mean one, in days.
    """
    when = (np.arange(DAYS) >= days[0]) & (np.arange(DAYS) < days[1])
    arrived = random.multinomial(recipients, when / when.sum(), size=runs)
    ours = random.binomial(arrived, share)
    counts = [np.cumsum(each, axis=1) for each in (ours, arrived - ours)]
    converted = [
        _delayed(random, random.binomial(n, rate), delay)
        for n, rate in zip((ours, arrived - ours), rates, strict=True)
    ]
    return Looks(counts[0], converted[0], counts[1], converted[1])


def sequential_found(strata: Sequence[Looks], tau: float = TAU) -> np.ndarray:
    """By run and day: whether the always-valid p is significant."""
    # By figure, day, stratum and run. A day at a time: what is worked on stays in the processor's cache.
    days = np.stack([_told(looks) for looks in strata], axis=-2).transpose(1, 0, 2, 3)
    logarithms = np.stack([evidence(Likelihood(*day), tau) for day in days], axis=1)
    found: np.ndarray = logarithms >= -np.log(_SIGNIFICANT)
    return found


def _told(looks: Looks) -> np.ndarray:
    """By day and run the variant's conversions, those of both, and the odds; nothing where either has no recipients."""
    both_received = (looks.recipients > 0) & (looks.other_recipients > 0)
    odds = np.log(np.maximum(looks.recipients, 1) / np.maximum(looks.other_recipients, 1))
    figures = np.stack([looks.converted, looks.converted + looks.other_converted, odds]) * both_received
    by_day: np.ndarray = figures.transpose(0, 2, 1)
    return by_day


def fixed_found(strata: Sequence[Looks]) -> np.ndarray:
    """By run and day: whether the z-test, which is for one look alone, is significant."""
    looks = Looks(*(np.sum(each, axis=0) for each in zip(*strata, strict=True)))
    n, m = np.maximum(looks.recipients, 1), np.maximum(looks.other_recipients, 1)
    rate = (looks.converted + looks.other_converted) / (n + m)
    error = np.sqrt(rate * (1 - rate) * (1 / n + 1 / m))
    z = np.abs(looks.converted / n - looks.other_converted / m) / np.where(error > 0, error, np.inf)
    found: np.ndarray = z > special.ndtri(1 - _SIGNIFICANT / 2)
    return found


def _delayed(random: np.random.Generator, converting: np.ndarray, delay: float) -> np.ndarray:
    """By run and day: what has converted so far of what will, each a geometric number of days after its receipt."""
    if not delay:
        return np.cumsum(converting, axis=1)
    shares = np.diff(1 - np.exp(-np.arange(DAYS + 1) / delay))
    after = random.multinomial(converting, np.append(shares, 1 - shares.sum()))
    came = np.zeros_like(converting)
    for day in range(DAYS):
        came[:, day:] += after[:, : DAYS - day, day]
    return np.cumsum(came, axis=1)


def _found(strata: Sequence[Looks]) -> tuple[float, float]:
    ever = [found(strata).any(axis=1).mean() for found in (sequential_found, fixed_found)]
    return float(100 * ever[0]), float(100 * ever[1])


def _covered(cell: Cell, holds: Holds, draws: int, random: np.random.Generator) -> tuple[float, float]:
    ours = random.binomial(cell.recipients, cell.rate, draws)
    theirs = random.binomial(cell.other_recipients, cell.other_rate, draws)
    pairs, times = np.unique(np.stack([ours, theirs]), axis=1, return_counts=True)
    held = [all(holds(int(count), int(other))) for count, other in pairs.T]
    return float(100 * times @ held / draws), 100 * _exact(cell, holds)


def _exact(cell: Cell, holds: Holds) -> float:
    """The sum of the probabilities of all counts whose interval holds the truth.

    The more of the others convert, the lower an interval lies: for each count of the variant's, those that hold the
    truth stand in one row, whose ends are found by halving.
    """
    counts, probabilities = _likely(cell.recipients, cell.rate)
    others, weights = _likely(cell.other_recipients, cell.other_rate)
    below = np.append(0.0, np.cumsum(weights))
    total = 0.0
    for count, probability in zip(counts.tolist(), probabilities.tolist(), strict=True):
        first = _first(others, partial(_past, holds, count, 0))
        last = _first(others, partial(_past, holds, count, 1))
        total += probability * max(0.0, float(below[last] - below[first]))
    return total


def _past(holds: Holds, count: int, end: int, other: int) -> bool:
    return holds(count, other)[end] is not bool(end)


def _first(others: np.ndarray, after: Callable[[int], bool]) -> int:
    low, high = 0, len(others)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if after(int(others[middle])) else (middle + 1, high)
    return low


def _likely(recipients: int, rate: float) -> tuple[np.ndarray, np.ndarray]:
    counts = np.arange(recipients + 1)
    ways = (
        special.gammaln(recipients + 1)
        - special.gammaln(counts + 1)
        - special.gammaln(recipients - counts + 1)
    )
    probabilities = np.exp(ways + special.xlogy(counts, rate) + special.xlog1py(recipients - counts, -rate))
    kept = probabilities > _UNLIKELY
    return counts[kept], probabilities[kept]


def _holding(
    interval: Callable[[Proportion, Proportion], Interval | None], cell: Cell, truth: float
) -> Holds:
    """No interval, where there is nothing to tell from, is one that leaves nothing out."""

    def holds(count: int, other: int) -> tuple[bool, bool]:
        found = interval(Proportion(count, cell.recipients), Proportion(other, cell.other_recipients))
        return found is None or found.low <= truth, found is None or truth <= found.high

    return cache(holds)


def _wilson(cell: Cell) -> Holds:
    return _holding(lambda variant, _: proportions.wilson(variant), cell, cell.rate)


def _newcombe(cell: Cell) -> Holds:
    return _holding(proportions.difference, cell, cell.rate - cell.other_rate)


def _uplift(cell: Cell) -> Holds:
    return _holding(proportions.uplift, cell, cell.rate / cell.other_rate - 1)


_ALONE = [Cell(rate, size, 0.0, 0) for rate in RATES for size in SIZES]
_PAIRS = [
    Cell(rate * (1 + uplift), round(2 * size * share), rate, round(2 * size * (1 - share)))
    for rate in RATES
    for size in SIZES
    for share in SHARES
    for uplift in (0.0, 0.2)
]
_INTERVALS: Sequence[tuple[str, Sequence[Cell], Callable[[Cell], Holds]]] = [
    ("rate (Wilson)", _ALONE, _wilson),
    ("difference (Newcombe)", _PAIRS, _newcombe),
    ("uplift (Donner and Zou)", _PAIRS, _uplift),
]


def _coverage_table(measured: Sequence[Coverage]) -> Table:
    columns = [
        "interval",
        "cells",
        "least drawn %",
        "most drawn %",
        "least exact %",
        "most exact %",
        "farthest apart",
    ]
    table = Table("coverage", f"How often 95 % intervals hold the truth, {DRAWS:,} draws", columns)
    for name in dict.fromkeys(each.interval for each in measured):
        all_cells = [each for each in measured if each.interval == name]
        enough = [each for each in all_cells if each.cell.enough]
        for text, cells in ((name, all_cells), (f"{name}, 50 of each expected", enough)):
            drawn, exact = [each.drawn for each in cells], [each.exact for each in cells]
            apart = max(abs(each.drawn - each.exact) for each in cells)
            table.rows.append([text, len(cells), min(drawn), max(drawn), min(exact), max(exact), apart])
    table.notes += [
        f"rates {RATES}, recipients {SIZES}, even splits and 9 to 1, no uplift and 20 %; exact: by summing the binomial"
    ]
    table.asks += _coverage_asks(measured)
    return table


def _coverage_asks(measured: Sequence[Coverage]) -> Iterator[Ask]:
    apart = max(abs(each.drawn - each.exact) for each in measured)
    yield Ask("coverage drawn - exact coverage, points", apart, ASKED_POINTS, at_most=True)
    enough = [each.drawn for each in measured if each.cell.enough]
    yield Ask("least coverage where 50 of each are expected, %", min(enough), ASKED_COVERAGE[0])
    yield Ask("most coverage where 50 of each are expected, %", max(enough), ASKED_COVERAGE[1], at_most=True)


def _fooled_table(measured: Sequence[Fooled]) -> Table:
    columns = ["rate and share of the variant", "recipients", "sequential %", "z-test %"]
    table = Table(
        "fooled", f"Differences found where there are none, looking on each of {DAYS} days", columns
    )
    for each in measured:
        table.rows.append([each.experiment, each.recipients, each.sequential, each.fixed])
    table.notes += [
        f"{RUNS:,} experiments each; conversions come {_MEAN_DELAY:.0f} days after receipts on average",
        "significant below 0.05; the z-test is meant for one look, and for weights that stay",
    ]
    most = max(each.sequential for each in measured)
    table.asks.append(Ask("most false positives, sequential, %", most, ASKED_FALSE, at_most=True))
    largest = [each.fixed for each in measured if each.recipients == max(SIZES)]
    table.asks.append(Ask("least false positives of a z-test each day, %", min(largest), ASKED_FOOLED))
    return table
