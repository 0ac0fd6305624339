"""`conversions overlap`: how many conversions of a campaign share their behaviour with other campaigns."""

from application.queries.overlap import read_overlap
from domain.campaigns.conversion_events import LETTERS
from domain.campaigns.definition import Definition
from infrastructure.cli.console import bar, bar_width, columns, out, print_json, print_table, say, shown
from infrastructure.cli.opening import asking
from infrastructure.cli.options import AppGroupOption, CampaignArgument, DatabaseOption, JsonOption
from infrastructure.words.conversion_events import name_with_deadline
from infrastructure.words.quantities import percent
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
        _print_shares(found, definition)
    if found.shared_with:
        _print_others(found)
    else:
        out.print("No behaviour converted on another campaign too.", highlight=False)


def _print_shares(found: Overlap, definition: Definition) -> None:
    events = zip(found.conversion_events, definition.conversion_events, strict=True)
    print_table(
        [
            "Conversion event",
            *columns("Conversions", "Overlapping", "Share", justify="right"),
            *columns("", min_width=bar_width(), no_wrap=True),
        ],
        (
            (
                f"{LETTERS[counted.index]}  " + shown(name_with_deadline(event.stated())),
                f"{counted.conversions:,}",
                f"{counted.overlapping:,}",
                percent(counted.share),
                bar(counted.share, 1, bar_width()),
            )
            for counted, event in events
        ),
    )


def _print_others(found: Overlap) -> None:
    longest = found.shared_with[0].behaviours
    print_table(
        [
            "Campaign",
            *columns("Behaviours", justify="right"),
            *columns("", min_width=bar_width(), no_wrap=True),
        ],
        (
            (
                shown(other.campaign_id),
                f"{other.behaviours:,}",
                bar(other.behaviours, longest, bar_width()),
            )
            for other in found.shared_with
        ),
        title="Converted on both by the same behaviour",
        title_style="bold",
    )
