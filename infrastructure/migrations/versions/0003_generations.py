"""Read models in generations: made anew from the log when next asked for, each in tables of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_BEFORE = (
    "report_revenue",
    "report_conversions",
    "report_variants",
    "report_campaigns",
    "app_group_custom_events",
    "app_group_apps",
    "app_groups",
    "projections",
)


def upgrade() -> None:
    """Drop what can be made again, and make the table that says which generation is read."""
    for table in _BEFORE:
        op.drop_table(table)
    op.create_table(
        "projections",
        sa.Column("name", _ID, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("tally", sa.Text),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("moved_at", sa.BigInteger),
        sa.Column("switched_at", sa.BigInteger),
        sa.Column("problem", sa.Text),
        sa.PrimaryKeyConstraint("name", "generation"),
    )
    for status in ("current", "building"):
        only = sa.text(f"status = '{status}'")
        op.create_index(
            f"projections_{status}",
            "projections",
            ["name"],
            unique=True,
            sqlite_where=only,
            postgresql_where=only,
        )
