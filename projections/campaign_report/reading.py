"""Reading the campaign report: small typed rows, and the shapes that docs/files.md promises."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Select, Table, bindparam, func, select
from sqlalchemy.engine import Connection, Row

from domain.campaigns.conversion_events import LETTERS, ConversionEvent
from domain.campaigns.definition import DEFAULT_REVENUE_WINDOW
from domain.campaigns.events import Status
from projections.campaign_report import CAMPAIGN_REPORT
from projections.campaign_report.tables import (
    report_campaigns,
    report_conversions,
    report_revenue,
    report_variants,
)
from projections.engine.generations import Generation, current, find
from projections.figures import Figures, add_up

_decode_events = msgspec.json.Decoder(tuple[ConversionEvent, ...]).decode


@dataclass(frozen=True)
class VariantFigures:
    """A variant and its figures."""

    variant_id: str
    name: str | None
    control: bool
    weight: int
    figures: Figures


@dataclass(frozen=True)
class CampaignReport:
    """A campaign's report; it holds every event up to `position`."""

    app_group: str
    campaign_id: str
    name: str
    kind: str
    channel: str | None
    status: str
    position: int
    conversion_events: list[dict[str, Any]]
    totals: Figures
    variants: list[VariantFigures]

    @property
    def revenue_window_seconds(self) -> int:
        """The primary conversion event's deadline, or three days (R11)."""
        if self.conversion_events:
            return int(self.conversion_events[0]["deadline_seconds"])
        return int(DEFAULT_REVENUE_WINDOW.total_seconds())

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return {
            "app_group": self.app_group,
            "campaign_id": self.campaign_id,
            "name": self.name,
            "kind": self.kind,
            "status": self.status,
            "position": str(self.position),
            "revenue_window_seconds": self.revenue_window_seconds,
            "conversion_events": self.conversion_events,
            "totals": self.totals.as_json(),
            "variants": [
                {"variant_id": variant.variant_id, "name": variant.name, "control": variant.control}
                | variant.figures.as_json()
                for variant in self.variants
            ],
        }


def load_report(connection: Connection, app_group: str, campaign_id: str) -> CampaignReport | None:
    """The report of one campaign, None where the group has no such campaign."""
    tables = current(connection, CAMPAIGN_REPORT)
    campaigns = tables[report_campaigns]
    query = select(campaigns).where(
        campaigns.c.app_group == app_group, campaigns.c.campaign_id == campaign_id
    )
    found = _reports(connection, tables, connection.execute(query).all())
    return found[0] if found else None


def load_reports(connection: Connection, app_group: str) -> list[CampaignReport]:
    """The reports of all campaigns of an app group, by campaign id."""
    tables = current(connection, CAMPAIGN_REPORT)
    campaigns = tables[report_campaigns]
    query = select(campaigns).where(campaigns.c.app_group == app_group).order_by(campaigns.c.campaign_id)
    return _reports(connection, tables, connection.execute(query).all())


class CampaignName(NamedTuple):
    """What a campaign is called and where it is in its life, without its figures."""

    campaign_id: str
    name: str
    kind: str
    status: str


def load_names(connection: Connection, app_group: str) -> list[CampaignName]:
    """All campaigns of an app group, by campaign id."""
    campaigns = current(connection, CAMPAIGN_REPORT)[report_campaigns].c
    query = select(campaigns.campaign_id, campaigns.name, campaigns.kind, campaigns.status)
    query = query.where(campaigns.app_group == app_group).order_by(campaigns.campaign_id)
    return [CampaignName(*row) for row in connection.execute(query)]


def load_reports_of(
    connection: Connection, app_group: str, campaign_ids: Sequence[str]
) -> list[CampaignReport]:
    """The reports of these campaigns, in this order; one that the group does not have is left out."""
    tables = current(connection, CAMPAIGN_REPORT)
    campaigns = tables[report_campaigns]
    rows: dict[str, Row[Any]] = {}
    for start in range(0, len(campaign_ids), _TOGETHER):
        some = campaign_ids[start : start + _TOGETHER]
        query = select(campaigns).where(campaigns.c.app_group == app_group, campaigns.c.campaign_id.in_(some))
        rows |= {row.campaign_id: row for row in connection.execute(query)}
    return _reports(connection, tables, [rows[each] for each in campaign_ids if each in rows])


def load_page_of_reports(
    connection: Connection, app_group: str, *, after: str | None, limit: int
) -> tuple[int, list[CampaignReport]]:
    """The position they hold, and the reports of a page of campaigns of an app group, by campaign id."""
    tables = current(connection, CAMPAIGN_REPORT)
    campaigns = tables[report_campaigns]
    query = select(campaigns).where(campaigns.c.app_group == app_group)
    if after is not None:
        query = query.where(campaigns.c.campaign_id > after)
    rows = connection.execute(query.order_by(campaigns.c.campaign_id).limit(limit)).all()
    return tables.position, _reports(connection, tables, rows)


_TOGETHER = 1_000
"""Campaigns whose figures are read in one query: a statement takes so many values, and not many more."""


def _reports(
    connection: Connection, tables: Generation, campaigns: Sequence[Row[Any]]
) -> list[CampaignReport]:
    """The reports of campaigns, in three queries for many of them."""
    found = []
    for start in range(0, len(campaigns), _TOGETHER):
        some = campaigns[start : start + _TOGETHER]
        figures = _FiguresOf(connection, tables, [row.stream_id for row in some])
        found += [_report(tables, row, figures) for row in some]
    return found


def _report(tables: Generation, row: Row[Any], figures: "_FiguresOf") -> CampaignReport:
    events = _decode_events(row.conversion_events)
    variants = figures.variants(row.stream_id, len(events))
    return CampaignReport(
        app_group=row.app_group,
        campaign_id=row.campaign_id,
        name=row.name,
        kind=row.kind,
        channel=row.channel,
        status=row.status,
        position=tables.position,
        conversion_events=[event_as_json(index, event) for index, event in enumerate(events)],
        totals=add_up_totals(variants, row.unique_recipients, len(events)),
        variants=variants,
    )


def event_as_json(index: int, event: ConversionEvent) -> dict[str, Any]:
    """A conversion event as docs/files.md has it."""
    return {"index": index, "letter": LETTERS[index], "primary": index == 0, **event.stated()}


@cache
def _of_campaigns(table: Table) -> Select[Any]:
    """The rows of some campaigns; made once, as that takes longer than to run it."""
    return select(table).where(table.c.stream_id.in_(bindparam("streams", expanding=True)))


class _FiguresOf:
    """The rows of some campaigns' variants, by campaign."""

    def __init__(self, connection: Connection, tables: Generation, streams: list[str]) -> None:
        def rows(declared: Table) -> defaultdict[str, list[Row[Any]]]:
            found = defaultdict(list)
            # All at once: one by one, fetching takes longer than the query.
            for row in connection.execute(_of_campaigns(tables[declared]), {"streams": streams}).all():
                found[row.stream_id].append(row)
            return found

        self._variants = rows(report_variants)
        self._conversions = rows(report_conversions)
        self._revenue = rows(report_revenue)

    def variants(self, stream: str, conversion_events: int) -> list[VariantFigures]:
        """The variants of a campaign, in its order."""
        conversions: defaultdict[str, list[int]] = defaultdict(lambda: [0] * conversion_events)
        for row in self._conversions[stream]:
            conversions[row.variant_id][row.conversion_event] = row.conversions
        revenue: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        for row in self._revenue[stream]:
            # A currency appears once a purchase counts in it, even at 0 (R11).
            if row.purchases:
                revenue[row.variant_id][row.currency] = row.amount
        return [
            VariantFigures(
                row.variant_id,
                row.name,
                row.control,
                row.weight,
                Figures(
                    row.receipts, row.unique_recipients, conversions[row.variant_id], revenue[row.variant_id]
                ),
            )
            for row in sorted(self._variants[stream], key=lambda row: row.place)
        ]


def add_up_totals(
    variants: Iterable[VariantFigures], unique_recipients: int, conversion_events: int
) -> Figures:
    """The campaign's own figures: all variants but control (R9, R18)."""
    counted = (variant.figures for variant in variants if not variant.control)
    return add_up(counted, unique_recipients, conversion_events)


def find_launched_campaigns(connection: Connection) -> list[tuple[str, str]]:
    """The app group and id of each launched campaign."""
    table = current(connection, CAMPAIGN_REPORT)[report_campaigns]
    query = select(table.c.app_group, table.c.campaign_id).where(table.c.status == Status.LAUNCHED.value)
    return [(row.app_group, row.campaign_id) for row in connection.execute(query.order_by(table.c.stream_id))]


def count_conversions(connection: Connection) -> int:
    """How many conversions all reports hold, control's included; 0 where this code did not build the read model."""
    found = find(connection, CAMPAIGN_REPORT)
    if found is None or not found.is_of(CAMPAIGN_REPORT):
        return 0
    query = select(func.coalesce(func.sum(found[report_conversions].c.conversions), 0))
    return int(connection.execute(query).scalar_one())
