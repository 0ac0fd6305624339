"""The commands put together, and how any of them fails: a code, a place, and what to do next."""

import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import typer
from eventsourcing.persistence import PersistenceError
from sqlalchemy.exc import SQLAlchemyError

from domain.errors import DomainError
from infrastructure import logging
from infrastructure.cli.console import (
    REFUSED,
    UNREADABLE,
    DatabaseOption,
    Refused,
    choose_database,
    err,
    settings,
    shown,
)
from infrastructure.database import UnusableDatabase
from infrastructure.database.failures import Busy, ConnectionLost, DiskFull, OutcomeUnknown
from infrastructure.inbound.files import UnreadableFile
from infrastructure.migrations import NewerSchema
from projections.engine.projection import OtherCode, ProjectionStopped

HELP = "Decides which campaigns turned users into customers, and can explain every number."

_COMMANDS = {
    "campaigns": "campaigns.commands",
    "app-groups": "app_groups.commands",
    "import": "importing.import_facts",
    "report": "reporting.report",
    "results": "results.results",
    "winner": "results.winner",
    "select": "selecting.select",
    "explain": "explaining.explain",
    "assign": "assigning.assign",
    "verify": "operating.verify_log",
    "audit": "auditing.audit",
    "series": "series.series",
    "conversions": "lists.conversions",
    "recipients": "lists.recipients",
    "overlap": "overlap.overlap",
    "export": "exporting.export",
    "archive": "archiving.archive",
    "restore": "archiving.restore",
    "projections": "read_models.projections",
    "rebuild": "read_models.rebuild",
    "rollback": "read_models.rollback",
    "project": "operating.project",
    "serve": "serving.serve",
    "keys": "keys.commands",
    "rejects": "rejects.commands",
    "webhooks": "webhooks.commands",
    "demo": "demo.demo",
}
"""By name of a command its module in this room, and what in it is the command, or a group of them."""


def command_line(arguments: Sequence[str]) -> typer.Typer:
    """The commands; where the first argument is one of them it alone, for all of them take a while to load."""
    cli = typer.Typer(
        name="conversions",
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    cli.callback()(options)
    for name in arguments[:1] if arguments and arguments[0] in _COMMANDS else _COMMANDS:
        module, _, command = _COMMANDS[name].partition(".")
        found = getattr(import_module(f"infrastructure.cli.{module}"), command)
        if isinstance(found, typer.Typer):
            cli.add_typer(found, name=name)
        else:
            cli.command(name)(found)
    return cli


def options(database: DatabaseOption = None) -> None:
    """Decides which campaigns turned users into customers, and can explain every number."""
    logging.configure(settings())
    choose_database(database)


def main() -> None:
    """The entry point of the command `conversions`."""
    try:
        command_line(sys.argv[1:])()
    except Refused as refused:
        _fail(str(refused), refused.code, refused.place, refused.status)
    except DomainError as error:
        _fail(error.message, error.code, error.place, REFUSED)
    except UnreadableFile as error:
        _fail(str(error), "unreadable_file", "", UNREADABLE)
    except OtherCode as other:
        _fail(str(other), "other_code", "", REFUSED)
    except ProjectionStopped as stopped:
        advice = "; `conversions verify` checks the log"
        _fail(f"{stopped}{advice}", "projection_stopped", "", REFUSED)
    except (UnusableDatabase, NewerSchema) as error:
        _fail(str(error), "unusable_database", "", UNREADABLE)
    except (PersistenceError, SQLAlchemyError) as error:
        _fail_by_database(error)
    except BrokenPipeError:
        # Whoever reads has seen enough; Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail_by_database(error: Exception) -> NoReturn:
    reason = str(error).splitlines()[0]
    for kind, (code, advice) in _ADVICE.items():
        if isinstance(error, kind):
            _fail(f"{reason}{advice}", code, "", UNREADABLE)
    _fail(f"the database refused: {reason}; nothing of what it refused is kept", "database", "", UNREADABLE)


_ADVICE: dict[type[Exception], tuple[str, str]] = {
    DiskFull: ("disk_full", "; make room, then run it again: nothing of what it refused is kept"),
    Busy: ("database_busy", ": others kept the database busy; try again"),
    ConnectionLost: ("database_away", ": is the database up? What was not acknowledged may be sent again"),
    OutcomeUnknown: ("outcome_unknown", ": send it again, what was recorded is not recorded twice"),
}


def _fail(message: str, code: str, place: str, status: int) -> NoReturn:
    """Say on standard error what went wrong, as JSON where JSON was asked for."""
    if "--json" in sys.argv:
        sys.stderr.write(json.dumps({"error": {"code": code, "message": message, "place": place}}) + "\n")
    else:
        where = f" at {place}" if place else ""
        err.print(
            f"[red]error[/] [bold]{code}[/]{shown(where)}: {shown(message)}", highlight=False, soft_wrap=True
        )
    raise SystemExit(status)
