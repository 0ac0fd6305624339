"""The test that decides, by simulation: how often it finds what is not there, and how soon what is there.

A day is one on which windows end: the test counts recipients whose window is over. What is reported late comes later.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from multiprocessing import get_context
from statistics import median
from typing import NamedTuple, TypeVar

import numpy as np
from scipy import special

from benchmarks.experiment_simulations import DAYS, Looks, daily
from benchmarks.results import Ask, Progress, Table
from domain.experiment.anytime import Tables, evidence, p_value
from domain.experiment.checks import recipients_needed
from domain.experiment.proportions import Proportion
from domain.experiment.strata import Stratum

ASKED_FALSE, ASKED_RATIO, ASKED_MEDIAN = 5.0, 2.5, 2.2
ASKED_P = 0.05
HIGHEST = 0.95
"""Of a treated rate: beyond it hardly anyone is left to convert."""

_SEED = 14
_FOUND = np.log(20)
_POWER = 0.8
_RATIOS = (1.0, 4.0)
_RIGHT_TO = 0.01
_FEW, _MANY = (
    Stratum(Proportion(15, 200), Proportion(0, 200)),
    Stratum(Proportion(60, 1_000), Proportion(20, 1_000)),
)


class Grid(NamedTuple):
    """What is simulated: experiments a cell, rates, recipients of both variants, and relative uplifts."""

    runs: int
    rates: Sequence[float]
    sizes: Sequence[int]
    uplifts: Sequence[float]


FULL = Grid(
    2_000,
    (0.001, 0.005, 0.02, 0.1, 0.3, 0.6),
    (200, 1_000, 5_000, 20_000, 100_000, 400_000),
    (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0),
)
SHORT = Grid(500, (0.005, 0.1, 0.6), (200, 20_000), (0.1, 1.0))

Cell = TypeVar("Cell")
Simulated = TypeVar("Simulated")
Strata = Sequence[Looks]
Scenario = Callable[[np.random.Generator, float, int, int], Strata]
"""Of chance, a rate, recipients and runs: experiments whose variants do not differ."""


class FalseStop(NamedTuple):
    """A cell without a difference: experiments, and those in which one was found on any day."""

    scenario: str
    rate: float
    size: int
    runs: int
    found: int

    @property
    def percent(self) -> float:
        """False stops of 100 experiments."""
        return 100 * self.found / self.runs

    @property
    def bound(self) -> float:
        """The 99.9 % lower bound of the true percentage. Source: Clopper and Pearson (1934)."""
        return (
            100 * float(special.betaincinv(self.found, self.runs - self.found + 1, 0.001))
            if self.found
            else 0.0
        )


class Power(NamedTuple):
    """A cell with a difference: recipients for a power of 80 %, as a part of those of one z-test."""

    share: float
    rate: float
    uplift: float
    ratio: float


def measure(progress: Progress, grid: Grid = SHORT) -> Iterator[Table]:
    """Simulate cell by cell, on all cores; each cell has a seed of its own."""
    cells = list(product(SCENARIOS, grid.rates, grid.sizes))
    simulated = _each(partial(false_stop, grid.runs), cells, "false stops", progress)
    yield _false_stops_table(grid, simulated)
    aims = [
        (share, rate, uplift)
        for share, rate, uplift in product(SHARES, grid.rates, grid.uplifts)
        if rate * (1 + uplift) < HIGHEST
    ]
    yield from _power_tables(grid, _each(partial(power, grid.runs), aims, "power", progress))


def false_stop(runs: int, cell: tuple[str, float, int]) -> FalseStop:
    """How often a difference is found in an experiment without one, looked at every day."""
    name, rate, size = cell
    random = np.random.default_rng([_SEED, list(SCENARIOS).index(name), round(rate * 1_000), size])
    strata = SCENARIOS[name](random, rate, size, runs)
    return FalseStop(name, rate, size, runs, int(ever_found(strata).sum()))


def power(runs: int, cell: tuple[float, float, float]) -> Power:
    """How many recipients find an uplift in 8 of 10 experiments looked at every day; by halving, chance held fixed."""
    share, rate, uplift = cell
    one_look = recipients_needed(rate, uplift, (1 - share) / share)
    assert one_look is not None
    few, enough = _RATIOS
    while enough - few > _RIGHT_TO:
        middle = (few + enough) / 2
        random = np.random.default_rng([_SEED, round(rate * 1_000), round(uplift * 100)])
        size = round(one_look * middle / share)
        strata = [daily(random, (rate * (1 + uplift), rate), size, share, runs, delay=0)]
        few, enough = (few, middle) if ever_found(strata).mean() >= _POWER else (middle, enough)
    return Power(share, rate, uplift, enough)


def ever_found(strata: Strata) -> np.ndarray:
    """By run: whether the test finds a difference on any day; who found one is not looked at again."""
    found = np.zeros(len(strata[0].recipients), dtype=bool)
    for day in range(DAYS):
        left = np.flatnonzero(~found)
        n, x, m, y = (
            np.stack([each[left, day] for each in by_stratum]).astype(float)
            for by_stratum in zip(*strata, strict=True)
        )
        found[left] = evidence(Tables(x, n, y, m)) >= _FOUND
    return found


def _split(share: float, delay: float, days: int = DAYS) -> Scenario:
    """Recipients spread over the first days, always shared alike."""
    return lambda random, rate, size, runs: [daily(random, (rate, rate), size, share, runs, (0, days), delay)]


def _followed(random: np.random.Generator, rate: float, size: int, runs: int) -> Strata:
    """Weights follow who is ahead, four times, by day and to four in five, while rates fall to a half."""
    strata: list[Looks] = []
    periods, share = 4, np.full((runs, 1), 0.5)
    length = DAYS // periods
    for number in range(periods):
        days, at = (number * length, (number + 1) * length), rate * (1 - number / 6)
        strata.append(daily(random, (at, at), size // periods, share, runs, days))
        last = strata[-1]
        n, m = last.recipients[:, days[1] - 1], last.other_recipients[:, days[1] - 1]
        ahead = last.converted[:, days[1] - 1] * m > last.other_converted[:, days[1] - 1] * n
        share = np.where(ahead, 0.8, 0.2)[:, np.newaxis]
    return strata


EVEN = 0.5
SHARES = (EVEN, 0.9)
"""Of recipients, that the variant has: an even split, and a tenth held back as control."""

SCENARIOS: dict[str, Scenario] = {
    "50:50, known at once": _split(0.5, 0),
    "50:50, known 3 days late": _split(0.5, 3),
    "90:10, known 3 days late": _split(0.9, 3),
    "one send, known 15 days late": _split(0.5, 15, days=1),
    "weights follow, rates fall": _followed,
}


def _each(
    work: Callable[[Cell], Simulated], cells: Sequence[Cell], what: str, progress: Progress
) -> list[Simulated]:
    simulated: list[Simulated] = []
    with get_context("spawn").Pool() as pool:
        for number, one in enumerate(pool.imap(work, cells), 1):
            simulated.append(one)
            if number % 10 == 0 or number == len(cells):
                progress(f"{what}: {number} of {len(cells)} cells")
    return simulated


def _false_stops_table(grid: Grid, simulated: Sequence[FalseStop]) -> Table:
    title = f"False stops in percent, the worst of {len(grid.sizes)} sizes (99.9 % lower bound)"
    table = Table("false_stops", title, ["experiment", *(f"{rate:.1%}" for rate in grid.rates)])
    for name in SCENARIOS:
        worst = [
            max((each for each in simulated if (each.scenario, each.rate) == (name, rate)), key=_percent)
            for rate in grid.rates
        ]
        table.rows.append([name, *(f"{each.percent:.2f} ({each.bound:.2f})" for each in worst)])
    sizes = ", ".join(f"{size:,}" for size in grid.sizes)
    table.notes += [
        f"{grid.runs:,} experiments a cell, looked at on each of {DAYS} days, recipients of both: {sizes}",
        "late conversions are known so many days after their window on average, some after the last look",
    ]
    worst_cell = max(simulated, key=_percent)
    table.notes.append(
        f"worst cell: {worst_cell.scenario}, {worst_cell.rate:.1%}, {worst_cell.size:,} recipients"
    )
    highest = max(each.bound for each in simulated)
    table.asks.append(
        Ask("anytime: highest lower bound of false stops, %", highest, ASKED_FALSE, at_most=True)
    )
    return table


def _percent(cell: FalseStop) -> float:
    return cell.percent


def _power_tables(grid: Grid, simulated: Sequence[Power]) -> Iterator[Table]:
    for share in SHARES:
        title = f"Recipients for a power of 80 %, as a part of one z-test's: {share:.0%} have the variant"
        columns = ["rate", *(f"+{uplift:.0%}" for uplift in grid.uplifts)]
        table = Table(f"power_{share:.0%}", title, columns)
        ratios = {(each.rate, each.uplift): each.ratio for each in simulated if each.share == share}
        for rate in grid.rates:
            table.rows.append([f"{rate:.1%}", *(ratios.get((rate, uplift)) for uplift in grid.uplifts)])
        middle, most = median(ratios.values()), max(ratios.values())
        table.asks.append(
            Ask(f"anytime, {share:.0%}: median of recipients / z-test's", middle, ASKED_MEDIAN, at_most=True)
        )
        if share == EVEN:
            table.asks.append(
                Ask(f"anytime, {share:.0%}: most recipients / z-test's", most, ASKED_RATIO, at_most=True)
            )
            table.asks += _examples()
        else:
            table.notes.append("the most is not asked for: a z-test of a handful in control is no measure")
        yield table


def _examples() -> Iterator[Ask]:
    for told in (_MANY, _FEW):
        text = " : ".join(f"{each.converted} of {each.recipients:,}" for each in told)
        yield Ask(f"anytime: p of {text}", p_value([told]) or 0.0, ASKED_P, at_most=True)
