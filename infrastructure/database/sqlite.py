"""SQLite in a file, by pysqlite3: Python's own SQLite has a bug that can corrupt a write-ahead log (we measured it).

A process may open a ledger file through one SQLite library only. A second library would drop the first one's locks,
because the system drops all locks of a process on a file when the process closes it once.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from eventsourcing.persistence import IntegrityError, OperationalError, ProgrammingError
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import URL, Connection, String, Table, bindparam, column, create_engine, event, func, select
from sqlalchemy import exc as sqlalchemy_errors
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Dialect as Compiler
from sqlalchemy.sql import FromClause
from sqlalchemy.types import TypeEngine

from infrastructure.database.dialect import (
    Dialect,
    Fill,
    OnConflict,
    Purpose,
    UnusableDatabase,
    cursor,
    resolve_conflicts,
)
from infrastructure.database.failures import Busy, DiskFull

_BUSY_SECONDS = 60
_LOOK_SECONDS = 0.001
"""How often to try again when another process has the write lock."""
_CACHE_KIB = 64 * 1024
_CHECKPOINT_PAGES = 32_768
_LONG_LOG = 256 * 1024 * 1024
"""Bytes of a long write-ahead log. An import always has a reader open, and so the log never starts again by itself."""
_TIDY_MILLISECONDS = 3_000

# WAL with FULL loses nothing acknowledged at a power cut; with NORMAL it did (measured before we began).
_SETTINGS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA cache_size=-{_CACHE_KIB}",
    f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}",
)

_MOST_ROWS = 1024
"""Rows in one statement. Other threads run Python while it runs; and 10 columns stay below SQLite's 32,766 values."""


class SQLite(Dialect):
    """A ledger in a file, written by one transaction at a time."""

    one_writer = True
    poll_seconds = 0.05

    def __init__(self, url: URL) -> None:
        if url.database in (None, "", ":memory:"):
            raise UnusableDatabase("an in-memory database cannot keep a ledger; try sqlite:///conversions.db")
        self._long_log = _LONG_LOG
        self._log_file = Path(f"{url.database}-wal")
        arguments = {"timeout": _BUSY_SECONDS, "check_same_thread": False}
        self.engine = create_engine(url, module=sqlite, connect_args=arguments)
        event.listen(self.engine, "connect", _set_up)
        event.listen(self.engine, "begin", _begin)

    @property
    def compiler(self) -> Compiler:
        return self.engine.dialect

    def connect(self, purpose: Purpose) -> Connection:
        return self.engine.connect().execution_options(ledger_purpose=purpose)

    def is_broken(self, connection: Connection) -> bool:
        return False

    @contextmanager
    def failures(self) -> Iterator[None]:
        try:
            yield
        except (sqlite.Error, sqlalchemy_errors.DBAPIError) as error:
            raise _translate(error) from error

    def keys(self, parameter: str, **columns: type | TypeEngine[Any]) -> FromClause:
        rows = func.json_each(bindparam(parameter)).table_valued(column("value", String))
        values = (
            func.json_extract(rows.c.value, f"$[{place}]").label(name) for place, name in enumerate(columns)
        )
        return select(*values).subquery()

    def filling(self, table: Table, on_conflict: OnConflict = "refuse") -> Fill:
        head, row, tail = _split_insert(table, on_conflict, self.compiler)
        bind = _binder(table, self.compiler)

        @cache
        def statement(rows: int) -> str:
            return f"{head} VALUES {', '.join([row] * rows)}{tail}"

        def fill(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
            run, done = cursor(connection).execute, 0
            while done < len(rows):
                # Powers of two, so that there are few statements to plan.
                size = min(_MOST_ROWS, 1 << ((len(rows) - done).bit_length() - 1))
                run(statement(size), [value for row in bind(rows[done : done + size]) for value in row])
                done += size

        return fill

    def take_turn(self, connection: Connection, *, alone: bool) -> None:
        """Do nothing: BEGIN IMMEDIATE has locked everything."""

    def lock_log(self, connection: Connection) -> None:
        """Do nothing: BEGIN IMMEDIATE has locked everything."""

    def unblock(self) -> None:
        """Do nothing: a process that hangs keeps its lock until it ends."""

    def lock_schema(self, connection: Connection) -> None:
        """Do nothing: BEGIN IMMEDIATE has locked everything."""

    def tidy(self, connection: Connection) -> None:
        """Start a long write-ahead log again from its beginning: while readers overlap, it would only grow."""
        size = _size(self._log_file)
        if size <= self._long_log:
            return
        run = cursor(connection).execute
        run(f"PRAGMA busy_timeout={_TIDY_MILLISECONDS}").fetchall()
        ((busy, *_),) = run("PRAGMA wal_checkpoint(RESTART)").fetchall()
        run(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}").fetchall()
        # If a long read prevented it, try again only after as many bytes more: each try makes a commit wait.
        self._long_log = size + _LONG_LOG if busy else _LONG_LOG

    def announce(self, connection: Connection) -> None:
        """Do nothing: whoever follows the log polls it."""

    @contextmanager
    def listen(self) -> Iterator[Callable[[float], None]]:
        yield time.sleep


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _split_insert(table: Table, on_conflict: OnConflict, compiler: Compiler) -> tuple[str, str, str]:
    """Split an INSERT of one row into the text before VALUES, the row, and the text after it."""
    statement = resolve_conflicts(insert(table), table, on_conflict)
    head, _, values = str(statement.compile(dialect=compiler)).partition(" VALUES ")
    row, close, tail = values.partition(")")
    return head, row + close, tail


def _binder(table: Table, compiler: Compiler) -> Callable[[Any], Any]:
    """The function that turns rows into values for the driver: instants, days and money become text."""
    made = [each.type.dialect_impl(compiler).bind_processor(compiler) for each in table.columns]
    makers = [(place, maker) for place, maker in enumerate(made) if maker is not None]
    if not makers:
        return lambda rows: rows

    def bind(rows: Sequence[tuple[Any, ...]]) -> Iterator[list[Any]]:
        for row in rows:
            values = list(row)
            for place, maker in makers:
                values[place] = maker(values[place])
            yield values

    return bind


def _set_up(connection: Any, _record: object) -> None:  # noqa: ANN401
    # The driver's own BEGIN is deferred: a read that turns into a write then fails instead of waiting.
    connection.isolation_level = None
    for setting in _SETTINGS:
        # When several processes switch a new file to write-ahead logging at once, SQLite refuses all but one.
        _run_once_free(connection.execute, setting)


def _begin(connection: Connection) -> None:
    purpose: Purpose = connection.get_execution_options().get("ledger_purpose", "reading")
    if purpose == "reading":
        connection.exec_driver_sql("BEGIN")
        return
    waits = purpose == "writing"
    if connection.info.get("waits", True) != waits:
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if waits else 'NORMAL'}")
        connection.info["waits"] = waits
    _take_the_lock(cursor(connection).execute)


def _take_the_lock(run: Callable[[str], Any]) -> None:
    """Begin to write as soon as the lock is free: SQLite's own waiting looks less and less often."""
    run("PRAGMA busy_timeout=0")
    try:
        _run_once_free(run, "BEGIN IMMEDIATE")
    finally:
        run(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")


def _run_once_free(run: Callable[[str], Any], statement: str) -> None:
    """Run a statement as soon as the lock that it needs is free."""
    give_up = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            run(statement)
        except sqlite.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(_LOOK_SECONDS)
        else:
            return


def _translate(error: Exception) -> Exception:
    reason = getattr(error, "orig", None) or error
    if isinstance(reason, sqlite.IntegrityError):
        return IntegrityError(str(reason))
    if isinstance(reason, sqlite.OperationalError):
        if "full" in str(reason):
            return DiskFull(str(reason))
        return Busy(str(reason)) if "locked" in str(reason) else OperationalError(str(reason))
    return ProgrammingError(str(reason))
