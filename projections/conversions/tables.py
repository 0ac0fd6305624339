"""The tables of what stands, one row each: conversions, what counts as revenue, and the lines of what was sold.

Rows that a BI tool can read.

Rows are kept apart by the campaign's stream, which is short: several ids of 255 characters would be more than a row of
an index holds in PostgreSQL. Whoever reads a campaign reads its rows in the order of the primary key; only the newest
conversions have an index of their own, which grows at its end.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from projections.engine.tables import ExactDecimal, Id, Instant, read_models

conversions = Table(
    "conversions",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("journey_id", Id, nullable=False),
    Column("conversion_event", Integer, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("control", Boolean, nullable=False),
    Column("receipt_id", Id, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("window_ends_at", Instant, nullable=False),
    Column("behaviour_id", Id, nullable=False),
    Column("behaviour_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("restated", Boolean, nullable=False),
    Column("decided_at", Instant, nullable=False),
    PrimaryKeyConstraint("stream_id", "journey_id", "conversion_event"),
    Index("conversions_by_decision", "stream_id", "decided_at", "journey_id", "conversion_event"),
    sqlite_with_rowid=False,
)
"""`window_ends_at` is inside the window (R6). `recorded_at` is when the ledger first said so, `decided_at` when it said
so last: later where it was restated (R14)."""

counted_revenue = Table(
    "counted_revenue",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("journey_id", Id, nullable=False),
    Column("fact_id", Id, nullable=False),
    Column("fact_type", Text, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("control", Boolean, nullable=False),
    Column("receipt_id", Id, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("currency", Text, nullable=False),
    Column("net", ExactDecimal, nullable=False),
    PrimaryKeyConstraint("stream_id", "journey_id", "fact_id"),
    sqlite_with_rowid=False,
)
"""Each campaign that a purchase or an order counts for has a row of it; `fact_type` is `purchase` or `order`, and `net`
what is left of it after all that was given back (R12, R27)."""

sale_lines = Table(
    "sale_lines",
    read_models,
    Column("journey_id", Id, nullable=False),
    Column("fact_id", Id, nullable=False),
    Column("line", Integer, nullable=False),
    Column("product_id", Id, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("price", ExactDecimal),
    PrimaryKeyConstraint("journey_id", "fact_id", "line"),
    sqlite_with_rowid=False,
)
"""What was bought in purchases (one line, 0) and orders, counted or not: a receipt that comes late makes them count. A
line without a price says null (R27)."""
