"""The wizard: a campaign is made in three steps, and is a draft until it is launched. What may change later, too."""

import asyncio
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi import Request, Response

from application.commands.campaigns import CampaignChanged, CampaignExists
from application.commands.definitions import CampaignCommand, read_command
from application.queries.campaign_files import campaign_as_file
from application.queries.known_events import KnownEvent, list_known_events
from domain.app_group import AppGroup
from domain.campaigns.campaign import Campaign
from domain.errors import DomainError
from infrastructure.http.state import Shared, State, ask, new_command_id
from infrastructure.web.faults import Fault, Faults
from infrastructure.web.headers import redirect
from infrastructure.web.links import campaign_path, with_query
from infrastructure.web.posted import Fields, Posted, malformed
from infrastructure.web.rendering import make_formats, render
from infrastructure.web.routing import new_routes
from infrastructure.web.sessions import Manager, Viewer
from infrastructure.web.wizard_create import CHANNELS, KINDS, MOST_ROWS, CreateForm, Meanwhile
from infrastructure.web.wizard_editing import Editing, open_editing
from infrastructure.web.wizard_events import (
    ANOTHER,
    DEADLINES,
    MOST,
    OTHER,
    TYPES,
    UNITS,
    EventsForm,
    Known,
    write_revenue_rule,
    write_rule,
)
from infrastructure.web.wizard_review import show_review

routes = new_routes()

_BUTTON = re.compile(r"([a-z]+)(?:-([a-z_]+|[0-9]{1,4}))?", re.ASCII)


class Button(NamedTuple):
    """What was pressed: what it does, and on which row; a form that script sends has none, and shows itself again."""

    does: str
    on: str

    @property
    def row(self) -> int:
        """The number of the row; -1 where there is none."""
        return int(self.on) if self.on.isdigit() else -1

    @property
    def saves(self) -> bool:
        """Whether the form is to be saved."""
        return self.does in {"next", "leave"}


def read_button(fields: Fields) -> Button:
    """Which button sent a form."""
    found = _BUTTON.fullmatch(fields.one("do"))
    return Button("show", "") if found is None else Button(found[1], found[2] or "")


def edit_path(campaign_id: str, step: int | None = None) -> str:
    """The path of a step of the wizard."""
    return with_query(campaign_path(campaign_id, "edit"), {"step": None if step is None else str(step)})


# A new campaign


@routes.get("/campaigns/new")
async def show_new(request: Request, state: Shared, viewer: Manager) -> Response:
    """Show the form for a new campaign; `?from=` fills it in with what another campaign has."""
    source = request.query_params.get("from", "")
    group = await asyncio.to_thread(state.ledger.app_group, viewer.app_group)
    if not source:
        return _show_new(request, viewer, group, CreateForm.blank())
    campaign = await asyncio.to_thread(state.ledger.existing_campaign, viewer.app_group, source)
    return _show_new(request, viewer, group, CreateForm.clone_of(campaign, group.campaigns))


@routes.post("/campaigns/new")
async def make(request: Request, state: Shared, viewer: Manager, fields: Posted) -> Response:
    """Draft a campaign, or show the form with the rows that a button added or removed."""
    form, button = CreateForm.posted(fields.cut()), read_button(fields)
    group = await asyncio.to_thread(state.ledger.app_group, viewer.app_group)
    if not button.saves:
        return _show_new(request, viewer, group, press_row(form, button))
    faults = form.find_faults()
    if not faults:
        try:
            await asyncio.to_thread(_draft, state, viewer, form)
        except CampaignExists as error:
            link = ("Open the campaign that has it", campaign_path(form.id))
            faults = Faults([Fault.of(error, link)])
        except DomainError as error:
            faults = Faults.of([error])
    if faults:
        return _show_new(request, viewer, group, form, faults)
    return redirect(request, "/" if button.does == "leave" else edit_path(form.id, 2))


def _draft(state: State, viewer: Viewer, form: CreateForm) -> Campaign:
    stated = form.state() | {"status": "draft"}
    if form.cloned:
        source = state.ledger.existing_campaign(viewer.app_group, form.cloned)
        filed = campaign_as_file(state.ledger.existing_app_group(viewer.app_group), source)["campaigns"][0]
        stated["conversion_events"] = filed["conversion_events"]
        selection = filed.get("intelligent_selection")
        if selection is not None and form.can_select(selection["floor"]):
            stated["intelligent_selection"] = selection
    command = read_command(CampaignCommand, stated)
    return state.campaigns.create(viewer.app_group, command, viewer.stamp(new_command_id()))


def _show_new(
    request: Request, viewer: Viewer, group: AppGroup, form: CreateForm, faults: Faults | None = None
) -> Response:
    return render(
        request,
        "wizard/new.html",
        viewer=viewer,
        formats=make_formats(request, group.time_zone or "UTC"),
        status=HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK,
        section="campaigns",
        form=form,
        faults=faults or Faults(),
        group=group,
        **_CHOICES,
    )


_CHOICES: dict[str, Any] = {"kinds": KINDS, "channels": CHANNELS, "most_rows": MOST_ROWS}


def press_row(form: CreateForm, button: Button) -> CreateForm:
    """The form after a button of its rows was pressed."""
    match button.does, button.on:
        case "add", "variant":
            return form.with_variant()
        case "add", "control":
            return form.with_control()
        case "remove", _:
            return form.without(button.row)
        case _:
            return form


# A campaign that is there


@routes.get("/campaigns/{step}/edit")
async def show_edit(request: Request, state: Shared, viewer: Manager, step: str) -> Response:
    """Show a step of the wizard for a draft; of any other campaign, what may still change."""
    editing = await open_editing(request, state, viewer, step)
    asked = request.query_params.get("step", "1")
    if editing.is_draft and asked == "2":
        return await _show_events(editing, EventsForm.of(editing.campaign), editing.campaign.version)
    if editing.is_draft and asked == "3":
        return show_review(editing)
    return _show_create(editing, CreateForm.of(editing.campaign), editing.campaign.version)


@routes.post("/campaigns/{step}/edit")
async def change(request: Request, state: Shared, viewer: Manager, step: str, fields: Posted) -> Response:
    """Save a step of the wizard, or show its form with the rows that a button added, removed or moved."""
    editing = await open_editing(request, state, viewer, step)
    fields = fields.cut()
    read_at = fields.whole("version")
    if read_at is None:
        raise malformed()
    if fields.one("step") == "2":
        return await _post_events(editing, EventsForm.posted(fields), read_button(fields), read_at)
    return await _post_create(editing, CreateForm.posted(fields), read_button(fields), read_at)


async def _save(
    editing: Editing,
    stated: dict[str, Any],
    read_at: int,
    typed: dict[str, str],
    describe: Callable[[Campaign], dict[str, str]],
    declared: list[str] | None = None,
) -> tuple[Editing, Faults, Meanwhile | None]:
    """Save what is stated. Returns the campaign as it is now, why it was refused, and what changed meanwhile."""
    command = read_command(CampaignCommand, stated)
    try:
        await asyncio.to_thread(
            lambda: editing.state.campaigns.change(
                editing.campaign.app_group,
                command,
                editing.stamp(),
                read_at=read_at,
                declared=declared or (),
            )
        )
    except CampaignChanged:
        editing = await editing.now()
        return editing, Faults(), await editing.look(read_at, typed, describe)
    except DomainError as error:
        return editing, Faults.of([error]), None
    return editing, Faults(), None


async def _post_create(editing: Editing, form: CreateForm, button: Button, read_at: int) -> Response:
    campaign, meanwhile = editing.campaign, None
    if not button.saves:
        return _show_create(editing, press_row(form, button), read_at)
    faults = form.find_faults(campaign)
    if not faults:
        editing, faults, meanwhile = await _save(
            editing,
            form.state(campaign),
            read_at,
            form.describe(),
            lambda stored: CreateForm.of(stored).describe(),
        )
    if faults or meanwhile:
        version = editing.campaign.version if meanwhile else read_at
        return _show_create(editing, form, version, faults, meanwhile)
    if not editing.is_draft:
        return redirect(editing.request, campaign_path(campaign.campaign_id))
    return redirect(editing.request, "/" if button.does == "leave" else edit_path(campaign.campaign_id, 2))


def _show_create(
    editing: Editing,
    form: CreateForm,
    read_at: int,
    faults: Faults | None = None,
    meanwhile: Meanwhile | None = None,
) -> Response:
    return editing.show(
        "wizard/create.html",
        _status(faults, meanwhile),
        faults=faults,
        meanwhile=meanwhile,
        form=form,
        read_at=read_at,
        rules=[write_rule(each) for each in editing.campaign.conversion_events],
        is_selecting=editing.campaign.selection is not None and not editing.is_draft,
        step=1,
        **_CHOICES,
    )


async def _post_events(editing: Editing, form: EventsForm, button: Button, read_at: int) -> Response:
    campaign, meanwhile = editing.campaign, None
    known = Known.of(editing.group, campaign)
    if not button.saves:
        return await _show_events(editing, _press_event(form, button), read_at)
    faults = form.find_faults(campaign, known)
    if not faults:
        editing, faults, meanwhile = await _save(
            editing,
            form.state(campaign, known),
            read_at,
            form.describe(campaign, known),
            lambda stored: EventsForm.of(stored).describe(stored, known),
            form.declared,
        )
    if faults or meanwhile:
        version = editing.campaign.version if meanwhile else read_at
        return await _show_events(editing, form, version, faults, meanwhile)
    return redirect(editing.request, "/" if button.does == "leave" else edit_path(campaign.campaign_id, 3))


def _press_event(form: EventsForm, button: Button) -> EventsForm:
    match button.does:
        case "add":
            return form.with_event(button.on)
        case "remove":
            return form.without(button.row)
        case "up":
            return form.moved(button.row, -1)
        case "down":
            return form.moved(button.row, 1)
        case _:
            return form


async def _show_events(
    editing: Editing,
    form: EventsForm,
    read_at: int,
    faults: Faults | None = None,
    meanwhile: Meanwhile | None = None,
) -> Response:
    campaign = editing.campaign
    known = Known.of(editing.group, campaign)
    return editing.show(
        "wizard/events.html",
        _status(faults, meanwhile),
        faults=faults,
        meanwhile=meanwhile,
        form=form,
        read_at=read_at,
        rules=form.rules(campaign, known),
        revenue_rule=write_revenue_rule(form, campaign, known),
        known=known,
        known_events=await _ask_events(editing.state, campaign.app_group),
        types=TYPES,
        deadlines=DEADLINES,
        other=OTHER,
        another=ANOTHER,
        units=UNITS,
        most=MOST,
        step=2,
    )


async def _ask_events(state: State, app_group: str) -> list[KnownEvent]:
    return await ask(state, app_group, lambda reads: list_known_events(reads, app_group))


def _status(faults: Faults | None, meanwhile: Meanwhile | None) -> HTTPStatus:
    if meanwhile is not None:
        return HTTPStatus.CONFLICT
    return HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK
