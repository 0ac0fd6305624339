"""The ledger: the log, the index of journeys, what is kept aside, and the first read models."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _id(name: str, **options: object) -> sa.Column[str]:
    return sa.Column(name, _ID, nullable=False, **options)  # type: ignore[arg-type]


def upgrade() -> None:
    """Make the tables."""
    _log()
    _journeys()
    _read_models()


def _log() -> None:
    op.create_table(
        "events",
        sa.Column("position", _POSITION, primary_key=True, autoincrement=False),
        _id("app_group"),
        _id("originator_id"),
        sa.Column("originator_version", sa.Integer, nullable=False),
        _id("topic"),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        _id("command_id"),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.create_index("events_by_originator", "events", ["originator_id", "originator_version"], unique=True)
    _refuse_changes(op.get_bind().dialect.name)


def _refuse_changes(dialect: str) -> None:
    """Let the database itself refuse to change or remove a recorded event."""
    refusal = "recorded events are never changed (R14)"
    if dialect == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER events_refuse_{change.lower()} BEFORE {change} ON events "
                f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION events_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{refusal}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER events_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON events "
        "FOR EACH STATEMENT EXECUTE FUNCTION events_refuse_change()"
    )


def _journeys() -> None:
    op.create_table(
        "identities",
        _id("app_group"),
        _id("user_id"),
        _id("journey_id", unique=True),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("app_group", "user_id"),
    )
    op.create_table(
        "kept_aside",
        _id("journey_id"),
        _id("fact_id"),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("journey_id", "fact_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journey_facts",
        _id("journey_id"),
        _id("fact_id"),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("journey_id", "fact_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journey_lanes",
        _id("journey_id"),
        _id("lane"),
        sa.Column("at", sa.BigInteger, nullable=False),
        _id("fact_id"),
        sa.PrimaryKeyConstraint("journey_id", "lane", "at", "fact_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journey_states",
        _id("journey_id", primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journey_standings",
        _id("journey_id"),
        _id("campaign_id"),
        sa.Column("state", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("journey_id", "campaign_id"),
        sqlite_with_rowid=False,
    )


def _read_models() -> None:
    op.create_table(
        "projections",
        _id("name", primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "app_groups", _id("app_group", primary_key=True), sa.Column("time_zone", sa.Text, nullable=False)
    )
    op.create_table("app_group_apps", *_key("app_group", "app_id"))
    op.create_table("app_group_custom_events", *_key("app_group", "name"))
    op.create_table(
        "report_campaigns",
        *_key("app_group", "campaign_id"),
        _id("stream_id", unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("channel", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("conversion_events", sa.Text, nullable=False),
        sa.Column("unique_recipients", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "report_variants",
        *_key("app_group", "campaign_id", "variant_id"),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("control", sa.Boolean, nullable=False),
        sa.Column("weight", sa.BigInteger, nullable=False),
        sa.Column("receipts", sa.BigInteger, nullable=False),
        sa.Column("unique_recipients", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "report_conversions",
        _id("app_group"),
        _id("campaign_id"),
        _id("variant_id"),
        sa.Column("conversion_event", sa.Integer, nullable=False),
        sa.Column("conversions", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("app_group", "campaign_id", "variant_id", "conversion_event"),
    )
    op.create_table(
        "report_revenue",
        *_key("app_group", "campaign_id", "variant_id", "currency"),
        sa.Column("purchases", sa.BigInteger, nullable=False),
        sa.Column("amount", sa.Numeric(38, 6).with_variant(sa.Text(), "sqlite"), nullable=False),
    )


def _key(*names: str) -> list[Any]:
    return [*(_id(name) for name in names), sa.PrimaryKeyConstraint(*names)]
