"""The tables of the ledger. `events` is the log.

The log cannot make these again: `identities`, `kept_aside` (free text of facts), `keys`, `sessions`,
`login_links`, `idempotency_keys`, `rejects`, `audits` and the webhooks' tables.
The `journey_` tables are caches of the log.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

metadata = MetaData()

# Ids compare by code point (docs/rules.md, Words): SQLite's BINARY is UTF-8 memcmp, PostgreSQL's "C" likewise.
Id = Text().with_variant(Text(collation="C"), "postgresql")

events = Table(
    "events",
    metadata,
    Column("position", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False),
    Column("app_group", Id, nullable=False),
    Column("originator_id", Id, nullable=False),
    Column("originator_version", Integer, nullable=False),
    Column("topic", Id, nullable=False),
    Column("state", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("command_id", Id, nullable=False),
    Column("actor", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("events_by_originator", "originator_id", "originator_version", unique=True),
)

identities = Table(
    "identities",
    metadata,
    Column("app_group", Id, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("journey_id", Id, nullable=False, unique=True),
    Column("key", LargeBinary, nullable=False),
    PrimaryKeyConstraint("app_group", "user_id"),
)

kept_aside = Table(
    "kept_aside",
    metadata,
    Column("journey_id", Id, nullable=False),
    Column("fact_id", Id, nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("journey_id", "fact_id"),
    sqlite_with_rowid=False,
)

journey_facts = Table(
    "journey_facts",
    metadata,
    Column("journey_id", Id, nullable=False),
    Column("fact_id", Id, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("journey_id", "fact_id"),
    sqlite_with_rowid=False,
)

journey_lanes = Table(
    "journey_lanes",
    metadata,
    Column("journey_id", Id, nullable=False),
    Column("lane", Id, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("fact_id", Id, nullable=False),
    PrimaryKeyConstraint("journey_id", "lane", "at", "fact_id"),
    sqlite_with_rowid=False,
)

journey_states = Table(
    "journey_states",
    metadata,
    Column("journey_id", Id, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    sqlite_with_rowid=False,
)

journey_standings = Table(
    "journey_standings",
    metadata,
    Column("journey_id", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("state", Text, nullable=False),
    PrimaryKeyConstraint("journey_id", "campaign_id"),
    sqlite_with_rowid=False,
)

keys = Table(
    "keys",
    metadata,
    Column("key_id", Id, primary_key=True),
    Column("app_group", Id, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("app_id", Id),
    Column("hash", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Index("keys_by_app_group", "app_group"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("key_id", Id),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Index("sessions_by_key", "key_id", "created_at"),
)
"""Who is logged in to the dashboard. A session without a key began with the first link, before any app group."""

login_links = Table(
    "login_links",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("key_id", Id),
    Column("expires_at", BigInteger, nullable=False),
)
"""Links that log in once; one without a key is good while there is no app group."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("app_group", Id, nullable=False),
    Column("idempotency_key", Id, nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("command_id", Id, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("status", Integer),
    Column("answer", LargeBinary),
    PrimaryKeyConstraint("app_group", "idempotency_key"),
    Index("idempotency_keys_by_age", "created_at"),
)

rejects = Table(
    "rejects",
    metadata,
    Column("reject_id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("app_group", Id, nullable=False),
    Column("source", Text, nullable=False),
    Column("rejected_at", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("fact", Text, nullable=False),
    Index("rejects_by_app_group", "app_group", "reject_id"),
)
"""Rejected facts, kept for a while: most services that send them never send them again."""

audits = Table(
    "audits",
    metadata,
    Column("audit_id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("app_group", Id, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Index("audits_by_app_group", "app_group", "audit_id"),
)
"""What the last audits found of each app group; no user's id is in it."""

webhooks = Table(
    "webhooks",
    metadata,
    Column("webhook_id", Id, primary_key=True),
    Column("app_group", Id, nullable=False),
    Column("url", Text, nullable=False),
    Column("types", Text),
    Column("campaign_id", Id),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("secret", Text, nullable=False),
    Column("previous_secret", Text),
    Column("previous_until", BigInteger),
    Column("position", BigInteger, nullable=False),
    Column("replays", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("webhooks_by_app_group", "app_group", "webhook_id"),
)
"""Up to `position`, every event of the log is in the queues of users."""

webhook_queues = Table(
    "webhook_lines",
    metadata,
    Column("webhook_id", Id, nullable=False),
    Column("journey_id", Id, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failing_since", BigInteger),
    Column("next_at", BigInteger, nullable=False),
    Column("parked_at", BigInteger),
    Column("reason", Text),
    PrimaryKeyConstraint("webhook_id", "journey_id"),
    Index("webhook_lines_by_next", "parked_at", "next_at"),
)
"""The queues: users for whom events wait to be delivered, or are parked. The table keeps its first name."""

webhook_events = Table(
    "webhook_events",
    metadata,
    Column("webhook_id", Id, nullable=False),
    Column("journey_id", Id, nullable=False),
    Column("position", BigInteger, nullable=False),
    PrimaryKeyConstraint("webhook_id", "journey_id", "position"),
    sqlite_with_rowid=False,
)
"""What waits in each queue: positions of events in the log."""

webhook_leases = Table(
    "webhook_leases",
    metadata,
    Column("name", Id, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""Which process delivers, and until when no other process may."""
