"""Statements that are compiled once: SQLAlchemy's work for each call costs more than many of our queries."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Integer, Table, literal_column
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement, ColumnElement

from infrastructure.database.dialect import OnConflict


def constant(number: int) -> ColumnElement[int]:
    """A number as part of the statement's text: SQLite plans a statement again each time a LIMIT is bound."""
    return literal_column(str(number), Integer)


class Prepared:
    """A statement compiled once for the database's dialect."""

    def __init__(self, statement: ClauseElement, compiler: Dialect) -> None:
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
