"""What a projection says of itself: when it moved last, and why it stopped. And room for ids of any length."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; what stands stays."""
    op.add_column("projections", sa.Column("moved_at", sa.BigInteger))
    op.add_column("projections", sa.Column("problem", sa.Text))
    if op.get_bind().dialect.name == "postgresql":
        # Three ids of 255 characters are more than a row of an index holds there.
        _key_by_hash("report_variants", "variant_id")
        _key_by_hash("report_conversions", "variant_id", "conversion_event::text")
        _key_by_hash("report_revenue", "variant_id", "currency")


def _key_by_hash(table: str, *more: str) -> None:
    """Find rows by their campaign, and keep them apart by hashes of their ids instead of a primary key."""
    hashes = ", ".join(f"md5({column})" for column in ("app_group", "campaign_id", *more))
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey")
    op.execute(f"CREATE UNIQUE INDEX {table}_key ON {table} ({hashes})")
    op.execute(f"CREATE INDEX {table}_by_campaign ON {table} (app_group, campaign_id)")
