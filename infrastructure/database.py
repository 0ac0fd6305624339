"""Opening the ledger's database: one engine per process, with the settings that make an acknowledgement durable."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Connection, Engine, Integer, create_engine, event, literal_column, make_url
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql import ClauseElement, ColumnElement

_SQLITE_BUSY_SECONDS = 60
_SQLITE_CACHE_KIB = 64 * 1024
_SQLITE_CHECKPOINT_PAGES = 32_768

# WAL with FULL loses nothing acknowledged at a power cut; with NORMAL it did (measured before we began).
_SQLITE_SETTINGS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA cache_size=-{_SQLITE_CACHE_KIB}",
    f"PRAGMA wal_autocheckpoint={_SQLITE_CHECKPOINT_PAGES}",
)


class UnusableDatabase(Exception):
    """A database URL that the ledger cannot work with."""


class Database:
    """An engine and the lock under which this process writes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)
        self.write_lock = threading.RLock()
        """Held by whoever writes in this process, and by what is kept in memory about what was written."""

    @property
    def dialect(self) -> Dialect:
        """The dialect statements are compiled for."""
        return self.engine.dialect

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A read transaction: one consistent view of what was committed before."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A write transaction that has the write lock from its start."""
        with (
            self.write_lock,
            self.engine.connect().execution_options(ledger_writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def constant(number: int) -> ColumnElement[int]:
    """A number written into the statement: SQLite plans a statement anew whenever a bound LIMIT is bound."""
    return literal_column(str(number), Integer)


class Prepared:
    """A statement compiled once for the database's dialect, and run past the ORM's and Core's per-call work."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._names: Sequence[str] | None = getattr(compiled, "positiontup", None)
        stated = getattr(compiled, "params", {})
        self._constants = {name: value for name, value in stated.items() if value is not None}

    def all(self, connection: Connection, **values: Any) -> list[Any]:
        """Every row."""
        return self._run(connection, values).fetchall()  # type: ignore[no-any-return]

    def first(self, connection: Connection, **values: Any) -> Any:  # noqa: ANN401
        """The first row, or None."""
        return self._run(connection, values).fetchone()

    def many(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run once for each row of values, in the order of the statement's parameters."""
        if rows:
            _driver(connection).executemany(self.sql, rows)

    def _run(self, connection: Connection, values: dict[str, Any]) -> Any:  # noqa: ANN401
        if self._constants:
            values = {**self._constants, **values}
        given = values if self._names is None else [values[name] for name in self._names]
        return _driver(connection).execute(self.sql, given)


def _driver(connection: Connection) -> Any:  # noqa: ANN401
    return connection.connection.cursor()


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL; None for any other."""
    try:
        parsed = make_url(url)
    except SQLAlchemyError:
        return None
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except Exception as error:
        # Not repeated: there may be a password in it.
        raise UnusableDatabase("this is no database URL; try sqlite:///conversions.db") from error
    if parsed.get_backend_name() != "sqlite":
        raise UnusableDatabase(
            f"no support for {parsed.get_backend_name()} yet; try sqlite:///conversions.db"
        )
    if parsed.database in (None, "", ":memory:"):
        raise UnusableDatabase("an in-memory database cannot keep a ledger; try sqlite:///conversions.db")
    engine = create_engine(parsed, module=sqlite, connect_args={"timeout": _SQLITE_BUSY_SECONDS})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401
    # The driver's own BEGIN is deferred: a read that turns into a write then fails instead of waiting.
    connection.isolation_level = None
    for setting in _SQLITE_SETTINGS:
        connection.execute(setting)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("ledger_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
