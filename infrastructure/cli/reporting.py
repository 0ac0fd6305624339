"""`conversions report`: a campaign's report as a table, JSON or CSV; of now, of another time, or between two."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, get_args

import typer

from infrastructure.cli import as_of as other_times
from infrastructure.cli import report_tables
from infrastructure.cli.as_of import Asked, unknown_campaign
from infrastructure.cli.campaigns import CampaignArgument
from infrastructure.cli.console import (
    AppGroupOption,
    DatabaseOption,
    JsonOption,
    only_app_group,
    opened,
    print_json,
)
from infrastructure.cli.options import bad_option, day, instant
from infrastructure.cli.snapshots import together
from infrastructure.composition import Service
from projections.campaign_report import CAMPAIGN_REPORT, reading
from projections.campaign_report.as_of import Clock
from projections.campaign_report.reading import CampaignReport
from projections.recipients import RECIPIENTS
from projections.recipients.reading import Mature, load_mature_rates

_LIMIT = 20
_MOST = 10_000
"""Changes that are shown: each is looked up."""


def report(  # noqa: PLR0913 - a command's options
    campaign: CampaignArgument,
    *,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of", metavar="INSTANT", help="As of an instant: RFC 3339 with an offset, itself inside."
        ),
    ] = None,
    diff: Annotated[
        tuple[str, str] | None,
        typer.Option("--diff", metavar="INSTANT INSTANT", help="What changed from one instant to another."),
    ] = None,
    clock: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(get_args(Clock)),
            help="With --as-of and --diff: what the report said then (the default), or what is known now to "
            "have been true of it.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, max=_MOST, help=f"With --diff: the changes shown; {_LIMIT}."),
    ] = None,
    received_from: Annotated[
        str | None,
        typer.Option("--received-from", metavar="DATE", help="Of the receipts from this day on."),
    ] = None,
    received_to: Annotated[
        str | None,
        typer.Option("--to", metavar="DATE", help="Of the receipts up to this day, itself inside."),
    ] = None,
    app_group: AppGroupOption = None,
    csv_output: Annotated[bool, typer.Option("--csv", help="Print CSV, a row a figure.")] = False,
    database: DatabaseOption = None,
    json_output: JsonOption = False,
) -> None:
    """Report a campaign: receipts, unique recipients, conversions and revenue, by variant.

    Also as it was at an instant, between two instants, or of what was received on some days.
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
    answer = _answering({option: value for option, value in given.items() if value is not None})
    with opened(database) as service:
        found = answer(Asked(service, only_app_group(service, app_group), campaign))
    if json_output:
        print_json(found.as_json())
    elif csv_output:
        found.write_csv()
    else:
        found.show()


class Answer(Protocol):
    """What is reported."""

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""

    def write_csv(self) -> None:
        """A row a figure."""

    def show(self) -> None:
        """Tables for people."""


@dataclass(frozen=True)
class Current:
    """A campaign's report, and beside it the rates of those whose windows are over."""

    report: CampaignReport
    mature: Mature

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return self.report.as_json() | {"mature": self.mature.as_json()}

    def write_csv(self) -> None:
        """A row a figure."""
        report_tables.write_csv(self.report, self.mature)

    def show(self) -> None:
        """Tables for people."""
        report_tables.show(self.report, self.mature)


def current(service: Service, app_group: str, campaign_id: str) -> Current:
    """The report with every fact acknowledged so far in it; raises Refused for an unknown campaign."""
    with together(service, CAMPAIGN_REPORT, RECIPIENTS) as (connection, _):
        found = reading.load_report(connection, app_group, campaign_id)
        if found is None:
            raise unknown_campaign(Asked(service, app_group, campaign_id))
        rates = load_mature_rates(connection, service.definitions, app_group, campaign_id, service.now())
    return Current(found, rates)


def show(found: Current) -> None:
    """Print a report as tables."""
    found.show()


_EXCLUSIVE = (("--as-of", "--diff"), ("--json", "--csv"))
_ONLY_WITH = {"--clock": ("--as-of", "--diff"), "--limit": ("--diff",)}


def _answering(given: Mapping[str, Any]) -> Callable[[Asked], Answer]:
    """What answers a command with these options; raises Refused where they exclude one another."""
    days = [option for option in ("--received-from", "--to") if option in given]
    for one, other in (*_EXCLUSIVE, *((time, each) for time in ("--as-of", "--diff") for each in days)):
        if one in given and other in given:
            raise bad_option(one, f"{one} and {other} exclude one another")
    for option, others in _ONLY_WITH.items():
        if option in given and not any(other in given for other in others):
            raise bad_option(option, f"{option} goes with {' or '.join(others)}")
    clock = given.get("--clock", "recorded")
    if clock not in get_args(Clock):
        raise bad_option("--clock", f"{clock!r} is no clock: {' or '.join(get_args(Clock))}")
    if "--as-of" in given:
        at = instant("--as-of", given["--as-of"])
        return lambda asked: other_times.as_of(asked, at, clock)
    if "--diff" in given:
        first, last = given["--diff"]
        return _between(first, last, clock, given.get("--limit", _LIMIT))
    return _of_days(given) if days else lambda asked: current(*asked)


def _between(first: str, last: str, clock: Clock, limit: int) -> Callable[[Asked], Answer]:
    instants = (instant("--diff", first), instant("--diff", last))
    if instants[0] > instants[1]:
        raise bad_option("--diff", f"{first} comes after {last}: the earlier instant stands first")
    return lambda asked: other_times.between(asked, *instants, clock, limit)


def _of_days(given: Mapping[str, Any]) -> Callable[[Asked], Answer]:
    days = [day(option, given.get(option)) for option in ("--received-from", "--to")]
    if days[0] is not None and days[1] is not None and days[0] > days[1]:
        raise bad_option("--received-from", f"{days[0]} comes after --to {days[1]}")
    return lambda asked: other_times.received(asked, *days)
