"""The tables of read models as projections write them: many rows at a time, in either database."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Delete, Row, Select, Table, and_, delete, select, tuple_
from sqlalchemy.sql import FromClause

from infrastructure.database.dialect import Dialect, as_keys
from projections.engine.generations import Generation
from projections.engine.projection import Definitions, Rows


class ReadModelTables:
    """Gives the tables of a generation, and keeps their statements: making one takes longer than running it."""

    def __init__(self, dialect: Dialect, definitions: Definitions) -> None:
        self.dialect = dialect
        self.definitions = definitions
        self._fills: dict[str, Callable[[Connection, Rows], None]] = {}
        self._selects: dict[tuple[str, int], Select[Any]] = {}
        self._deletes: dict[str, Delete] = {}

    def __call__(self, connection: Connection, generation: Generation) -> "GenerationTables":
        return GenerationTables(connection, generation, self)

    def fill(self, table: Table) -> Callable[[Connection, Rows], None]:
        """The function that puts rows into a table; a row replaces the one with its key."""
        if table.name not in self._fills:
            self._fills[table.name] = self.dialect.filling(table, "replace")
        return self._fills[table.name]

    def select_by(self, table: Table, by: int) -> Select[Any]:
        """The query for rows by the first columns of the primary key; their values are the parameter `keys`."""
        if (table.name, by) not in self._selects:
            columns = list(table.primary_key)[:by]
            wanted = self._select_keys(columns)
            same = and_(*(each == wanted.c[each.name] for each in columns))
            self._selects[table.name, by] = select(table).join(wanted, same)
        return self._selects[table.name, by]

    def delete_by_key(self, table: Table) -> Delete:
        """The statement that removes rows by primary key; the keys are the parameter `keys`."""
        if table.name not in self._deletes:
            columns = list(table.primary_key)
            wanted = select(*self._select_keys(columns).c)
            self._deletes[table.name] = delete(table).where(tuple_(*columns).in_(wanted))
        return self._deletes[table.name]

    def _select_keys(self, columns: list[Any]) -> FromClause:
        return self.dialect.keys("keys", **{each.name: each.type for each in columns})


@dataclass
class GenerationTables:
    """The tables of one generation in a transaction: it fills the port of the projections."""

    connection: Connection
    generation: Generation
    _tables: ReadModelTables

    @property
    def definitions(self) -> Definitions:
        """What never changes once facts refer to it."""
        return self._tables.definitions

    def __getitem__(self, table: Table) -> Table:
        return self.generation[table]

    def find(self, table: Table, keys: Iterable[tuple[Any, ...]], *, by: int | None = None) -> list[Row[Any]]:
        """Find the rows whose first `by` columns of the primary key are one of the keys; by default the whole key."""
        own, keys = self.generation[table], list(keys)
        if not keys:
            return []
        columns = list(own.primary_key)[:by]
        query = self._tables.select_by(own, len(columns))
        return list(self.connection.execute(query, {"keys": self._encode_keys(columns, keys)}).all())

    def put(self, table: Table, rows: Rows) -> None:
        """Put rows, whole and in the order of the columns; a row replaces the one with its key."""
        if rows:
            self._tables.fill(self.generation[table])(self.connection, rows)

    def remove(self, table: Table, keys: Iterable[tuple[Any, ...]]) -> None:
        """Remove the rows of these primary keys."""
        own, keys = self.generation[table], list(keys)
        if not keys:
            return
        written = self._encode_keys(list(own.primary_key), keys)
        self.connection.execute(self._tables.delete_by_key(own), {"keys": written})

    def _encode_keys(self, columns: list[Any], keys: list[tuple[Any, ...]]) -> str:
        """Write keys as the columns hold them: SQLite keeps instants, days and money as text."""
        compiler = self.connection.dialect
        makers = [each.type.dialect_impl(compiler).bind_processor(compiler) for each in columns]
        if not any(makers):
            return as_keys([key[: len(columns)] for key in keys])
        plain: list[Any] = [maker or (lambda value: value) for maker in makers]
        return as_keys([[make(value) for make, value in zip(plain, key, strict=False)] for key in keys])
