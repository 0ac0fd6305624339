"""A bulk's second step on SQLite: one transaction; tables without row ids are filled in the order of their keys."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Table

from benchmarks.bulk.numbering import Numbering
from benchmarks.bulk.spool import TABLES
from benchmarks.results import Progress
from infrastructure.database import sqlite_file
from infrastructure.database.schema import metadata

_INDEXES = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'events' AND sql IS NOT NULL"
)


def load(url: str, folder: Path, numbering: Numbering, progress: Progress) -> None:
    """Insert all that was spooled."""
    with _connected(url, folder / "unsorted.db") as connection:
        indexes = connection.execute(_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        for name in TABLES:
            progress(f"bulk: inserting {name}")
            _fill(connection, metadata.tables[name], folder, numbering)
        progress("bulk: making the index again")
        for _, statement in indexes:
            connection.execute(statement)


def _fill(connection: sqlite.Connection, table: Table, folder: Path, numbering: Numbering) -> None:
    """Fill a table; one that is sorted by its key by way of one that is not."""
    rows = numbering.rows(folder, table.name, numbering.chunks)
    marks = ", ".join("?" * len(table.columns))
    if table.dialect_options["sqlite"]["with_rowid"]:
        connection.executemany(f"INSERT INTO {table.name} VALUES ({marks})", rows)  # noqa: S608 - our own names
        return
    columns = ", ".join(column.name for column in table.columns)
    key = ", ".join(column.name for column in table.primary_key)
    connection.execute(f"CREATE TABLE unsorted.{table.name} ({columns})")
    connection.executemany(f"INSERT INTO unsorted.{table.name} VALUES ({marks})", rows)  # noqa: S608
    connection.execute(f"INSERT INTO {table.name} SELECT * FROM unsorted.{table.name} ORDER BY {key}")  # noqa: S608
    connection.execute(f"DROP TABLE unsorted.{table.name}")


@contextmanager
def _connected(url: str, unsorted: Path) -> Iterator[sqlite.Connection]:
    """A connection alone with its file: without a journal, and with a large cache; ends as the ledger needs it."""
    with closing(sqlite.connect(sqlite_file(url), isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS unsorted", [str(unsorted)])
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -524288"):
            connection.execute(f"PRAGMA main.{setting}")
            connection.execute(f"PRAGMA unsorted.{setting}")
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")
        connection.execute("PRAGMA main.journal_mode = WAL")
