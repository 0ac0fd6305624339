"""The tables of recipients: who received what, what they did for it, and when their last window is over.

Rows are kept apart by the campaign's stream, which is short: three ids of 255 characters would be more than a row of an
index holds in PostgreSQL. A variant of '' is the campaign: any variant but control (R9, R18).
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from projections.columns import ExactDecimal, Id, Instant, read_models

CAMPAIGN = ""
"""The variant of rows that are the campaign's own: ids have a character at least."""

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
    PrimaryKeyConstraint("stream_id", "variant_id", "conversion_event", "hour"),
    sqlite_with_rowid=False,
)
"""Recipients by the first full hour, in UTC, after their last receipt's window; and how many of them converted."""
