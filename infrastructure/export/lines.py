"""The lines of what counts for campaigns, a row each: for joins by product (R27).

An order's net is in none of them, for it is of the whole order: `revenue` has it, once.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import select, tuple_

from domain import money
from infrastructure.export.columns import Column, Row
from infrastructure.export.manifest import Key
from infrastructure.export.of_campaigns import Campaign, Rows
from infrastructure.export.pages import pages, user_id
from projections.conversions import CONVERSIONS
from projections.conversions.tables import counted_revenue, sale_lines

COLUMNS = (
    Column("campaign_id"),
    Column("journey_id"),
    Column("user_id"),
    Column("fact_id"),
    Column("line", "whole"),
    Column("product_id"),
    Column("quantity", "whole"),
    Column("currency"),
    Column("price", "decimal"),
)


def _key(row: Row) -> Key:
    campaign_id, journey_id, _, fact_id, line, *_ = row
    return [campaign_id, journey_id, fact_id, str(line)]


def _read(campaign: Campaign, after: Sequence[str] | None) -> Iterator[Row]:
    """Page by page of what counts: a page of lines would look through all that counts for its begin."""
    revenue = campaign.tables[counted_revenue]
    key = (revenue.c.journey_id, revenue.c.fact_id)
    counted = select(*key).where(revenue.c.stream_id == campaign.stream_id)
    if after is not None:
        # The one whose lines were told last may have more.
        counted = counted.where(tuple_(*key) >= tuple_(*after[1:3]))
    done = None if after is None else (after[1], after[2], int(after[3]))
    for page in pages(campaign.connection, counted, key, None):
        for row in _lines(campaign, page[0], page[-1]):
            if done is None or (row[1], row[3], row[4]) > done:
                yield row


def _lines(campaign: Campaign, first: Sequence[str], last: Sequence[str]) -> Iterator[Row]:
    """The lines of what counts, from one to another."""
    revenue, lines = campaign.tables[counted_revenue], campaign.tables[sale_lines]
    key = (revenue.c.journey_id, revenue.c.fact_id)
    same = (lines.c.journey_id == revenue.c.journey_id) & (lines.c.fact_id == revenue.c.fact_id)
    columns = (lines.c.line, lines.c.product_id, lines.c.quantity, revenue.c.currency, lines.c.price)
    query = (
        select(*key, user_id(revenue.c.journey_id), *columns)
        .select_from(revenue.join(lines, same))
        .where(
            revenue.c.stream_id == campaign.stream_id,
            tuple_(*key) >= tuple_(*first),
            tuple_(*key) <= tuple_(*last),
        )
        .order_by(*key, lines.c.line)
    )
    for journey_id, fact_id, user, *line, currency, price in campaign.connection.execute(query):
        told = None if price is None else money.printed(price, currency)
        yield (campaign.campaign_id, journey_id, user, fact_id, *line, currency, told)


ROWS = Rows(CONVERSIONS, COLUMNS, _key, _read)
