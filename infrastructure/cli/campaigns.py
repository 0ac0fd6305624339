"""`conversions campaigns`: apply a file, list, show, launch, stop, archive."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.table import Table

from application.commands.definitions import ApplyCampaigns, read_campaigns
from application.ports import Stamp
from domain.app_group import AppGroup
from domain.campaigns.campaign import Campaign
from infrastructure.access.operator import stamp
from infrastructure.cli.console import (
    ROOMY,
    UNREADABLE,
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
from infrastructure.cli.figures import conversion_event, deadline, percent, thousands
from infrastructure.composition import Service
from projections.campaign_report import CAMPAIGN_REPORT
from projections.campaign_report.reading import CampaignReport, load_report, load_reports

commands = typer.Typer(
    help="Campaigns: apply a file, list, show, launch, stop, archive.", no_args_is_help=True
)

CampaignArgument = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's id.")]


@commands.command()
def apply(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="YAML or JSON: an app group and its campaigns.")
    ],
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Draft and launch what is new, change what may change; all of the file or nothing of it."""
    command = read_campaigns(_load(file))
    with opened(database, make=True) as service:
        before = service.ledger.app_group(command.app_group)
        applied = service.campaigns.apply(command, stamp())
    if json_output:
        print_json(
            {
                "app_group": command.app_group,
                "campaigns": [
                    {"campaign_id": each.campaign_id, "change": each.change, "status": each.status}
                    for each in applied
                ],
            }
        )
        return
    if changed := _default_currency(before, command):
        out.print(changed, highlight=False, soft_wrap=True)
    table = Table(
        "Campaign", "Change", "Status", title=f"App group {shown(command.app_group)}", title_justify="left"
    )
    for each in applied:
        table.add_row(shown(each.campaign_id), each.change, each.status)
    out.print(table)


def _default_currency(before: AppGroup, command: ApplyCampaigns) -> str:
    """What the file changed of the currency of prices that name none; nothing of a group that it made."""
    was, now = before.default_currency, command.default_currency
    if not before.version or "default_currency" not in command.model_fields_set or now == was:
        return ""
    return f"App group {shown(command.app_group)}: default currency {now or 'none'} (was {was or 'none'})"


@commands.command("list")
def list_campaigns(
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """List campaigns with their status and headline figures."""
    with opened(database) as service:
        group = only_app_group(service, app_group)
        catch_up(service, CAMPAIGN_REPORT)
        with service.database.reading() as connection:
            found = load_reports(connection, group)
    if json_output:
        print_json({"app_group": group, "campaigns": [_headline(each) for each in found]})
        return
    out.print(_table(group, found))


def _table(group: str, found: list[CampaignReport]) -> Table:
    """The list as a table; on a narrow terminal without what can be done without, but never with cut figures."""
    roomy = out.width >= ROOMY
    table = Table(title=f"Campaigns of {shown(group)}", title_justify="left")
    for heading in ("Campaign", *(("Name", "Kind") if roomy else ()), "Status"):
        table.add_column(heading, overflow="fold")
    for heading in ("Recipients", "Converted", "Rate", *(("Revenue",) if roomy else ())):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in found:
        totals = each.totals
        revenue = totals.as_json()["revenue"].items()
        table.add_row(
            shown(each.campaign_id),
            *((shown(each.name), each.kind) if roomy else ()),
            each.status,
            f"{totals.unique_recipients:,}",
            f"{totals.conversions[0]:,}" if totals.conversions else "",
            percent(totals.conversion_rates[0]) if totals.conversions else "",
            *(
                ("\n".join(f"{thousands(amount)} {currency}" for currency, amount in revenue),)
                if roomy
                else ()
            ),
        )
    return table


@commands.command()
def show(
    campaign: CampaignArgument,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Show a campaign as it is defined."""
    with opened(database) as service:
        group = only_app_group(service, app_group)
        defined = service.ledger.existing_campaign(group, campaign)
        catch_up(service, CAMPAIGN_REPORT)
        with service.database.reading() as connection:
            found = load_report(connection, group, campaign)
    if found is None:
        raise Refused(f"there is no campaign {campaign!r}", code="unknown_campaign")
    if json_output:
        print_json(_definition(found) | _experiment(defined))
        return
    out.print(f"[bold]{shown(found.name)}[/] ({found.kind} {shown(found.campaign_id)}, {found.status})")
    for event in found.conversion_events:
        out.print(
            f"  {event['letter']}  {shown(conversion_event(event))} within {deadline(event['deadline_seconds'])}"
        )
    for variant in found.variants:
        note = " (control group)" if variant.control else ""
        out.print(f"  variant {shown(variant.variant_id)}{note}, weight {variant.weight}")
    if defined.selection is not None:
        out.print(
            f"  intelligent selection: weights follow {found.conversion_events[0]['letter']}, "
            f"each variant keeps {defined.selection.floor:.0%} at least"
        )
    elif defined.floor_applied is not None:
        out.print("  intelligent selection has ended: going on would hardly improve the rate")
    if defined.winner is not None:
        out.print(f"  winner declared: {shown(defined.winner.variant_id)}")


@commands.command()
def launch(
    campaign: CampaignArgument,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Launch a draft, or a stopped campaign again."""
    _change(campaign, app_group, database, json_output, lambda service: service.campaigns.launch)


@commands.command()
def stop(
    campaign: CampaignArgument,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Stop a launched campaign; open windows run on."""
    _change(campaign, app_group, database, json_output, lambda service: service.campaigns.stop)


@commands.command()
def archive(
    campaign: CampaignArgument,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Put a campaign away for good; its reports stay."""
    _change(campaign, app_group, database, json_output, lambda service: service.campaigns.archive)


def _change(
    campaign: str,
    app_group: str | None,
    database: str | None,
    json_output: bool,  # noqa: FBT001
    command: Callable[[Service], Callable[[str, str, Stamp], Campaign]],
) -> None:
    with opened(database) as service:
        group = only_app_group(service, app_group)
        changed = command(service)(group, campaign, stamp())
    if json_output:
        print_json({"app_group": group, "campaign_id": campaign, "status": changed.status.value})
    else:
        out.print(f"{shown(campaign)} is {changed.status.value}", highlight=False)


def _headline(report: CampaignReport) -> dict[str, Any]:
    return {
        "campaign_id": report.campaign_id,
        "name": report.name,
        "kind": report.kind,
        "status": report.status,
    } | report.totals.as_json()


def _definition(report: CampaignReport) -> dict[str, Any]:
    return {
        "app_group": report.app_group,
        "campaign_id": report.campaign_id,
        "name": report.name,
        "kind": report.kind,
        "channel": report.channel,
        "status": report.status,
        "conversion_events": report.conversion_events,
        "variants": [
            {"variant_id": v.variant_id, "name": v.name, "weight": v.weight, "control": v.control}
            for v in report.variants
        ],
    }


def _experiment(campaign: Campaign) -> dict[str, Any]:
    """What follows from what variants convert."""
    return {
        "intelligent_selection": None if campaign.selection is None else {"floor": campaign.selection.floor},
        "selection_ended": campaign.selection is None and campaign.floor_applied is not None,
        "winner": None if campaign.winner is None else campaign.winner.variant_id,
    }


class _Loader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error: the first one would be lost in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


def _load(file: Path) -> Any:  # noqa: ANN401
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{file} cannot be read: {error}", code="unreadable_file", status=UNREADABLE) from None
    try:
        # JSON is YAML; one reader has one set of rules.
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        raise Refused(f"{file} is no YAML or JSON: {error}", code="malformed", status=UNREADABLE) from None
    except (ValueError, TypeError) as error:
        message = f"{file}: {error}; quote what is meant as text"
        raise Refused(message, code="malformed", status=UNREADABLE) from None
