"""`conversions select`: weights follow the primary conversion event, of one campaign or of all that are due."""

from typing import Annotated

import typer
from rich.table import Table

from domain.campaigns.campaign import BETWEEN_ADJUSTMENTS, Campaign
from domain.campaigns.definition import Weights
from domain.campaigns.events import Status
from domain.campaigns.evidence import SelectionEvidence
from domain.instants import from_microseconds, printed
from infrastructure.access.operator import stamp
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
from infrastructure.cli.figures import percent
from infrastructure.cli.options import bad_option
from infrastructure.cli.snapshots import together
from infrastructure.composition import Service
from projections.campaign_report import CAMPAIGN_REPORT
from projections.recipients import RECIPIENTS


def select(
    campaign: Annotated[str | None, typer.Argument(metavar="CAMPAIGN", help="The campaign's id.")] = None,
    *,
    due: Annotated[
        bool, typer.Option("--due", help="All campaigns, of all app groups, that are due.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Choose what was recorded again, from the same positions of the log."),
    ] = False,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,
) -> None:
    """Let weights follow conversions, where a campaign asks for it: at most twice a day, control never touched.

    Safe to run at any time and twice: who comes too soon changes nothing.
    """
    if (campaign is None) != due or (due and check):
        raise bad_option(
            "--due", "name a campaign, or say --due for all that are; --check goes with a campaign"
        )
    with opened(database) as service:
        if campaign is None:
            _select_due(service, json_output=json_output)
            return
        group = only_app_group(service, app_group)
        if check:
            _check(service, group, campaign, json_output=json_output)
        else:
            _select(service, group, campaign, json_output=json_output)


def _select_due(service: Service, *, json_output: bool) -> None:
    # Loaded only here: distributions take a while to load.
    from application.queries import selection  # noqa: PLC0415

    adjusted = selection.run_due(service, stamp, lambda: together(service, CAMPAIGN_REPORT, RECIPIENTS))
    if json_output:
        print_json({"adjusted": [each.as_json() for each in adjusted]})
        return
    for each in adjusted:
        _show(each.campaign_id, each.evidence, each.weights, last=each.last)
    if not adjusted:
        out.print("No campaign is due.")


def _select(service: Service, group: str, campaign_id: str, *, json_output: bool) -> None:
    from application.queries import selection  # noqa: PLC0415

    campaign = service.ledger.existing_campaign(group, campaign_id)
    _refuse_unselected(campaign)
    with together(service, RECIPIENTS) as (connection, _):
        found = selection.adjustment(service, connection, campaign)
    adjusted = selection.record(service, found, stamp())
    if json_output:
        print_json({"adjusted": [found.as_json()] if adjusted else []})
    elif adjusted:
        _show(campaign_id, found.evidence, found.weights, last=found.last)
    else:
        out.print(f"{shown(campaign_id)}: nothing changed. {_why(campaign, found.evidence)}")


def _why(campaign: Campaign, evidence: SelectionEvidence) -> str:
    """Why weights were not adjusted."""
    if campaign.status is not Status.LAUNCHED:
        return f"It is {campaign.status.value}; weights follow conversions while it is launched."
    if campaign.adjusted is not None and not campaign.adjustable(evidence.as_of):
        due = from_microseconds(campaign.adjusted.as_of) + BETWEEN_ADJUSTMENTS
        return f"It was adjusted less than twelve hours ago; it is due again at {printed(due)}."
    if not any(share.recipients for share in evidence.shares):
        return "Nobody received a variant yet."
    return "Its weights were changed meanwhile; try again."


def _refuse_unselected(campaign: Campaign) -> None:
    if campaign.selection is not None:
        return
    ended = campaign.floor_applied is not None
    message = (
        f"intelligent selection of {campaign.campaign_id!r} has ended: going on would hardly improve the rate"
        if ended
        else f"{campaign.campaign_id!r} does not follow conversions; `intelligent_selection: true` in its file does"
    )
    raise Refused(message, code="selection_ended" if ended else "not_selected")


def _check(service: Service, group: str, campaign_id: str, *, json_output: bool) -> None:
    from application.queries import selection  # noqa: PLC0415
    from application.queries.results import alike  # noqa: PLC0415

    found = selection.adjusted_again(service, group, campaign_id)
    different = [recorded for recorded, again in found if not alike(recorded, again)]
    if json_output:
        positions = [str(each.evidence.position) for each in different]
        print_json({"campaign_id": campaign_id, "adjustments": len(found), "different_at": positions})
    else:
        said = "all as recorded" if not different else f"[red]{len(different)} not as recorded[/]"
        adjustments = f"{len(found)} adjustment{'' if len(found) == 1 else 's'}"
        out.print(f"{adjustments} of {shown(campaign_id)} chosen again: {said}.")
    if different:
        raise typer.Exit(1)


def _show(campaign_id: str, evidence: SelectionEvidence, weights: Weights, *, last: bool) -> None:
    table = Table(title=f"Weights of {shown(campaign_id)}", title_justify="left", title_style="bold")
    table.add_column("Variant")
    for heading in ("Weight", "Share", "Recipients", "Counted", "Conversions", "Best"):
        table.add_column(heading, justify="right")
    shares, whole = {each.variant_id: each for each in evidence.shares}, sum(weights.values())
    for variant_id, weight in weights.items():
        share = shares.get(variant_id)
        figures = ["", "", "", ""] if share is None else [
            f"{share.recipients:,}", f"{share.counted:,.0f}", f"{share.converted:,}", percent(share.best)
        ]  # fmt: skip
        label = shown(variant_id) + ("" if share is not None else " (control)")
        table.add_row(label, f"{weight:,}", percent(weight / whole), *figures)
    out.print(table)
    if last:
        out.print("Going on would hardly improve the rate: these are the last weights.")
