"""The service over HTTP: facts a second and latencies, beside a bare endpoint that validates, and one that inserts.

The load generator, the server, its projector and the database share the machine's cores.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from application.commands.definitions import read_campaigns
from benchmarks.crowd import campaigns
from benchmarks.http_load import Asked
from benchmarks.http_runs import peer, send, serving
from benchmarks.places import Place, PostgreSQL
from benchmarks.reads import quantile
from benchmarks.results import Ask, Progress, Table
from benchmarks.workload import GROUP
from infrastructure.access import keys
from infrastructure.access.keys import Scope
from infrastructure.access.operator import stamp
from infrastructure.composition import Service

SECONDS = 3.0
SIZES = (1, 100, 1_000)
CONNECTIONS = {1: 64, 100: 8, 1_000: 4}
ASKED_FACTS, ASKED_SHARE, ASKED_CALLS = 6_000, 0.2, 1_000
ASKED_P99, ASKED_REPORT = 100, 20
_WARM_UP = 1.0


class Result(NamedTuple):
    """What one run gave."""

    calls: float
    facts: float
    p50: float
    p99: float
    failed: int


def measure(sqlite: Place, server: PostgreSQL, progress: Progress) -> Iterator[Table]:
    """Measure all of it."""
    table = Table(
        "http",
        f"The service over HTTP, {SECONDS:.0f} s each",
        ["what, facts a call", "calls/s", "facts/s", "p50 ms", "p99 ms"],
    )
    found: dict[tuple[str, int], Result] = {}
    for name, place, workers in (
        ("SQLite", sqlite, 1),
        ("PostgreSQL", server, 1),
        ("PostgreSQL, 2 workers", server, 2),
    ):
        with place.empty() as url, _serving(url, workers) as (port, key):
            for size in SIZES:
                progress(f"HTTP, {name}: {size} facts a call")
                found[name, size] = _run(port, key, size)
            if workers == 1:
                half = ASKED_CALLS / 2
                progress(f"HTTP, {name}: {half:.0f} calls/s of one fact")
                found[f"{name}, paced", 1] = _run(port, key, 1, rate=half)
                progress(f"HTTP, {name}: reports")
                found[f"{name}, a report", 0] = _run(port, key, 0)
    for name, place in (
        ("bare insert, SQLite", sqlite),
        ("bare insert, PostgreSQL", server),
        ("bare validation", sqlite),
    ):
        with place.empty() as url, peer("insert" if "insert" in name else "validate", url) as bare:
            for size in SIZES:
                progress(f"HTTP, {name}: {size} facts a call")
                found[name, size] = _run(bare.port, "none", size)
    for (name, size), result in found.items():
        table.rows.append([f"{name}: {size}", result.calls, result.facts, result.p50, result.p99])
        assert not result.failed, (name, size, result)
    table.notes += [
        "load generator, server, projector and database share two cores",
        f"connections: {', '.join(f'{n} at {size} facts a call' for size, n in CONNECTIONS.items())}",
        "bare validation: FastAPI and the facts' models, nothing kept; bare insert: one INSERT a call, committed",
    ]
    table.asks += _asks(found)
    yield table


def _asks(found: dict[tuple[str, int], Result]) -> Iterator[Ask]:
    for name in ("SQLite", "PostgreSQL"):
        yield Ask(f"facts/s at 100 a call, {name}", found[name, 100].facts, ASKED_FACTS)
        share = found[name, 100].facts / found[f"bare insert, {name}", 100].facts
        yield Ask(f"the same / bare insert, {name}", share, ASKED_SHARE)
        yield Ask(f"calls/s of one fact, {name}", found[name, 1].calls, ASKED_CALLS)
        paced = found[f"{name}, paced", 1].p99
        yield Ask(f"p99 in ms at half of that, {name}", paced, ASKED_P99, at_most=True)
        report = found[f"{name}, a report", 0].p99
        yield Ask(f"a report by HTTP, p99 in ms, {name}", report, ASKED_REPORT, at_most=True)


_first = iter(range(0, 1_000_000_000, 2_000_000))


def _run(port: int, key: str, size: int, rate: float = 0.0) -> Result:
    path = "/v1/facts" if size else "/v1/campaigns/sale-00/report"
    connections = CONNECTIONS.get(size, 4) if not rate else 64
    send(Asked(port, path, key, size, connections, _WARM_UP, next(_first) % 8_000_000, rate))
    told = send(Asked(port, path, key, size, connections, SECONDS, next(_first) % 8_000_000, rate))
    taken, calls = told.milliseconds, told.calls / told.seconds
    return Result(calls, calls * size, quantile(taken, 0.5), quantile(taken, 0.99), told.failed)


@contextmanager
def _serving(url: str, workers: int) -> Iterator[tuple[int, str]]:
    with Service(url) as service:
        service.campaigns.apply(read_campaigns(campaigns()), stamp())
        with service.database.writing() as connection:
            _, key = keys.create(connection, GROUP, list(Scope), 1)
    with serving(url, workers) as server:
        yield server.port, key
