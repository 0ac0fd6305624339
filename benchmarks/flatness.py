"""The cost per fact and decision in journeys of 10 to 10,000 facts, in order and shuffled, over two spans.

Each row records the same number of facts; what differs is how many users they belong to.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import product
from random import Random
from statistics import median
from time import perf_counter

from application.commands.facts import FactCommand
from benchmarks.journeys import GROUP, ONE_CAMPAIGN, TWO_YEARS, Span, campaigns, facts
from benchmarks.ledger import batches, fresh
from benchmarks.results import Ask, Progress, Table
from infrastructure.access.operator import stamp
from infrastructure.composition import Service

LENGTHS = (10, 100, 1_000, 10_000)
SPANS = (TWO_YEARS, ONE_CAMPAIGN)
ORDERS = ("in order", "shuffled")
FACTS = 20_000
BATCH = 1_000
SINGLES = 400
COLD = 20
RUNS = 1
ASKED_RATIO = 1.5


@dataclass(frozen=True)
class Scenario:
    """A span and an order of arrival."""

    span: Span
    order: str

    @property
    def name(self) -> str:
        """For a row."""
        return f"{self.span.name}, {self.order}"


@dataclass(frozen=True)
class Cost:
    """What a run cost: microseconds per event in batches, per fact singly; milliseconds cold."""

    batched: float
    events_per_fact: float
    single: float
    events_per_single: float
    cold: float


SCENARIOS = [Scenario(span, order) for span, order in product(SPANS, ORDERS)]
Costs = dict[tuple[Scenario, int], Cost]


def measure(progress: Progress) -> list[Table]:
    """Run everything a few times, rows taking turns, so that a slow minute of the machine hits all rows alike."""
    runs: defaultdict[tuple[Scenario, int], list[Cost]] = defaultdict(list)
    for number, scenario, length in product(range(1, RUNS + 1), SCENARIOS, LENGTHS):
        progress(f"flat cost, run {number} of {RUNS}: {scenario.name}, journeys of {length:,} facts")
        runs[scenario, length].append(_run(scenario, length))
    costs = {key: _median(each) for key, each in runs.items()}
    return [_batched(costs), _single(costs), _cold(costs)]


def _median(runs: list[Cost]) -> Cost:
    return Cost(*(median(figures) for figures in zip(*map(astuple, runs), strict=True)))


def _run(scenario: Scenario, length: int) -> Cost:
    """Record a row's facts in batches, then some more one at a time, then late ones by a process that knows nothing."""
    given = facts(scenario.span, length, FACTS + SINGLES + COLD)
    draw = Random(length)  # noqa: S311 - the same order on every call
    late = [given.pop(draw.randrange(len(given))) for _ in range(COLD)]
    if scenario.order == "shuffled":
        draw.shuffle(given)
    with fresh(campaigns(scenario.span)) as service:
        batched, events = _record(service, given[:FACTS], BATCH)
        single, single_events = _record(service, given[FACTS:], 1)
        cold = [_record_cold(service.database.url, fact) for fact in late]
    return Cost(
        1e6 * sum(batched) / events,
        events / FACTS,
        1e6 * median(single),
        single_events / SINGLES,
        1e3 * median(cold),
    )


def _record(service: Service, given: Sequence[FactCommand], size: int) -> tuple[list[float], int]:
    """Seconds that each batch took, and events recorded: facts and decisions."""
    before = service.recorder.max_notification_id() or 0
    seconds = []
    for batch in batches(given, size):
        command = stamp()
        started = perf_counter()
        service.intake.record(GROUP, batch, command)
        seconds.append(perf_counter() - started)
    return seconds, (service.recorder.max_notification_id() or 0) - before


def _record_cold(url: str, fact: FactCommand) -> float:
    with Service(url) as service:
        return _record(service, [fact], 1)[0][0]


def _batched(costs: Costs) -> Table:
    columns = [
        "journeys",
        *(f"{length:,} facts" for length in LENGTHS),
        *(f"{n:,} / 10" for n in LENGTHS[1:]),
    ]
    title = (
        f"Flat cost: microseconds per event (fact or decision), {FACTS:,} facts a cell, batches of {BATCH:,}"
    )
    table = Table("flat", title, columns)
    for scenario in SCENARIOS:
        spent = [costs[scenario, length].batched for length in LENGTHS]
        ratios = [each / spent[0] for each in spent[1:]]
        table.rows.append([scenario.name, *spent, *ratios])
        table.asks.append(Ask(f"flat: {scenario.name}", max(ratios), ASKED_RATIO, at_most=True))
    for scenario in SCENARIOS:
        each = ", ".join(f"{costs[scenario, length].events_per_fact:.2f}" for length in LENGTHS)
        table.notes.append(f"events per fact, {scenario.name}: {each}")
    table.notes.append(
        f"median of {RUNS} runs; the process keeps its cache of journeys warm, as the product does"
    )
    return table


def _single(costs: Costs) -> Table:
    title = f"The same, the next {SINGLES} facts one at a time: microseconds per fact, its commit included"
    columns = ["journeys", f"{LENGTHS[0]:,} facts", f"{LENGTHS[-1]:,} facts", "ratio", "ratio per event"]
    table = Table("flat_single", title, columns)
    for scenario in SCENARIOS:
        short, long = (costs[scenario, length] for length in (LENGTHS[0], LENGTHS[-1]))
        ratio, events = long.single / short.single, long.events_per_single / short.events_per_single
        table.rows.append([scenario.name, short.single, long.single, ratio, ratio / events])
        table.asks.append(Ask(f"flat, one at a time: {scenario.name}", ratio, ASKED_RATIO, at_most=True))
    table.notes.append(
        f"medians of {SINGLES} facts and {RUNS} runs; the commit costs the same whatever the fact decides, so per fact"
    )
    return table


def _cold(costs: Costs) -> Table:
    title = f"Cold: milliseconds for one late fact, a new Service for each (median of {COLD}, of {RUNS} runs)"
    table = Table(
        "flat_cold", title, ["journeys", f"{LENGTHS[0]:,} facts", f"{LENGTHS[-1]:,} facts", "ratio"]
    )
    for scenario in SCENARIOS:
        short, long = (costs[scenario, length].cold for length in (LENGTHS[0], LENGTHS[-1]))
        table.rows.append([scenario.name, short, long, long / short])
    return table
