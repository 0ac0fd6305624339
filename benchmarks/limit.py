"""The limit: a bare `executemany` of the very same rows into the same table, in the same transactions."""

from collections.abc import Iterator
from itertools import groupby
from statistics import median
from time import perf_counter
from typing import NamedTuple

from benchmarks.ledger import folder, url
from benchmarks.results import Progress
from infrastructure.database import Database
from infrastructure.recorder import Row
from infrastructure.schema import events
from infrastructure.service import Service

ASKED_SHARE = 0.25
_PAGE = 20_000
_INSERT = f"INSERT INTO events VALUES ({', '.join('?' * len(Row._fields))})"  # noqa: S608 - question marks alone


class Bare(NamedTuple):
    """How long the rows took, and in how many transactions."""

    seconds: float
    transactions: int


def measure(service: Service, after: int, runs: int, progress: Progress) -> Bare:
    """Insert the rows that a ledger holds after a position into a new database, a few times."""
    done = []
    for number in range(1, runs + 1):
        progress(f"bare executemany, run {number} of {runs}")
        done.append(_insert(service, after))
    return Bare(median(run.seconds for run in done), done[0].transactions)


def _insert(service: Service, after: int) -> Bare:
    """The rows are read outside the time taken, a transaction at a time."""
    seconds, transactions = 0.0, 0
    with folder() as path:
        database = Database(url(path))
        with database.engine.begin() as connection:
            events.create(connection)
        pooled = database.engine.raw_connection()
        driver = pooled.cursor()
        for _, rows in groupby(_rows(service, after), key=lambda row: row.command_id):
            given = list(rows)
            started = perf_counter()
            driver.execute("BEGIN IMMEDIATE")
            driver.executemany(_INSERT, given)
            driver.execute("COMMIT")
            seconds += perf_counter() - started
            transactions += 1
        pooled.close()
        database.close()
    return Bare(seconds, transactions)


def _rows(service: Service, after: int) -> Iterator[Row]:
    with service.database.reading() as connection:
        while page := service.recorder.rows(connection, after, _PAGE):
            yield from page
            after = page[-1].position
