"""Rebuilding and reading: how fast the log becomes read models again, and how soon and how fast those are read.

A rebuild stands beside a bare read of the same rows, and beside the stock library's projection runner.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import lag, reads, rebuild_stock
from benchmarks.places import PostgreSQL
from benchmarks.rebuild_runs import Run, by_event, pool_start, read_bare, rebuilt, tally
from benchmarks.rebuild_stores import stores
from benchmarks.results import Ask, Progress, Table, Value
from infrastructure.composition import Service
from projections.campaign_report import CAMPAIGN_REPORT
from projections.engine.projection import Tally

ASKED_EVENTS_A_SECOND = {"SQLite": 300_000, "PostgreSQL": 200_000}
ASKED_SHARE = 1 / 3
PROCESSES = 2
_RUNS = 2

_BARE, _BARE_OF_TOPICS = "bare read of all rows: the limit", "bare read of the topics the report reads"
_TWO = f"campaign report, {PROCESSES} processes"
_ONE = "campaign report, 1 process"
_ALL = f"all read models, {PROCESSES} processes"


@dataclass(frozen=True)
class Measured:
    """What was measured in one ledger, by name."""

    events: int
    runs: dict[str, Run]
    pool_start: float
    tally: Tally


def measure(numbers: Sequence[int], server: PostgreSQL, progress: Progress) -> Iterator[Table]:
    """Rebuild in stores of so many facts, reports read in the largest; the lag in one of its own."""
    found: dict[str, list[Measured]] = {}
    others: list[Table] = []
    for number in sorted(numbers):
        progress(f"rebuild: stores of {number:,} facts")
        with stores(number, server, progress) as made:
            for place, url in made.urls.items():
                smallest = number == min(numbers)
                found.setdefault(place, []).append(_measure(place, url, progress, everything=smallest))
            if number == max(numbers):
                others.append(reads.measure(made, progress))
    for place, each in found.items():
        yield _table(place, each)
    with stores(lag.STORED, server, progress) as made:
        others.append(lag.measure(made, progress))
    on_server = found[server.name][0]
    yield _topics(on_server)
    yield rebuild_stock.measure({name: on_server.runs[name] for name in (_TWO, _ONE)}, server, progress)
    yield from others


def _measure(place: str, url: str, progress: Progress, *, everything: bool) -> Measured:
    progress(f"bare read on {place}")
    with Service(url) as service:
        counted = tally(service)
        runs = {
            _BARE: read_bare(service, None, _RUNS),
            _BARE_OF_TOPICS: read_bare(service, CAMPAIGN_REPORT.handlers, _RUNS),
        }
    for name, processes in ((_TWO, PROCESSES), (_ONE, 1)):
        progress(f"rebuild on {place}: {name}")
        runs[name] = rebuilt(url, [CAMPAIGN_REPORT.name], processes, _RUNS)
    if everything:
        progress(f"rebuild on {place}: {_ALL}")
        runs[_ALL] = rebuilt(url, [], PROCESSES, 1)
    return Measured(runs[_BARE].events, runs, pool_start(url, PROCESSES), counted)


def _table(place: str, measured: list[Measured]) -> Table:
    columns = ["events of the log: what", "seconds", "start-up s", "log events/s", "without start-up",
               "ratio to limit", "ratio to smallest"]  # fmt: skip
    title = f"Rebuild on {place}: `conversions rebuild`, from the start of its process to its end"
    table = Table(f"rebuild_{place.lower()}", title, columns)
    for each in measured:
        limit = each.runs[_BARE].speed
        for name, run in each.runs.items():
            row: list[Value] = [f"{each.events:,}: {name}", run.seconds, run.start, run.speed]
            smallest = run.speed / measured[0].runs[name].speed
            table.rows.append([*row, run.speed_once_begun, run.speed / limit, smallest])
    table.notes += _notes(measured)
    table.asks += _asks(place, measured)
    return table


def _notes(measured: list[Measured]) -> list[str]:
    began = measured[0].pool_start
    return [
        f"the better of {_RUNS}, all read models once; a bare read is the driver alone, whole rows, one process",
        "start-up: the command's process before and after the rebuild itself",
        f"within the rebuild, its {PROCESSES} processes have begun after {began:.2f} s",
    ]


def _asks(place: str, measured: list[Measured]) -> Iterator[Ask]:
    slowest = min(each.runs[_TWO].speed for each in measured)
    yield Ask(f"rebuild of the campaign report, log events/s, {place}", slowest, ASKED_EVENTS_A_SECOND[place])
    share = min(each.runs[_TWO].speed / each.runs[_BARE].speed for each in measured)
    yield Ask(f"rebuild of the campaign report / bare read, {place}", share, ASKED_SHARE)


def _topics(measured: Measured) -> Table:
    """What of the log the campaign report reads."""
    title = f"What a rebuild of the campaign report reads of {measured.events:,} events"
    table = Table("rebuild_topics", title, ["event", "events", "share %", "by the report"])
    read = 0
    for name, number, is_read in by_event(measured.tally, CAMPAIGN_REPORT):
        read += number if is_read else 0
        table.rows.append([name, number, 100 * number / measured.events, "read" if is_read else "skipped"])
    for name, number in (("read", read), ("skipped", measured.events - read)):
        table.rows.append([f"all that is {name}", number, 100 * number / measured.events, name])
    table.notes.append("counted by the database by topic, as every rebuild counts them to be verified")
    return table
