"""The limit: the rows of `events` alone, bare, into the same table with the same indexes, in the same transactions.

On SQLite by `executemany`; on PostgreSQL by binary COPY, and for comparison into a table without indexes as well.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from statistics import median
from time import perf_counter
from typing import NamedTuple

from benchmarks.bulk.postgresql import connected
from benchmarks.places import Place
from benchmarks.results import Progress
from infrastructure.composition import Service
from infrastructure.database import Database, sqlite_file
from infrastructure.database.schema import events
from infrastructure.event_store.reading import Row, read_rows

ASKED_SHARE = 0.25
_PAGE = 20_000
_INSERT = f"INSERT INTO events VALUES ({', '.join('?' * len(Row._fields))})"  # noqa: S608 - question marks alone
_COPY = f"COPY events ({', '.join(Row._fields)}) FROM STDIN (FORMAT BINARY)"
_TYPES = ("int8", "text", "text", "int4", "text", "text", "int8", "text", "text", "bytea")

Put = Callable[[list[Row]], None]
"""Puts rows into the table, in a transaction of their own."""


class Bare(NamedTuple):
    """How long the rows took, in how many transactions; on PostgreSQL also without indexes."""

    how: str
    seconds: float
    transactions: int
    without_indexes: float | None


def measure(service: Service, place: Place, after: int, runs: int, progress: Progress) -> Bare:
    """Put the rows that a ledger holds after a position into new databases of the same kind, a few times."""
    if sqlite_file(service.database.url):
        how, ways = "executemany", [_inserting]
    else:
        how, ways = "binary COPY", [_copying, _copying_without_indexes]
    seconds: list[list[float]] = [[] for _ in ways]
    transactions = 0
    for number in range(1, runs + 1):
        progress(f"bare {how}, run {number} of {runs}")
        for way, spent in zip(ways, seconds, strict=True):
            with place.empty() as url:
                _make_table(url)
                with way(url) as put:
                    taken, transactions = _timed(service, after, put)
            spent.append(taken)
    return Bare(how, median(seconds[0]), transactions, median(seconds[1]) if seconds[1:] else None)


def _timed(service: Service, after: int, put: Put) -> tuple[float, int]:
    """The rows are read outside the time taken, a transaction at a time."""
    seconds, transactions = 0.0, 0
    for _, rows in groupby(_rows(service, after), key=lambda row: row.command_id):
        given = list(rows)
        started = perf_counter()
        put(given)
        seconds += perf_counter() - started
        transactions += 1
    return seconds, transactions


def _make_table(url: str) -> None:
    database = Database(url)
    with database.writing() as connection:
        events.create(connection)
    database.close()


@contextmanager
def _inserting(url: str) -> Iterator[Put]:
    database = Database(url)
    pooled = database.dialect.engine.raw_connection()
    driver = pooled.cursor()

    def put(rows: list[Row]) -> None:
        driver.execute("BEGIN IMMEDIATE")
        driver.executemany(_INSERT, rows)
        driver.execute("COMMIT")

    yield put
    pooled.close()
    database.close()


@contextmanager
def _copying(url: str) -> Iterator[Put]:
    with connected(url) as connection:

        def put(rows: list[Row]) -> None:
            with connection.cursor().copy(_COPY) as copy:
                copy.set_types(_TYPES)
                for row in rows:
                    copy.write_row(row)

        yield put


@contextmanager
def _copying_without_indexes(url: str) -> Iterator[Put]:
    with connected(url) as connection:
        connection.execute("ALTER TABLE events DROP CONSTRAINT events_pkey")
        connection.execute("DROP INDEX events_by_originator")
    with _copying(url) as put:
        yield put


def _rows(service: Service, after: int) -> Iterator[Row]:
    with service.database.reading() as connection:
        while page := read_rows(connection, after, _PAGE):
            yield from page
            after = page[-1].position
