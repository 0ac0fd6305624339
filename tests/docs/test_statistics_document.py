"""docs/statistics.md explains every number that is shown, and its worked example is what the library says (R21)."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from domain.campaigns.evidence import Comparison, Count, DecidingTest, SelectionEvidence, Share
from domain.experiment import proportions
from domain.experiment.comparing import results
from domain.experiment.incremental import IncrementalConversions, IncrementalRevenue
from domain.experiment.means import Sums, Welch
from domain.experiment.proportions import Interval, Proportion
from domain.experiment.results import (
    BELIEFS,
    INTERVALS,
    MOST_TABLES,
    MOST_VARIANTS,
    ComparedRates,
    ComparedRevenue,
    EventResults,
    Experiment,
    Health,
    Observed,
    Results,
    VariantRate,
    VariantRevenue,
)
from domain.experiment.selection import Chosen, Cohort, choose, usually_seen, weights
from domain.experiment.winner import Decision, Why

DOCUMENT = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")

# By variant: recipients, converted, mature recipients and how many of them converted; then total and squares.
COUNTS = {"A": (4_000, 260, 3_500, 231), "B": (4_000, 216, 3_500, 190), "holdout": (2_000, 90, 1_750, 80)}
REVENUE = {"A": ("5200.00", 130_000), "B": ("4300.00", 100_000), "holdout": ("2000.00", 44_000)}
WEIGHTS = {"A": 81, "B": 79, "holdout": 40}

SELECTED = {
    "A": [Cohort(10, 1_000, 60), Cohort(2, 400, 12)],
    "B": [Cohort(10, 1_000, 50), Cohort(1, 400, 5)],
}
DELAYS, DEADLINE, FLOOR = [70, 35, 15, 7], 4 * 3_600, 0.05


def example(test: DecidingTest = DecidingTest.ANYTIME) -> Results:
    observed = [_observed(variant_id) for variant_id in COUNTS]
    period = [Count(name, recipients, converted) for name, (recipients, converted, _, _) in COUNTS.items()]
    over = [Count(name, recipients, converted) for name, (_, _, recipients, converted) in COUNTS.items()]
    return results(Experiment(observed, [[period]], [[over]], 0, 0), test)


def _observed(variant_id: str) -> Observed:
    recipients, converted, mature, of_mature = COUNTS[variant_id]
    total, squares = REVENUE[variant_id]
    return Observed(
        variant_id,
        variant_id == "holdout",
        [Proportion(converted, recipients)],
        [Proportion(of_mature, mature)],
        {"EUR": Sums(recipients, Decimal(total), Decimal(squares))},
        recipients,
        recipients,
        10_000 * WEIGHTS[variant_id] / sum(WEIGHTS.values()),
    )


def percents(interval: Interval | None, sign: str = "") -> str:
    """Both ends, in percent."""
    assert interval is not None
    return f"{interval.low * 100:{sign}.2f} to {interval.high * 100:{sign}.2f}"


def statistic_and_p(test: proportions.Tested | None) -> str:
    assert test is not None
    return f"{test.statistic:.4f}, p {test.p:.4f}"


def of_rates(found: Results) -> Iterator[tuple[str, str]]:
    (primary,) = found.conversion_events
    a, against = primary.variants[0], primary.comparisons[0]
    caused = against.incremental
    assert caused is not None
    yield "`rate`", f"{a.rate:.2%}"
    yield "`interval`", f"{percents(a.interval)} %"
    yield "`mature_rate`", f"{a.mature_rate:.2%}"
    yield "`open`", f"{a.open}"
    yield "`difference`", f"{(against.difference or 0) * 100:+.2f} points"
    yield "`difference_interval`", f"{percents(against.difference_interval, '+')} points"
    yield "`uplift`", f"{against.uplift:+.2%}"
    yield "`uplift_interval`", f"{percents(against.uplift_interval, '+')} %"
    yield "`z_test`", statistic_and_p(against.z_test)
    yield "`chi_squared`", statistic_and_p(primary.chi_squared)
    yield "`anytime`", f"{against.anytime:.4f}"
    yield "`anytime_interval`", f"{percents(against.anytime_interval, '+')} %"
    yield "`sequential`", f"{against.sequential:.4f}"
    yield "`sequential_interval`", f"{percents(against.sequential_interval, '+')} %"
    yield "`adjusted`", f"{against.adjusted:.4f}"
    yield "`probability_best`", f"{a.probability_best:.2%}"
    yield "`expected_loss`", f"{(a.expected_loss or 0) * 100:.4f} points"
    yield (
        "`incremental`",
        f"{caused.conversions:.0f} ({caused.interval.low:.0f} to {caused.interval.high:.0f})",
    )
    yield "`recipients_needed`", f"{against.recipients_needed:,}"
    yield "`sample_ratio_p`", f"{found.health.sample_ratio_p:.4f}"


def of_revenue(found: Results) -> Iterator[tuple[str, str]]:
    (euros,) = found.revenue
    a, against = euros.variants[0], euros.comparisons[0]
    of_mean, apart, welch, caused = (
        a.interval,
        against.difference_interval,
        against.welch,
        against.incremental,
    )
    assert of_mean
    assert apart
    assert welch
    assert caused
    assert caused.interval
    yield "`mean`", f"{a.mean:.4f} EUR"
    yield "`mean`'s interval", f"{of_mean.low:.4f} to {of_mean.high:.4f} EUR"
    yield "`difference` of means", f"{against.difference:+.4f} EUR"
    yield "its interval", f"{apart.low:+.4f} to {apart.high:+.4f} EUR"
    yield "`welch`", f"{welch.statistic:.4f}, {welch.degrees:.1f} degrees, p {welch.p:.4f}"
    yield "`adjusted` p of revenue", f"{against.adjusted:.4f}"
    yield (
        "`incremental` revenue",
        f"{caused.revenue} EUR ({caused.interval.low:.2f} to {caused.interval.high:.2f})",
    )


def of_selection(chosen: Chosen) -> Iterator[tuple[str, str]]:
    seen = usually_seen(SELECTED, DELAYS, DEADLINE)
    found = weights(chosen.shares, {"A": 45, "B": 45, "holdout": 10}, "holdout")
    yield "usually seen by 1 hour", f"{seen[0]:.2%}"
    yield "usually seen by 2 hours", f"{seen[1]:.2%}"
    yield "`counted` of A", f"{chosen.counted['A']:,.1f}"
    yield "`counted` of B", f"{chosen.counted['B']:,.1f}"
    yield "`best` of A", f"{chosen.best['A']:.2%}"
    yield "share of A", f"{chosen.shares['A']:.2%}"
    yield "weights of A, B and control", ", ".join(f"{each:,}" for each in found.values())
    yield "`better`", f"{chosen.better:.2%}"


def spaced(number: str) -> str:
    """A percentage as documents have it, with a space."""
    return re.sub(r"(\d)%", r"\1 %", number)


@pytest.mark.parametrize(
    ("figure", "number"),
    [
        *of_rates(example()),
        *of_revenue(example()),
        *of_selection(choose(SELECTED, DELAYS, DEADLINE, FLOOR)),
    ],
)
def test_the_worked_example_is_what_the_library_says(figure: str, number: str) -> None:
    """Each row of its tables begins with the figure and the number."""
    assert f"\n| {figure} | {spaced(number)} | " in DOCUMENT


@pytest.mark.parametrize("test", DecidingTest)
def test_the_worked_example_is_decided_as_the_document_says(test: DecidingTest) -> None:
    """R21: by either test, with the adjusted p against each other variant."""
    decision = example(test).decision
    ps = " | ".join(f"{each.adjusted:.4f}" for each in decision.comparisons)
    assert [each.against for each in decision.comparisons] == ["B", "holdout"]
    assert f"\n| `{test.value}` | {decision.sentence} | {ps} |\n" in DOCUMENT


def test_the_counts_of_the_worked_example_are_in_the_document() -> None:
    """Who checks by hand begins with the same counts."""
    for variant_id, counts in COUNTS.items():
        total, squares = REVENUE[variant_id]
        name = "holdout, control" if variant_id == "holdout" else variant_id
        numbers = [*(f"{each:,}" for each in counts), f"{Decimal(total):,}", f"{squares:,}"]
        assert f"\n| {' | '.join([name, *numbers])} |\n" in DOCUMENT


def test_the_program_prints_what_the_library_says() -> None:
    """With scipy's own integrals and distributions, and nothing of the library's."""
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    (primary,) = example().conversion_events
    against, best = primary.comparisons[0], primary.variants[0].probability_best
    assert ran.stdout.split() == [f"{against.anytime:.4f}", f"{against.sequential:.4f}", f"{best:.2%}"]


@pytest.mark.parametrize(
    "shown", [VariantRate, ComparedRates, EventResults, VariantRevenue, ComparedRevenue, Health]
)
def test_every_number_of_results_is_explained(shown: type) -> None:
    """By its name in JSON; the place of a conversion event and the tables themselves need none."""
    structure = {"index", "variants", "comparisons"}
    assert [name for name in _names(shown) if name not in structure and not _explained(name)] == []


@pytest.mark.parametrize(
    ("shown", "otherwise"),
    [
        (proportions.Tested, set()),
        (Welch, set()),
        (IncrementalConversions, set()),
        (IncrementalRevenue, set()),
        (Comparison, set()),
        (Decision, {"winner", "beaten", "unsure", "by_period", "waiting"}),
        (Share, set()),
        (SelectionEvidence, {"shares"}),
    ],
)
def test_every_number_of_tests_and_decisions_is_explained(shown: type, otherwise: set[str]) -> None:
    """But for those of another name in JSON, or of none: a winner is its variant_id, the others are in the sentence."""
    assert [name for name in _names(shown) if name not in otherwise and not _explained(name)] == []


@pytest.mark.parametrize("code", [*Why, *DecidingTest])
def test_every_reason_and_test_is_explained(code: Why | DecidingTest) -> None:
    """By the code that JSON has."""
    assert _explained(code.value)


@pytest.mark.parametrize(
    ("bound", "left_out"),
    [
        (f"more than {MOST_VARIANTS} variants", (*BELIEFS, *INTERVALS)),
        (f"more than {MOST_TABLES:,} tables", INTERVALS),
    ],
)
def test_what_is_left_out_is_named_beside_its_bound(bound: str, left_out: tuple[str, ...]) -> None:
    """A row of a table says what is null."""
    assert f"| {bound} | {', '.join(f'`{each}`' for each in left_out)} |" in DOCUMENT


def _names(shown: type) -> tuple[str, ...]:
    if is_dataclass(shown):
        return tuple(each.name for each in fields(shown))
    found: tuple[str, ...] = getattr(shown, "_fields", ()) or getattr(shown, "__struct_fields__", ())
    assert found
    return found


def _explained(name: str) -> bool:
    return f"`{name}`" in DOCUMENT
