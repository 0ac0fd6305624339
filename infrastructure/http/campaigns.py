"""App groups and campaigns over HTTP: make, change, launch, stop, archive and list them."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AfterValidator

from application.commands.campaigns import CampaignExists, Campaigns
from application.commands.definitions import AppGroupCommand, CampaignCommand, read_command
from application.ports import Stamp
from application.queries import campaigns as queries
from domain.campaigns.campaign import Campaign, stream_id
from infrastructure.http import list_shapes, schemas
from infrastructure.http.access import Caller
from infrastructure.http.answers import respond, respond_tagged
from infrastructure.http.bodies import read_object
from infrastructure.http.frozen import AtAsked, ask_frozen
from infrastructure.http.idempotency import once
from infrastructure.http.pages import make_cursor, read_cursor, read_limit
from infrastructure.http.problems import Problem
from infrastructure.http.state import Manager, Reader, Shared, State, ask, new_command_id, unquote_id

routes = APIRouter(tags=["campaigns"])

CampaignId = Annotated[
    str, Path(alias="campaign_id", description="The campaign's id."), AfterValidator(unquote_id)
]

_REFUSED = (
    *schemas.WITH_A_BODY,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)

_ONLY_SHOWN = {"app_group", "campaign_id", "selection_ended", "winner"}
"""Fields that PATCH takes only as they are shown, so that the answer to GET can be sent back."""


@routes.get(
    "/v1/app-group",
    summary="Show the app group",
    response_class=Response,
    responses=schemas.describe_answers(schemas.AppGroupShape, HTTPStatus.NOT_FOUND),
)
async def show_app_group(request: Request, state: Shared, caller: Reader) -> Response:
    """Show the app group of the key: its time zone, default currency, apps and known custom events."""
    return respond_tagged(
        request,
        queries.app_group_as_json(await asyncio.to_thread(state.ledger.existing_app_group, caller.app_group)),
    )


@routes.patch(
    "/v1/app-group",
    summary="Change the app group",
    response_class=Response,
    responses=schemas.describe_answers(schemas.AppGroupShape, *_REFUSED),
    openapi_extra=schemas.describe_body("AppGroupCommand"),
)
async def change_app_group(request: Request, state: Shared, caller: Manager) -> Response:
    """Add apps and custom events, or change the default currency.

    The app group is made if it does not exist; its time zone is fixed from then on.
    """
    command = read_command(AppGroupCommand, await read_object(request, state.settings.body_bytes))
    group = await asyncio.to_thread(
        state.campaigns.change_group, caller.app_group, command, caller.stamp(new_command_id())
    )
    return respond(queries.app_group_as_json(group))


@routes.post(
    "/v1/campaigns",
    summary="Make a campaign",
    response_class=Response,
    status_code=HTTPStatus.CREATED,
    responses=schemas.describe_answers(schemas.CampaignShape, *_REFUSED, status=HTTPStatus.CREATED),
    openapi_extra=schemas.describe_body("NewCampaign"),
)
async def make_campaign(request: Request, state: Shared, caller: Manager) -> Response:
    """Make a campaign and launch it, unless `status` is `draft`; 409 `campaign_exists` if its id is taken.

    The app group of the key is made if it does not exist yet. Its time zone is then UTC and never changes: to have
    another, call `PATCH /v1/app-group` first. With the header Idempotency-Key, the same request sent again gets the
    same answer. A refusal frees the key.
    """
    raw = await read_object(request, state.settings.body_bytes)
    command = read_command(CampaignCommand, raw)

    def make(command_id: str) -> tuple[HTTPStatus, dict[str, Any]]:
        return HTTPStatus.CREATED, queries.campaign_as_filed(
            _create(state, caller.app_group, command, caller.stamp(command_id))
        )

    status, value = await asyncio.to_thread(
        once, state.idempotency_keys, caller.app_group, request.headers.get("idempotency-key"), raw, make
    )
    return respond(value, status)


def _create(state: State, app_group: str, command: CampaignCommand, stamp: Stamp) -> Campaign:
    """Make the campaign; returns the existing one if this very command made it before and the answer was lost."""
    try:
        return state.campaigns.create(app_group, command, stamp)
    except CampaignExists:
        with state.database.reading() as connection:
            by = state.log.began_by(connection, stream_id(app_group, command.id))
        if by != stamp.command_id:
            raise
        return state.ledger.existing_campaign(app_group, command.id)


@routes.get(
    "/v1/campaigns",
    summary="List campaigns",
    response_class=Response,
    responses=schemas.describe_answers(
        list_shapes.CampaignList, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND
    ),
)
async def list_campaigns(
    state: Shared,
    caller: Reader,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
    limit: Annotated[
        int | None, Query(description="Campaigns on a page: 1 to 1,000, 100 if left out.")
    ] = None,
) -> Response:
    """List campaigns by id, with their headline figures."""
    most, after = read_limit(limit), read_cursor(cursor, str)
    page = await ask(
        state,
        caller.app_group,
        lambda reads: queries.list_campaigns(reads, caller.app_group, most, after),
    )
    return respond(page.as_json() | {"next_cursor": make_cursor(page.after)})


@routes.get(
    "/v1/campaigns/{campaign_id}",
    summary="Show a campaign",
    response_class=Response,
    responses=schemas.describe_answers(schemas.CampaignShape, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
)
async def show_campaign(
    request: Request, state: Shared, caller: Reader, campaign_id: CampaignId, at: AtAsked = None
) -> Response:
    """Show the definition of a campaign."""
    of = (caller.app_group, campaign_id)
    if at is None:
        found = await asyncio.to_thread(state.ledger.existing_campaign, *of)
    else:
        found = await ask_frozen(
            state, of[0], lambda reads: reads.ledger.existing_campaign(*of), at, campaign_id
        )
    return respond_tagged(request, queries.campaign_as_filed(found))


@routes.patch(
    "/v1/campaigns/{campaign_id}",
    summary="Change a campaign",
    response_class=Response,
    responses=schemas.describe_answers(schemas.CampaignShape, *_REFUSED),
    openapi_extra=schemas.describe_body("CampaignChange"),
)
async def change_campaign(
    request: Request, state: Shared, caller: Manager, campaign_id: CampaignId
) -> Response:
    """Change the fields of a campaign that are given; the others stay. R4 says what may change when."""
    sent = await read_object(request, state.settings.body_bytes)
    stated = await _drop_shown(state, caller, campaign_id, sent)
    if stated.setdefault("id", campaign_id) != campaign_id:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "bad_definition",
            "the id of a campaign never changes: leave it out, or give the one in the path",
            place="id",
        )
    command = read_command(CampaignCommand, stated)
    stamp = caller.stamp(new_command_id())
    changed = await asyncio.to_thread(state.campaigns.change, caller.app_group, command, stamp)
    return respond(queries.campaign_as_filed(changed))


async def _drop_shown(state: State, caller: Caller, campaign_id: str, sent: dict[str, Any]) -> dict[str, Any]:
    """The fields that were sent, without what the campaign only shows; raises Problem if that differs."""
    if not _ONLY_SHOWN & sent.keys():
        return sent
    found = await asyncio.to_thread(state.ledger.existing_campaign, caller.app_group, campaign_id)
    shown = queries.campaign_as_filed(found)
    for name in _ONLY_SHOWN & sent.keys():
        if sent[name] != shown.get(name):
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "unknown_field",
                f"{name} is shown and cannot be changed here: leave it out, or send it as it is shown",
                place=name,
            )
    return {name: value for name, value in sent.items() if name not in _ONLY_SHOWN}


def _add_step(name: str, summary: str, decide: Callable[[Campaigns, str, str, Stamp], Campaign]) -> None:
    """Add the route of a step in a campaign's life."""

    @routes.post(
        f"/v1/campaigns/{{campaign_id}}/{name}",
        summary=summary,
        name=f"{name}_campaign",
        operation_id=f"{name}_campaign",
        response_class=Response,
        responses=schemas.describe_answers(schemas.CampaignShape, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    )
    async def step(state: Shared, caller: Manager, campaign_id: CampaignId) -> Response:
        stamp = caller.stamp(new_command_id())
        changed = await asyncio.to_thread(decide, state.campaigns, caller.app_group, campaign_id, stamp)
        return respond(queries.campaign_as_filed(changed))


_add_step("launch", "Launch a draft, or a stopped campaign again", Campaigns.launch)
_add_step("stop", "Stop a launched campaign; open windows run on", Campaigns.stop)
_add_step(
    "archive", "Archive a campaign; it cannot be launched again, and its reports stay", Campaigns.archive
)
