"""Settings of all tests, and the databases they run on."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from infrastructure.database import Database
from infrastructure.migrations import migrate
from tests.support.ledgers import databases
from tests.support.servers import Server, quick

# A busy machine makes worlds slowly, which is no failure. Shrinking a journey takes minutes: a failing run says so at
# once, and `HYPOTHESIS_PROFILE=shrink` finds the least.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("shrink", _PATIENT)
settings.register_profile("quick", _PATIENT, phases=[Phase.explicit, Phase.reuse, Phase.generate])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

HERE = Path(__file__).parent
INTERFACES = [
    HERE / "infrastructure" / room for room in ("archive", "audit", "cli", "export", "http", "outbound")
]
"""Rooms whose tests are about an interface: `make test` runs them on SQLite, `make test-all` on PostgreSQL too."""
_PROCESSES = (
    HERE / "browser",
    HERE / "process",
    HERE / "benchmarks",
    HERE / "infrastructure" / "serving",
    HERE / "infrastructure" / "audit" / "test_audit_spark.py",
)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark what `make test-all` runs beyond `make test`: real processes, benchmarks, and interfaces a second time."""
    for item in items:
        if any(item.path.is_relative_to(place) for place in _PROCESSES):
            item.add_marker("process")
        elif any(item.path.is_relative_to(room) for room in INTERFACES) and "postgresql" in item.name:
            item.add_marker("second_database")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add this run to the file that TALLY names, so that several runs can be summed up in one line."""
    tally = os.environ.get("TALLY")
    # Processes that pytest-xdist starts report to the one that adds them up.
    if tally and not hasattr(terminalreporter.config, "workerinput"):
        counts = {
            kind: len(terminalreporter.stats.get(kind, ()))
            for kind in ("passed", "failed", "error", "skipped")
        }
        with Path(tally).open("a", encoding="utf-8") as file:
            file.write(" ".join(map(str, counts.values())) + "\n")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A server that tests share: quick, and so not for those that kill it."""
    with quick() as server:
        yield server


@pytest.fixture(scope="session")
def template(postgresql: Server) -> str:
    """A database of the server with the ledger's tables, to begin others from."""
    url = postgresql.fresh_database()
    database = Database(url)
    migrate(database)
    database.close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def each_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a test once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield "sqlite"
        return
    with databases.on(request.getfixturevalue("postgresql"), request.getfixturevalue("template")):
        yield "postgresql"
