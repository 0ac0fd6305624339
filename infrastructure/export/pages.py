"""Reading long tables page by page: each page begins after the key that ended the one before."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Select, select, tuple_

from projections.engine.users import users

PAGE_ROWS = 5_000


def pages(
    connection: Connection,
    query: Select[Any],
    key: Sequence[Column[Any]],
    after: Sequence[Any] | None,
) -> Iterator[Sequence[Any]]:
    """The rows in the order of a unique key, with whose columns each begins, from after a key on."""
    ordered, size = query.order_by(*key).limit(PAGE_ROWS), PAGE_ROWS
    while True:
        following = ordered if after is None else ordered.where(tuple_(*key) > tuple_(*after))
        found = connection.execute(following).all()
        if found:
            yield found
        if len(found) < size:
            return
        after = found[-1][: len(key)]


def user_id(journey_id: Column[Any]) -> Any:  # noqa: ANN401
    """Whose journey it is, null where the identity was erased; looked up row by row, whatever a join would do."""
    return select(users.c.user_id).where(users.c.journey_id == journey_id).scalar_subquery()
