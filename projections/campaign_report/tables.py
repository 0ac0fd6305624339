"""The tables of the campaign report: plain rows that a BI tool can read."""

from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect

from projections.projection import Id, metadata


class ExactDecimal(TypeDecorator[Decimal]):
    """NUMERIC where the database is exact; decimal text in SQLite, whose numbers are floats."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:  # noqa: ANN401
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric(38, 6))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:  # noqa: ANN401
        return f"{value:f}" if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ANN401
        return None if value is None else Decimal(value)


report_campaigns = Table(
    "report_campaigns",
    metadata,
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("stream_id", Id, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("channel", Text),
    Column("status", Text, nullable=False),
    Column("conversion_events", Text, nullable=False),
    Column("unique_recipients", BigInteger, nullable=False),
    PrimaryKeyConstraint("app_group", "campaign_id"),
)

report_variants = Table(
    "report_variants",
    metadata,
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("place", Integer, nullable=False),
    Column("name", Text),
    Column("control", Boolean, nullable=False),
    Column("weight", BigInteger, nullable=False),
    Column("receipts", BigInteger, nullable=False),
    Column("unique_recipients", BigInteger, nullable=False),
    PrimaryKeyConstraint("app_group", "campaign_id", "variant_id"),
)

report_conversions = Table(
    "report_conversions",
    metadata,
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("conversion_event", Integer, nullable=False),
    Column("conversions", BigInteger, nullable=False),
    PrimaryKeyConstraint("app_group", "campaign_id", "variant_id", "conversion_event"),
)

report_revenue = Table(
    "report_revenue",
    metadata,
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("currency", Text, nullable=False),
    Column("purchases", BigInteger, nullable=False),
    Column("amount", ExactDecimal, nullable=False),
    PrimaryKeyConstraint("app_group", "campaign_id", "variant_id", "currency"),
)
