"""`conversions series`: a campaign by day, as a table, JSON or CSV."""

from typing import Annotated, get_args

import typer

from application.queries.reads import Days
from application.queries.rows import series_rows
from application.queries.series import read_clock, read_series
from domain.campaigns.conversion_events import LETTERS
from infrastructure.cli import options
from infrastructure.cli.console import (
    bar,
    bar_width,
    columns,
    out,
    print_csv,
    print_json,
    print_table,
    revenue,
    say,
    shown,
)
from infrastructure.cli.opening import asking, refusing
from infrastructure.cli.options import (
    AppGroupOption,
    CampaignArgument,
    CsvOption,
    DatabaseOption,
    JsonOption,
    VariantOption,
)
from projections.series.clock import Clock
from projections.series.reading import Day, DayFigures, Series


def series(  # noqa: PLR0913 - a command's options
    campaign: CampaignArgument,
    *,
    clock: Annotated[
        str,
        typer.Option(
            metavar="|".join(get_args(Clock)),
            help="Which day a conversion counts on: its own, or that of its receipt.",
        ),
    ] = "conversion",
    first: Annotated[str | None, typer.Option("--from", metavar="DATE", help="Begin with this day.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="End with this day.")] = None,
    variant: VariantOption = None,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    csv_output: CsvOption = False,
    json_output: JsonOption = False,
) -> None:
    """Report a campaign by day, in the app group's time zone.

    Conversions and revenue count on the day they happened, or on the day of the receipt they are credited to.
    """
    with refusing():
        days = Days(options.day("--from", first), options.day("--to", last))
        read_clock(clock)
    with asking(database, app_group, campaign) as asked:
        found = read_series(asked, clock, days, variant)
    if json_output:
        print_json(found.as_json())
    elif csv_output:
        print_csv(series_rows(found, totals=variant is None))
    else:
        _show_series(found, variant)


def _show_series(found: Series, variant: str | None) -> None:
    of = "" if variant is None else f", variant {shown(variant)}"
    when = "when they happened" if found.clock == "conversion" else "by the day of the receipt"
    say(
        f"\n[bold]{shown(found.campaign_id)}[/] of {shown(found.app_group)}{of}: conversions and revenue {when}; "
        f"days in {found.time_zone}, up to position {found.position}"
    )
    if found.days:
        _print_days(found, variant)
    else:
        out.print("There is nothing on any day yet.", highlight=False)


def _print_days(found: Series, variant: str | None) -> None:
    days, width = [(day, _figures(day, variant)) for day in found.days], bar_width()
    longest = max(_primary(figures) for _, figures in days)
    headings = ("Receipts", "Unique recipients", *LETTERS[: found.conversion_events])
    print_table(
        [
            *columns("Day", no_wrap=True),
            *columns(*headings, justify="right"),
            *columns("", min_width=width, no_wrap=True),
            *columns("Revenue", justify="right"),
        ],
        (
            (
                day.date.isoformat(),
                f"{figures.receipts:,}",
                f"{figures.unique_recipients:,}",
                *(f"{count:,}" for count in figures.conversions),
                bar(_primary(figures), longest, width),
                revenue(figures.as_json()["revenue"]),
            )
            for day, figures in days
        ),
    )


def _figures(day: Day, variant: str | None) -> DayFigures:
    return day.totals if variant is None else day.variants[0].figures


def _primary(figures: DayFigures) -> int:
    """Conversions on the primary conversion event, which is drawn."""
    return figures.conversions[0] if figures.conversions else 0
