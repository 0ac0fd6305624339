"""`conversions app-groups`: list, show."""

from typing import Annotated

import typer

from application.ledger import UnknownAppGroup
from application.queries.campaigns import app_group_as_json, list_app_groups
from infrastructure.cli.console import out, print_json, print_table, shown
from infrastructure.cli.opening import opened, reads_of
from infrastructure.cli.options import DatabaseOption, JsonOption, Refused

commands = typer.Typer(no_args_is_help=True)


@commands.command("list")
def list_groups(database: DatabaseOption = None, json_output: JsonOption = False) -> None:  # noqa: FBT002
    """List all app groups."""
    with opened(database) as service:
        groups = list_app_groups(reads_of(service))
    if json_output:
        print_json({"app_groups": [group.as_json() for group in groups]})
        return
    print_table(
        ["App group", "Time zone", "Apps", "Custom events"],
        (
            (
                shown(group.app_group),
                group.time_zone,
                shown(", ".join(group.apps)),
                str(len(group.custom_events)),
            )
            for group in groups
        ),
        title="App groups",
    )


@commands.command()
def show(
    app_group: Annotated[str, typer.Argument(metavar="GROUP", help="The app group's id.")],
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Show an app group: its time zone, default currency, apps and known custom events."""
    with opened(database) as service:
        try:
            found = service.ledger.existing_app_group(app_group)
        except UnknownAppGroup:
            raise Refused(
                f"there is no app group {app_group!r}; `conversions app-groups list` shows them all",
                code="unknown_app_group",
            ) from None
    group = app_group_as_json(found)
    if json_output:
        print_json(group)
        return
    none = "none: a price without a currency is refused"
    out.print(f"[bold]{shown(found.app_group)}[/], days in {found.time_zone}")
    out.print(f"  default currency  {found.default_currency or none}")
    out.print(f"  apps              {shown(', '.join(group['apps'])) or 'none'}")
    out.print(f"  custom events     {shown(', '.join(group['custom_events'])) or 'none'}")
