"""`conversions campaigns`: apply a file, list, show, launch, stop, archive."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from application.commands.definitions import ApplyCampaigns, read_campaigns
from application.ports import Stamp
from application.queries import campaigns as queries
from domain.app_group import AppGroup
from domain.campaigns.campaign import Campaign
from infrastructure.access.operator import stamp
from infrastructure.cli.console import ROOMY, columns, out, print_json, print_table, revenue, say, shown
from infrastructure.cli.opening import ask_about, only_app_group, opened, reads_of
from infrastructure.cli.options import (
    UNREADABLE,
    AppGroupOption,
    CampaignArgument,
    DatabaseOption,
    JsonOption,
    Refused,
)
from infrastructure.composition import Service
from infrastructure.words.conversion_events import name_with_deadline
from infrastructure.words.quantities import percent
from projections.campaign_report.reading import CampaignReport

commands = typer.Typer(no_args_is_help=True)


@commands.command()
def apply(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="YAML or JSON: an app group and its campaigns.")
    ],
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Draft and launch new campaigns, and change what may change; either the whole file is applied or nothing."""
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
        say(changed)
    print_table(
        ["Campaign", "Change", "Status"],
        ((shown(each.campaign_id), each.change, each.status) for each in applied),
        title=f"App group {shown(command.app_group)}",
    )


def _default_currency(before: AppGroup, command: ApplyCampaigns) -> str:
    """What the file changed of the default currency, in words; empty for an app group that it made."""
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
        found = queries.list_campaigns(reads_of(service), only_app_group(service, app_group))
    if json_output:
        print_json(found.as_json())
    else:
        _print_table(found.app_group, found.campaigns)


def _print_table(group: str, found: list[CampaignReport]) -> None:
    """The list as a table; a narrow terminal gets fewer columns, but never cut figures."""
    roomy = out.width >= ROOMY
    names = ("Campaign", *(("Name", "Kind") if roomy else ()), "Status")
    figures = ("Recipients", "Converted", "Rate", *(("Revenue",) if roomy else ()))
    print_table(
        [*columns(*names, overflow="fold"), *columns(*figures, justify="right", no_wrap=True)],
        (
            (
                shown(each.campaign_id),
                *((shown(each.name), each.kind) if roomy else ()),
                each.status,
                f"{each.totals.unique_recipients:,}",
                f"{each.totals.conversions[0]:,}" if each.totals.conversions else "",
                percent(each.totals.conversion_rates[0]) if each.totals.conversions else "",
                *((revenue(each.totals.as_json()["revenue"]),) if roomy else ()),
            )
            for each in found
        ),
        title=f"Campaigns of {shown(group)}",
    )


@commands.command()
def show(
    campaign: CampaignArgument,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Show the definition of a campaign."""
    with opened(database) as service:
        found = queries.campaign_as_json(ask_about(service, app_group, campaign).campaign())
    if json_output:
        print_json(found)
    else:
        for line in _describe(found):
            out.print(line)


def _describe(found: dict[str, Any]) -> Iterator[str]:
    yield f"[bold]{shown(found['name'])}[/] ({found['kind']} {shown(found['id'])}, {found['status']})"
    events = found["conversion_events"]
    for event in events:
        yield f"  {event['letter']}  {shown(name_with_deadline(event))}"
    for variant in found["variants"]:
        note = " (control group)" if variant["control"] else ""
        yield f"  variant {shown(variant['id'])}{note}, weight {variant['weight']}"
    if found["intelligent_selection"] is not None:
        floor = found["intelligent_selection"]["floor"]
        yield (
            f"  intelligent selection: weights follow {events[0]['letter']}, "
            f"each variant keeps {floor:.0%} at least"
        )
    elif found["selection_ended"]:
        yield "  intelligent selection has ended: going on would hardly improve the rate"
    if found["winner"] is not None:
        yield f"  winner declared: {shown(found['winner'])}"


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
    """Archive a campaign: it cannot be launched again, and its reports stay."""
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


class _Loader(yaml.SafeLoader):
    """YAML in which a repeated key is an error: PyYAML would silently drop the first one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is there twice", node.start_mark
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
        raise Refused(
            f"{file}: {error}; quote what is meant as text", code="malformed", status=UNREADABLE
        ) from None
