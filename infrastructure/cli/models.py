"""`conversions series`, `conversions`, `recipients` and `overlap`: a campaign by day, and the rows behind its figures."""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any, NamedTuple, cast, get_args

import typer
from rich.table import Table
from sqlalchemy.engine import Connection

from application.ledger import UnknownCampaign
from domain.conversion_events import LETTERS
from domain.definition import Definition
from domain.instants import printed
from infrastructure.cli.campaigns import CampaignArgument
from infrastructure.cli.console import (
    AppGroupOption,
    DatabaseOption,
    JsonOption,
    Refused,
    err,
    only_app_group,
    opened,
    out,
    print_json,
    shown,
)
from infrastructure.cli.figures import NO_FIGURE, bar, conversion_event, deadline, percent, thousands
from projections.conversions import CONVERSIONS
from projections.conversions import reading as conversions_reading
from projections.conversions.reading import BadKey, ConversionRow
from projections.overlap import OVERLAP
from projections.overlap import reading as overlap_reading
from projections.overlap.reading import Overlap
from projections.projection import Known, Projection
from projections.series import SERIES
from projections.series import reading as series_reading
from projections.series.reading import Day, DayFigures, Series
from projections.series.tables import Clock

_ROOMY = 80

CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
VariantOption = Annotated[str | None, typer.Option("--variant", metavar="ID", help="Of this variant alone.")]
UserOption = Annotated[str | None, typer.Option("--user", metavar="ID", help="Of this user alone.")]
LimitOption = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="So many rows at most.")]
AfterOption = Annotated[
    str | None, typer.Option("--after", metavar="KEY", help="Go on after the row that a page before named.")
]


class _Read(NamedTuple):
    """A read transaction in which a model holds every fact acknowledged so far."""

    connection: Connection
    known: Known
    app_group: str
    definition: Definition


@contextmanager
def _reading(
    database: str | None, app_group: str | None, campaign: str, projection: Projection
) -> Iterator[_Read]:
    """Bring a model up to date and read it; raises Refused for an unknown campaign."""
    with opened(database) as service:
        group, known = only_app_group(service, app_group), service.projector.known
        try:
            definition = known.definition(group, campaign)
        except UnknownCampaign as unknown:
            advice = f"{unknown.message} in {group!r}; `conversions campaigns list` shows them all"
            raise Refused(advice, code=unknown.code) from None
        service.projector.catch_up(projection)
        with service.database.reading() as connection:
            yield _Read(connection, known, group, definition)


def _day(option: str, text: str | None) -> date | None:
    """A day as 2026-03-01; raises Refused."""
    try:
        day = None if text is None else date.fromisoformat(text)
    except ValueError:
        day = None
    if text is not None and (day is None or day.isoformat() != text):
        raise _bad(option, f"{text!r} is no day; write it as 2026-03-01")
    return day


def _index(letter: str | None, option: str, definition: Definition) -> int | None:
    """The index of a conversion event of the campaign, by its letter; raises Refused."""
    if letter is None:
        return None
    has = LETTERS[: len(definition.conversion_events)]
    if len(letter) != 1 or letter.upper() not in has:
        offer = f"it has {', '.join(has)}" if has else "it has none"
        raise _bad(option, f"the campaign has no conversion event {letter!r}; {offer}")
    return has.index(letter.upper())


def _bad(option: str, message: str) -> Refused:
    return Refused(message, code="bad_option", place=option)


def _bar_width() -> int:
    return 20 if out.width >= _ROOMY else 8


def _when(at: datetime) -> str:
    return printed(at).removesuffix("Z").replace("T", " ")


def _whose(user_id: str | None) -> str:
    return "[dim](erased)[/]" if user_id is None else shown(user_id)


# --- series -------------------------------------------------------------------------------------------------------


def series(  # noqa: PLR0913 - a command's options
    campaign: CampaignArgument,
    *,
    clock: Annotated[
        str,
        typer.Option(metavar="CLOCK", help="conversion: the day it happened; receipt: the day it is credited to."),
    ] = "conversion",
    first: Annotated[str | None, typer.Option("--from", metavar="DATE", help="The first day.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="The last day, itself inside.")] = None,
    variant: VariantOption = None,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    csv_output: CsvOption = False,
    json_output: JsonOption = False,
) -> None:
    """Report a campaign by day, in the app group's time zone."""
