"""A campaign's report as tables for people."""

from typing import Any, NamedTuple

from application.queries.report import AnyReport, CurrentReport
from infrastructure.cli.console import bar, bar_width, columns, out, print_table, revenue, say, shown
from infrastructure.words.conversion_events import name_with_deadline
from infrastructure.words.quantities import deadline, format_instant, percent
from infrastructure.words.reports import describe_scope
from projections.campaign_report.reading import CampaignReport
from projections.figures import Figures
from projections.recipients.reading import EventMature, Mature


class _Row(NamedTuple):
    """A row of the tables: its label, figures, style, and where they are known its mature figures."""

    label: str
    figures: Figures
    style: str
    mature: list[EventMature] | None


def show(answer: AnyReport) -> None:
    """Print the report as tables: the variants' figures, then each conversion event with bars."""
    found = answer.report
    mature = answer.mature if isinstance(answer, CurrentReport) else None
    say(
        f"\n[bold]{shown(found.name)}[/]  {found.kind} {shown(found.campaign_id)} of {shown(found.app_group)}, "
        f"{found.status}, up to position {found.position}"
    )
    if (scope := describe_scope(answer)) is not None:
        say(shown(scope))
    rows = _rows(found, mature)
    _print_figures(found, rows)
    parts = sum(variant.figures.unique_recipients for variant in found.variants if not variant.control)
    if parts > found.totals.unique_recipients:
        out.print(
            "[dim]A user who received several variants counts once for each, and once for the campaign.[/]"
        )
    for event in found.conversion_events:
        _print_conversions(event, rows)
    if mature is not None and found.conversion_events:
        say(
            f"[dim]A mature rate counts the recipients whose last window was over at {format_instant(mature.as_of)}. "
            "The others are open: more of them may convert.[/]"
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


def _print_figures(found: CampaignReport, rows: list[_Row]) -> None:
    within = f"Revenue within {deadline(found.revenue_window_seconds)}"
    print_table(
        ["Variant", *columns("Receipts", "Unique recipients", within, justify="right")],
        (
            (
                row.label,
                f"{row.figures.receipts:,}",
                f"{row.figures.unique_recipients:,}",
                revenue(row.figures.as_json()["revenue"]),
            )
            for row in rows
        ),
        row_styles=[row.style for row in rows],
    )


def _print_conversions(event: dict[str, Any], rows: list[_Row]) -> None:
    """A table of one conversion event, its rates drawn against the best."""
    index, width = event["index"], bar_width()
    hope = name_with_deadline(event)
    longest = max((row.figures.conversion_rates[index] or 0 for row in rows), default=0)
    headings = ("Conversions", "Rate", *(("Mature rate", "Open") if any(row.mature for row in rows) else ()))
    print_table(
        [
            "Variant",
            *(each for name in headings for each in columns(name, justify="right", min_width=len(name))),
            *columns("", min_width=width, no_wrap=True),
        ],
        (
            (
                row.label,
                f"{row.figures.conversions[index]:,}",
                percent(row.figures.conversion_rates[index]),
                *((percent(row.mature[index].rate), f"{row.mature[index].open:,}") if row.mature else ()),
                bar(row.figures.conversion_rates[index], longest, width),
            )
            for row in rows
        ),
        title=f"{event['letter']}  {shown(hope)}",
        title_style="bold",
        row_styles=[row.style for row in rows],
    )
