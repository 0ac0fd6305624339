"""The tables of a generation as projections write them: many rows at a time, in either database."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Delete, Row, Select, Table, and_, delete, select, tuple_
from sqlalchemy.sql import FromClause

from infrastructure.database.dialect import Dialect
from infrastructure.database.statements import as_keys
from projections.engine.generations import Generation
from projections.engine.projection import Definitions, Rows


class ReadModelTables:
    """Makes stores, and keeps the statements on their tables: to make them takes longer than to run them."""

    def __init__(self, dialect: Dialect, known: Definitions) -> None:
        self.dialect = dialect
        self.known = known
        self._fills: dict[str, Callable[[Connection, Rows], None]] = {}
        self._finds: dict[tuple[str, int], Select[Any]] = {}
        self._removes: dict[str, Delete] = {}

    def __call__(self, connection: Connection, generation: Generation) -> "GenerationTables":
        return GenerationTables(connection, generation, self)

    def fill(self, table: Table) -> Callable[[Connection, Rows], None]:
        """What puts rows into a table, in the place of those with the same key."""
        if table.name not in self._fills:
            self._fills[table.name] = self.dialect.filling(table, "replace")
        return self._fills[table.name]

    def finding(self, table: Table, by: int) -> Select[Any]:
        """What finds rows of a table by the first columns of its primary key, in the parameter `keys`."""
        if (table.name, by) not in self._finds:
            columns = list(table.primary_key)[:by]
            wanted = self._wanted(columns)
            same = and_(*(each == wanted.c[each.name] for each in columns))
            self._finds[table.name, by] = select(table).join(wanted, same)
        return self._finds[table.name, by]

    def removing(self, table: Table) -> Delete:
        """What removes rows of a table by primary key, in the parameter `keys`."""
        if table.name not in self._removes:
            columns = list(table.primary_key)
            wanted = select(*self._wanted(columns).c)
            self._removes[table.name] = delete(table).where(tuple_(*columns).in_(wanted))
        return self._removes[table.name]

    def _wanted(self, columns: list[Any]) -> FromClause:
        return self.dialect.keys("keys", **{each.name: each.type for each in columns})


@dataclass
class GenerationTables:
    """The store of a generation in a transaction: the projections' port."""

    connection: Connection
    generation: Generation
    _stores: ReadModelTables

    @property
    def definitions(self) -> Definitions:
        """What never changes once facts refer to it."""
        return self._stores.known

    def __getitem__(self, table: Table) -> Table:
        return self.generation[table]

    def find(self, table: Table, keys: Iterable[tuple[Any, ...]], *, by: int | None = None) -> list[Row[Any]]:
        """The rows whose first `by` columns, by default the primary key, are one of the keys."""
        own, keys = self.generation[table], list(keys)
        if not keys:
            return []
        columns = list(own.primary_key)[:by]
        query = self._stores.finding(own, len(columns))
        return list(self.connection.execute(query, {"keys": self._written(columns, keys)}).all())

    def put(self, table: Table, rows: Rows) -> None:
        """Put rows, whole and in the order of the columns, in the place of those with the same key."""
        if rows:
            self._stores.fill(self.generation[table])(self.connection, rows)

    def remove(self, table: Table, keys: Iterable[tuple[Any, ...]]) -> None:
        """Remove the rows of these primary keys."""
        own, keys = self.generation[table], list(keys)
        if not keys:
            return
        written = self._written(list(own.primary_key), keys)
        self.connection.execute(self._stores.removing(own), {"keys": written})

    def _written(self, columns: list[Any], keys: list[tuple[Any, ...]]) -> str:
        """Keys as the columns hold them."""
        compiler = self.connection.dialect
        makers = [each.type.dialect_impl(compiler).bind_processor(compiler) for each in columns]
        if not any(makers):
            return as_keys([key[: len(columns)] for key in keys])
        plain: list[Any] = [maker or (lambda value: value) for maker in makers]
        return as_keys([[make(value) for make, value in zip(plain, key, strict=False)] for key in keys])
