"""`conversions select`: weights follow the primary conversion event, of one campaign or of all that are due."""

from collections.abc import Iterable
from typing import Annotated

import typer

from application.queries import selection
from application.queries.reads import AskedCampaign
from application.queries.selection import Adjustment
from domain.campaigns.campaign import BETWEEN_ADJUSTMENTS, Campaign
from domain.campaigns.events import Status
from domain.campaigns.evidence import SelectionEvidence, Share
from domain.instants import from_microseconds, printed
from infrastructure.access.operator import stamp
from infrastructure.cli.console import columns, out, print_json, print_table, shown
from infrastructure.cli.opening import ask_about, opened, reads_of, refusing
from infrastructure.cli.options import AppGroupOption, DatabaseOption, JsonOption, bad_option
from infrastructure.composition import Service
from infrastructure.words.quantities import counted, percent


def select(
    campaign: Annotated[str | None, typer.Argument(metavar="CAMPAIGN", help="The campaign's id.")] = None,
    *,
    due: Annotated[
        bool, typer.Option("--due", help="All campaigns, of all app groups, that are due.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Check recorded weights: choose again from the same positions of the log."
        ),
    ] = False,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,
) -> None:
    """Let weights follow conversions, at most twice a day, where a campaign asks for it.

    Control's weight stays.
    It is safe to run this at any time, and twice: a run that comes too soon changes nothing.
    """
    if (campaign is None) != due or (due and check):
        raise bad_option(
            "--due", "name a campaign, or say --due for all that are; --check goes with a campaign"
        )
    with opened(database) as service, refusing():
        if campaign is None:
            _select_due(service, json_output=json_output)
        elif check:
            _check(ask_about(service, app_group, campaign), json_output=json_output)
        else:
            _select(service, ask_about(service, app_group, campaign), json_output=json_output)


def _select_due(service: Service, *, json_output: bool) -> None:
    adjusted = selection.adjust_due(reads_of(service), service.experiments, stamp)
    if json_output:
        print_json({"adjusted": [each.as_json() for each in adjusted]})
        return
    for each in adjusted:
        _show(each)
    if not adjusted:
        out.print("No campaign is due.")


def _select(service: Service, asked: AskedCampaign, *, json_output: bool) -> None:
    campaign = asked.campaign()
    found = selection.choose_weights(asked.reads, campaign)
    adjusted = selection.adjust(service.experiments, found, stamp())
    if json_output:
        print_json({"adjusted": [found.as_json()] if adjusted else []})
    elif adjusted:
        _show(found)
    else:
        out.print(f"{shown(asked.campaign_id)}: nothing changed. {_why(campaign, found.evidence)}")


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


def _check(asked: AskedCampaign, *, json_output: bool) -> None:
    found = selection.check_adjustments(asked)
    different = found.different_at()
    if json_output:
        print_json(found.as_json())
    else:
        said = f"[red]{len(different)} not as recorded[/]" if different else "all as recorded"
        adjustments = counted(len(found.adjustments), "adjustment")
        out.print(f"{adjustments} of {shown(asked.campaign_id)} chosen again: {said}.")
    if different:
        raise typer.Exit(1)


def _show(found: Adjustment) -> None:
    shares, whole = {each.variant_id: each for each in found.evidence.shares}, sum(found.weights.values())
    print_table(
        [
            "Variant",
            *columns("Weight", "Share", "Recipients", "Counted", "Conversions", "Best", justify="right"),
        ],
        (
            (
                shown(variant_id) + ("" if variant_id in shares else " (control)"),
                f"{weight:,}",
                percent(weight / whole),
                *_share_cells(shares.get(variant_id)),
            )
            for variant_id, weight in found.weights.items()
        ),
        title=f"Weights of {shown(found.campaign_id)}",
        title_style="bold",
    )
    if found.last:
        out.print("Going on would hardly improve the rate: these are the last weights.")


def _share_cells(share: Share | None) -> Iterable[str]:
    if share is None:
        return [""] * 4
    return f"{share.recipients:,}", f"{share.counted:,.0f}", f"{share.converted:,}", percent(share.best)
