"""The ledger's database: SQLite in a file, or PostgreSQL.

Only sqlite.py and postgresql.py know what differs between the two. dialect.py is their common interface, and runs
statements that are compiled once. failures.py says what a failure means for the caller.
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
"""Class by SQLAlchemy's name, which is the module's too. Only the module needed is loaded: drivers load slowly."""


class Database:
    """One database, and the connections of this process to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.dialect = _open_dialect(url)
        # On SQLite the threads of this process wait for each other here, and not for the file's lock, where waiting
        # means polling.
        self._turns = threading.RLock() if self.dialect.one_writer else nullcontext()

    @property
    def address(self) -> str:
        """The URL without its password, to be shown."""
        return self.dialect.engine.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A read transaction: one consistent view of everything that was committed before its first query."""
        with self.dialect.failures(), self._transaction("reading") as connection:
            yield connection

    def writing(self) -> AbstractContextManager[Connection]:
        """A write transaction, rolled back if the block raises an error. Raises OutcomeUnknown.

        On SQLite there is one at a time, and the others wait here.
        """
        return self._writing("writing")

    def projecting(self) -> AbstractContextManager[Connection]:
        """A write transaction for what the log can make again: on SQLite a power cut may undo the last ones."""
        return self._writing("projecting")

    @contextmanager
    def _writing(self, purpose: Purpose) -> Iterator[Connection]:
        # The order matters: first the turn of this process, then the lock of the database.
        with self.dialect.failures(), self._turns, self._transaction(purpose) as connection:
            yield connection
            self._commit(connection)
            self.dialect.tidy(connection)

    def _commit(self, connection: Connection) -> None:
        try:
            connection.commit()
        except Exception as error:
            # COMMIT may have arrived: only the server knows whether the transaction is recorded.
            if self.dialect.is_broken(connection):
                reason = getattr(error, "orig", error)
                raise OutcomeUnknown(f"the database went away while it committed: {reason}") from error
            raise

    @contextmanager
    def _transaction(self, purpose: Purpose) -> Iterator[Connection]:
        """A connection in a transaction, which is rolled back unless the caller commits it."""
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
    """Return the file of a SQLite URL; None for any other URL."""
    try:
        parsed = make_url(url)
    except SQLAlchemyError:
        return None
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def _open_dialect(url: str) -> Dialect:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except Exception as error:
        # The message does not repeat the URL: it may contain a password.
        raise UnusableDatabase("this is not a database URL; try sqlite:///conversions.db") from error
    if backend not in _DIALECTS:
        raise UnusableDatabase(
            f"no support for {backend}; try sqlite:///conversions.db or postgresql+psycopg://USER@HOST/DATABASE"
        )
    dialect: type[Dialect] = getattr(import_module(f"{__name__}.{backend}"), _DIALECTS[backend])
    return dialect(parsed)
