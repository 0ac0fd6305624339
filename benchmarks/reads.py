"""How long one campaign's report takes to read, in a process that already runs."""

from collections.abc import Sequence
from itertools import cycle, islice
from math import ceil
from time import perf_counter

from benchmarks.garbage import less_collection
from benchmarks.rebuild_stores import Stores
from benchmarks.results import Ask, Progress, Table
from benchmarks.workload import GROUP
from infrastructure.composition import Service
from projections.campaign_report.reading import load_report, load_reports

CALLS = 2_000
ASKED_MILLISECONDS = 5


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that is not below so large a share of them."""
    return sorted(values)[max(ceil(share * len(values)), 1) - 1]


def measure(stores: Stores, progress: Progress) -> Table:
    """Read the report of one campaign after the other, each in a read transaction of its own."""
    columns = ["where", "reports", "p50 ms", "p99 ms", "max ms"]
    title = f"Reading one campaign's report: a store of {stores.facts:,} facts, {stores.events:,} events"
    table = Table("reads", title, columns)
    for place, url in stores.urls.items():
        progress(f"reading reports on {place}")
        taken, campaigns = _read(url)
        p99 = quantile(taken, 0.99)
        table.rows.append([place, len(taken), quantile(taken, 0.5), p99, max(taken)])
        table.asks.append(Ask(f"report, p99 in ms, {place}", p99, ASKED_MILLISECONDS, at_most=True))
        table.notes = [
            f"of {campaigns} campaigns in turn, each in a transaction of its own, after a first round"
        ]
    return table


def _read(url: str) -> tuple[list[float], int]:
    """Milliseconds of each call, and how many campaigns there are."""
    taken = []
    with Service(url) as service, less_collection():
        database = service.database
        with database.reading() as connection:
            campaigns = [each.campaign_id for each in load_reports(connection, GROUP)]
        for campaign_id in islice(cycle(campaigns), len(campaigns) + CALLS):
            started = perf_counter()
            with database.reading() as connection:
                found = load_report(connection, GROUP, campaign_id)
            taken.append(1e3 * (perf_counter() - started))
            assert found is not None, campaign_id
    return taken[len(campaigns) :], len(campaigns)
