"""`conversions report`: a campaign's report as a table, JSON or CSV."""

import csv
import sys
from typing import Annotated, Any

import typer
from rich.table import Table

from infrastructure.cli.console import (
    AppGroupOption,
    DatabaseOption,
    JsonOption,
    Refused,
    only_app_group,
    opened,
    out,
    print_json,
    shown,
)
from infrastructure.cli.figures import NO_FIGURE, bar, conversion_event, deadline, percent, thousands
from infrastructure.service import Service
from projections.campaign_report import CAMPAIGN_REPORT, reading
from projections.campaign_report.reading import CampaignReport, Figures

_ROOMY = 80


def report(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's id.")],
    app_group: AppGroupOption = None,
    csv_output: Annotated[bool, typer.Option("--csv", help="Print CSV, a row a figure.")] = False,  # noqa: FBT002
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Report a campaign: receipts, unique recipients, conversions and revenue, by variant."""
    with opened(database) as service:
        found = current(service, only_app_group(service, app_group), campaign)
    if json_output:
        print_json(found.as_json())
    elif csv_output:
        _write_csv(found)
    else:
        show(found)


def current(service: Service, app_group: str, campaign_id: str) -> CampaignReport:
    """The report with every fact acknowledged so far in it; raises Refused for an unknown campaign."""
    service.projector.catch_up(CAMPAIGN_REPORT)
    with service.database.reading() as connection:
        found = reading.report(connection, app_group, campaign_id)
    if found is None:
        raise Refused(
            f"there is no campaign {campaign_id!r} in {app_group!r}; `conversions campaigns list` shows them all",
            code="unknown_campaign",
        )
    return found


def show(found: CampaignReport) -> None:
    """Print the report as tables: the variants' figures, then each conversion event with bars."""
    out.print(
        f"\n[bold]{shown(found.name)}[/]  {found.kind} {shown(found.campaign_id)} of {shown(found.app_group)}, "
        f"{found.status}, up to position {found.position}",
        highlight=False,
        soft_wrap=True,
    )
    out.print(_figures(found))
    parts = sum(variant.figures.unique_recipients for variant in found.variants if not variant.control)
    if parts > found.totals.unique_recipients:
        out.print("[dim]Who received several variants is a recipient of each, but one of the campaign.[/]")
    for event in found.conversion_events:
        out.print(_conversions(found, event))


def _rows(found: CampaignReport) -> list[tuple[str, Figures, str]]:
    """The table's rows with their style: the variants, the total without control, and control below it."""
    rows = []
    for variant in found.variants:
        label = shown(variant.variant_id) + (f"  {shown(variant.name)}" if variant.name else "")
        if not variant.control:
            rows.append((label, variant.figures, ""))
    controlled = any(variant.control for variant in found.variants)
    rows.append(("campaign (without control)" if controlled else "campaign", found.totals, "bold"))
    rows.extend(
        (f"{shown(variant.variant_id)}  (control group)", variant.figures, "dim")
        for variant in found.variants
        if variant.control
    )
    return rows


def _figures(found: CampaignReport) -> Table:
    table = Table()
    table.add_column("Variant")
    for heading in (
        "Receipts",
        "Unique recipients",
        f"Revenue within {deadline(found.revenue_window_seconds)}",
    ):
        table.add_column(heading, justify="right")
    for label, figures, style in _rows(found):
        revenue = figures.as_json()["revenue"]
        table.add_row(
            label,
            f"{figures.receipts:,}",
            f"{figures.unique_recipients:,}",
            "\n".join(f"{thousands(amount)} {currency}" for currency, amount in revenue.items()) or NO_FIGURE,
            style=style,
        )
    return table


def _conversions(found: CampaignReport, event: dict[str, Any]) -> Table:
    """A table of one conversion event, its rates drawn against the best."""
    index = event["index"]
    hope = f"{conversion_event(event)} within {deadline(event['deadline_seconds'])}"
    table = Table(title=f"{event['letter']}  {shown(hope)}", title_justify="left", title_style="bold")
    table.add_column("Variant")
    for heading in ("Conversions", "Rate"):
        table.add_column(heading, justify="right", min_width=len(heading))
    width = 20 if out.width >= _ROOMY else 8
    table.add_column("", min_width=width, no_wrap=True)
    rows = _rows(found)
    longest = max((figures.conversion_rates[index] or 0 for _, figures, _ in rows), default=0)
    for label, figures, style in rows:
        rate = figures.conversion_rates[index]
        table.add_row(
            label, f"{figures.conversions[index]:,}", percent(rate), bar(rate, longest, width), style=style
        )
    return table


def _write_csv(found: CampaignReport) -> None:
    """A row a figure: campaign or variant, what is counted, of which conversion event or currency, how much."""
    writer = csv.writer(sys.stdout)
    writer.writerow(
        ["campaign_id", "variant_id", "control", "figure", "conversion_event", "currency", "value"]
    )
    for variant_id, control, figures in [
        ("", "", found.totals),
        *((v.variant_id, str(v.control).lower(), v.figures) for v in found.variants),
    ]:
        for figure, event, currency, value in _cells(found, figures):
            writer.writerow([found.campaign_id, variant_id, control, figure, event, currency, value])


def _cells(found: CampaignReport, figures: Figures) -> list[tuple[str, str, str, Any]]:
    cells: list[tuple[str, str, str, Any]] = [
        ("receipts", "", "", figures.receipts),
        ("unique_recipients", "", "", figures.unique_recipients),
    ]
    for event in found.conversion_events:
        rate = figures.conversion_rates[event["index"]]
        cells.append(("conversions", event["letter"], "", figures.conversions[event["index"]]))
        cells.append(("conversion_rate", event["letter"], "", "" if rate is None else rate))
    cells.extend(
        ("revenue", "", currency, amount) for currency, amount in figures.as_json()["revenue"].items()
    )
    return cells
