"""What had happened by an instant, as known now: what was true of it, whenever it was reported.

Later facts change nothing of it: a conversion is the earliest behaviour (R7), credited to a receipt at or before it
(R9), and so is revenue. Voids and refunds known now apply whatever their instants (R12, R17).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from heapq import nsmallest
from typing import Any

from sqlalchemy import Row
from sqlalchemy.engine import Connection

from domain.journey.decisions import Conversion, Occurrence, Receipt, Revenue
from projections.campaign_report.changes import Change, with_users
from projections.campaign_report.counts import Counts
from projections.conversions import CONVERSIONS
from projections.conversions.reading import (
    count_conversions_until,
    find_conversions_between,
    find_revenue_between,
    sum_revenue_until,
)
from projections.recipients import RECIPIENTS
from projections.recipients.reading import count_receipts_until, find_receipts_between

MODELS = (CONVERSIONS, RECIPIENTS)
"""The read models that it is read from: both stand at one position, or what is read does not fit together."""


def count_until(connection: Connection, app_group: str, campaign_id: str, instant: datetime) -> Counts:
    """What had been received, converted and earned by an instant, itself inside, of all that stands now."""
    received = count_receipts_until(connection, app_group, campaign_id, instant)
    revenue = sum_revenue_until(connection, app_group, campaign_id, instant)
    return Counts(
        receipts=received.receipts,
        unique_recipients=received.unique_recipients,
        conversions=Counter(count_conversions_until(connection, app_group, campaign_id, instant)),
        purchases=Counter({key: purchases for key, (purchases, _) in revenue.items()}),
        amounts={key: amount for key, (_, amount) in revenue.items()},
    )


def find_changes_between(
    models: Connection,
    recorded: Connection,
    named: tuple[str, str],
    between: tuple[datetime, datetime],
    limit: int,
) -> tuple[list[Change], int]:
    """The first receipts, conversions and purchases after an instant, up to and including another; and how many.

    They are read from the read models, and their users' ids from what was recorded.
    """
    total, found = 0, list[Change]()
    for read, change_of in _KINDS:
        rows, count = read(models, *named, between, limit)
        total += count
        found += map(change_of, rows)
    first = nsmallest(limit, found, key=lambda change: (change.at, change.journey_id))
    return with_users(recorded, first), total


def _receipt(row: Row[Any]) -> Change:
    first = Counter(
        variant=int(row.receipt_id == row.first_of_variant),
        campaign=int(row.receipt_id == row.first_of_campaign),
    )
    return Change(row.received_at, row.journey_id, "receipt", None, _receipt_in(row), unique_recipients=first)


def _receipt_in(row: Row[Any]) -> Receipt:
    """The receipt of a row, or the one that it is credited to."""
    return Receipt(row.receipt_id, row.received_at, row.variant_id)


def _conversion(row: Row[Any]) -> Change:
    now = Conversion(Occurrence(row.behaviour_id, row.behaviour_at), _receipt_in(row))
    return Change(row.behaviour_at, row.journey_id, "conversion", None, now, index=row.conversion_event)


def _revenue(row: Row[Any]) -> Change:
    return Change(
        row.occurred_at,
        row.journey_id,
        "revenue",
        None,
        Revenue(row.net, _receipt_in(row)),
        purchase=Occurrence(row.fact_id, row.occurred_at),
        currency=row.currency,
        is_order=row.fact_type == "order",
    )


_KINDS: tuple[tuple[Callable[..., tuple[Sequence[Row[Any]], int]], Callable[[Row[Any]], Change]], ...] = (
    (find_receipts_between, _receipt),
    (find_conversions_between, _conversion),
    (find_revenue_between, _revenue),
)
"""How each kind of change is read, and what a row of it says."""
