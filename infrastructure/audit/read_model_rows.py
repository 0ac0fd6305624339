"""The rows that read models claim, in one view of the database (read_model_figures.py has the figures of reports)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa

from infrastructure.archive.batches import View
from infrastructure.audit.duckdb_engine import Engine, quote
from infrastructure.audit.read_model_figures import Generations, read_stated_campaigns
from projections.campaign_report import CAMPAIGN_REPORT
from projections.conversions import CONVERSIONS
from projections.recipients import RECIPIENTS
from projections.series import SERIES

AUDITED: Final = (CAMPAIGN_REPORT, CONVERSIONS, RECIPIENTS, SERIES)
"""The read models that an audit compares."""

ROWS: Final = ("conversions", "counted_revenue", "recipients")
"""What is compared row by row, under the audit's own names."""


@dataclass(frozen=True)
class _Rows:
    """The rows of a table under the names of the rules; `instants` are in microseconds since 1970."""

    name: str
    model: str
    table: str
    columns: Mapping[str, str]
    instants: frozenset[str] = field(default=frozenset({"received_at"}))


_SHOWN: Final = (
    _Rows(
        "all_shown_conversions",
        CONVERSIONS.name,
        "conversions",
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
            "window_ends_at": "window_ends_at",
            "control": "control",
            "other_stream": "stream_id",
        },
        frozenset({"behaviour_at", "received_at", "window_ends_at"}),
    ),
    _Rows(
        "all_shown_purchases",
        CONVERSIONS.name,
        "counted_revenue",
        {
            "journey": "journey_id",
            "app_group": "app_group",
            "campaign_id": "campaign_id",
            "purchase_id": "fact_id",
            "is_order": "fact_type",
            "purchased_at": "occurred_at",
            "currency": "currency",
            "net": "net",
            "receipt_id": "receipt_id",
            "received_at": "received_at",
            "variant_id": "variant_id",
            "control": "control",
            "other_stream": "stream_id",
        },
        frozenset({"purchased_at", "received_at"}),
    ),
    _Rows(
        "all_shown_recipients",
        RECIPIENTS.name,
        "recipients",
        {
            "journey": "journey_id",
            "app_group": "app_group",
            "campaign_id": "campaign_id",
            "variant_id": "variant_id",
            "receipt_id": "first_receipt_id",
            "received_at": "first_received_at",
            "receipts": "receipts",
            "other_stream": "stream_id",
        },
    ),
)

_FLAGS: Final = frozenset({"control", "is_order", "other_stream"})
"""Columns that are true or false; they are read as numbers, as databases differ in booleans."""

_NUMBERS: Final = dict.fromkeys(("conversion_event", *_FLAGS), pa.int32()) | {"receipts": pa.int64()}


def fill_rows(engine: Engine, view: View | None, generations: Generations) -> None:
    """Make the tables of what read models hold; empty tables without a view."""
    streams = "" if view is None else _streams(view, generations)
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
            batches = view.batches(_select(view, rows, generations[rows.model], streams), schema)
        engine.fill(rows.name, batches, schema, f"SELECT {_convert(rows, schema)} FROM given")


def _streams(view: View, generations: Generations) -> str:
    """The streams and names of campaigns according to the log, as rows of SQL."""
    campaigns = read_stated_campaigns(view, generations)
    named = [(stream, each["app_group"], each["campaign_id"]) for stream, each in campaigns.items()]
    # No stream has an empty id; an empty list would be no SQL.
    return ", ".join(f"({', '.join(map(quote, each))})" for each in [("", "", ""), *named])


def _select(view: View, rows: _Rows, generation: int, streams: str) -> str:
    def select(name: str, column: str) -> str:
        if name in rows.instants and view.is_server:
            return f"CAST(extract(epoch FROM {column}) * 1000000 AS bigint) AS {name}"
        if name == "other_stream":
            # Compared by the database: ids of streams are long, and nearly all are right.
            known = f"({column}, app_group, campaign_id) IN (VALUES {streams})"
            return f"CASE WHEN {known} THEN 0 ELSE 1 END AS {name}"
        if name == "is_order":
            return f"CASE WHEN {column} = 'order' THEN 1 ELSE 0 END AS {name}"
        if name == "control":
            return f"CASE WHEN {column} THEN 1 ELSE 0 END AS {name}"
        return f"CAST({column} AS text) AS {name}" if name == "net" else f"{column} AS {name}"

    columns = ", ".join(select(name, column) for name, column in rows.columns.items())
    return f"SELECT {columns} FROM {rows.table}_{generation}"


def _convert(rows: _Rows, schema: pa.Schema) -> str:
    """The columns as the rules expect them; a value that cannot be read without rounding becomes -1."""

    def convert(name: str) -> str:
        if name in rows.instants and pa.types.is_string(schema.field(name).type):
            instant = f"epoch_us(TRY_CAST({name} AS TIMESTAMP))"
            return f"coalesce(CASE WHEN length({name}) <= 27 THEN {instant} END, -1) AS {name}"
        if name in _FLAGS:
            return f"{name} = 1 AS {name}"
        if name == "net":
            whole = "NOT regexp_matches(net, '[.].{7}')"
            return f"coalesce(CASE WHEN {whole} THEN TRY_CAST(net AS DECIMAL(38, 6)) END, -1) AS net"
        return name

    return ", ".join(convert(name) for name in rows.columns)
