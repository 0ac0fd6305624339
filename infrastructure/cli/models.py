"""`conversions series` and `conversions overlap`; and what every command shares that reads a model of one campaign."""

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Annotated, NamedTuple, cast, get_args

import typer
from rich.table import Table
from sqlalchemy.engine import Connection

from application.ledger import UnknownCampaign
from application.queries.rows import series_rows
from domain.campaigns.conversion_events import LETTERS
from domain.campaigns.definition import Definition
from infrastructure.cli import options
from infrastructure.cli.campaigns import CampaignArgument
from infrastructure.cli.console import (
    AppGroupOption,
    DatabaseOption,
    JsonOption,
    Refused,
    catch_up,
    only_app_group,
    opened,
    out,
    print_json,
    shown,
)
from infrastructure.cli.figures import NO_FIGURE, bar, conversion_event, deadline, percent, thousands
from infrastructure.cli.options import bad_option
from projections.engine.projection import Definitions, Projection
from projections.overlap import OVERLAP
from projections.overlap import reading as overlap_reading
from projections.overlap.reading import Overlap
from projections.series import SERIES
from projections.series import reading as series_reading
from projections.series.clock import Clock
from projections.series.reading import Day, DayFigures, Series

_ROOMY = 80

CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
VariantOption = Annotated[str | None, typer.Option("--variant", metavar="ID", help="This variant alone.")]


class Read(NamedTuple):
    """A read transaction in which a model holds every fact acknowledged so far, and the campaign it is about."""

    connection: Connection
    known: Definitions
    app_group: str
    definition: Definition


@contextmanager
def reading(
    database: str | None, app_group: str | None, campaign: str, projection: Projection
) -> Iterator[Read]:
    """Bring a model up to date and begin to read it; raises Refused for an unknown campaign."""
    with opened(database) as service:
        group, known = only_app_group(service, app_group), service.definitions
        try:
            definition = known.definition(group, campaign)
        except UnknownCampaign as unknown:
            message = f"{unknown.message} in {group!r}; `conversions campaigns list` shows them all"
            raise Refused(message, code=unknown.code) from None
        catch_up(service, projection)
        with service.database.reading() as connection:
            yield Read(connection, known, group, definition)


def roomy_bar() -> int:
    """How wide a bar may be on this terminal."""
    return 20 if out.width >= _ROOMY else 8


def series(  # noqa: PLR0913 - a command's options
    campaign: CampaignArgument,
    *,
    clock: Annotated[
        str, typer.Option(metavar="|".join(get_args(Clock)), help="Whose day: its own, or the receipt's.")
    ] = "conversion",
    first: Annotated[str | None, typer.Option("--from", metavar="DATE", help="The first day.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="The last day.")] = None,
    variant: VariantOption = None,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    csv_output: CsvOption = False,
    json_output: JsonOption = False,
) -> None:
    """Report a campaign by day, in the app group's time zone.

    Conversions and revenue stand on the day they happened, or on that of the receipt they are credited to.
    """
    if clock not in get_args(Clock):
        raise bad_option("--clock", f"{clock!r} is no clock: {' or '.join(get_args(Clock))}")
    days = _days(first, last)
    with reading(database, app_group, campaign, SERIES) as (connection, known, group, definition):
        found = series_reading.load_series(connection, known, group, campaign, cast(Clock, clock), *days)
    if variant is not None:
        found = _of_variant(found, definition.variant(variant))
    if json_output:
        print_json(found.as_json())
    elif csv_output:
        csv.writer(sys.stdout).writerows(series_rows(found, totals=variant is None))
    else:
        _show_series(found, variant)


def _days(first: str | None, last: str | None) -> tuple[date | None, date | None]:
    days = (options.day("--from", first), options.day("--to", last))
    if days[0] is not None and days[1] is not None and days[0] > days[1]:
        raise bad_option("--from", f"{first} comes after --to {last}")
    return days


def _of_variant(found: Series, variant_id: str) -> Series:
    """The series with one variant alone beside the totals."""
    days = [
        replace(day, variants=[each for each in day.variants if each.variant_id == variant_id])
        for day in found.days
    ]
    return replace(found, days=days)


def _show_series(found: Series, variant: str | None) -> None:
    of = "" if variant is None else f", variant {shown(variant)}"
    when = "when they happened" if found.clock == "conversion" else "by the day of the receipt"
    out.print(
        f"\n[bold]{shown(found.campaign_id)}[/] of {shown(found.app_group)}{of}: conversions and revenue {when}; "
        f"days in {found.time_zone}, up to position {found.position}",
        highlight=False,
        soft_wrap=True,
    )
    if found.days:
        out.print(_series(found, variant))
    else:
        out.print("There is nothing on any day yet.", highlight=False)


def _series(found: Series, variant: str | None) -> Table:
    letters, width = LETTERS[: found.conversion_events], roomy_bar()
    table = Table()
    table.add_column("Day", no_wrap=True)
    for heading in ("Receipts", "Unique recipients", *letters):
        table.add_column(heading, justify="right")
    table.add_column("", min_width=width, no_wrap=True)
    table.add_column("Revenue", justify="right")
    days = [(day, _figures(day, variant)) for day in found.days]
    longest = max(_primary(figures) for _, figures in days)
    for day, figures in days:
        counts = (figures.receipts, figures.unique_recipients, *figures.conversions)
        table.add_row(
            day.date.isoformat(),
            *(f"{count:,}" for count in counts),
            bar(_primary(figures), longest, width),
            money(figures.as_json()["revenue"]),
        )
    return table


def _figures(day: Day, variant: str | None) -> DayFigures:
    return day.totals if variant is None else day.variants[0].figures


def _primary(figures: DayFigures) -> int:
    """Conversions on the primary conversion event, which is drawn."""
    return figures.conversions[0] if figures.conversions else 0


def money(revenue: dict[str, str]) -> str:
    """Revenue as people read it, a line for each currency."""
    return "\n".join(f"{thousands(amount)} {currency}" for currency, amount in revenue.items()) or NO_FIGURE


def overlap(
    campaign: CampaignArgument,
    *,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,
) -> None:
    """Tell how many of a campaign's conversions share their behaviour with other campaigns, and with which.

    Conversions of several campaigns added up are no number of users, nor of behaviours. Control takes no part.
    """
    with reading(database, app_group, campaign, OVERLAP) as (connection, known, group, definition):
        found = overlap_reading.load_overlap(connection, known, group, campaign)
    if json_output:
        print_json(found.as_json())
        return
    out.print(
        f"\n[bold]{shown(found.campaign_id)}[/] of {shown(found.app_group)}, without its control group, "
        f"up to position {found.position}",
        highlight=False,
        soft_wrap=True,
    )
    if found.conversion_events:
        out.print(_shares(found, definition))
    if found.shared_with:
        out.print(_others(found))
    else:
        out.print("No behaviour converted on another campaign too.", highlight=False)


def _shares(found: Overlap, definition: Definition) -> Table:
    table = Table()
    table.add_column("Conversion event")
    for heading in ("Conversions", "Overlapping", "Share"):
        table.add_column(heading, justify="right")
    table.add_column("", min_width=roomy_bar(), no_wrap=True)
    for counted, event in zip(found.conversion_events, definition.conversion_events, strict=True):
        hope = f"{conversion_event(event.stated())} within {deadline(event.deadline_seconds)}"
        table.add_row(
            f"{LETTERS[counted.index]}  {shown(hope)}",
            f"{counted.conversions:,}",
            f"{counted.overlapping:,}",
            percent(counted.share),
            bar(counted.share, 1, roomy_bar()),
        )
    return table


def _others(found: Overlap) -> Table:
    table = Table(title="Converted on both by the same behaviour", title_justify="left", title_style="bold")
    table.add_column("Campaign")
    table.add_column("Behaviours", justify="right")
    table.add_column("", min_width=roomy_bar(), no_wrap=True)
    longest = found.shared_with[0].behaviours
    for other in found.shared_with:
        drawn = bar(other.behaviours, longest, roomy_bar())
        table.add_row(shown(other.campaign_id), f"{other.behaviours:,}", drawn)
    return table
