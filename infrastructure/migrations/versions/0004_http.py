"""The service over HTTP: keys of callers, idempotency keys, and facts that were rejected."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables; what stands stays."""
    op.create_table(
        "keys",
        sa.Column("key_id", _ID, primary_key=True),
        sa.Column("app_group", _ID, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("app_id", _ID),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
    )
    op.create_index("keys_by_app_group", "keys", ["app_group"])
    op.create_table(
        "idempotency_keys",
        sa.Column("app_group", _ID, nullable=False),
        sa.Column("idempotency_key", _ID, nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("command_id", _ID, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("answer", sa.LargeBinary),
        sa.PrimaryKeyConstraint("app_group", "idempotency_key"),
    )
    op.create_index("idempotency_keys_by_age", "idempotency_keys", ["created_at"])
    op.create_table(
        "rejects",
        sa.Column(
            "reject_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("app_group", _ID, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("rejected_at", sa.BigInteger, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("fact", sa.Text, nullable=False),
    )
    op.create_index("rejects_by_app_group", "rejects", ["app_group", "reject_id"])
