"""Purchases and orders that count for campaigns, a row each, with what is left of them (R11, R27)."""

from collections.abc import Iterator, Sequence

from sqlalchemy import select

from domain import money
from infrastructure.export.columns import Column, Row
from infrastructure.export.manifest import Key
from infrastructure.export.of_campaigns import Campaign, Rows
from infrastructure.export.pages import pages, user_id
from projections.conversions import CONVERSIONS
from projections.conversions.tables import counted_revenue

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
    table, campaign_id = campaign.tables[counted_revenue], campaign.campaign_id
    key = (table.c.journey_id, table.c.fact_id)
    rest = (*(table.c[each.name] for each in _REST), table.c.net)
    query = select(*key, user_id(table.c.journey_id), *rest).where(table.c.stream_id == campaign.stream_id)
    for page in pages(campaign.connection, query, key, None if after is None else after[1:]):
        for journey_id, fact_id, user, *others, currency, net in page:
            yield (campaign_id, journey_id, user, fact_id, *others, currency, money.printed(net, currency))


ROWS = Rows(CONVERSIONS, COLUMNS, _key, _read)
