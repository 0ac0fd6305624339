"""What a projection says of itself: when it moved last, and why it stopped."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; what stands stays."""
    op.add_column("projections", sa.Column("moved_at", sa.BigInteger))
    op.add_column("projections", sa.Column("problem", sa.Text))
