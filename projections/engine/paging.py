"""Reading long tables: page by page, or the first rows of a span of time."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Select, Table, func, select, tuple_
from sqlalchemy.engine import Connection

from projections.engine.users import users

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
