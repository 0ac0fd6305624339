"""The rows of an export of revenue: purchases and orders that count, with their net (R11, R27)."""

from collections.abc import Iterator, Sequence

from domain import money
from infrastructure.export.columns import Column, Row
from infrastructure.export.manifest import Key
from infrastructure.export.of_campaigns import Campaign, Rows
from projections.conversions import CONVERSIONS
from projections.conversions.rows import read_revenue_rows

_REST = (
    Column("fact_type"),
    Column("variant_id"),
    Column("control", "boolean"),
    Column("receipt_id"),
    Column("received_at", "instant"),
    Column("occurred_at", "instant"),
    Column("currency"),
)
COLUMNS = (
    Column("campaign_id"),
    Column("journey_id"),
    Column("user_id"),
    Column("fact_id"),
    *_REST,
    Column("net", "decimal"),
)


def _key(row: Row) -> Key:
    campaign_id, journey_id, _, fact_id, *_ = row
    return [campaign_id, journey_id, fact_id]


def _read(campaign: Campaign, after: Sequence[str] | None) -> Iterator[Row]:
    begin = None if after is None else after[1:]
    columns = [*(each.name for each in _REST), "net"]
    rows = read_revenue_rows(campaign.connection, campaign.tables, campaign.stream_id, columns, begin)
    for journey_id, fact_id, user, *others, currency, net in rows:
        printed = money.printed(net, currency)
        yield (campaign.campaign_id, journey_id, user, fact_id, *others, currency, printed)


ROWS = Rows(CONVERSIONS, COLUMNS, _key, _read)
