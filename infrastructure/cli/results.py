"""`conversions results` and `conversions winner`: an experiment's results, and the winner by the test that decides."""

from pathlib import Path
from typing import Annotated

import typer

from application.queries.reads import AskedCampaign
from domain.campaigns.evidence import DecidingTest
from infrastructure.access.operator import stamp
from infrastructure.cli.console import print_json, say, shown
from infrastructure.cli.opening import ask_about, opened, refusing, settings
from infrastructure.cli.options import (
    AppGroupOption,
    CampaignArgument,
    DatabaseOption,
    JsonOption,
    bad_option,
)
from infrastructure.composition import Service

TestOption = Annotated[
    DecidingTest | None,
    typer.Option(
        "--test",
        help="The test that decides: anytime (valid on any day), sequential (the same, but weak for large "
        "differences; it decided in earlier versions), or fixed (valid for one look, at a time fixed beforehand). "
        "Default: CONVERSIONS_DECIDING_TEST, or else anytime.",
    ),
]


def results(
    campaign: CampaignArgument,
    *,
    test: TestOption = None,
    uplift: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Say how many recipients are needed to find this uplift."),
    ] = 0.1,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Draw the intervals into a file.")
    ] = None,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,
) -> None:
    """Compare a campaign's variants with control, by conversion event and in revenue: rates, uplift, winner."""
    # Imported here: scipy, behind these modules, takes long to load.
    from application.queries.results import check_uplift, read_results  # noqa: PLC0415
    from infrastructure.cli import result_tables, results_svg  # noqa: PLC0415

    with refusing():
        check_uplift(uplift)
    with opened(database) as service, refusing():
        found = read_results(
            ask_about(service, app_group, campaign), test or settings().deciding_test, uplift
        )
    if svg is not None:
        results_svg.write(found, svg)
    if json_output:
        print_json(found.as_json())
    else:
        result_tables.show(found)


def winner(
    campaign: CampaignArgument,
    *,
    declare: Annotated[
        bool, typer.Option("--declare", help="Declare the winner, with its evidence.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Check the declared winner: decide again from the same position of the log."
        ),
    ] = False,
    test: TestOption = None,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,
) -> None:
    """Say who is the winner on the primary conversion event, or why there is none yet.

    Exit status: 0 for a winner, 1 for none.
    """
    if declare and check:
        raise bad_option("--check", "use --declare or --check, not both")
    with opened(database) as service, refusing():
        asked = ask_about(service, app_group, campaign)
        if check:
            _check(asked, json_output=json_output)
        else:
            _decide(
                service, asked, test or settings().deciding_test, declare=declare, json_output=json_output
            )


def _decide(
    service: Service, asked: AskedCampaign, test: DecidingTest, *, declare: bool, json_output: bool
) -> None:
    from application.queries.results import declare_winner, read_results  # noqa: PLC0415
    from infrastructure.cli import result_words  # noqa: PLC0415

    found = read_results(asked, test)
    decision = found.results.decision
    if declare and decision.winner is not None:
        found = declare_winner(service.experiments, found, stamp())
    if json_output:
        print_json(found.winner())
    else:
        result_words.show_decision(found)
        result_words.show_health(found.results.health)
    if decision.winner is None:
        raise typer.Exit(1)


def _check(asked: AskedCampaign, *, json_output: bool) -> None:
    from application.queries.results import check_declaration  # noqa: PLC0415

    found = check_declaration(asked)
    if json_output:
        print_json(found.as_json())
    else:
        evidence, variant = found.declared.evidence, shown(found.declared.variant_id)
        said = "the same winner, counts and p" if found.is_same else "[red]not what was declared[/]"
        say(f"Decided again from position {evidence.position}, {evidence.test} test: {said} ({variant}).")
    if not found.is_same:
        raise typer.Exit(1)
