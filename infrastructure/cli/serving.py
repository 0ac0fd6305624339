"""`conversions serve`: the service over HTTP, and how somebody gets into its dashboard."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer
from pydantic import ValidationError

from application.type_faults import describe_fault
from domain.instants import microseconds
from infrastructure.access import login_links, sessions
from infrastructure.cli.console import err
from infrastructure.cli.opening import database_url, opened
from infrastructure.cli.options import UNREADABLE, DatabaseOption, Refusal, Refused, bad_option, refusing_by
from infrastructure.composition import Service
from infrastructure.database import sqlite_file
from infrastructure.http.origins import is_loopback
from infrastructure.http.settings import HttpSettings, WebSettings

_MAKE_KEY = "conversions keys create --app-group GROUP --scope read --scope manage"

PortOption = Annotated[
    int | None, typer.Option("--port", metavar="PORT", help="8080; 0 for any that is free.")
]


def serve(
    *,
    host: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Where to listen; by default only this machine can connect."),
    ] = None,
    port: PortOption = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Processes that answer; several on PostgreSQL alone.")
    ] = None,
    database: DatabaseOption = None,
) -> None:
    """Serve the HTTP interface and the dashboard, and keep the read models up to date, until stopped.

    Every setting may come from the environment: CONVERSIONS_HTTP_PORT and so on (docs/http.md).
    """
    settings = read_http_settings(host=host, port=port, workers=workers)
    url = database_url(database)
    if settings.workers > 1 and sqlite_file(url) is not None:
        raise bad_option("--workers", "a ledger in SQLite has one writer: several processes need PostgreSQL")
    # When this ends, the ledger is there, and its tables are of this version.
    with opened(database, make=True) as service:
        is_empty, link = _make_first_link(service, settings)
    run_service(url, settings, link, is_empty=is_empty)


def read_http_settings(**given: object) -> HttpSettings:
    """The settings of the service: what is given, else what the environment sets; raises Refused."""
    given = {name: value for name, value in given.items() if value is not None}
    with _refusing({}, "CONVERSIONS_WEB_"):
        web = WebSettings()
    with _refusing(given, "CONVERSIONS_HTTP_"):
        return HttpSettings(web=web, **given)  # type: ignore[arg-type]


def run_service(url: str, settings: HttpSettings, link: str | None, *, is_empty: bool = False) -> None:
    """Serve until stopped; say where, and how somebody gets into the dashboard: by a link or a key."""
    from infrastructure.http.tracing import NoTracing, start_tracing  # noqa: PLC0415
    from infrastructure.serving.supervision import CannotListen  # noqa: PLC0415 - only this command needs it
    from infrastructure.serving.supervision import serve as begin  # noqa: PLC0415

    def announce(address: str) -> None:
        for line in [
            f"Listening at {address}; Ctrl-C ends it.",
            *_welcome(address, settings, link, is_empty),
        ]:
            err.print(line, highlight=False, markup=False, soft_wrap=True)

    with refusing_by({NoTracing: Refusal("bad_setting"), CannotListen: Refusal("cannot_listen")}):
        start_tracing()
        begin(url, settings, announce)


def _make_first_link(service: Service, settings: HttpSettings) -> tuple[bool, str | None]:
    """Whether the ledger has no app group; then also a link to begin with, if nobody else can reach the service."""
    with service.database.reading() as connection:
        is_empty = sessions.is_empty(connection)
    if not (is_empty and settings.web.is_on and is_loopback(settings.host)):
        return is_empty, None
    with service.database.writing() as connection:
        return True, login_links.make(connection, None, microseconds(service.now()))


def _welcome(address: str, settings: HttpSettings, link: str | None, is_empty: bool) -> Iterator[str]:  # noqa: FBT001
    if not settings.web.is_on:
        return
    place = settings.web.origin or address
    if link is not None:
        begin = "The ledger is empty. To begin, open" if is_empty else "To see the dashboard, open"
        yield f"{begin} this link; it logs in once, within {login_links.MINUTES} minutes:"
        yield f"  {place}{login_links.PATH}{link}"
        return
    yield f"The dashboard is at {place}; log in with a key that may read or manage."
    if is_empty:
        yield f"`{_MAKE_KEY}` makes one."
    if settings.web.origin is None and not is_loopback(settings.host):
        yield (
            "Logging in needs HTTPS: put a proxy that has it before the service, "
            "and set CONVERSIONS_WEB_ORIGIN to its address."
        )


@contextmanager
def _refusing(given: Mapping[str, object], prefix: str) -> Iterator[None]:
    """Refuse a wrong setting by the name of its option or of its variable."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        variable = name if name.startswith("CONVERSIONS_") else f"{prefix}{name.upper()}"
        place = f"--{name}" if name in given else variable
        raise Refused(f"{place}: {describe_fault(first)}", code="bad_setting", status=UNREADABLE) from None
