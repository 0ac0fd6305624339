"""Opens the ledger that a command is about, with read models that are up to date, and asks about its campaigns."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import typer

from application.ledger import UnknownCampaign
from application.queries.reads import AskedCampaign, BadQuestion, NotDraftedYet, Reads
from infrastructure.cli.console import Bar, err
from infrastructure.cli.options import INTERRUPTED, UNREADABLE, Refusal, Refused, bad_option, refusing_by
from infrastructure.composition import Service
from infrastructure.database import sqlite_file
from infrastructure.process.garbage import less_garbage_collection
from infrastructure.settings import BadSetting, Settings, read_settings
from projections import app_groups
from projections.engine.projection import Projection, UnreadableLog

_chosen: dict[str, str] = {}


def choose_database(url: str | None) -> None:
    """Remember the database named before the command."""
    if url is not None:
        _chosen["database_url"] = url


def settings() -> Settings:
    """What the environment sets; raises Refused for a wrong value."""
    with refusing_by({BadSetting: Refusal("bad_setting")}):
        return read_settings()


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
        raise Refused(
            f"there is no database {file}; `conversions campaigns apply` makes one",
            code="no_database",
            status=UNREADABLE,
        )
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


@contextmanager
def stopping(state: Callable[[], str]) -> Iterator[None]:
    """Ctrl-C ends the command, which then says how things stand."""
    try:
        yield
    except KeyboardInterrupt:
        err.print(f"Stopped: {state()}", highlight=False)
        raise typer.Exit(INTERRUPTED) from None


def reads_of(service: Service) -> Reads:
    """Reads that bring read models up to date, and show how far they are."""
    return service.reads_caught_up(partial(catch_up, service))


def ask_about(service: Service, app_group: str | None, campaign_id: str) -> AskedCampaign:
    """A campaign of the app group that is named, or of the only one there is."""
    return AskedCampaign(reads_of(service), only_app_group(service, app_group), campaign_id)


@contextmanager
def asking(
    database: str | None, app_group: str | None, campaign_id: str, **options: str
) -> Iterator[AskedCampaign]:
    """Ask about a campaign; raises Refused for one that does not exist, and as `refusing` does."""
    with opened(database) as service:
        asked = ask_about(service, app_group, campaign_id)
        try:
            with refusing(**options):
                yield asked
        except NotDraftedYet as early:
            message = f"{early.message}; `--clock occurred` says what was true then, as known now"
            raise Refused(message, code=early.code) from None
        except UnknownCampaign as unknown:
            message = f"{unknown.message} in {asked.app_group!r}; `conversions campaigns list` shows them all"
            raise Refused(message, code=unknown.code) from None


@contextmanager
def refusing(**options: str) -> Iterator[None]:
    """Refuse a parameter as the option of its name, or as the one that `options` gives; refuse an unreadable log."""
    try:
        yield
    except BadQuestion as error:
        raise bad_option(
            options.get(error.place, f"--{error.place.replace('_', '-')}"), error.message
        ) from None
    except UnreadableLog as error:
        raise Refused(f"{error}; `conversions verify` checks the log", code="unreadable_log") from None
