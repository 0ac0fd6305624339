"""`conversions report`: a campaign's report as a table, JSON or CSV; of now, of another time, or between two."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args

import typer

from application.queries.differences import ReportDifference
from application.queries.reads import AskedCampaign, Days, Instants
from application.queries.report import (
    MOST_CHANGES,
    USUAL_CHANGES,
    AnyReport,
    read_clock,
    read_difference,
    read_report,
    read_report_as_of,
    read_report_of_days,
)
from infrastructure.cli import differences, report_tables
from infrastructure.cli.console import print_csv, print_json
from infrastructure.cli.opening import asking, refusing
from infrastructure.cli.options import (
    AppGroupOption,
    CampaignArgument,
    CsvOption,
    DatabaseOption,
    JsonOption,
    bad_option,
    day,
    instant,
)
from projections.campaign_report.as_of import Clock

AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="INSTANT",
        help="Report as of an instant, RFC 3339 with an offset; events of that very instant count.",
    ),
]
DiffOption = Annotated[
    tuple[str, str] | None,
    typer.Option("--diff", metavar="INSTANT INSTANT", help="Show what changed from one instant to another."),
]
ClockOption = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(get_args(Clock)),
        help="With --as-of and --diff: recorded is what the report said then (the default); occurred is what was "
        "true then, as known now.",
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        max=MOST_CHANGES,
        help=f"With --diff: show so many changes; default {USUAL_CHANGES}.",
    ),
]
ReceivedFromOption = Annotated[
    str | None,
    typer.Option("--received-from", metavar="DATE", help="Report the receipts of this day and later."),
]
ReceivedToOption = Annotated[
    str | None,
    typer.Option("--to", metavar="DATE", help="Report the receipts of this day and earlier."),
]


def report(  # noqa: PLR0913 - a command's options
    campaign: CampaignArgument,
    *,
    as_of: AsOfOption = None,
    diff: DiffOption = None,
    clock: ClockOption = None,
    limit: LimitOption = None,
    received_from: ReceivedFromOption = None,
    received_to: ReceivedToOption = None,
    app_group: AppGroupOption = None,
    csv_output: CsvOption = False,
    database: DatabaseOption = None,
    json_output: JsonOption = False,
) -> None:
    """Report a campaign by variant: receipts, unique recipients, conversions and revenue.

    Options give the report as of an instant, the changes between two instants, or the receipts of some days only.
    """
    given = {
        "--as-of": as_of,
        "--diff": diff,
        "--received-from": received_from,
        "--to": received_to,
        "--clock": clock,
        "--limit": limit,
        "--csv": csv_output or None,
        "--json": json_output or None,
    }
    with refusing(**{"from": "--diff"}):
        read = _question({option: value for option, value in given.items() if value is not None})
    with asking(database, app_group, campaign) as asked:
        found = read(asked)
    if json_output:
        print_json(found.as_json())
    elif csv_output:
        print_csv(found.rows())
    elif isinstance(found, ReportDifference):
        differences.show(found)
    else:
        report_tables.show(found)


_EXCLUSIVE = (("--as-of", "--diff"), ("--json", "--csv"))
_ONLY_WITH = {"--clock": ("--as-of", "--diff"), "--limit": ("--diff",)}

_Question = Callable[[AskedCampaign], AnyReport | ReportDifference]


def _question(given: Mapping[str, Any]) -> _Question:
    """The question that these options ask; raises Refused where they exclude one another."""
    days = [option for option in ("--received-from", "--to") if option in given]
    _refuse_combinations(given, days)
    clock = read_clock(given.get("--clock", "recorded"))
    if "--as-of" in given:
        at = instant("--as-of", given["--as-of"])
        return lambda asked: read_report_as_of(asked, at, clock)
    if "--diff" in given:
        between = Instants(*(instant("--diff", each) for each in given["--diff"]))
        limit = given.get("--limit", USUAL_CHANGES)
        return lambda asked: read_difference(asked, between, clock, limit)
    if days:
        first, last = (day(option, given.get(option)) for option in ("--received-from", "--to"))
        received = Days(first, last, place="received_from")
        return lambda asked: read_report_of_days(asked, received)
    return read_report


def _refuse_combinations(given: Mapping[str, Any], days: list[str]) -> None:
    for one, other in (*_EXCLUSIVE, *((time, each) for time in ("--as-of", "--diff") for each in days)):
        if one in given and other in given:
            raise bad_option(one, f"{one} and {other} exclude one another")
    for option, others in _ONLY_WITH.items():
        if option in given and not any(other in given for other in others):
            raise bad_option(option, f"{option} goes with {' or '.join(others)}")
