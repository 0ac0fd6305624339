"""Back from what the read models hold now to a position before: only users of whom more was recorded are looked at.

What their events up to the position give is folded, and then, in a copy, what all their events up to now give. Sums of
a campaign are those of all its users: the sums now, less these users' now, and with these users' then, are the sums
then. Rows of single users are as they are now for all other users.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, islice
from typing import Any

from sqlalchemy import Row, Select, Table, insert, select
from sqlalchemy.engine import Connection

from projections.campaign_report.reading import load_report
from projections.engine.generations import Generation, find_currents
from projections.engine.projection import Logged, Projection, WritableTables
from projections.engine.tables import EXACT, key_of
from projections.frozen import ALWAYS_THERE, ENDS, SUMS
from projections.frozen.folding import Then, fold_into
from projections.frozen.tables import FrozenTables

FEW = 100_000
"""Receipts of a campaign whose rows are copied before anyone asks: that is done within a second or two."""

_ROWS = 5_000
"""Rows that are copied at a time."""


@dataclass(frozen=True)
class Now:
    """What some read models hold now: all of them stand at one position."""

    generations: Mapping[Projection, Generation]
    position: int


def find_now(connection: Connection, projections: Sequence[Projection]) -> Now | None:
    """Find what the read models hold; None where this code did not make all of them, or where they are apart."""
    found = find_currents(connection, projections)
    here = {
        projection: each for projection, each in found.items() if each is not None and each.is_of(projection)
    }
    positions = {each.position for each in here.values()}
    return Now(here, positions.pop()) if len(here) == len(projections) and len(positions) == 1 else None


@dataclass(frozen=True)
class Rewinding:
    """Read models of a campaign at a position, from what they hold now, at or after it."""

    then: Then
    now: Now

    def rewind_campaign(self, *, rows: bool) -> FrozenTables:
        """The read models that follow from events of the campaign; raises UnreadableLog.

        Sums are always there; rows of single users are there if asked for (`rows`), or if they are few.
        """
        journeys = {logged.stream_id for logged in self.then.of_campaign(self.then.position, self._last)}

        def between(after: int, last: int) -> Iterable[Logged]:
            return chain(self.then.own_events(after, last), self.then.of_users(journeys, after, last))

        made = self._rewind(between)
        made.has_rows = rows or self._count_receipts(made) <= FEW
        with made.writing(self.then.tables_of) as tables:
            for projection, table in self._tables_of_users():
                others = _Others(self.now.generations[projection][table], self.then, journeys)
                if made.has_rows:
                    others.copy(tables[projection.name], table)
                elif table.name in ENDS:
                    tables[projection.name].put(table, others.find_ends(ENDS[table.name]))
                else:
                    # Whoever asks for rows without saying so learns it at once.
                    tables[projection.name][table].drop(tables[projection.name].connection)
        return made

    def rewind_behaviours(self) -> FrozenTables:
        """The overlap: whoever has since converted, on any campaign, is looked at."""
        journeys = self.then.converted_between(self.then.position, self._last)
        return self._rewind(lambda after, last: self.then.conversions_of(journeys, after, last))

    @property
    def _last(self) -> int:
        return self.now.position

    def _rewind(self, between: Callable[[int, int], Iterable[Logged]]) -> FrozenTables:
        """Fold some events between two positions, and put the campaign's sums in the place of what they give."""
        projections = list(self.now.generations)
        made = FrozenTables(projections, self.then.position)
        fold_into(made, projections, between(0, self.then.position), self.then)
        with made.copy() as copied:
            # Read apart from those before: in a large ledger they are too many to be held until then.
            fold_into(copied, projections, between(self.then.position, self._last), self.then)
            self._combine(made, copied)
        return made

    def _combine(self, made: FrozenTables, copied: FrozenTables) -> None:
        """Put the campaign's sums at the position in the place of those of the users that were looked at."""
        with made.writing(self.then.tables_of) as tables, copied.writing(self.then.tables_of) as later:
            for projection, generation in self.now.generations.items():
                for table in projection.tables:
                    if table.name in SUMS:
                        own, others = tables[projection.name], later[projection.name]
                        self._combine_sums(table, generation, own, others)

    def _combine_sums(
        self, table: Table, now: Generation, then: WritableTables, later: WritableTables
    ) -> None:
        width = SUMS[table.name]
        held, ours, theirs = (
            {key_of(table, row): row for row in self._rows(connection, tables[table])}
            for connection, tables in (
                (self.then.connection, now),
                (then.connection, then),
                (later.connection, later),
            )
        )
        put = []
        for key in {**ours, **held}:
            attributes = (ours.get(key) or held[key])[:-width]
            sums = _add(
                _sums(held.get(key), width), _sums(theirs.get(key), width), _sums(ours.get(key), width)
            )
            if any(sums) or (table.name in ALWAYS_THERE and key in ours):
                put.append((*attributes, *sums))
        then.remove(table, ours)
        then.put(table, put)

    def _count_receipts(self, made: FrozenTables) -> int:
        with made.reading() as connection:
            found = load_report(connection, self.then.app_group, self.then.campaign_id)
        return 0 if found is None else sum(each.figures.receipts for each in found.variants)

    def _tables_of_users(self) -> Iterator[tuple[Projection, Table]]:
        for projection in self.now.generations:
            for table in projection.tables:
                if table.name not in SUMS and "stream_id" in table.c:
                    yield projection, table

    def _rows(self, connection: Connection, table: Table) -> Any:  # noqa: ANN401
        return connection.execute(select(table).where(table.c.stream_id == self.then.stream))


@dataclass(frozen=True)
class _Others:
    """The campaign's rows in a table now, of all users but those of whom more was recorded."""

    table: Table
    then: Then
    journeys: set[str]

    def copy(self, into: WritableTables, declared: Table) -> None:
        """Copy them: between two SQLite databases as they are stored, which takes a third of the time."""
        if self.then.connection.dialect.name != into.connection.dialect.name:
            for some in self._pages(self._query()):
                into.put(declared, some)
            return
        own, dialect = into[declared], into.connection.dialect
        found = _open(self.then.connection).execute(
            str(self._query().compile(dialect=dialect)), [self.then.stream]
        )
        journey, put = (
            list(self.table.c).index(self.table.c.journey_id),
            str(insert(own).compile(dialect=dialect)),
        )
        while some := found.fetchmany(_ROWS):
            self.then.check()
            _open(into.connection).executemany(
                put, [row for row in some if row[journey] not in self.journeys]
            )

    def find_ends(self, column: str) -> list[tuple[Any, ...]]:
        """The first and the last of them by a column."""
        ordered = (self.table.c[column].asc(), self.table.c[column].desc())
        found = (chain.from_iterable(self._pages(self._query().order_by(each))) for each in ordered)
        return [row for rows in found for row in islice(rows, 1)]

    def _query(self) -> Select[Any]:
        return select(self.table).where(self.table.c.stream_id == self.then.stream)

    def _pages(self, query: Select[Any]) -> Iterator[list[tuple[Any, ...]]]:
        # Row by row from the server: a client would otherwise hold all of them.
        rows = self.then.connection.execute(query, execution_options={"yield_per": _ROWS})
        for some in rows.partitions(_ROWS):
            self.then.check()
            yield [tuple(row) for row in some if row.journey_id not in self.journeys]
        rows.close()


def _open(connection: Connection) -> Any:  # noqa: ANN401
    """A cursor of the driver, in the connection's transaction."""
    return connection.connection.cursor()


def _sums(row: Row[Any] | None, width: int) -> Sequence[Any]:
    return [0] * width if row is None else row[-width:]


def _add(now: Sequence[Any], less: Sequence[Any], more: Sequence[Any]) -> list[Any]:
    """Sums now, less some, and with others; money exact."""
    return [_sum(*each) for each in zip(now, less, more, strict=True)]


def _sum(now: Any, less: Any, more: Any) -> Any:  # noqa: ANN401
    if any(isinstance(each, Decimal) for each in (now, less, more)):
        return EXACT.add(EXACT.subtract(Decimal(now), Decimal(less)), Decimal(more))
    return now - less + more
