"""Intelligent selection by simulation: how many conversions it loses, beside an even split and Thompson undelayed.

Recipients arrive by the hour, get variants by the weights in force, and convert some time later. What a campaign loses
is counted by the rates as they truly are: by each recipient, the best rate less the one of the variant received.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from statistics import fmean, median
from typing import NamedTuple

import numpy as np

from benchmarks.results import Ask, Progress, Table
from benchmarks.selection_scenarios import ALIKE, DAY, DIFFERENT, Scenario
from domain.campaigns.campaign import BETWEEN_ADJUSTMENTS, FLOOR
from domain.experiment.selection import HOUR, SURE, WORTH, Chosen, Cohort, choose

RUNS = 20
RUNS_ALIKE = 100
"""More, where a few in a hundred are to be told from more."""

ASKED_SAVED = 30.0
ASKED_MEDIAN = 50.0
ASKED_WRONG = 5.0
_SEED = 7
_BETWEEN = int(BETWEEN_ADJUSTMENTS.total_seconds()) // HOUR


class Seen(NamedTuple):
    """What is known when weights are adjusted: recipients and conversions by variant and hour of the receipt."""

    hour: int
    deadline: int
    recipients: np.ndarray
    converted: np.ndarray
    delays: dict[str, list[int]]


class Outcome(NamedTuple):
    """Of one campaign: conversions lost, whether selection ended, whether wrongly, and whether one look would have."""

    lost: float
    ended: bool
    wrong: bool
    misled: bool


class Compared(NamedTuple):
    """What each way to share out loses in one scenario, on average, and in what percent of campaigns it ended."""

    scenario: Scenario
    even: float
    undelayed: float
    selected: float
    ended: float
    wrong: float
    misled: float

    @property
    def saved(self) -> float:
        """How much less selection loses than an even split, in percent."""
        return 100 * (1 - self.selected / self.even)


Way = Callable[[Seen], Chosen | None]
"""How recipients are shared out from now on: None is evenly."""


def measure(progress: Progress) -> Iterator[Table]:
    """Run all scenarios, on all cores."""
    progress(f"selection: {len(DIFFERENT)} scenarios in which variants differ, {RUNS} campaigns each")
    different = compared(DIFFERENT, RUNS)
    progress(f"selection: {len(ALIKE)} scenarios in which none does, {RUNS_ALIKE} campaigns each")
    yield _table(different, compared(ALIKE, RUNS_ALIKE))


def compared(scenarios: Sequence[Scenario], runs: int) -> list[Compared]:
    """What each way loses, over so many campaigns of each scenario."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = [list(pool.map(partial(_runs, each), range(runs), chunksize=5)) for each in scenarios]
    return [_compared(*each) for each in zip(scenarios, found, strict=True)]


def undelayed(seen: Seen) -> Chosen:
    """The same, but that nobody is thought to convert yet: open windows count as over."""
    mature = [
        [Cohort(seen.deadline // HOUR + 1, int(recipients.sum()), int(converted.sum()))]
        for recipients, converted in zip(seen.recipients, seen.converted, strict=True)
    ]
    return choose(dict(zip(_names(seen), mature, strict=True)), [1], seen.deadline, FLOOR)


def selected(seen: Seen) -> Chosen:
    """By all that is known: the ages of recipients, and the delays of each variant's conversions."""
    ages = range(seen.hour - 1, -1, -1)
    cohorts = [
        [Cohort(*each) for each in zip(ages, recipients, converted, strict=True)]
        for recipients, converted in zip(seen.recipients.tolist(), seen.converted.tolist(), strict=True)
    ]
    return choose(dict(zip(_names(seen), cohorts, strict=True)), seen.delays, seen.deadline, FLOOR)


def campaign(scenario: Scenario, seed: int, way: Way) -> Outcome:
    """One campaign from its first to its last hour; adjusted as often as the service does, until selection ends."""
    random = np.random.default_rng([_SEED, seed])
    arriving = random.poisson(scenario.arriving)
    rates = scenario.rates_by_hour
    recipients = np.zeros(rates.shape, dtype=np.int64)
    journal = np.zeros((4, 0))
    shares, ended, misled = np.full(len(rates), 1 / len(rates)), False, False
    for hour in range(0, scenario.hours, _BETWEEN):
        chosen = None if ended or not hour else way(_seen(scenario, hour, recipients, journal))
        if chosen is not None:
            shares, ended = np.array(list(chosen.shares.values())), chosen.done
            misled |= chosen.better <= SURE and _wrong(scenario, shares)
        now = slice(hour, hour + _BETWEEN)
        recipients[:, now] = random.multinomial(arriving[now], shares).T
        converting = random.binomial(recipients[:, now], rates[:, now])
        journal = np.hstack([journal, _converting(scenario, hour, converting, random)])
    lost = float((recipients * (rates.max(axis=0) - rates)).sum())
    return Outcome(lost, ended, ended and _wrong(scenario, shares), misled)


def _runs(scenario: Scenario, seed: int) -> list[Outcome]:
    """One campaign three times: shared out evenly, by Thompson sampling undelayed, and by intelligent selection."""
    ways: list[Way] = [lambda _: None, undelayed, selected]
    return [campaign(scenario, seed, way) for way in ways]


def _compared(scenario: Scenario, runs: list[list[Outcome]]) -> Compared:
    lost = [fmean(run[way].lost for run in runs) for way in range(3)]
    ends = np.array([run[2][1:] for run in runs]).mean(axis=0)
    return Compared(scenario, *lost, *(100 * ends).tolist())


def _seen(scenario: Scenario, hour: int, recipients: np.ndarray, journal: np.ndarray) -> Seen:
    # What comes at the very hour comes after it.
    variant, received, delay = journal[:3, journal[3] < hour]
    converted = np.zeros((len(recipients), hour), dtype=np.int64)
    np.add.at(converted, (variant.astype(int), received.astype(int)), 1)
    delays = {
        str(place): np.bincount(delay[variant == place].astype(int)).tolist()
        for place in range(len(recipients))
    }
    return Seen(hour, scenario.deadline * DAY * HOUR, recipients[:, :hour], converted, delays)


def _converting(
    scenario: Scenario, hour: int, converting: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """By conversion: the variant, the hour of its receipt, and after how many hours and when it comes."""
    found = []
    for variant, numbers in enumerate(converting):
        received = np.repeat(np.arange(hour, hour + len(numbers)), numbers)
        delay = scenario.delays(variant, random.random(len(received)))
        at = received + random.random(len(received)) + delay
        found.append(np.stack([np.full(len(received), variant), received, delay, at]))
    return np.hstack(found)


def _wrong(scenario: Scenario, shares: np.ndarray) -> bool:
    """Whether it ended on a variant that another is better than by 1 %, or where none is better than any by that."""
    rates = np.array(scenario.rates)
    alike = rates.max() <= (1 + WORTH) * rates.min()
    return bool(alike or rates.max() > (1 + WORTH) * rates[shares.argmax()])


def _names(seen: Seen) -> list[str]:
    return [str(place) for place in range(len(seen.recipients))]


def _table(different: Sequence[Compared], alike: Sequence[Compared]) -> Table:
    columns = [
        "variants",
        "even split",
        "undelayed",
        "selection",
        "saved %",
        "ended %",
        "wrongly %",
        "by one look %",
    ]
    table = Table("selection", "Conversions lost, beside always sending the best", columns)
    for each in (*different, *alike):
        table.rows.append([
            each.scenario.name, each.even, each.undelayed, each.selected, each.saved if each.even else None,
            each.ended, each.wrong, each.misled,
        ])  # fmt: skip
    table.notes += [
        f"{RUNS} campaigns each, {RUNS_ALIKE} where nothing differs; weights follow twice a day, floor {FLOOR}",
        "lost: by the true rates, control left out; who always knew the best would lose 0",
        "undelayed: Thompson sampling, to whom recipients with an open window are recipients who did not convert",
        "wrongly ended: another variant is better by 1 %, or none is better than any other by that",
        f"by one look: wrongly ended, had {SURE:.0%} been enough for the posterior of any one look",
    ]
    table.asks += _asks(different, alike)
    return table


def _asks(different: Sequence[Compared], alike: Sequence[Compared]) -> Iterator[Ask]:
    saved = [each.saved for each in different]
    yield Ask("least saved by selection beside an even split, %", min(saved), ASKED_SAVED)
    yield Ask("saved by selection beside an even split, median, %", median(saved), ASKED_MEDIAN)
    wrong = max(each.wrong for each in alike)
    yield Ask("selection ended where nothing differs, %", wrong, ASKED_WRONG, at_most=True)
