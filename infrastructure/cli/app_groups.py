"""`conversions app-groups`: list, show."""

from typing import Annotated

import typer
from rich.table import Table

from application.ledger import UnknownAppGroup
from infrastructure.cli.console import (
    DatabaseOption,
    JsonOption,
    Refused,
    catch_up,
    opened,
    out,
    print_json,
    shown,
)
from projections.app_groups import APP_GROUPS, read_app_groups

commands = typer.Typer(help="App groups: list, show.", no_args_is_help=True)


@commands.command("list")
def list_groups(database: DatabaseOption = None, json_output: JsonOption = False) -> None:  # noqa: FBT002
    """List all app groups."""
    with opened(database) as service:
        catch_up(service, APP_GROUPS)
        with service.database.reading() as connection:
            groups = read_app_groups(connection)
    if json_output:
        print_json({"app_groups": [group.as_json() for group in groups]})
        return
    table = Table("App group", "Time zone", "Apps", "Custom events", title="App groups", title_justify="left")
    for group in groups:
        table.add_row(
            shown(group.app_group),
            group.time_zone,
            shown(", ".join(group.apps)),
            str(len(group.custom_events)),
        )
    out.print(table)


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
    apps, custom_events = sorted(found.apps), sorted(found.custom_events)
    if json_output:
        print_json(
            {
                "app_group": found.app_group,
                "time_zone": found.time_zone,
                "default_currency": found.default_currency,
                "apps": apps,
                "custom_events": custom_events,
            }
        )
        return
    none = "none: a price that names no currency is refused"
    out.print(f"[bold]{shown(found.app_group)}[/], days in {found.time_zone}")
    out.print(f"  default currency  {found.default_currency or none}")
    out.print(f"  apps              {shown(', '.join(apps)) or 'none'}")
    out.print(f"  custom events     {shown(', '.join(custom_events)) or 'none'}")
