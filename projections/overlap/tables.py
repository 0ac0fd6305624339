"""The tables of the overlap: which behaviours converted on which campaigns, and the counts that follow from them.

Rows are kept apart by the campaign's stream, which is short: three ids of 255 characters would be more than a row of an
index holds in PostgreSQL.
"""

from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Table

from projections.engine.tables import Id, read_models

overlap_behaviours = Table(
    "overlap_behaviours",
    read_models,
    Column("journey_id", Id, nullable=False),
    Column("behaviour_id", Id, nullable=False),
    Column("stream_id", Id, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("conversion_events", Integer, nullable=False),
    PrimaryKeyConstraint("journey_id", "behaviour_id", "stream_id"),
    sqlite_with_rowid=False,
)
"""By behaviour and campaign, what it earned outside control: `conversion_events` has bit 0 for A, bit 1 for B ..."""

overlap_conversions = Table(
    "overlap_conversions",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("conversion_event", Integer, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("conversions", BigInteger, nullable=False),
    Column("overlapping", BigInteger, nullable=False),
    Column("control_conversions", BigInteger, nullable=False),
    PrimaryKeyConstraint("stream_id", "conversion_event"),
)
"""`conversions` without control's, and how many of them are `overlapping`; control's stand beside them."""

overlap_campaigns = Table(
    "overlap_campaigns",
    read_models,
    Column("stream_id", Id, nullable=False),
    Column("other_stream_id", Id, nullable=False),
    Column("app_group", Id, nullable=False),
    Column("campaign_id", Id, nullable=False),
    Column("other_campaign_id", Id, nullable=False),
    Column("behaviours", BigInteger, nullable=False),
    PrimaryKeyConstraint("stream_id", "other_stream_id"),
)
"""How many behaviours converted on both campaigns; each pair stands twice, once in either direction."""
