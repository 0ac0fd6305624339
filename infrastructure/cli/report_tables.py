"""A campaign's report as tables for people, and as CSV for sheets."""

import csv
import sys
from datetime import datetime
from typing import Any, NamedTuple

from rich.table import Table

from application.queries.rows import report_rows
from domain.instants import printed
from infrastructure.cli.console import out, shown
from infrastructure.cli.figures import (
    NO_FIGURE,
    bar,
    conversion_event,
    deadline,
    percent,
    thousands,
)
from projections.campaign_report.reading import CampaignReport
from projections.figures import Figures
from projections.recipients.reading import EventMature, Mature

_ROOMY = 80


def when(instant: datetime) -> str:
    """An instant as people read it; always UTC, to the second unless there is more."""
    return printed(instant).removesuffix("Z").replace("T", " ") + " UTC"


class _Row(NamedTuple):
    """A row of the tables: its label, figures, style, and where they are known its mature figures."""

    label: str
    figures: Figures
    style: str
    mature: list[EventMature] | None


def show(found: CampaignReport, mature: Mature | None = None, about: str = "") -> None:
    """Print the report as tables: the variants' figures, then each conversion event with bars.

    `about` is said of figures that are not of here and now.
    """
    out.print(
        f"\n[bold]{shown(found.name)}[/]  {found.kind} {shown(found.campaign_id)} of {shown(found.app_group)}, "
        f"{found.status}, up to position {found.position}",
        highlight=False,
        soft_wrap=True,
    )
    if about:
        out.print(shown(about), highlight=False, soft_wrap=True)
    rows = _rows(found, mature)
    out.print(_figures(found, rows))
    parts = sum(variant.figures.unique_recipients for variant in found.variants if not variant.control)
    if parts > found.totals.unique_recipients:
        out.print("[dim]Who received several variants is a recipient of each, but one of the campaign.[/]")
    for event in found.conversion_events:
        out.print(_conversions(event, rows))
    if mature is not None and found.conversion_events:
        out.print(
            f"[dim]Mature rates are of the recipients whose last window was over at {when(mature.as_of)}; "
            "of the others, the open ones, more may convert.[/]",
            highlight=False,
            soft_wrap=True,
        )


def _rows(found: CampaignReport, mature: Mature | None) -> list[_Row]:
    """The variants, the total without control, and control below it."""
    of: dict[str | None, list[EventMature]] = {}
    if mature is not None:
        of = {None: mature.totals, **{each.variant_id: each.conversion_events for each in mature.variants}}
    rows, controls = [], []
    for variant in found.variants:
        key, figures = variant.variant_id, variant.figures
        if variant.control:
            controls.append(_Row(f"{shown(key)}  (control group)", figures, "dim", of.get(key)))
        else:
            label = shown(key) + (f"  {shown(variant.name)}" if variant.name else "")
            rows.append(_Row(label, figures, "", of.get(key)))
    label = "campaign (without control)" if controls else "campaign"
    return [*rows, _Row(label, found.totals, "bold", of.get(None)), *controls]


def _figures(found: CampaignReport, rows: list[_Row]) -> Table:
    table = Table()
    table.add_column("Variant")
    for heading in (
        "Receipts",
        "Unique recipients",
        f"Revenue within {deadline(found.revenue_window_seconds)}",
    ):
        table.add_column(heading, justify="right")
    for row in rows:
        revenue = row.figures.as_json()["revenue"]
        table.add_row(
            row.label,
            f"{row.figures.receipts:,}",
            f"{row.figures.unique_recipients:,}",
            "\n".join(f"{thousands(amount)} {currency}" for currency, amount in revenue.items()) or NO_FIGURE,
            style=row.style,
        )
    return table


def _conversions(event: dict[str, Any], rows: list[_Row]) -> Table:
    """A table of one conversion event, its rates drawn against the best."""
    index = event["index"]
    hope = f"{conversion_event(event)} within {deadline(event['deadline_seconds'])}"
    table = Table(title=f"{event['letter']}  {shown(hope)}", title_justify="left", title_style="bold")
    table.add_column("Variant")
    with_mature = any(row.mature for row in rows)
    for heading in ("Conversions", "Rate", *(("Mature rate", "Open") if with_mature else ())):
        table.add_column(heading, justify="right", min_width=len(heading))
    width = 20 if out.width >= _ROOMY else 8
    table.add_column("", min_width=width, no_wrap=True)
    longest = max((row.figures.conversion_rates[index] or 0 for row in rows), default=0)
    for row in rows:
        rate, mature = row.figures.conversion_rates[index], row.mature
        more = (percent(mature[index].rate), f"{mature[index].open:,}") if mature else ()
        drawn = bar(rate, longest, width)
        table.add_row(
            row.label, f"{row.figures.conversions[index]:,}", percent(rate), *more, drawn, style=row.style
        )
    return table


def write_csv(found: CampaignReport, mature: Mature | None = None) -> None:
    """A row a figure."""
    csv.writer(sys.stdout).writerows(report_rows(found, mature))
