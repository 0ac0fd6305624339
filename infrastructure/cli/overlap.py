"""`conversions overlap`: how many conversions of a campaign share their behaviour with other campaigns."""

from rich.table import Table

from application.queries.overlap import read_overlap
from domain.campaigns.conversion_events import LETTERS
from domain.campaigns.definition import Definition
from infrastructure.cli.console import (
    bar,
    bar_width,
    conversion_event,
    deadline,
    out,
    percent,
    print_json,
    say,
    shown,
)
from infrastructure.cli.opening import asking
from infrastructure.cli.options import AppGroupOption, CampaignArgument, DatabaseOption, JsonOption
from projections.overlap.reading import Overlap


def overlap(
    campaign: CampaignArgument,
    *,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,
) -> None:
    """Count the conversions of a campaign whose behaviour also converted on other campaigns, and on which.

    Do not add up conversions of several campaigns: the sum counts neither users nor behaviours. Control is left out.
    """
    with asking(database, app_group, campaign) as asked:
        found, definition = read_overlap(asked), asked.definition()
    if json_output:
        print_json(found.as_json())
        return
    say(
        f"\n[bold]{shown(found.campaign_id)}[/] of {shown(found.app_group)}, without its control group, "
        f"up to position {found.position}"
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
    table.add_column("", min_width=bar_width(), no_wrap=True)
    for counted, event in zip(found.conversion_events, definition.conversion_events, strict=True):
        hope = f"{conversion_event(event.stated())} within {deadline(event.deadline_seconds)}"
        table.add_row(
            f"{LETTERS[counted.index]}  {shown(hope)}",
            f"{counted.conversions:,}",
            f"{counted.overlapping:,}",
            percent(counted.share),
            bar(counted.share, 1, bar_width()),
        )
    return table


def _others(found: Overlap) -> Table:
    table = Table(title="Converted on both by the same behaviour", title_justify="left", title_style="bold")
    table.add_column("Campaign")
    table.add_column("Behaviours", justify="right")
    table.add_column("", min_width=bar_width(), no_wrap=True)
    longest = found.shared_with[0].behaviours
    for other in found.shared_with:
        table.add_row(
            shown(other.campaign_id), f"{other.behaviours:,}", bar(other.behaviours, longest, bar_width())
        )
    return table
