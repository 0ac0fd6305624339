"""All rows of a campaign, in the order of their keys and from after a key on: for whoever copies them elsewhere.

The columns are those that docs/read-models.md describes. `tables` is the generation to read.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.engine import Connection

from projections.conversions.tables import conversions, counted_revenue, sale_lines
from projections.engine.paging import read_pages, read_pages_of_campaign, select_user_id
from projections.engine.projection import Tables


def read_conversion_rows(
    connection: Connection,
    tables: Tables,
    stream_id: str,
    columns: Sequence[str],
    after: tuple[str, int] | None,
) -> Iterator[Sequence[Any]]:
    """Journey, conversion event, user id, and then the columns."""
    key = ("journey_id", "conversion_event")
    return chain.from_iterable(
        read_pages_of_campaign(connection, tables[conversions], stream_id, key, columns, after)
    )


def read_revenue_rows(
    connection: Connection,
    tables: Tables,
    stream_id: str,
    columns: Sequence[str],
    after: Sequence[str] | None,
) -> Iterator[Sequence[Any]]:
    """Journey, id of the purchase or order, user id, and then the columns."""
    key = ("journey_id", "fact_id")
    return chain.from_iterable(
        read_pages_of_campaign(connection, tables[counted_revenue], stream_id, key, columns, after)
    )


def read_line_rows(
    connection: Connection, tables: Tables, stream_id: str, after: tuple[str, str, int] | None
) -> Iterator[Sequence[Any]]:
    """The lines of what counts: journey, fact, user id, line, product, quantity, currency and price.

    They are read page by page of what counts: a page of lines would look through all that counts for its begin.
    """
    revenue = tables[counted_revenue]
    key = (revenue.c.journey_id, revenue.c.fact_id)
    counted = select(*key).where(revenue.c.stream_id == stream_id)
    if after is not None:
        # The one whose line was read last may have more.
        counted = counted.where(tuple_(*key) >= tuple_(*after[:2]))
    for page in read_pages(connection, counted, key, None):
        for row in _lines_between(connection, tables, stream_id, page[0], page[-1]):
            if after is None or (row[0], row[1], row[3]) > after:
                yield row


def _lines_between(
    connection: Connection, tables: Tables, stream_id: str, first: Sequence[Any], last: Sequence[Any]
) -> Iterator[Sequence[Any]]:
    """The lines of what counts, from one purchase or order to another."""
    revenue, lines = tables[counted_revenue], tables[sale_lines]
    key = (revenue.c.journey_id, revenue.c.fact_id)
    same = (lines.c.journey_id == revenue.c.journey_id) & (lines.c.fact_id == revenue.c.fact_id)
    columns = (lines.c.line, lines.c.product_id, lines.c.quantity, revenue.c.currency, lines.c.price)
    yield from connection.execute(
        select(*key, select_user_id(revenue.c.journey_id), *columns)
        .select_from(revenue.join(lines, same))
        .where(
            revenue.c.stream_id == stream_id,
            tuple_(*key) >= tuple_(*first),
            tuple_(*key) <= tuple_(*last),
        )
        .order_by(*key, lines.c.line)
    )
