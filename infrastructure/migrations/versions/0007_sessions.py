"""The dashboard: who is logged in, and links that log in once."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables; what stands stays."""
    op.create_table(
        "sessions",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("key_id", _ID),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger, nullable=False),
    )
    op.create_index("sessions_by_key", "sessions", ["key_id", "created_at"])
    op.create_table(
        "login_links",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("key_id", _ID),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
