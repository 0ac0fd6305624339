"""Tables of read models: types of columns that mean the same in every database, sums, and reading page by page.

Read models name journeys, and show whose they are by a join with `users`, which the ledger keeps beside the log. A user
whose identity was erased has no row there, and shows as null.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    DateTime,
    MetaData,
    Numeric,
    Row,
    Select,
    Table,
    Text,
    TypeDecorator,
    column,
    func,
    select,
    table,
    tuple_,
)
from sqlalchemy.engine import Connection, Dialect

from domain.campaigns.campaign import stream_id
from projections.engine.projection import WritableTables

users = table("identities", column("app_group"), column("user_id"), column("journey_id"))


EXACT = Context(prec=60)
"""Sums of money: never rounded."""

read_models = MetaData()
"""What projections declare; the tables themselves have the number of their generation in their names."""

CAMPAIGN = ""
"""In the place of a variant: the row is the campaign's own, of any variant but control. No id is empty (R9, R18)."""

# Ids compare by code point (docs/rules.md, Words).
Id = Text().with_variant(Text(collation="C"), "postgresql")


class ExactDecimal(TypeDecorator[Decimal]):
    """NUMERIC where the database is exact; decimal text in SQLite, whose numbers are floats."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:  # noqa: ANN401
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric(38, 6))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:  # noqa: ANN401
        return f"{value:f}" if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ANN401
        return None if value is None else Decimal(value)


class Instant(TypeDecorator[datetime]):
    """TIMESTAMP WITH TIME ZONE; in SQLite text of equal length, so that it sorts: 2026-03-01T09:00:00.000000Z."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:  # noqa: ANN401
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def bind_processor(self, dialect: Dialect) -> Any:  # noqa: ANN401 - a batch has thousands: no call within a call
        return _write_instant if dialect.name == "sqlite" else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401
        return datetime.fromisoformat(value) if isinstance(value, str) else value


def _write_instant(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat(timespec="microseconds")[:26] + "Z"


PAGE_ROWS = 5_000


def read_pages(
    connection: Connection,
    query: Select[Any],
    key: Sequence[Column[Any]],
    after: Sequence[Any] | None,
) -> Iterator[Sequence[Any]]:
    """The rows after a key, in the order of a unique key; each row begins with the columns of the key."""
    ordered, size = query.order_by(*key).limit(PAGE_ROWS), PAGE_ROWS
    while True:
        following = ordered if after is None else ordered.where(tuple_(*key) > tuple_(*after))
        found = connection.execute(following).all()
        if found:
            yield found
        if len(found) < size:
            return
        after = found[-1][: len(key)]


def select_user_id(journey_id: Column[Any]) -> Any:  # noqa: ANN401
    """Whose journey it is, null where the identity was erased; looked up row by row, whatever a join would do."""
    return select(users.c.user_id).where(users.c.journey_id == journey_id).scalar_subquery()


def find_journey(ledger: Connection, app_group: str, user_id: str) -> str | None:
    """Find the journey of a user, None for an unknown one; read beside the log."""
    whose = (users.c.app_group == app_group) & (users.c.user_id == user_id)
    return ledger.execute(select(users.c.journey_id).where(whose)).scalar()


def find_users(ledger: Connection, journeys: Iterable[str]) -> dict[str, str]:
    """Find whose journeys these are, by journey; read beside the log. Those whose identity was erased are left out."""
    query = select(users.c.journey_id, users.c.user_id).where(users.c.journey_id.in_(sorted(set(journeys))))
    return {row.journey_id: row.user_id for row in ledger.execute(query)}


def read_pages_of_campaign(
    connection: Connection,
    table: Table,
    stream_id: str,
    key: Sequence[str],
    columns: Sequence[str],
    after: Sequence[Any] | None,
) -> Iterator[Sequence[Any]]:
    """A campaign's rows, page by page: the key, which begins with the journey, then the user's id and the columns."""
    keys = [table.c[name] for name in key]
    query = select(*keys, select_user_id(keys[0]), *(table.c[name] for name in columns))
    yield from read_pages(connection, query.where(table.c.stream_id == stream_id), keys, after)


def read_first_between(
    connection: Connection,
    rows: Select[Any],
    table: Table,
    at: ColumnElement[datetime],
    span: tuple[datetime, datetime],
    limit: int,
) -> tuple[Sequence[Row[Any]], int]:
    """The first rows after an instant, up to and including another, by instant and the table's key; and how many."""
    after, until = (instant.astimezone(UTC) for instant in span)
    inside = rows.where(at > after, at <= until)
    total = connection.execute(select(func.count()).select_from(inside.subquery())).scalar_one()
    return connection.execute(inside.order_by(at, *table.primary_key).limit(limit)).all(), total


Key = tuple[Any, ...]

stream = cache(stream_id)
"""The stream of a campaign, by app group and campaign id."""


class Money:
    """Purchases and their amounts by key: `add` one, or with sign -1 take it away."""

    def __init__(self) -> None:
        self.purchases: Counter[Key] = Counter()
        self.amounts: defaultdict[Key, Decimal] = defaultdict(Decimal)

    def add(self, key: Key, net: Decimal, sign: int) -> None:
        self.purchases[key] += sign
        self.amounts[key] = (EXACT.add if sign > 0 else EXACT.subtract)(self.amounts[key], net)

    def differences(self) -> dict[Key, tuple[int, Decimal]]:
        """By key how many purchases there are more, and how much money."""
        return {key: (purchases, self.amounts[key]) for key, purchases in self.purchases.items()}


def add_sums(
    tables: WritableTables,
    table: Table,
    differences: Mapping[Key, Sequence[Any]],
    begin: Callable[[Key], Key],
) -> None:
    """Add differences, by primary key, to the table's last columns; removes a row whose sums are all 0.

    `begin` gives the columns before them for a row that is not there yet.
    """
    changed = {key: each for key, each in differences.items() if any(each)}
    if not changed:
        return
    width, keys = len(next(iter(changed.values()))), len(table.primary_key)
    found = {key_of(table, row): row for row in tables.find(table, changed)}
    put, gone = [], []
    for key, difference in changed.items():
        row = found.get(key[:keys])
        before = row[-width:] if row is not None else [0] * width
        now = [_sum(one, other) for one, other in zip(before, difference, strict=True)]
        if any(now):
            put.append((*(begin(key) if row is None else row[:-width]), *now))
        elif row is not None:
            gone.append(key)
    tables.put(table, put)
    tables.remove(table, gone)


def key_of(table: Table, row: Row[Any]) -> Key:
    """The primary key of a row."""
    return tuple([row[place] for place in _places(table)])


@cache
def _places(table: Table) -> list[int]:
    """The places of the primary key's columns in a row."""
    names = [each.name for each in table.columns]
    return [names.index(each.name) for each in table.primary_key]


def _sum(one: Any, other: Any) -> Any:  # noqa: ANN401
    return EXACT.add(one, other) if isinstance(other, Decimal) else one + other
