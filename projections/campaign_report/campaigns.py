"""What the events of campaigns change in the campaign report: few, and written one by one before all others."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from domain.campaigns import events
from domain.campaigns.definition import Variant, Weights
from domain.campaigns.events import CampaignDrafted, Status
from projections.campaign_report.tables import report_campaigns, report_variants
from projections.engine.projection import Logged, WritableTables


def write(events: Sequence[Logged], tables: WritableTables) -> None:
    for logged in events:
        _WRITERS[type(logged.event)](tables, logged)


def _drafted(tables: WritableTables, logged: Logged) -> None:
    event: CampaignDrafted = logged.event
    tables.connection.execute(
        insert(tables[report_campaigns]).values(
            app_group=event.app_group,
            campaign_id=event.campaign_id,
            stream_id=logged.stream_id,
            name=event.name,
            kind=event.kind.value,
            channel=event.channel,
            status=Status.DRAFT.value,
            conversion_events=_encode(event.conversion_events),
            unique_recipients=0,
        )
    )
    ids = (logged.stream_id, event.app_group, event.campaign_id)
    _put_variants(tables, ids, event.variants, event.weights)


def _encode(conversion_events: object) -> str:
    return msgspec.json.encode(conversion_events).decode()


def _put_variants(
    tables: WritableTables, ids: tuple[str, str, str], variants: tuple[Variant, ...], weights: Weights
) -> None:
    """Put the variants of a campaign, named by its stream, app group and id."""
    tables.put(
        report_variants,
        [
            (*ids, variant.id, place, variant.name, variant.control, weights[variant.id], 0, 0)
            for place, variant in enumerate(variants)
        ],
    )


def _changing(**values: Callable[[Any], object]) -> Callable[[WritableTables, Logged], None]:
    """A writer that changes columns of the campaign to what the functions make of the event."""

    def change(tables: WritableTables, logged: Logged) -> None:
        table = tables[report_campaigns]
        now = {name: value(logged.event) for name, value in values.items()}
        tables.connection.execute(update(table).where(table.c.stream_id == logged.stream_id).values(now))

    return change


def _variants_changed(tables: WritableTables, logged: Logged) -> None:
    """Only of drafts (R4), which have no receipts: the rows can be made again."""
    variants, stands = tables[report_variants], tables[report_campaigns]
    tables.connection.execute(delete(variants).where(variants.c.stream_id == logged.stream_id))
    campaign_id = tables.connection.execute(
        select(stands.c.campaign_id).where(stands.c.stream_id == logged.stream_id)
    ).scalar_one()
    ids = (logged.stream_id, logged.app_group, campaign_id)
    _put_variants(tables, ids, logged.event.variants, logged.event.weights)


def _by_variant(
    column: str, values_of: Callable[[Any], dict[str, Any]]
) -> Callable[[WritableTables, Logged], None]:
    """A writer that sets a column of each variant."""

    def change(tables: WritableTables, logged: Logged) -> None:
        table = tables[report_variants]
        of_variant = (table.c.stream_id == logged.stream_id, table.c.variant_id == bindparam("variant"))
        tables.connection.execute(
            update(table).where(*of_variant).values({column: bindparam("value")}),
            [{"variant": key, "value": value} for key, value in values_of(logged.event).items()],
        )

    return change


_WRITERS: dict[type[Any], Callable[[WritableTables, Logged], None]] = {
    events.CampaignDrafted: _drafted,
    events.CampaignRenamed: _changing(name=lambda event: event.name),
    events.ChannelChanged: _changing(channel=lambda event: event.channel),
    events.VariantsChanged: _variants_changed,
    events.VariantsRenamed: _by_variant("name", lambda event: event.names),
    events.ConversionEventsChanged: _changing(
        conversion_events=lambda event: _encode(event.conversion_events)
    ),
    events.WeightsSet: _by_variant("weight", lambda event: event.weights),
    events.WeightsAdjusted: _by_variant("weight", lambda event: event.weights),
    events.CampaignLaunched: _changing(status=lambda _: Status.LAUNCHED.value),
    events.CampaignStopped: _changing(status=lambda _: Status.STOPPED.value),
    events.CampaignArchived: _changing(status=lambda _: Status.ARCHIVED.value),
}

EVENTS = tuple(_WRITERS)
"""The events of campaigns that the report reads."""
