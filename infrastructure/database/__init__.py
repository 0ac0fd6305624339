"""The ledger's database: SQLite in a file, or PostgreSQL.

What differs between the two stands in sqlite.py and postgresql.py, and nowhere else; what both are asked for is
dialect.py. statements.py runs statements compiled once, failures.py says what a failure means for whoever writes.
"""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import SQLAlchemyError

from infrastructure.database.dialect import Dialect, Purpose, UnusableDatabase
from infrastructure.database.failures import OutcomeUnknown

__all__ = ["Database", "UnusableDatabase", "sqlite_file"]

_DIALECTS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
"""By SQLAlchemy's name, which is the module's too: a driver takes a while to load, and one of them is enough."""


class Database:
    """One database, and the connections of this process to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.dialect = _dialect(url)
        self._turns = threading.RLock() if self.dialect.one_writer else nullcontext()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A read transaction: one consistent view of what was committed before its first query."""
        with self.dialect.failures(), self._connected("reading") as connection:
            yield connection

    def writing(self) -> AbstractContextManager[Connection]:
        """A write transaction, left with an error it leaves nothing behind; raises OutcomeUnknown.

        SQLite lets one in at a time, and the next one waits here.
        """
        return self._writing("writing")

    def projecting(self) -> AbstractContextManager[Connection]:
        """The same, but that a power cut may undo the last ones, whole, on SQLite: for what the log can make again."""
        return self._writing("projecting")

    @contextmanager
    def _writing(self, purpose: Purpose) -> Iterator[Connection]:
        with self.dialect.failures(), self._turns, self._connected(purpose) as connection:
            yield connection
            self._commit(connection)
            self.dialect.tidy(connection)

    def _commit(self, connection: Connection) -> None:
        try:
            connection.commit()
        except Exception as error:
            if self.dialect.is_broken(connection):
                reason = getattr(error, "orig", error)
                raise OutcomeUnknown(f"the database went away while it committed: {reason}") from error
            raise

    @contextmanager
    def _connected(self, purpose: Purpose) -> Iterator[Connection]:
        """A connection in a transaction, which is rolled back unless it was committed."""
        connection = self.dialect.connect(purpose)
        try:
            connection.begin()
            yield connection
        except BaseException:
            if self.dialect.is_broken(connection):
                connection.invalidate()
            raise
        finally:
            connection.close()

    def close(self) -> None:
        """Close all connections."""
        self.dialect.engine.dispose()


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL; None for any other."""
    try:
        parsed = make_url(url)
    except SQLAlchemyError:
        return None
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def _dialect(url: str) -> Dialect:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except Exception as error:
        # Not repeated: there may be a password in it.
        raise UnusableDatabase("this is no database URL; try sqlite:///conversions.db") from error
    if backend not in _DIALECTS:
        raise UnusableDatabase(
            f"no support for {backend}; try sqlite:///conversions.db or postgresql+psycopg://USER@HOST/DATABASE"
        )
    dialect: type[Dialect] = getattr(import_module(f"{__name__}.{backend}"), _DIALECTS[backend])
    return dialect(parsed)
