"""The tables of the campaign report: plain rows that a BI tool can read.

Rows are kept apart by the campaign's stream, which is short: three ids of 255 characters would be more than a row of an
index holds in PostgreSQL.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from projections.engine.tables import ExactDecimal, Id, read_models

report_campaigns = Table(
    "report_campaigns",
    read_models,
    Column("stream_id", Id, primary_key=True),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("channel", Text),
    Column("status", Text, nullable=False),
    Column("conversion_events", Text, nullable=False),
    Column("unique_recipients", BigInteger, nullable=False),
    Index("report_campaigns_by_id", "app_group", "campaign_id", unique=True),
)

report_variants = Table(
    "report_variants",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("place", Integer, nullable=False),
    Column("name", Text),
    Column("control", Boolean, nullable=False),
    Column("weight", BigInteger, nullable=False),
    Column("receipts", BigInteger, nullable=False),
    Column("unique_recipients", BigInteger, nullable=False),
    PrimaryKeyConstraint("stream_id", "variant_id"),
)

report_conversions = Table(
    "report_conversions",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("conversion_event", Integer, nullable=False),
    Column("conversions", BigInteger, nullable=False),
    PrimaryKeyConstraint("stream_id", "variant_id", "conversion_event"),
)

report_revenue = Table(
    "report_revenue",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("currency", Text, nullable=False),
    Column("purchases", BigInteger, nullable=False),
    Column("amount", ExactDecimal, nullable=False),
    PrimaryKeyConstraint("stream_id", "variant_id", "currency"),
)
