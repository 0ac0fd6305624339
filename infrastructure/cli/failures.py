"""How any command fails: with a code, a place, what to do next, and an exit status."""

import json
import os
import sys
from typing import NoReturn

from eventsourcing.persistence import PersistenceError
from sqlalchemy.exc import SQLAlchemyError

from domain.errors import DomainError
from infrastructure.cli.console import err, shown
from infrastructure.cli.options import REFUSED, UNREADABLE, Refused
from infrastructure.database import UnusableDatabase
from infrastructure.database.failures import Busy, ConnectionLost, DiskFull, OutcomeUnknown
from infrastructure.inbound.files.fact_rows import UnreadableFile
from infrastructure.migrations import NewerSchema
from projections.engine.projection import OtherCode, ProjectionStopped

_DATABASE_ADVICE: dict[type[Exception], tuple[str, str]] = {
    DiskFull: ("disk_full", "; make room, then run it again: the ledger kept nothing of what it refused"),
    Busy: ("database_busy", ": others kept the database busy; try again"),
    ConnectionLost: ("database_away", ": is the database up? You may send again what was not acknowledged"),
    OutcomeUnknown: ("outcome_unknown", ": send it again; what was recorded is not recorded twice"),
}


def fail(error: Exception) -> None:
    """End the process as this error demands; raises the error itself where it is no expected failure."""
    match error:
        case Refused():
            _end(str(error), error.code, error.place, error.status)
        case DomainError():
            _end(error.message, error.code, error.place, REFUSED)
        case UnreadableFile():
            _end(str(error), "unreadable_file")
        case OtherCode():
            _end(str(error), "other_code", status=REFUSED)
        case ProjectionStopped():
            _end(f"{error}; `conversions verify` checks the log", "projection_stopped", status=REFUSED)
        case UnusableDatabase() | NewerSchema():
            _end(str(error), "unusable_database")
        case PersistenceError() | SQLAlchemyError():
            _fail_by_database(error)
        case BrokenPipeError():
            # Whoever reads has seen enough; Python would complain once more when it flushes.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        case _:
            raise error


def _fail_by_database(error: Exception) -> NoReturn:
    reason = str(error).splitlines()[0]
    for kind, (code, advice) in _DATABASE_ADVICE.items():
        if isinstance(error, kind):
            _end(f"{reason}{advice}", code)
    _end(f"the database refused: {reason}; the ledger kept nothing of what it refused", "database")


def _end(message: str, code: str, place: str = "", status: int = UNREADABLE) -> NoReturn:
    """Say on standard error what went wrong, as JSON where JSON was asked for."""
    if "--json" in sys.argv:
        sys.stderr.write(json.dumps({"error": {"code": code, "message": message, "place": place}}) + "\n")
    else:
        where = f" at {place}" if place else ""
        err.print(
            f"[red]error[/] [bold]{code}[/]{shown(where)}: {shown(message)}", highlight=False, soft_wrap=True
        )
    raise SystemExit(status)
