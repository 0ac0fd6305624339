"""What read models claim, as they stand in one view of the database: rows, and the figures of reports."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, Protocol

import pyarrow as pa
from sqlalchemy import Table

from infrastructure.archive.reading import View
from infrastructure.audit.engine import quoted
from infrastructure.audit.outcome import Figure
from projections.campaign_report import CAMPAIGN_REPORT
from projections.campaign_report.tables import (
    report_campaigns,
    report_conversions,
    report_revenue,
    report_variants,
)
from projections.conversions import CONVERSIONS
from projections.conversions.tables import conversions, counted_purchases
from projections.recipients import RECIPIENTS
from projections.recipients.tables import recipients
from projections.series import SERIES
from projections.series.tables import series_conversions, series_receipts, series_revenue

AUDITED: Final = (CAMPAIGN_REPORT, CONVERSIONS, RECIPIENTS, SERIES)
"""The read models that are compared."""

ROWS: Final = ("conversions", "counted_purchases", "recipients")
"""The tables of theirs that are compared row by row."""

_EPOCH = date(1970, 1, 1).toordinal()

Generations = Mapping[str, int]
"""By read model the number of the generation that is read."""


@dataclass(frozen=True)
class _Rows:
    """Rows of a table, under the names that the rules have for them; `instants` are in microseconds since 1970."""

    name: str
    model: str
    table: Table
    columns: Mapping[str, str]
    instants: frozenset[str] = field(default=frozenset({"received_at"}))


_SHOWN: Final = (
    _Rows(
        "all_shown_conversions",
        CONVERSIONS.name,
        conversions,
        {
            "journey": "journey_id",
            "app_group": "app_group",
            "campaign_id": "campaign_id",
            "conversion_event": "conversion_event",
            "behaviour_id": "behaviour_id",
            "behaviour_at": "behaviour_at",
            "receipt_id": "receipt_id",
            "received_at": "received_at",
            "variant_id": "variant_id",
        },
        frozenset({"behaviour_at", "received_at"}),
    ),
    _Rows(
        "all_shown_purchases",
        CONVERSIONS.name,
        counted_purchases,
        {
            "journey": "journey_id",
            "app_group": "app_group",
            "campaign_id": "campaign_id",
            "purchase_id": "purchase_id",
            "purchased_at": "purchased_at",
            "currency": "currency",
            "net": "net",
            "receipt_id": "receipt_id",
            "received_at": "received_at",
            "variant_id": "variant_id",
        },
        frozenset({"purchased_at", "received_at"}),
    ),
    _Rows(
        "all_shown_recipients",
        RECIPIENTS.name,
        recipients,
        {
            "journey": "journey_id",
            "app_group": "app_group",
            "campaign_id": "campaign_id",
            "variant_id": "variant_id",
            "receipt_id": "first_receipt_id",
            "received_at": "first_received_at",
            "receipts": "receipts",
        },
    ),
)

_NUMBERS = {"conversion_event": pa.int32(), "receipts": pa.int64()}


class Filled(Protocol):
    """An engine that takes rows."""

    def fill(self, name: str, batches: Iterator[pa.RecordBatch], schema: pa.Schema, query: str) -> None:
        """Make a table by a query in DuckDB's SQL on batches, which are called `given` in it."""


def show(engine: Filled, view: View | None, generations: Generations) -> None:
    """Make the tables of what read models hold; empty ones where none are asked."""
    for rows in _SHOWN:
        instant = pa.int64() if view is not None and view.is_server else pa.string()
        schema = pa.schema(
            [
                (name, instant if name in rows.instants else _NUMBERS.get(name, pa.string()))
                for name in rows.columns
            ]
        )
        batches: Iterator[pa.RecordBatch] = iter(())
        if view is not None:
            batches = view.batches(_asking(view, rows, generations[rows.model]), schema)
        engine.fill(rows.name, batches, schema, f"SELECT {_reading(rows, schema)} FROM given")


def _asking(view: View, rows: _Rows, generation: int) -> str:
    def asked(name: str, column: str) -> str:
        if name in rows.instants and view.is_server:
            return f"CAST(extract(epoch FROM {column}) * 1000000 AS bigint) AS {name}"
        return f"CAST({column} AS text) AS {name}" if name == "net" else f"{column} AS {name}"

    columns = ", ".join(asked(name, column) for name, column in rows.columns.items())
    return f"SELECT {columns} FROM {rows.table.name}_{generation}"


def _reading(rows: _Rows, schema: pa.Schema) -> str:
    def read(name: str) -> str:
        if name in rows.instants and pa.types.is_string(schema.field(name).type):
            return f"epoch_us(CAST({name} AS TIMESTAMP)) AS {name}"
        return f"CAST({name} AS DECIMAL(38, 6)) AS {name}" if name == "net" else name

    return ", ".join(read(name) for name in rows.columns)


_FIGURES = pa.schema([(name, pa.string()) for name in (*Figure._fields, "number")])

_KEY = "app_group, campaign_id"
_EVENT = "CAST(conversion_event AS text)"
_DAY = "CAST(day AS text)"


@dataclass(frozen=True)
class Figures:
    """The figures of a read model; `asked` are those that it has, of what, by figure and under which clock."""

    claim: str
    numbers: Mapping[Figure, Decimal]


def figures(view: View, generations: Generations, campaign_id: str | None) -> list[Figures]:
    """The figures of the campaign report, and of the series by day."""
    of_campaign = "" if campaign_id is None else f" WHERE campaign_id = {quoted(campaign_id)}"
    return [
        Figures(model, _numbers(view, [f"{query}{of_campaign}" for query in queries]))
        for model, queries in (
            (CAMPAIGN_REPORT.name, _report_queries(generations[CAMPAIGN_REPORT.name])),
            (SERIES.name, _series_queries(generations[SERIES.name])),
        )
    ]


def _report_queries(generation: int) -> list[str]:
    def query(figure: str, variant: str, thing: str, number: str, table: Table) -> str:
        clock = "both" if figure in {"receipts", "unique_recipients"} else "conversion"
        return (
            f"SELECT '{figure}', {_KEY}, {variant}, {thing}, '{clock}', CAST(NULL AS text), CAST({number} AS text) "
            f"FROM {table.name}_{generation}"
        )

    return [
        query("unique_recipients", "''", "''", "unique_recipients", report_campaigns),
        query("unique_recipients", "variant_id", "''", "unique_recipients", report_variants),
        query("receipts", "variant_id", "''", "receipts", report_variants),
        query("conversions", "variant_id", _EVENT, "conversions", report_conversions),
        query("purchases", "variant_id", "currency", "purchases", report_revenue),
        query("revenue", "variant_id", "currency", "amount", report_revenue),
    ]


def _series_queries(generation: int) -> list[str]:
    def query(figure: str, thing: str, clock: str, number: str, table: Table) -> str:
        return (
            f"SELECT '{figure}', {_KEY}, variant_id, {thing}, {clock}, {_DAY}, CAST({number} AS text) "
            f"FROM {table.name}_{generation}"
        )

    return [
        query("receipts", "''", "'both'", "receipts", series_receipts),
        query("unique_recipients", "''", "'both'", "unique_recipients", series_receipts),
        query("conversions", _EVENT, "clock", "conversions", series_conversions),
        query("purchases", "currency", "clock", "purchases", series_revenue),
        query("revenue", "currency", "clock", "amount", series_revenue),
    ]


def _numbers(view: View, queries: list[str]) -> dict[Figure, Decimal]:
    found: dict[Figure, Decimal] = {}
    for query in queries:
        for batch in view.batches(query, _FIGURES):
            for row in batch.to_pylist():
                number, day = Decimal(row.pop("number")), row.pop("day")
                since = None if day is None else date.fromisoformat(day).toordinal() - _EPOCH
                found[Figure(**row, day=since)] = number
    return found
