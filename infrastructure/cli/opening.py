"""Opens the ledger that a command is about: which database, which app group, and read models that are up to date."""

from collections.abc import Iterator
from contextlib import contextmanager

from infrastructure.cli.console import Bar
from infrastructure.cli.refused import UNREADABLE, Refused
from infrastructure.composition import Service
from infrastructure.database import sqlite_file
from infrastructure.process.garbage import less_garbage_collection
from infrastructure.settings import BadSetting, Settings, read_settings
from projections import app_groups
from projections.engine.projection import Projection

_chosen: dict[str, str] = {}


def choose_database(url: str | None) -> None:
    """Remember the database named before the command."""
    if url is not None:
        _chosen["database_url"] = url


def settings() -> Settings:
    """What the environment sets; raises Refused for a wrong value."""
    try:
        return read_settings()
    except BadSetting as error:
        raise Refused(str(error), code="bad_setting", status=UNREADABLE) from None


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
