"""The service over HTTP: facts a second and latencies, beside a bare endpoint that validates, and one that inserts.

The load generator, the server, its projector and the database share the machine's cores.
"""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from application.commands.definitions import read_campaigns
from benchmarks.crowd import campaigns
from benchmarks.http_load import Asked
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
_COMMAND = Path(sys.executable).with_name("conversions")


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
        with place.empty() as url, _peer("insert" if "insert" in name else "validate", url) as port:
            for size in SIZES:
                progress(f"HTTP, {name}: {size} facts a call")
                found[name, size] = _run(port, "none", size)
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
    _sent(Asked(port, path, key, size, connections, _WARM_UP, next(_first) % 8_000_000, rate))
    told = _sent(Asked(port, path, key, size, connections, SECONDS, next(_first) % 8_000_000, rate))
    taken, calls = told["milliseconds"], told["calls"] / told["seconds"]
    return Result(calls, calls * size, quantile(taken, 0.5), quantile(taken, 0.99), told["failed"])


def _sent(asked: Asked) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.http_load", json.dumps(asdict(asked))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@contextmanager
def _serving(url: str, workers: int) -> Iterator[tuple[int, str]]:
    with Service(url) as service:
        service.campaigns.apply(read_campaigns(campaigns()), stamp())
        with service.database.writing() as connection:
            _, key = keys.create(connection, GROUP, list(Scope), 1)
    port = _free_port()
    options = ["--port", str(port), "--workers", str(workers), "--database", url]
    with _process([str(_COMMAND), "serve", *options], port):
        yield port, key


@contextmanager
def _peer(kind: str, url: str) -> Iterator[int]:
    port = _free_port()
    with _process([sys.executable, "-m", "benchmarks.http_peers", kind, url, str(port)], port):
        yield port


@contextmanager
def _process(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        while True:
            assert process.poll() is None, command
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz"):
                break
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                if "http_peers" in " ".join(command):
                    break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(60)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
