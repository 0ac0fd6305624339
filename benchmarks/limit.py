"""The limit: a bare `executemany` of the very same rows into the same table, in the same transactions."""

from itertools import groupby
from statistics import median
from time import perf_counter

from benchmarks.intake import Run
from benchmarks.ledger import folder, url
from benchmarks.results import Ask, Progress, Table
from infrastructure.database import Database
from infrastructure.recorder import Row
from infrastructure.schema import events

RUNS = 5
ASKED_SHARE = 0.25


def measure(run: Run, rows: list[Row], progress: Progress) -> Table:
    """Insert the rows that an import recorded, and compare the import with it."""
    transactions = [list(each) for _, each in groupby(rows, key=lambda row: row.command_id)]
    seconds = []
    for number in range(1, RUNS + 1):
        progress(f"bare executemany, run {number} of {RUNS}")
        seconds.append(_insert(transactions))
    return _table(run, median(seconds), len(transactions))


def _table(run: Run, limit: float, transactions: int) -> Table:
    table = Table(
        "limit",
        "The limit: bare executemany of the same rows",
        ["what", "events/s", "facts/s", "ratio to limit"],
    )
    for name, seconds in (
        ("bare executemany", limit),
        ("ours, whole import", run.whole),
        ("ours, projector's share taken out", run.without_projector),
        ("ours, events stage alone", run.seconds["events"] + run.seconds["commit"]),
    ):
        table.rows.append([name, run.events / seconds, run.facts / seconds, limit / seconds])
    table.notes.append(
        f"pysqlite3, the ledger's own PRAGMAs (WAL, synchronous=FULL), {transactions} transactions as the import made "
        f"them, median of {RUNS} runs"
    )
    table.asks.append(Ask("whole import / bare executemany", limit / run.whole, ASKED_SHARE))
    return table


def _insert(transactions: list[list[Row]]) -> float:
    statement = f"INSERT INTO events VALUES ({', '.join('?' * len(Row._fields))})"  # noqa: S608 - question marks alone
    with folder() as path:
        database = Database(url(path))
        with database.engine.begin() as connection:
            events.create(connection)
        pooled = database.engine.raw_connection()
        driver = pooled.cursor()
        started = perf_counter()
        for rows in transactions:
            driver.execute("BEGIN IMMEDIATE")
            driver.executemany(statement, rows)
            driver.execute("COMMIT")
        seconds = perf_counter() - started
        pooled.close()
        database.close()
        return seconds
