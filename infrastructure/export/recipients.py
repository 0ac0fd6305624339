"""Recipients, a row for each variant they received and one for the campaign, with their revenue by currency."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import select, tuple_

from domain import money
from infrastructure.export.columns import Column, Row
from infrastructure.export.manifest import Key
from infrastructure.export.of_campaigns import Campaign, Rows
from infrastructure.export.pages import pages, user_id
from projections.recipients import RECIPIENTS
from projections.recipients.tables import recipient_revenue, recipients

_REST = (
    Column("receipts", "whole"),
    Column("first_receipt_id"),
    Column("first_received_at", "instant"),
    Column("last_receipt_id"),
    Column("last_received_at", "instant"),
    Column("converted_a", "boolean"),
    Column("converted_b", "boolean"),
    Column("converted_c", "boolean"),
    Column("converted_d", "boolean"),
)
COLUMNS = (
    Column("campaign_id"),
    Column("journey_id"),
    Column("user_id"),
    Column("variant_id"),
    *_REST,
    Column("revenue", "json"),
)
"""`variant_id` is empty for the campaign: any variant but control."""

_NOTHING = "{}"


def _key(row: Row) -> Key:
    campaign_id, journey_id, _, variant_id, *_ = row
    return [campaign_id, journey_id, variant_id]


def _read(campaign: Campaign, after: Sequence[str] | None) -> Iterator[Row]:
    table, campaign_id = campaign.tables[recipients], campaign.campaign_id
    key = (table.c.journey_id, table.c.variant_id)
    query = select(*key, user_id(table.c.journey_id), *(table.c[each.name] for each in _REST)).where(
        table.c.stream_id == campaign.stream_id
    )
    for page in pages(campaign.connection, query, key, None if after is None else after[1:]):
        earned = _revenue(campaign, page[0][:2], page[-1][:2])
        for journey_id, variant_id, user, *rest in page:
            revenue = earned.get((journey_id, variant_id), _NOTHING)
            yield (campaign_id, journey_id, user, variant_id, *rest, revenue)


def _revenue(campaign: Campaign, first: Row, last: Row) -> Mapping[tuple[str, str], str]:
    """What the recipients from one to another have earned: by currency, as JSON of decimal text."""
    table = campaign.tables[recipient_revenue]
    recipient = tuple_(table.c.journey_id, table.c.variant_id)
    query = (
        select(table.c.journey_id, table.c.variant_id, table.c.currency, table.c.amount)
        .where(
            table.c.stream_id == campaign.stream_id,
            recipient >= tuple_(*first),
            recipient <= tuple_(*last),
        )
        .order_by(table.c.journey_id, table.c.variant_id, table.c.currency)
    )
    found: defaultdict[Any, dict[str, str]] = defaultdict(dict)
    for journey_id, variant_id, currency, amount in campaign.connection.execute(query):
        found[journey_id, variant_id][currency] = money.printed(amount, currency)
    return {of: msgspec.json.encode(revenue).decode() for of, revenue in found.items()}


ROWS = Rows(RECIPIENTS, COLUMNS, _key, _read)
