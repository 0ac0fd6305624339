"""The rows of an export of conversions, one for each that counts now."""

from collections.abc import Iterator, Sequence

from domain.campaigns.conversion_events import LETTERS
from infrastructure.export.columns import Column, Row
from infrastructure.export.manifest import Key
from infrastructure.export.of_campaigns import Campaign, Rows
from projections.conversions import CONVERSIONS
from projections.conversions.rows import read_conversion_rows

_REST = (
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
COLUMNS = (Column("campaign_id"), Column("journey_id"), Column("user_id"), Column("conversion_event"), *_REST)


def _key(row: Row) -> Key:
    campaign_id, journey_id, _, letter, *_ = row
    return [campaign_id, journey_id, letter]


def _read(campaign: Campaign, after: Sequence[str] | None) -> Iterator[Row]:
    begin = None if after is None else (after[1], LETTERS.index(after[2]))
    columns = [each.name for each in _REST]
    rows = read_conversion_rows(campaign.connection, campaign.tables, campaign.stream_id, columns, begin)
    for journey_id, index, user, *rest in rows:
        yield (campaign.campaign_id, journey_id, user, LETTERS[index], *rest)


ROWS = Rows(CONVERSIONS, COLUMNS, _key, _read)
