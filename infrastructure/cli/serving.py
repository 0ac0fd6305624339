"""`conversions serve`: the service over HTTP."""

from typing import Annotated

import typer
from pydantic import ValidationError

from infrastructure.cli.console import err
from infrastructure.cli.opening import database_url, opened
from infrastructure.cli.options import UNREADABLE, DatabaseOption, Refusal, Refused, bad_option, refusing_by
from infrastructure.database import sqlite_file
from infrastructure.http.settings import HttpSettings


def serve(
    *,
    host: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Where to listen; by default only this machine can connect."),
    ] = None,
    port: Annotated[int | None, typer.Option(metavar="PORT", help="8080; 0 for any that is free.")] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Processes that answer; several on PostgreSQL alone.")
    ] = None,
    database: DatabaseOption = None,
) -> None:
    """Serve the HTTP interface and keep the read models up to date, until stopped.

    Every setting may come from the environment: CONVERSIONS_HTTP_PORT and so on (docs/http.md).
    """
    given = {"host": host, "port": port, "workers": workers}
    settings = _settings({name: value for name, value in given.items() if value is not None})
    url = database_url(database)
    if settings.workers > 1 and sqlite_file(url) is not None:
        raise bad_option("--workers", "a ledger in SQLite has one writer: several processes need PostgreSQL")
    with opened(database, make=True):
        pass  # it is there, and its tables are of this version
    from infrastructure.http.tracing import NoTracing, start_tracing  # noqa: PLC0415
    from infrastructure.serving.supervision import CannotListen  # noqa: PLC0415 - only this command needs it
    from infrastructure.serving.supervision import serve as begin  # noqa: PLC0415

    def announce(address: str) -> None:
        err.print(f"Listening at {address}; Ctrl-C ends it.", highlight=False)

    with refusing_by({NoTracing: Refusal("bad_setting"), CannotListen: Refusal("cannot_listen")}):
        start_tracing()
        begin(url, settings, announce)


def _settings(given: dict[str, object]) -> HttpSettings:
    try:
        return HttpSettings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        place = f"--{name}" if name in given else f"CONVERSIONS_HTTP_{name.upper()}"
        raise Refused(f"{place}: {first['msg']}", code="bad_setting", status=UNREADABLE) from None
