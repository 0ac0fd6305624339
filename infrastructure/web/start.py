"""The first app group: somebody without a key makes it, and gets the first keys with it."""

import asyncio
import re
from dataclasses import dataclass, replace
from functools import cache
from http import HTTPStatus
from zoneinfo import available_timezones

import structlog
from fastapi import Request, Response

from application.commands.definitions import ApplyCampaigns, find_faults, read_command
from domain import money
from domain.errors import BadDefinition, DomainError
from domain.instants import microseconds
from infrastructure.access import keys
from infrastructure.access.keys import Key, Scope
from infrastructure.http.state import Shared, State, new_command_id
from infrastructure.web.curl import write_trial_curl
from infrastructure.web.faults import Fault, Faults
from infrastructure.web.headers import NOT_STORED, redirect
from infrastructure.web.posted import Fields, Posted
from infrastructure.web.rendering import make_formats, render
from infrastructure.web.routing import new_routes
from infrastructure.web.sessions import START, AnyVisitor, NotAllowed, Viewer, adopt
from infrastructure.words.quantities import isolated, join_names

log = structlog.get_logger()

routes = new_routes()

_BETWEEN_APPS = re.compile(r"[,\n]+")


@dataclass(frozen=True)
class StartForm:
    """The form, as it was typed."""

    app_group: str = ""
    time_zone: str = ""
    currency: str = ""
    apps: str = ""

    @classmethod
    def posted(cls, fields: Fields, app_group: str) -> "StartForm":
        """What was typed; whose key names an app group makes that one."""
        return cls(
            app_group or fields.one("app_group"),
            fields.one("time_zone"),
            fields.one("default_currency").upper(),
            fields.one("apps"),
        )

    def state(self) -> dict[str, object]:
        """The command as plain values."""
        apps = [each.strip() for each in _BETWEEN_APPS.split(self.apps)]
        stated = {
            "app_group": self.app_group,
            "time_zone": _read_zone(self.time_zone),
            "default_currency": self.currency,
            "apps": [each for each in apps if each],
        }
        return {name: value for name, value in stated.items() if value}

    def find_faults(self) -> Faults:
        """What is wrong in it, as far as the form alone shows."""
        found = list(Faults.of(find_faults(ApplyCampaigns, self.state())))
        meant = _find_zones(self.time_zone)
        if len(meant) != 1 and all(each.field != "time_zone" for each in found):
            found.append(Fault(_say_no_zone(self.time_zone, meant), BadDefinition.code, "time_zone"))
        return Faults(found)


def _read_zone(typed: str) -> str:
    """The time zone that is meant, or what was typed."""
    meant = _find_zones(typed)
    return meant[0] if len(meant) == 1 else typed


def _find_zones(typed: str) -> list[str]:
    """The time zones that a name, or a city alone, may mean: Berlin means Europe/Berlin; UTC where nothing is typed."""
    name = "_".join(typed.split()).casefold()
    return _names().get(name or "utc", [])


def _say_no_zone(typed: str, meant: list[str]) -> str:
    if meant:
        return f"{isolated(typed)} may mean {join_names(meant, 'or')}. Choose one of them."
    return f"No time zone is called {isolated(repr(typed))}. Type a large city of your zone, such as Berlin."


@dataclass(frozen=True)
class MadeKeys:
    """The texts of the first keys, which are shown once; no key to log in where there is one already."""

    ingest: str
    manage: str | None


@routes.get(START)
async def show_form(request: Request, state: Shared, viewer: AnyVisitor) -> Response:
    """Show the form for the first app group."""
    if _has_group(state, viewer):
        return redirect(request, "/")
    _check_may_make(viewer)
    return _show(request, viewer, StartForm(app_group=viewer.app_group))


@routes.post(START)
async def make(request: Request, state: Shared, viewer: AnyVisitor, fields: Posted) -> Response:
    """Make the app group and its first keys, and show those once."""
    if _has_group(state, viewer):
        return redirect(request, "/")
    _check_may_make(viewer)
    form = StartForm.posted(fields, viewer.app_group)
    faults = form.find_faults()
    if not faults:
        try:
            await asyncio.to_thread(_make_group, state, viewer, form)
        except DomainError as error:
            faults = Faults.of([error])
    if faults:
        return _show(request, viewer, form, faults)
    return await _show_keys(request, state, viewer, form.app_group)


def _has_group(state: State, viewer: Viewer) -> bool:
    """Whether the viewer's app group is there; a key may be made before its group."""
    return viewer.key is not None and bool(state.ledger.app_group(viewer.app_group).version)


def _check_may_make(viewer: Viewer) -> None:
    if viewer.key is not None and not viewer.may_manage:
        raise NotAllowed(viewer, Scope.MANAGE)


def _make_group(state: State, viewer: Viewer, form: StartForm) -> None:
    state.campaigns.apply(read_command(ApplyCampaigns, form.state()), viewer.stamp(new_command_id()))
    log.info("app_group.started", app_group=form.app_group)


async def _show_keys(request: Request, state: State, viewer: Viewer, app_group: str) -> Response:
    made, key = await asyncio.to_thread(_make_keys, state, viewer, app_group)
    if key is not None:
        await adopt(request, viewer, key)
        viewer = Viewer(replace(viewer.session, key=key))
    return render(
        request,
        "started.html",
        viewer=viewer,
        headers=NOT_STORED,
        formats=make_formats(request, state.ledger.existing_app_group(app_group).time_zone),
        made=made,
        app_group=app_group,
        command=write_trial_curl(request),
    )


def _make_keys(state: State, viewer: Viewer, app_group: str) -> tuple[MadeKeys, Key | None]:
    """Make a key that sends facts and, for somebody without one, a key to log in with."""
    now = microseconds(state.now())
    with state.database.writing() as connection:
        _, ingest = keys.create(connection, app_group, [Scope.INGEST], now)
        if viewer.key is not None:
            return MadeKeys(ingest, None), None
        key, text = keys.create(connection, app_group, [Scope.READ, Scope.MANAGE], now)
    return MadeKeys(ingest, text), key


def _show(request: Request, viewer: Viewer, form: StartForm, faults: Faults | None = None) -> Response:
    return render(
        request,
        "start.html",
        viewer=viewer,
        status=HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK,
        headers=NOT_STORED,
        form=form,
        faults=faults or Faults(),
        zones=_zones(),
        currencies=sorted(money.currencies()),
        is_named=viewer.key is not None,
    )


@cache
def _names() -> dict[str, list[str]]:
    """By name without case the zones that it may mean: a whole name means itself alone, a city any of its zones."""
    found: dict[str, list[str]] = {}
    for zone in _zones():
        found.setdefault(zone.rpartition("/")[2].casefold(), []).append(zone)
    return found | {zone.casefold(): [zone] for zone in sorted(available_timezones() - {"localtime"})}


@cache
def _zones() -> list[str]:
    """The time zones to choose from: those that are named after a place, and UTC."""
    return [
        "UTC",
        *sorted(each for each in available_timezones() if "/" in each and not each.startswith("Etc/")),
    ]
