"""The rows of an export of recipients: one for each variant and one for the campaign, with revenue by currency."""

from collections.abc import Iterator, Sequence

import msgspec

from domain import money
from infrastructure.export.columns import Column, Row
from infrastructure.export.manifest import Key
from infrastructure.export.of_campaigns import Campaign, Rows
from projections.recipients import RECIPIENTS
from projections.recipients.rows import read_recipient_rows

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
"""`variant_id` is empty for the campaign, which means any variant but control."""


def _key(row: Row) -> Key:
    campaign_id, journey_id, _, variant_id, *_ = row
    return [campaign_id, journey_id, variant_id]


def _read(campaign: Campaign, after: Sequence[str] | None) -> Iterator[Row]:
    begin = None if after is None else after[1:]
    columns = [each.name for each in _REST]
    rows = read_recipient_rows(campaign.connection, campaign.tables, campaign.stream_id, columns, begin)
    for (journey_id, variant_id, user, *rest), earned in rows:
        revenue = {currency: money.printed(amount, currency) for currency, amount in earned.items()}
        encoded = msgspec.json.encode(revenue).decode()
        yield (campaign.campaign_id, journey_id, user, variant_id, *rest, encoded)


ROWS = Rows(RECIPIENTS, COLUMNS, _key, _read)
