"""Settings of all tests, and the databases they run on."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings

from infrastructure.database import Database
from infrastructure.migrations import migrate
from tests.support.ledgers import databases
from tests.support.servers import Server, quick

# Shrinking a journey takes minutes: a failing run says so at once, and `HYPOTHESIS_PROFILE=shrink` finds the least.
settings.register_profile("quick", deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
settings.register_profile("shrink", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


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
