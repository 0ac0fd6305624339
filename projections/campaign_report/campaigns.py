"""What the events of campaigns change in the campaign report: few, and so written one by one."""

from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection

from domain.campaign import CampaignDrafted, Status
from domain.definition import Variant, Weights
from projections.campaign_report.fold import Fold
from projections.campaign_report.tables import report_campaigns, report_variants
from projections.projection import Logged


def drafted(fold: Fold, logged: Logged) -> None:
    event: CampaignDrafted = logged.event
    fold.connection.execute(
        insert(report_campaigns).values(
            app_group=event.app_group,
            campaign_id=event.campaign_id,
            stream_id=logged.stream_id,
            name=event.name,
            kind=event.kind.value,
            channel=event.channel,
            status=Status.DRAFT.value,
            conversion_events=msgspec.json.encode(event.conversion_events).decode(),
            unique_recipients=0,
        )
    )
    _put_variants(fold.connection, event.app_group, event.campaign_id, event.variants, event.weights)


def _put_variants(
    connection: Connection, app_group: str, campaign_id: str, variants: tuple[Variant, ...], weights: Weights
) -> None:
    connection.execute(
        insert(report_variants),
        [
            {
                "app_group": app_group,
                "campaign_id": campaign_id,
                "variant_id": variant.id,
                "place": place,
                "name": variant.name,
                "control": variant.control,
                "weight": weights[variant.id],
                "receipts": 0,
                "unique_recipients": 0,
            }
            for place, variant in enumerate(variants)
        ],
    )


def _changed(fold: Fold, logged: Logged, **values: object) -> None:
    fold.connection.execute(
        update(report_campaigns).where(report_campaigns.c.stream_id == logged.stream_id).values(**values)
    )


def renamed(fold: Fold, logged: Logged) -> None:
    _changed(fold, logged, name=logged.event.name)


def channel_changed(fold: Fold, logged: Logged) -> None:
    _changed(fold, logged, channel=logged.event.channel)


def launched(fold: Fold, logged: Logged) -> None:
    _changed(fold, logged, status=Status.LAUNCHED.value)


def stopped(fold: Fold, logged: Logged) -> None:
    _changed(fold, logged, status=Status.STOPPED.value)


def archived(fold: Fold, logged: Logged) -> None:
    _changed(fold, logged, status=Status.ARCHIVED.value)


def conversion_events_changed(fold: Fold, logged: Logged) -> None:
    _changed(fold, logged, conversion_events=msgspec.json.encode(logged.event.conversion_events).decode())


def variants_changed(fold: Fold, logged: Logged) -> None:
    """Only of drafts (R4), which have no receipts: the rows can be made anew."""
    fold.connection.execute(delete(report_variants).where(_of_stream(logged)))
    campaign_id = fold.connection.execute(
        select(report_campaigns.c.campaign_id).where(report_campaigns.c.stream_id == logged.stream_id)
    ).scalar_one()
    _put_variants(fold.connection, logged.app_group, campaign_id, logged.event.variants, logged.event.weights)


def variants_renamed(fold: Fold, logged: Logged) -> None:
    _set_by_variant(fold, logged, "name", logged.event.names)


def weights_set(fold: Fold, logged: Logged) -> None:
    _set_by_variant(fold, logged, "weight", logged.event.weights)


def _set_by_variant(fold: Fold, logged: Logged, column: str, values: dict[str, Any]) -> None:
    statement = update(report_variants).where(
        _of_stream(logged), report_variants.c.variant_id == bindparam("variant")
    )
    fold.connection.execute(
        statement.values({column: bindparam("value")}),
        [{"variant": variant_id, "value": value} for variant_id, value in values.items()],
    )


def _of_stream(logged: Logged) -> Any:  # noqa: ANN401
    campaign_id = select(report_campaigns.c.campaign_id).where(
        report_campaigns.c.stream_id == logged.stream_id
    )
    return (report_variants.c.app_group == logged.app_group) & (
        report_variants.c.campaign_id == campaign_id.scalar_subquery()
    )
