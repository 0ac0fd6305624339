"""The tables of recipients: who received what, what they did for it, and when their last window is over.

What an experiment is counted from stands beside them: the users of a campaign who received exactly one variant, control
counting as one, summed up so that no test of it needs to look at users.

Rows are kept apart by the campaign's stream, which is short: three ids of 255 characters would be more than a row of an
index holds in PostgreSQL. A variant of '' is the campaign: any variant but control (R9, R18).
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.engine import Dialect

from projections.engine.tables import ExactDecimal, Id, Instant, read_models


class ExactSquares(ExactDecimal):
    """Sums of squares of money: twice the decimals, and in PostgreSQL NUMERIC of any length."""

    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:  # noqa: ANN401
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric())


recipients = Table(
    "recipients",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("journey_id", Id, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("receipts", BigInteger, nullable=False),
    Column("first_receipt_id", Id, nullable=False),
    Column("first_received_at", Instant, nullable=False),
    Column("last_receipt_id", Id, nullable=False),
    Column("last_received_at", Instant, nullable=False),
    Column("converted_a", Boolean, nullable=False),
    Column("converted_b", Boolean, nullable=False),
    Column("converted_c", Boolean, nullable=False),
    Column("converted_d", Boolean, nullable=False),
    PrimaryKeyConstraint("stream_id", "journey_id", "variant_id"),
    sqlite_with_rowid=False,
)
"""By recipient their receipts, and on which conversion events they have a conversion credited to the variant."""

recipient_receipts = Table(
    "recipient_receipts",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("journey_id", Id, nullable=False),
    Column("receipt_id", Id, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("received_at", Instant, nullable=False),
    PrimaryKeyConstraint("stream_id", "journey_id", "receipt_id"),
    # All that counting a period needs, so that SQLite need not look up each row: half the time.
    Index("recipient_receipts_by_instant", "stream_id", "received_at", "variant_id", "journey_id"),
    sqlite_with_rowid=False,
)
"""Every receipt that stands."""

recipient_revenue = Table(
    "recipient_revenue",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("journey_id", Id, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("currency", Text, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("purchases", BigInteger, nullable=False),
    Column("amount", ExactDecimal, nullable=False),
    PrimaryKeyConstraint("stream_id", "journey_id", "variant_id", "currency"),
    sqlite_with_rowid=False,
)
"""By recipient and currency the purchases that count (R11), and their net (R12)."""

recipient_hours = Table(
    "recipient_hours",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("conversion_event", Integer, nullable=False),
    Column("hour", Instant, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("recipients", BigInteger, nullable=False),
    Column("converted", BigInteger, nullable=False),
    Column("of_one_variant", BigInteger, nullable=False),
    Column("of_one_variant_converted", BigInteger, nullable=False),
    PrimaryKeyConstraint("stream_id", "variant_id", "conversion_event", "hour"),
    sqlite_with_rowid=False,
)
"""Recipients by the first full hour, in UTC, after their last receipt's window; and how many of them converted.

The same two figures beside them are those of users who received exactly one variant, control counting as one.
"""

experiment_recipients = Table(
    "experiment_recipients",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("hour", Instant, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("recipients", BigInteger, nullable=False),
    Column("converted_a", BigInteger, nullable=False),
    Column("converted_b", BigInteger, nullable=False),
    Column("converted_c", BigInteger, nullable=False),
    Column("converted_d", BigInteger, nullable=False),
    PrimaryKeyConstraint("stream_id", "variant_id", "hour"),
    sqlite_with_rowid=False,
)
"""Users of exactly one variant by the full hour, in UTC, of their first receipt; and how many of them converted."""

experiment_first_receipts = Table(
    "experiment_first_receipts",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("hour", Instant, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("users", BigInteger, nullable=False),
    PrimaryKeyConstraint("stream_id", "variant_id", "hour"),
    sqlite_with_rowid=False,
)
"""All users by the variant and the full hour, in UTC, of the first receipt they have of any variant, control too."""

experiment_revenue = Table(
    "experiment_revenue",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("currency", Text, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("buyers", BigInteger, nullable=False),
    Column("amount", ExactDecimal, nullable=False),
    Column("squares", ExactSquares, nullable=False),
    PrimaryKeyConstraint("stream_id", "variant_id", "currency"),
    sqlite_with_rowid=False,
)
"""Of users of exactly one variant: those with a purchase that counts, and the sums of each one's net and its square."""

experiment_several_variants = Table(
    "experiment_several_variants",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("control", Boolean, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("users", BigInteger, nullable=False),
    PrimaryKeyConstraint("stream_id", "control"),
    sqlite_with_rowid=False,
)
"""Users who received several variants, and are left out of the experiment; by whether control is one of them."""

experiment_delays = Table(
    "experiment_delays",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("variant_id", Id, nullable=False),
    Column("conversion_event", Integer, nullable=False),
    Column("hours", Integer, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("conversions", BigInteger, nullable=False),
    PrimaryKeyConstraint("stream_id", "variant_id", "conversion_event", "hours"),
    sqlite_with_rowid=False,
)
"""Conversions that stand, by variant, and by the full hours from the receipt that they are credited to."""
