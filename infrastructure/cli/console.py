"""What every command shares: where it writes, how it fails, and which database and app group it is about."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Self

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from infrastructure.composition import Service
from infrastructure.database import sqlite_file
from infrastructure.process.garbage import less_garbage_collection
from infrastructure.settings import Settings
from projections import app_groups
from projections.engine.projection import Projection

# In a pipe or a file there is no width to keep to; 80, the library's guess, would cut tables.
out = Console(width=None if sys.stdout.isatty() else 120)
err = Console(stderr=True)

ROOMY = 110
"""From so many columns on there is room for what one can do without."""

REFUSED = 1
UNREADABLE = 2
SOME_REJECTED = 3
INTERRUPTED = 130

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="SQLAlchemy URL; else CONVERSIONS_DATABASE_URL; else sqlite:///conversions.db.",
    ),
]
AppGroupOption = Annotated[
    str | None,
    typer.Option("--app-group", metavar="GROUP", help="The app group; left out, the only one there is."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_chosen: dict[str, str] = {}


class Refused(Exception):
    """The command cannot be carried out; the message says what to do next."""

    def __init__(
        self, message: str, *, code: str = "refused", place: str = "", status: int = REFUSED
    ) -> None:
        super().__init__(message)
        self.code = code
        self.place = place
        self.status = status


def shown(text: object) -> str:
    """Text of others as it may be printed: no markup, and no control character that a terminal would obey."""
    return escape(plain(text))


def plain(text: object) -> str:
    """Text of others without control characters, for where markup is off."""
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_control(c) else c for c in str(text))


def _is_control(character: str) -> bool:
    return character != "\n" and (ord(character) < 32 or 127 <= ord(character) < 160)


def choose_database(url: str | None) -> None:
    """Remember the database named before the command."""
    if url is not None:
        _chosen["database_url"] = url


def settings() -> Settings:
    """What the environment sets; raises Refused for what it sets wrongly."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        message = f"CONVERSIONS_{str(first['loc'][0]).upper()}: {first['msg']}"
        raise Refused(message, code="bad_setting", status=UNREADABLE) from None


def database_url(database: str | None) -> str:
    """The URL of the chosen database."""
    return database or _chosen.get("database_url") or settings().database_url


@contextmanager
def opened(database: str | None, *, make: bool = False, migrating: bool = True) -> Iterator[Service]:
    """The service over the chosen database, migrated where need be and may be; only with `make` is a new one made."""
    url = database_url(database)
    file = sqlite_file(url)
    if file is not None and not file.parent.exists():
        raise Refused(f"there is no directory {file.parent}", code="no_database", status=UNREADABLE)
    if file is not None and not make and not file.exists():
        message = f"there is no database {file}; `conversions campaigns apply` makes one"
        raise Refused(message, code="no_database", status=UNREADABLE)
    with less_garbage_collection(), Service(url, migrating=migrating) as service:
        yield service


def catch_up(service: Service, *projections: Projection) -> None:
    """Bring read models up to date, with progress where it takes long; raises ProjectionStopped."""
    with Bar() as bar:
        service.projector.catch_up(
            *projections,
            progress=lambda done, newest: bar.show("bringing read models up to date", done, newest),
        )


def only_app_group(service: Service, app_group: str | None) -> str:
    """The app group a command is about: the one named, or the only one there is."""
    catch_up(service, app_groups.APP_GROUPS)
    with service.database.reading() as connection:
        groups = [row.app_group for row in app_groups.read_app_groups(connection)]
    if app_group is not None:
        if app_group not in groups:
            raise Refused(
                f"there is no app group {app_group!r}; `conversions app-groups list` shows them all",
                code="unknown_app_group",
            )
        return app_group
    if len(groups) == 1:
        return groups[0]
    if not groups:
        raise Refused(
            "there is no app group yet; make one: conversions campaigns apply FILE", code="unknown_app_group"
        )
    raise Refused(f"say which app group: --app-group {' | '.join(groups)}", code="unknown_app_group")


def print_json(value: Any) -> None:  # noqa: ANN401
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


class Bar:
    """Progress on standard error: a bar on a terminal, a plain line now and then otherwise; silent when quick."""

    _LINE_EVERY_SECONDS = 5.0

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeRemainingColumn(),
            console=err,
            transient=True,
        )
        self._tasks: dict[str, Any] = {}
        self._told = time.monotonic()

    def __enter__(self) -> Self:
        if err.is_terminal:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if err.is_terminal:
            self._progress.stop()

    def show(self, description: str, done: int, total: int | None, detail: str = "") -> None:
        """Say how far something is."""
        if err.is_terminal:
            if description not in self._tasks:
                self._tasks[description] = self._progress.add_task(description, total=total, detail=detail)
            self._progress.update(self._tasks[description], completed=done, total=total, detail=detail)
        elif time.monotonic() - self._told >= self._LINE_EVERY_SECONDS:
            self._told = time.monotonic()
            share = f": {done / total:.0%}" if total else ""
            err.print(plain(f"{description}{share}") + (f", {detail}" if detail else ""), highlight=False)
