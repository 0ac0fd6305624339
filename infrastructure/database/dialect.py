"""What the ledger needs from a database beyond SQL that both kinds understand.

Statements are compiled once: SQLAlchemy's work for each call costs more than many of our queries.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

import msgspec
from sqlalchemy import URL, Connection, Engine, Integer, Table, literal_column
from sqlalchemy.engine import Dialect as Compiler
from sqlalchemy.sql import ClauseElement, ColumnElement, FromClause
from sqlalchemy.types import TypeEngine

Purpose = Literal["reading", "writing", "projecting"]
"""What a transaction is for. A projecting one writes what can be made again after a power cut, so it need not wait for
the disk."""

OnConflict = Literal["refuse", "ignore", "replace"]
"""What happens to a row whose key exists: an IntegrityError, nothing, or it replaces the existing row."""

Fill = Callable[[Connection, Sequence[tuple[Any, ...]]], None]
"""Inserts rows, whole and in the order of the table's columns."""


class UnusableDatabase(Exception):
    """The ledger cannot work with a database of this URL."""


class Dialect(Protocol):
    """One kind of database; its constructor raises UnusableDatabase."""

    engine: Engine
    one_writer: bool
    """Whether a write transaction excludes all others from its start; the locks below then do nothing."""
    poll_seconds: float
    """How often to look for new events, in seconds."""

    def __init__(self, url: URL) -> None: ...

    @property
    def compiler(self) -> Compiler:
        """SQLAlchemy's dialect, for which statements are compiled."""

    def connect(self, purpose: Purpose) -> Connection:
        """A connection from the pool, set up for a transaction of that purpose."""

    def is_broken(self, connection: Connection) -> bool:
        """Whether the connection cannot be used again."""

    def failures(self) -> AbstractContextManager[None]:
        """Turn the driver's errors into those of failures.py."""

    def keys(self, parameter: str, **columns: type | TypeEngine[Any]) -> FromClause:
        """Many keys as a table with columns of these types; the parameter is one JSON array of arrays."""

    def filling(self, table: Table, on_conflict: OnConflict = "refuse") -> Fill:
        """The function that inserts rows into the table, thousands at a time."""

    def take_turn(self, connection: Connection, *, alone: bool) -> None:
        """Take the first lock of a write transaction: shared with other writers, or `alone`, without any."""

    def lock_log(self, connection: Connection) -> None:
        """Lock the log for appending until the transaction ends. It is the last lock that a transaction takes."""

    def unblock(self) -> None:
        """End a writer that hangs while it holds a lock for which others wait."""

    def lock_schema(self, connection: Connection) -> None:
        """Lock the schema for migrations until the transaction ends."""

    def tidy(self, connection: Connection) -> None:
        """Do maintenance after a transaction has committed, before the next begins."""

    def announce(self, connection: Connection) -> None:
        """Notify listeners of new events once the transaction commits."""

    def listen(self) -> AbstractContextManager[Callable[[float], None]]:
        """Listen for notifications: gives a function that waits for some seconds, or until a notification comes."""


def constant(number: int) -> ColumnElement[int]:
    """A number as part of the statement's text: SQLite plans a statement again each time a LIMIT is bound."""
    return literal_column(str(number), Integer)


class Prepared:
    """A statement compiled once for the database's dialect."""

    def __init__(self, statement: ClauseElement, compiler: Compiler) -> None:
        compiled = statement.compile(dialect=compiler)
        self.sql = str(compiled)
        self._names: Sequence[str] | None = getattr(compiled, "positiontup", None)
        stated = getattr(compiled, "params", {})
        self._constants = {name: value for name, value in stated.items() if value is not None}

    def all(self, connection: Connection, **values: Any) -> list[Any]:
        """Run the statement and return every row."""
        return self.run(connection, **values).fetchall()  # type: ignore[no-any-return]

    def first(self, connection: Connection, **values: Any) -> Any:  # noqa: ANN401
        """Run the statement and return the first row, or None."""
        return self.run(connection, **values).fetchone()

    def run(self, connection: Connection, **values: Any) -> Any:  # noqa: ANN401
        """Run the statement and return the driver's cursor."""
        if self._constants:
            values = {**self._constants, **values}
        given = values if self._names is None else [values[name] for name in self._names]
        return cursor(connection).execute(self.sql, given)


def as_keys(rows: Sequence[Sequence[Any]]) -> str:
    """Write rows in the form of a dialect's `keys`: a JSON array of arrays."""
    return msgspec.json.encode(rows).decode()


def resolve_conflicts(statement: Any, table: Table, on_conflict: OnConflict) -> Any:  # noqa: ANN401
    """Add to an INSERT what happens to a row whose key exists; both dialects have the same methods for it."""
    if on_conflict == "refuse":
        return statement
    rest = {each.name: statement.excluded[each.name] for each in table.columns if not each.primary_key}
    if on_conflict == "ignore" or not rest:
        return statement.on_conflict_do_nothing()
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=rest)


def cursor(connection: Connection) -> Any:  # noqa: ANN401
    """Open a cursor of the driver, in the connection's transaction."""
    return connection.connection.cursor()
