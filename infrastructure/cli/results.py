"""`conversions results` and `conversions winner`: an experiment's results, and the winner by the test that decides."""

from math import inf
from pathlib import Path
from typing import Annotated

import typer

from domain.campaigns.evidence import DecidingTest
from infrastructure.access.operator import stamp
from infrastructure.cli.campaigns import CampaignArgument
from infrastructure.cli.console import (
    AppGroupOption,
    DatabaseOption,
    JsonOption,
    only_app_group,
    opened,
    out,
    print_json,
    settings,
    shown,
)
from infrastructure.cli.options import bad_option
from infrastructure.cli.snapshots import together
from infrastructure.composition import Service
from projections.recipients import RECIPIENTS

TestOption = Annotated[
    DecidingTest | None,
    typer.Option(
        "--test",
        help="What decides: anytime (valid on any day), sequential (the same, weak for large differences: it decided "
        "before), or fixed (valid for one look, at a time fixed beforehand); else CONVERSIONS_DECIDING_TEST; else "
        "anytime.",
    ),
]


def results(
    campaign: CampaignArgument,
    *,
    test: TestOption = None,
    uplift: Annotated[
        float,
        typer.Option(metavar="SHARE", help="The uplift to be seen, for which recipients needed are told."),
    ] = 0.1,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Draw the intervals to a file.")
    ] = None,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,
) -> None:
    """Compare a campaign's variants with control, on each conversion event and in revenue: rates, uplift, winner."""
    # Loaded only here: distributions take a while to load.
    from application.queries.results import told  # noqa: PLC0415
    from infrastructure.cli import result_tables, results_svg  # noqa: PLC0415

    if not -1 < uplift < inf or uplift == 0:
        raise bad_option("--uplift", f"{uplift} is no uplift to look for; 0.1 is 10 % more")
    with opened(database) as service:
        group = only_app_group(service, app_group)
        with together(service, RECIPIENTS) as (connection, _):
            found = told(service, connection, group, campaign, test or settings().deciding_test, uplift)
    if svg is not None:
        results_svg.write(found, svg)
    if json_output:
        print_json(found.as_json())
    else:
        result_tables.show(found)


def winner(
    campaign: CampaignArgument,
    *,
    declare: Annotated[bool, typer.Option("--declare", help="Declare it, with its evidence.")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Decide what was declared again, from the same position of the log."),
    ] = False,
    test: TestOption = None,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,
) -> None:
    """Tell the winner on the primary conversion event, or why there is none yet; exit status 1 where there is none."""
    if declare and check:
        raise bad_option("--check", "--declare and --check exclude one another")
    with opened(database) as service:
        group = only_app_group(service, app_group)
        if check:
            _check(service, group, campaign, json_output=json_output)
        else:
            _tell(
                service,
                group,
                campaign,
                test or settings().deciding_test,
                declare=declare,
                json_output=json_output,
            )


def _tell(
    service: Service, group: str, campaign: str, test: DecidingTest, *, declare: bool, json_output: bool
) -> None:
    from application.queries.results import declare_winner, told  # noqa: PLC0415
    from infrastructure.cli import result_tables  # noqa: PLC0415

    with together(service, RECIPIENTS) as (connection, _):
        found = told(service, connection, group, campaign, test)
    decision = found.results.decision
    if declare and decision.winner is not None:
        found = declare_winner(service, found, stamp())
    if json_output:
        print_json(found.winner())
    else:
        result_tables.show_decision(found)
        result_tables.show_health(found.results.health)
    if decision.winner is None:
        raise typer.Exit(1)


def _check(service: Service, group: str, campaign: str, *, json_output: bool) -> None:
    from application.queries.results import alike, decided_again  # noqa: PLC0415

    declared, again = decided_again(service, group, campaign)
    same = alike(declared, again)
    if json_output:
        print_json({"campaign_id": campaign, "position": str(declared.evidence.position), "same": same})
    else:
        said = "the same winner, counts and p" if same else "[red]not what was declared[/]"
        out.print(
            f"Decided again from position {declared.evidence.position}, {declared.evidence.test} test: {said} "
            f"({shown(declared.variant_id)}).",
            highlight=False,
            soft_wrap=True,
        )
    if not same:
        raise typer.Exit(1)
