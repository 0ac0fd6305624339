"""A database for read models at one position: in memory while it is small, else in a file that is gone once closed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any

from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.pool import StaticPool

from projections.engine import generations
from projections.engine.projection import Projection, WritableTables
from projections.engine.projector import TablesOf

_SETTINGS = ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-16384")
"""Nothing of it outlives the process; beyond 16 MiB of memory it is in a file."""


class Closed(Exception):
    """The database was closed meanwhile: fold it once more."""


class FrozenTables:
    """Read models at one position, as queries find them; one thread at a time reads them."""

    def __init__(
        self, projections: Sequence[Projection], position: int, source: "FrozenTables | None" = None
    ) -> None:
        """Empty tables, or those of a source with all they hold."""
        # The library that opens ledgers: a second one in the same process is never loaded.
        self._engine = create_engine(
            "sqlite://",
            creator=lambda: sqlite.connect("", check_same_thread=False),
            module=sqlite,
            poolclass=StaticPool,
        )
        self._turns, self._closed = RLock(), False
        self.bytes = 0
        self.has_rows = True
        self._projections, self._position = projections, position
        with self._engine.connect() as connection:
            for setting in _SETTINGS:
                connection.exec_driver_sql(setting)
            if source is not None:
                source.write_to(connection)
                return
            generations.metadata.create_all(connection)
            for projection in projections:
                generation = generations.make(connection, projection, "current", 0)
                generations.move(connection, generation, position, 0)
            connection.commit()

    @contextmanager
    def copy(self) -> Iterator["FrozenTables"]:
        """Another database that holds the same; it is gone with the block."""
        copied = FrozenTables(self._projections, self._position, self)
        try:
            yield copied
        finally:
            copied.close()

    def write_to(self, target: Connection) -> None:
        """Copy the whole database into an empty one."""
        with self._turns, self._engine.connect() as connection:
            _driver(connection).backup(_driver(target))

    @contextmanager
    def writing(self, tables_of: TablesOf) -> Iterator[Mapping[str, WritableTables]]:
        """The tables of each read model by its name, to be filled."""
        with self._turns, self._engine.begin() as connection:
            yield {
                each.name: tables_of(connection, generations.current(connection, each))
                for each in self._projections
            }
            pages, size = (
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("page_count", "page_size")
            )
            self.bytes = pages * size

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read them; raises Closed."""
        with self._turns:
            if self._closed:
                raise Closed
            with self._engine.connect() as connection:
                yield connection

    def close(self) -> None:
        """Forget them, once nobody reads them."""
        with self._turns:
            self._closed = True
            self._engine.dispose()


def _driver(connection: Connection) -> Any:  # noqa: ANN401
    return connection.connection.driver_connection
