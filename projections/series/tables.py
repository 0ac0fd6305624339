"""The tables of the series by day: plain rows that a BI tool can read.

A day is a calendar date in the group's time zone. Rows are kept apart by the campaign's stream, which is short: three
ids of 255 characters would be more than a row of an index holds in PostgreSQL.
"""

from sqlalchemy import BigInteger, Column, Date, Integer, PrimaryKeyConstraint, Table, Text

from projections.engine.tables import ExactDecimal, Id, read_models

series_receipts = Table(
    "series_receipts",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("day", Date, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("receipts", BigInteger, nullable=False),
    Column("unique_recipients", BigInteger, nullable=False),
    PrimaryKeyConstraint("stream_id", "day", "variant_id"),
)
"""The same under both clocks. `variant_id` is empty for the campaign; the other tables leave that to a sum."""

series_conversions = Table(
    "series_conversions",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("clock", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("conversion_event", Integer, nullable=False),
    Column("conversions", BigInteger, nullable=False),
    PrimaryKeyConstraint("stream_id", "clock", "day", "variant_id", "conversion_event"),
)

series_revenue = Table(
    "series_revenue",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("clock", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("currency", Text, nullable=False),
    Column("purchases", BigInteger, nullable=False),
    Column("amount", ExactDecimal, nullable=False),
    PrimaryKeyConstraint("stream_id", "clock", "day", "variant_id", "currency"),
)
