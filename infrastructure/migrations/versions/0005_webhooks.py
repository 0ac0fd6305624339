"""Webhooks: where to, what waits for each user, and which process delivers."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables; what stands stays."""
    op.create_table(
        "webhooks",
        sa.Column("webhook_id", _ID, primary_key=True),
        sa.Column("app_group", _ID, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("types", sa.Text),
        sa.Column("campaign_id", _ID),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("previous_secret", sa.Text),
        sa.Column("previous_until", sa.BigInteger),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("replays", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("webhooks_by_app_group", "webhooks", ["app_group", "webhook_id"])
    op.create_table(
        "webhook_lines",
        sa.Column("webhook_id", _ID, nullable=False),
        sa.Column("journey_id", _ID, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("failing_since", sa.BigInteger),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("parked_at", sa.BigInteger),
        sa.Column("reason", sa.Text),
        sa.PrimaryKeyConstraint("webhook_id", "journey_id"),
    )
    op.create_index("webhook_lines_by_next", "webhook_lines", ["parked_at", "next_at"])
    op.create_table(
        "webhook_events",
        sa.Column("webhook_id", _ID, nullable=False),
        sa.Column("journey_id", _ID, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", "journey_id", "position"),
        sqlite_with_rowid=False,
    )
    leases = op.create_table(
        "webhook_leases",
        sa.Column("name", _ID, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(leases, [{"name": "delivery", "holder": "", "until": 0}])
