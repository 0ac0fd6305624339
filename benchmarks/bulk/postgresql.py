"""A bulk's second step on PostgreSQL: binary COPY into tables without indexes, which are made again afterwards."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from benchmarks.bulk.numbering import Numbering
from benchmarks.bulk.spool import TABLES, Row
from benchmarks.results import Progress

_FILL = 70
"""Per cent: as full as inserts in the order of random ids leave an index, so that it is no smaller than an import's."""

_BUILDING = "SET maintenance_work_mem = '1GB'; SET max_parallel_maintenance_workers = 0"

# Primary keys and unique constraints first: what is an index alone then remains.
_CONSTRAINTS = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = %s::regclass AND contype IN ('p', 'u')"""
_INDEXES = "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass"
_TYPES = """
    SELECT atttypid FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
    ORDER BY attnum"""


@dataclass(frozen=True)
class Load:
    """What one worker is to load: some chunks of every table."""

    url: str
    folder: Path
    numbering: Numbering
    chunks: range


def load(url: str, folder: Path, numbering: Numbering, executor: Executor, progress: Progress) -> None:
    """Copy all that was spooled, in two halves at once, and make the indexes again."""
    middle = len(numbering.chunks) // 2
    halves = [numbering.chunks[:middle], numbering.chunks[middle:]]
    with _without_indexes(url, progress):
        progress("bulk: copying")
        list(executor.map(copy, [Load(url, folder, numbering, half) for half in halves if half]))
    progress("bulk: vacuum, analyze")
    with connected(url) as connection:
        for table in TABLES:
            connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))


def copy(task: Load) -> None:
    """Copy a worker's chunks, table after table."""
    with connected(task.url) as connection:
        for table in TABLES:
            _copy(connection, table, task.numbering.rows(task.folder, table, task.chunks))


def copy_in_batches(url: str, folder: Path, numbering: Numbering) -> float:
    """Copy every row of all tables, with their indexes, chunk by chunk: the seconds without those of reading them."""
    seconds = 0.0
    with connected(url) as connection:
        for chunk in numbering.chunks:
            one = range(chunk, chunk + 1)
            given = {table: list(numbering.rows(folder, table, one)) for table in TABLES}
            started = perf_counter()
            with connection.transaction():
                for table, rows in given.items():
                    _copy(connection, table, rows)
            seconds += perf_counter() - started
    return seconds


def _copy(connection: psycopg.Connection, table: str, rows: Iterable[Row]) -> None:
    types = [oid for (oid,) in connection.execute(_TYPES, [table])]
    statement = sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(sql.Identifier(table))
    with connection.cursor().copy(statement) as copying:
        copying.set_types(types)
        for row in rows:
            copying.write_row(row)


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection]:
    """A connection that commits each statement."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        yield connection


@contextmanager
def _without_indexes(url: str, progress: Progress) -> Iterator[None]:
    """Drop the indexes of the tables, and make them again as they were, two tables at a time."""
    with connected(url) as connection:
        dropped = {table: list(_dropped(connection, table)) for table in TABLES}
    yield
    progress("bulk: making the indexes again")
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda indexes: _make(url, indexes), dropped.values()))


def _dropped(connection: psycopg.Connection, table: str) -> Iterator[tuple[str, str]]:
    """Drop a table's indexes: the name of each, and the statement that makes it again."""
    filled = f"WITH (fillfactor = {_FILL})"
    for name, stated in connection.execute(_CONSTRAINTS, [table]).fetchall():
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        # Positions only ever grow, and fill their pages.
        fill = "" if "(position)" in stated or '("position")' in stated else filled
        yield name, f"ALTER TABLE {table} ADD CONSTRAINT {name} {stated} {fill}"
    for name, stated in connection.execute(_INDEXES, [table]).fetchall():
        connection.execute(f"DROP INDEX {name}")
        yield name, f"{stated} {filled}"


def _make(url: str, indexes: list[tuple[str, str]]) -> None:
    with connected(url) as connection:
        connection.execute(_BUILDING)
        for name, statement in indexes:
            connection.execute(statement)
            connection.execute(f"ALTER INDEX {name} RESET (fillfactor)")
