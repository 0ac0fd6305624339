"""The rows of exports that read models hold as they are exported: conversions, revenue, lines and recipients.

Each is sorted by a key that begins with the campaign. `variant_id` is empty in a row of a recipient for the campaign,
which means any variant but control.
"""

from collections.abc import Iterator, Sequence

import msgspec

from domain import money
from domain.campaigns.conversion_events import LETTERS
from infrastructure.export.manifest import Column, Row
from infrastructure.export.of_campaigns import Campaign, Rows
from projections.conversions import CONVERSIONS
from projections.conversions.reading import read_conversion_rows, read_line_rows, read_revenue_rows
from projections.recipients import RECIPIENTS
from projections.recipients.reading import read_recipient_rows

_USER = (Column("campaign_id"), Column("journey_id"), Column("user_id"))

_OF_CONVERSION = (
    Column("variant_id"),
    Column("control", "boolean"),
    Column("receipt_id"),
    Column("received_at", "instant"),
    Column("window_ends_at", "instant"),
    Column("behaviour_id"),
    Column("behaviour_at", "instant"),
    Column("recorded_at", "instant"),
    Column("restated", "boolean"),
    Column("decided_at", "instant"),
)
_OF_REVENUE = (
    Column("fact_type"),
    Column("variant_id"),
    Column("control", "boolean"),
    Column("receipt_id"),
    Column("received_at", "instant"),
    Column("occurred_at", "instant"),
    Column("currency"),
)
_OF_RECIPIENT = (
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
_OF_LINE = (
    Column("line", "whole"),
    Column("product_id"),
    Column("quantity", "whole"),
    Column("currency"),
    Column("price", "decimal"),
)


def _read_conversions(campaign: Campaign, after: Sequence[str] | None) -> Iterator[Row]:
    begin = None if after is None else (after[1], LETTERS.index(after[2]))
    columns = [each.name for each in _OF_CONVERSION]
    rows = read_conversion_rows(campaign.connection, campaign.tables, campaign.stream_id, columns, begin)
    for journey_id, index, user, *rest in rows:
        yield (campaign.campaign_id, journey_id, user, LETTERS[index], *rest)


def _read_revenue(campaign: Campaign, after: Sequence[str] | None) -> Iterator[Row]:
    begin = None if after is None else after[1:]
    columns = [*(each.name for each in _OF_REVENUE), "net"]
    rows = read_revenue_rows(campaign.connection, campaign.tables, campaign.stream_id, columns, begin)
    for journey_id, fact_id, user, *others, currency, net in rows:
        printed = money.printed(net, currency)
        yield (campaign.campaign_id, journey_id, user, fact_id, *others, currency, printed)


def _read_lines(campaign: Campaign, after: Sequence[str] | None) -> Iterator[Row]:
    """The products of what counts, for joins by product (R27); the net is the whole order's: `revenue` has it once."""
    begin = None if after is None else (after[1], after[2], int(after[3]))
    rows = read_line_rows(campaign.connection, campaign.tables, campaign.stream_id, begin)
    for journey_id, fact_id, user, *line, currency, price in rows:
        printed = None if price is None else money.printed(price, currency)
        yield (campaign.campaign_id, journey_id, user, fact_id, *line, currency, printed)


def _read_recipients(campaign: Campaign, after: Sequence[str] | None) -> Iterator[Row]:
    begin = None if after is None else after[1:]
    columns = [each.name for each in _OF_RECIPIENT]
    rows = read_recipient_rows(campaign.connection, campaign.tables, campaign.stream_id, columns, begin)
    for (journey_id, variant_id, user, *rest), earned in rows:
        revenue = {currency: money.printed(amount, currency) for currency, amount in earned.items()}
        encoded = msgspec.json.encode(revenue).decode()
        yield (campaign.campaign_id, journey_id, user, variant_id, *rest, encoded)


READ_MODEL_ROWS = {
    "conversions": Rows(
        CONVERSIONS,
        (*_USER, Column("conversion_event"), *_OF_CONVERSION),
        lambda row: [row[0], row[1], row[3]],
        _read_conversions,
    ),
    "revenue": Rows(
        CONVERSIONS,
        (*_USER, Column("fact_id"), *_OF_REVENUE, Column("net", "decimal")),
        lambda row: [row[0], row[1], row[3]],
        _read_revenue,
    ),
    "lines": Rows(
        CONVERSIONS,
        (*_USER, Column("fact_id"), *_OF_LINE),
        lambda row: [row[0], row[1], row[3], str(row[4])],
        _read_lines,
    ),
    "recipients": Rows(
        RECIPIENTS,
        (*_USER, Column("variant_id"), *_OF_RECIPIENT, Column("revenue", "json")),
        lambda row: [row[0], row[1], row[3]],
        _read_recipients,
    ),
}
