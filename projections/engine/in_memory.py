"""Tables of a projection in memory: for what is folded once more, read once and forgotten."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Column, Row, Table, create_engine, delete, insert, select, tuple_
from sqlalchemy.engine import Connection

from projections.engine.projection import Definitions, Rows

_KEYS = 2_000
"""Keys in a statement: SQLite takes 32,766 values."""


@dataclass(frozen=True)
class InMemoryTables:
    """The tables of a projection, under the names they were declared with."""

    connection: Connection
    definitions: Definitions

    def __getitem__(self, table: Table) -> Table:
        return table

    def find(self, table: Table, keys: Iterable[tuple[Any, ...]], *, by: int | None = None) -> list[Row[Any]]:
        """The rows whose first `by` columns, by default the primary key, are one of the keys."""
        columns = list(table.primary_key)[:by]
        return [
            row
            for some in _chunks(keys, len(columns))
            for row in self.connection.execute(select(table).where(tuple_(*columns).in_(some)))
        ]

    def put(self, table: Table, rows: Rows) -> None:
        """Put rows, whole and in the order of the columns, in the place of those with the same key."""
        names = [each.name for each in table.columns]
        if rows:
            into = insert(table).prefix_with("OR REPLACE")
            self.connection.execute(into, [dict(zip(names, row, strict=True)) for row in rows])

    def remove(self, table: Table, keys: Iterable[tuple[Any, ...]]) -> None:
        """Remove the rows of these primary keys."""
        columns: list[Column[Any]] = list(table.primary_key)
        for some in _chunks(keys, len(columns)):
            self.connection.execute(delete(table).where(tuple_(*columns).in_(some)))


@contextmanager
def in_memory(tables: Sequence[Table], definitions: Definitions) -> Iterator[InMemoryTables]:
    """Empty tables in memory; they are gone with the block."""
    # The library that opens ledgers: a second one in the same process is never loaded.
    engine = create_engine("sqlite://", module=sqlite)
    try:
        with engine.begin() as connection:
            for table in tables:
                table.create(connection)
            yield InMemoryTables(connection, definitions)
    finally:
        engine.dispose()


def _chunks(keys: Iterable[tuple[Any, ...]], width: int) -> Iterator[list[tuple[Any, ...]]]:
    """Keys, cut to their first columns, so many at a time."""
    cut = [key[:width] for key in keys]
    for start in range(0, len(cut), _KEYS):
        yield cut[start : start + _KEYS]
