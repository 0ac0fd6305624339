"""What a batch of events says of conversions, of what counts as revenue, and of what was sold.

The last event of a conversion, and of a purchase or order that counts, decides its row.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Table

from domain.facts import Order, Purchase, Sale
from domain.instants import from_microseconds
from domain.journey.decisions import (
    Conversion,
    ConversionRecorded,
    ConversionRestated,
    ConversionWithdrawn,
    FactDisregarded,
    RevenueAttributed,
    RevenueRestated,
    RevenueWithdrawn,
)
from projections.conversions.tables import conversions, counted_revenue, sale_lines
from projections.engine.projection import Definitions, Fold, Logged, WritableTables
from projections.engine.tables import Key, key_of, stream


class StoredConversion(NamedTuple):
    """A conversion's row; `recorded_at` is null where an earlier batch of events has it."""

    stream_id: str
    journey_id: str
    conversion_event: int
    app_group: str
    campaign_id: str
    variant_id: str
    control: bool
    receipt_id: str
    received_at: datetime
    window_ends_at: datetime
    behaviour_id: str
    behaviour_at: datetime
    recorded_at: datetime | None
    restated: bool
    decided_at: datetime


Line = tuple[str, str, int, str, int, Decimal | None]
"""A row of sale_lines."""


class ConversionsFold(Fold):
    """By primary key the rows after the batch, None for those to remove.

    Lines come once and go once. They are not kept by key: there is at least one for each purchase.
    """

    def __init__(self, definitions: Definitions) -> None:
        super().__init__(definitions)
        self.conversions: dict[Key, StoredConversion | None] = {}
        self.revenue: dict[Key, tuple[Any, ...] | None] = {}
        self.lines: list[Line] = []
        self.lines_gone: list[Key] = []


def recorded(fold: ConversionsFold, logged: Logged) -> None:
    event: ConversionRecorded = logged.event
    row = _row(fold, logged, event.now, from_microseconds(logged.recorded_at))
    fold.conversions[row[:3]] = row


def restated(fold: ConversionsFold, logged: Logged) -> None:
    event: ConversionRestated = logged.event
    row = _row(fold, logged, event.now, None)
    before = fold.conversions.get(row[:3])
    if before is not None:
        row = row._replace(recorded_at=before.recorded_at)
    fold.conversions[row[:3]] = row


def withdrawn(fold: ConversionsFold, logged: Logged) -> None:
    event: ConversionWithdrawn = logged.event
    fold.conversions[stream(logged.app_group, event.campaign_id), logged.stream_id, event.index] = None


def _row(
    fold: ConversionsFold, logged: Logged, conversion: Conversion, recorded_at: datetime | None
) -> StoredConversion:
    app_group, campaign_id, index = logged.app_group, logged.event.campaign_id, logged.event.index
    definition = fold.definitions.definition(app_group, campaign_id)
    receipt, behaviour = conversion.receipt, conversion.behaviour
    _, _, deadline = definition.windows[index]
    return StoredConversion(
        stream(app_group, campaign_id),
        logged.stream_id,
        index,
        app_group,
        campaign_id,
        receipt.variant_id,
        receipt.variant_id == definition.control,
        receipt.id,
        receipt.at,
        receipt.at + deadline,
        behaviour.id,
        behaviour.at,
        recorded_at,
        recorded_at is None,
        recorded_at or from_microseconds(logged.recorded_at),
    )


def revenue_stands(fold: ConversionsFold, logged: Logged) -> None:
    event: RevenueAttributed | RevenueRestated = logged.event
    app_group, campaign_id, sale = logged.app_group, event.campaign_id, event.purchase
    receipt, key = event.now.receipt, (stream(app_group, campaign_id), logged.stream_id, sale.id)
    fold.revenue[key] = (
        *key,
        "order" if event.is_order else "purchase",
        app_group,
        campaign_id,
        receipt.variant_id,
        receipt.variant_id == fold.definitions.definition(app_group, campaign_id).control,
        receipt.id,
        receipt.at,
        sale.at,
        event.currency,
        event.now.net,
    )


def revenue_withdrawn(fold: ConversionsFold, logged: Logged) -> None:
    event: RevenueWithdrawn = logged.event
    fold.revenue[stream(logged.app_group, event.campaign_id), logged.stream_id, event.purchase.id] = None


def purchased(fold: ConversionsFold, logged: Logged) -> None:
    fact: Purchase = logged.event
    fold.lines.append((logged.stream_id, fact.id, 0, fact.product_id, fact.quantity, fact.price))


def ordered(fold: ConversionsFold, logged: Logged) -> None:
    order: Order = logged.event
    for place, line in enumerate(order.lines):
        fold.lines.append((logged.stream_id, order.id, place, line.product_id, line.quantity, line.price))


def disregarded(fold: ConversionsFold, logged: Logged) -> None:
    event: FactDisregarded = logged.event
    if isinstance(event.fact, Sale):
        lines = len(event.fact.lines) if isinstance(event.fact, Order) else 1
        fold.lines_gone += [(logged.stream_id, event.fact.id, place) for place in range(lines)]


def write(fold: ConversionsFold, tables: WritableTables) -> None:
    _write(tables, conversions, fold.conversions | _find_recorded(fold, tables))
    _write(tables, counted_revenue, fold.revenue)
    tables.put(sale_lines, sorted(fold.lines))
    # Only now that all are put: a fact is disregarded once, and never before it is recorded.
    tables.remove(sale_lines, fold.lines_gone)


def _find_recorded(fold: ConversionsFold, tables: WritableTables) -> dict[Key, StoredConversion | None]:
    """The restated rows, with the instant at which an earlier batch has recorded each."""
    wanted = {key: row for key, row in fold.conversions.items() if row and row.recorded_at is None}
    stood = {key_of(conversions, row): row.recorded_at for row in tables.find(conversions, wanted)}
    return {key: row._replace(recorded_at=stood[key]) for key, row in wanted.items()}


def _write(tables: WritableTables, table: Table, said: Mapping[Key, tuple[Any, ...] | None]) -> None:
    # In the order of the key, so that neighbours are written together.
    tables.put(table, [row for _, row in sorted(said.items()) if row is not None])
    tables.remove(table, [key for key, row in said.items() if row is None])
