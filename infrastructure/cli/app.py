"""The commands put together: one table names them all, and a command is loaded when somebody runs it."""

from typing import Annotated, Any

import typer
from typer.main import get_command

from infrastructure.cli.loading import LazyCommands, read_lightly
from infrastructure.cli.options import DatabaseOption

HELP = "Decides which campaigns turned users into customers, and can explain every number."

COMMANDS = {
    "Campaigns and facts": {
        "campaigns": (
            "campaigns:commands",
            "Campaigns: apply a file, list, show, launch, stop, archive.",
        ),
        "app-groups": ("app_groups:commands", "App groups: list, show."),
        "import": (
            "importing:import_facts",
            "Import facts from files, then bring the reports up to date.",
        ),
        "rejects": ("rejects:commands", "Rejected facts that came over HTTP: list, retry, forget."),
        "assign": (
            "assigning:assign",
            "Show which variant each user gets; nothing is recorded.",
        ),
        "select": (
            "selecting:select",
            "Let weights follow conversions, at most twice a day, where a campaign asks for it.",
        ),
    },
    "Questions": {
        "report": (
            "reporting:report",
            "Report a campaign by variant: receipts, unique recipients, conversions and revenue.",
        ),
        "results": (
            "results:results",
            "Compare a campaign's variants with control, by conversion event and in revenue: rates, uplift, winner.",
        ),
        "winner": (
            "results:winner",
            "Say who is the winner on the primary conversion event, or why there is none yet.",
        ),
        "explain": (
            "explaining:explain",
            "Explain why a user converted on a campaign, or why not: each conversion event, and revenue.",
        ),
        "series": ("series:series", "Report a campaign by day, in the app group's time zone."),
        "conversions": (
            "lists:conversions",
            "List the conversions of a campaign, control included: the user, the behaviour, and the receipt credited.",
        ),
        "recipients": (
            "lists:recipients",
            "List the users who received a campaign, control included: variants, receipts, conversions and revenue.",
        ),
        "overlap": (
            "overlap:overlap",
            "Count the conversions of a campaign whose behaviour also converted on other campaigns, and on which.",
        ),
    },
    "Files": {
        "export": (
            "exporting:export",
            "Export rows or events as files, with a manifest; run it again to continue.",
        ),
        "archive": (
            "archiving:archive",
            "Archive the log as Parquet, with personal data in files of their own.",
        ),
        "restore": (
            "archiving:restore",
            "Make a ledger from an archive, in a new or an empty database.",
        ),
    },
    "Operation": {
        "serve": (
            "serving:serve",
            "Serve the HTTP interface and the dashboard, and keep the read models up to date, until stopped.",
        ),
        "keys": ("keys:commands", "Keys for calls over HTTP: create, list, revoke."),
        "webhooks": (
            "webhooks:commands",
            "Webhooks: make, list, show, change, remove, replay, rotate, parked, release, deliver.",
        ),
        "verify": (
            "operating:verify_log",
            "Check every event against its hash, and name the first that differs.",
        ),
        "audit": (
            "auditing:audit",
            "Judge every fact again by independent rules in SQL, and compare.",
        ),
        "projections": (
            "read_models:projections",
            "Show each read model's version, position, lag and rows.",
        ),
        "rebuild": (
            "read_models:rebuild",
            "Rebuild read models from the first event, verify them, and switch to them.",
        ),
        "rollback": (
            "read_models:rollback",
            "Go back to the read models that `rebuild --keep-old` kept.",
        ),
        "project": (
            "operating:project",
            "Keep the read models up to date in a process of its own, until stopped.",
        ),
    },
    "A first look": {
        "demo": (
            "demo:demo",
            "Import a month of a small shop's life, and show what three campaigns did, or open its dashboard.",
        ),
    },
}
"""By section and name: what in this room is the command, and the first line of its help, known before it is loaded."""


def command_line() -> Any:  # noqa: ANN401 - Typer keeps Click's types to itself
    """All commands, none of them loaded."""
    cli = typer.Typer(cls=LazyCommands, help=HELP, no_args_is_help=True, pretty_exceptions_enable=False)
    cli.callback()(_begin)
    group: Any = get_command(cli)
    group.add_table(COMMANDS)
    read_lightly(group)
    return group


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - as Typer calls it
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - no command needs it

        typer.echo(f"conversions {version('conversion-ledger')}")
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
]


def _begin(database: DatabaseOption = None, _version: VersionOption = False) -> None:  # noqa: FBT002
    """What comes before any command: logging, and the database that is named before it."""
    from infrastructure import logging  # noqa: PLC0415 - help needs no logging and no database
    from infrastructure.cli import opening  # noqa: PLC0415

    logging.configure(opening.settings())
    opening.choose_database(database)


def main() -> None:
    """The entry point of the command `conversions`."""
    try:
        command_line()(prog_name="conversions")
    except Exception as error:  # noqa: BLE001 - what is no expected failure is raised again
        from infrastructure.cli.failures import fail  # noqa: PLC0415 - few commands fail

        fail(error)
