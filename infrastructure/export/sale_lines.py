"""The rows of an export of lines: the products of purchases and orders that count, for joins by product (R27).

They do not hold the net of an order, which belongs to the whole order: `revenue` has it once.
"""

from collections.abc import Iterator, Sequence

from domain import money
from infrastructure.export.columns import Column, Row
from infrastructure.export.manifest import Key
from infrastructure.export.of_campaigns import Campaign, Rows
from projections.conversions import CONVERSIONS
from projections.conversions.rows import read_line_rows

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
    begin = None if after is None else (after[1], after[2], int(after[3]))
    rows = read_line_rows(campaign.connection, campaign.tables, campaign.stream_id, begin)
    for journey_id, fact_id, user, *line, currency, price in rows:
        printed = None if price is None else money.printed(price, currency)
        yield (campaign.campaign_id, journey_id, user, fact_id, *line, currency, printed)


ROWS = Rows(CONVERSIONS, COLUMNS, _key, _read)
