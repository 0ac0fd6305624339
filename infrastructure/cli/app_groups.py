"""`conversions app-groups`: list, show."""

from typing import Annotated

import typer
from rich.table import Table

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
from projections.app_groups import APP_GROUPS, listed

commands = typer.Typer(help="App groups: list, show.", no_args_is_help=True)


@commands.command("list")
def list_groups(database: DatabaseOption = None, json_output: JsonOption = False) -> None:  # noqa: FBT002
    """List all app groups."""
    with opened(database) as service:
        catch_up(service, APP_GROUPS)
        with service.database.reading() as connection:
            groups = listed(connection)
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
    """Show an app group: its time zone, apps and known custom events."""
    with opened(database) as service:
        catch_up(service, APP_GROUPS)
        with service.database.reading() as connection:
            found = next((group for group in listed(connection) if group.app_group == app_group), None)
    if found is None:
        raise Refused(
            f"there is no app group {app_group!r}; `conversions app-groups list` shows them all",
            code="unknown_app_group",
        )
    if json_output:
        print_json(found.as_json())
        return
    out.print(f"[bold]{shown(found.app_group)}[/], days in {found.time_zone}")
    out.print(f"  apps           {shown(', '.join(found.apps)) or 'none'}")
    out.print(f"  custom events  {shown(', '.join(found.custom_events)) or 'none'}")
