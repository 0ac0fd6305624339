"""What had happened by an instant, as known now: what was true of it, whenever it was reported.

Later facts change nothing of it: a conversion is the earliest behaviour (R7), credited to a receipt at or before it
(R9), and so is revenue. Voids and refunds known now apply whatever their instants (R12, R17).
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from heapq import nsmallest
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, Table, and_, func, select
from sqlalchemy.engine import Connection

from domain.journey.decisions import Conversion, Occurrence, Receipt, Revenue
from projections.campaign_report.changes import Change, with_users
from projections.campaign_report.counts import Counts
from projections.conversions import CONVERSIONS, tables
from projections.conversions.reading import conversions_until, revenue_until
from projections.engine.generations import current
from projections.engine.sums import stream
from projections.recipients import RECIPIENTS
from projections.recipients.reading import receipts_until
from projections.recipients.tables import CAMPAIGN, recipient_receipts, recipients

MODELS = (CONVERSIONS, RECIPIENTS)
"""The read models that it is read from: both stand at one position, or what is read does not fit together."""


def counts_until(connection: Connection, app_group: str, campaign_id: str, instant: datetime) -> Counts:
    """What had been received, converted and earned by an instant, itself inside, of all that stands now."""
    received = receipts_until(connection, app_group, campaign_id, instant)
    revenue = revenue_until(connection, app_group, campaign_id, instant)
    return Counts(
        receipts=received.receipts,
        unique_recipients=received.unique_recipients,
        conversions=Counter(conversions_until(connection, app_group, campaign_id, instant)),
        purchases=Counter({key: purchases for key, (purchases, _) in revenue.items()}),
        amounts={key: amount for key, (_, amount) in revenue.items()},
    )


class _Kind(NamedTuple):
    """Rows of a campaign: of which table, the query, when each happened, and the change that it makes."""

    table: Table
    rows: Select[Any]
    at: Any
    change: Callable[[Row[Any]], Change]


def happened_between(
    connection: Connection, app_group: str, campaign_id: str, after: datetime, until: datetime, limit: int
) -> tuple[list[Change], int]:
    """The first receipts, conversions and purchases after an instant, up to and including another; and how many."""
    stream_id, total = stream(app_group, campaign_id), 0
    found: list[tuple[datetime, str, Change]] = []
    for kind in _kinds(connection, stream_id):
        inside = and_(kind.at > after.astimezone(UTC), kind.at <= until.astimezone(UTC))
        rows = kind.rows.where(inside)
        total += connection.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
        for row in connection.execute(rows.order_by(kind.at, *kind.table.primary_key).limit(limit)):
            change = kind.change(row)
            found.append((change.at, change.journey_id, change))
    first = nsmallest(limit, found, key=lambda each: each[:2])
    return with_users(connection, (change for *_, change in first)), total


def _kinds(connection: Connection, stream_id: str) -> list[_Kind]:
    standing = current(connection, CONVERSIONS)
    conversions, revenue = standing[tables.conversions], standing[tables.counted_revenue]
    receipts, rows = _receipts(connection, stream_id)
    return [
        _Kind(receipts, rows, receipts.c.received_at, _receipt),
        _Kind(conversions, _of(conversions, stream_id), conversions.c.behaviour_at, _conversion),
        _Kind(revenue, _of(revenue, stream_id), revenue.c.occurred_at, _revenue),
    ]


def _of(table: Table, stream_id: str) -> Select[Any]:
    return select(table).where(table.c.stream_id == stream_id)


def _receipts(connection: Connection, stream_id: str) -> tuple[Table, Select[Any]]:
    """The receipts of a campaign, each with the first ones of its user: of the variant, and of any but control."""
    own = current(connection, RECIPIENTS)
    receipts, of_variant = own[recipient_receipts], own[recipients].alias("of_variant")
    of_campaign, at = own[recipients].alias("of_campaign"), receipts.c

    def of(whose: Any, variant_id: Any) -> Any:  # noqa: ANN401
        same = (whose.c.stream_id == at.stream_id) & (whose.c.journey_id == at.journey_id)
        return same & (whose.c.variant_id == variant_id)

    joined = receipts.outerjoin(of_variant, of(of_variant, at.variant_id))
    joined = joined.outerjoin(of_campaign, of(of_campaign, CAMPAIGN))
    firsts = (
        of_variant.c.first_receipt_id.label("first_of_variant"),
        of_campaign.c.first_receipt_id.label("first_of_campaign"),
    )
    return receipts, select(receipts, *firsts).select_from(joined).where(at.stream_id == stream_id)


def _receipt(row: Row[Any]) -> Change:
    first = Counter(
        variant=int(row.receipt_id == row.first_of_variant),
        campaign=int(row.receipt_id == row.first_of_campaign),
    )
    return Change(row.received_at, row.journey_id, "receipt", None, _credited(row), unique_recipients=first)


def _credited(row: Row[Any]) -> Receipt:
    """The receipt of a row, or the one that it is credited to."""
    return Receipt(row.receipt_id, row.received_at, row.variant_id)


def _conversion(row: Row[Any]) -> Change:
    now = Conversion(Occurrence(row.behaviour_id, row.behaviour_at), _credited(row))
    return Change(row.behaviour_at, row.journey_id, "conversion", None, now, index=row.conversion_event)


def _revenue(row: Row[Any]) -> Change:
    return Change(
        row.occurred_at,
        row.journey_id,
        "revenue",
        None,
        Revenue(row.net, _credited(row)),
        purchase=Occurrence(row.fact_id, row.occurred_at),
        currency=row.currency,
        is_order=row.fact_type == "order",
    )
