"""How many rows a tally of the log lets one expect: events that add one, less those that take one away."""

from typing import Any

from sqlalchemy import ColumnElement, Table, func, select
from sqlalchemy.engine import Connection

from domain.facts import Received
from domain.journey.decisions import (
    ConversionRecorded,
    ConversionWithdrawn,
    FactDisregarded,
    RecipientCounted,
    RecipientWithdrawn,
    RevenueAttributed,
    RevenueWithdrawn,
)
from projections.engine.projection import Tally


def receipts(tally: Tally) -> int:
    return tally.of(Received) - tally.of(FactDisregarded, "received")


def recipients_of_campaigns(tally: Tally) -> int:
    return tally.of(RecipientCounted, "campaign") - tally.of(RecipientWithdrawn, "campaign")


def recipients_of_variants(tally: Tally) -> int:
    return tally.of(RecipientCounted) - tally.of(RecipientWithdrawn)


def conversions(tally: Tally) -> int:
    return tally.of(ConversionRecorded) - tally.of(ConversionWithdrawn)


def purchases(tally: Tally) -> int:
    return tally.of(RevenueAttributed) - tally.of(RevenueWithdrawn)


def total(
    connection: Connection, table: Table, column: str | None = None, where: ColumnElement[Any] | None = None
) -> int:
    """The sum of a column, or how many rows there are."""
    counted: Any = func.count() if column is None else func.coalesce(func.sum(table.c[column]), 0)
    query = select(counted).select_from(table)
    return int(connection.execute(query if where is None else query.where(where)).scalar_one())
