"""The engines that run the audit's rules: their interface, and DuckDB, in bounded memory."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from infrastructure.archive.batches import EVENTS
from infrastructure.archive.parquet_files import Flow
from infrastructure.archive.typed_columns import TYPED
from infrastructure.audit.rules import Statement

_AS_THEY_ARE = "hive_partitioning = false"
"""A directory called `topic=x` must not add a column."""

_ROWS = 50_000
"""Rows fetched at a time."""


class Engine(Protocol):
    """Runs statements in DuckDB's SQL on tables that it was given or has made."""

    name: str
    judges_ranges: bool
    """Whether it judges range by range; otherwise it divides the work by itself."""

    def open(self, files: Sequence[str]) -> None:
        """Make the table `log` of the event files of an archive."""

    def fill(self, name: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema, query: str) -> None:
        """Make or replace a table by a query in DuckDB's SQL on batches, which the query calls `given`."""

    def give(self, name: str, table: pa.Table) -> None:
        """Make or replace a table of rows."""

    def look(self, statement: Statement) -> None:
        """Make or replace a view of a query."""

    def run(self, statement: Statement) -> None:
        """Make or replace a table or view by a query."""

    def rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query."""


class DuckDB:
    """DuckDB in a directory of its own; what exceeds the memory (`2GB`) goes to the disk."""

    name = "duckdb"
    judges_ranges = True

    def __init__(self, directory: Path, memory: str) -> None:
        settings: dict[str, Any] = {
            "memory_limit": memory,
            "temp_directory": str(directory / "spilled"),
            "threads": os.cpu_count() or 1,
            "preserve_insertion_order": False,
            # The result of an audit must not depend on anything that is downloaded.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        self._connection = duckdb.connect(str(directory / "audit.duckdb"), config=settings)
        # A progress bar would disturb what a command prints.
        self._connection.execute("SET enable_progress_bar = false")
        # Every rule reads the files of an archive again, and they do not change.
        self._connection.execute("SET parquet_metadata_cache = true")
        number = "CAST(concat('0x', digits) AS BIGINT)"
        self._connection.execute(f"CREATE OR REPLACE MACRO hexadecimal(digits) AS {number}")

    def open(self, files: Sequence[str]) -> None:
        listed = ", ".join(quote(file) for file in files)
        self._connection.execute(
            f"CREATE OR REPLACE VIEW log AS FROM read_parquet([{listed}], {_AS_THEY_ARE})"
        )

    def fill(self, name: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema, query: str) -> None:
        flow = Flow(batches)
        flowing = iter(flow)
        self._connection.register("given", pa.RecordBatchReader.from_batches(schema, flowing))
        try:
            self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
        except duckdb.Error:
            if flow.error is not None:
                raise flow.error from None
            raise
        finally:
            self._connection.unregister("given")
            flowing.close()

    def give(self, name: str, table: pa.Table) -> None:
        self.fill(name, table.to_batches(), table.schema, "SELECT * FROM given")

    def look(self, statement: Statement) -> None:
        self.run(statement._replace(is_view=True))

    def run(self, statement: Statement) -> None:
        kind = "VIEW" if statement.is_view else "TABLE"
        self._connection.execute(f"CREATE OR REPLACE TEMP {kind} {statement.table} AS {statement.query}")

    def rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        found = self._connection.execute(query)
        while rows := found.fetchmany(_ROWS):
            yield from rows

    def close(self) -> None:
        """Close the files."""
        self._connection.close()


def fill_log(engine: Engine, batches: Iterable[pa.RecordBatch]) -> None:
    """Make the table `log` of stored events."""
    query = f"WITH logged AS (FROM given) SELECT * EXCLUDE (command_id, actor, hash) FROM ({TYPED})"
    engine.fill("log", batches, EVENTS, query)


def quote(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
