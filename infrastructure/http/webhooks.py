"""Webhooks over HTTP: make, change, remove and replay them, release parked queues, and make new secrets."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AfterValidator, BaseModel

from application.commands.definitions import Command, read_command
from domain.errors import FactRefused
from infrastructure.http import schemas
from infrastructure.http.answers import respond
from infrastructure.http.bodies import read_body
from infrastructure.http.idempotency import once
from infrastructure.http.pages import make_cursor, read_cursor, read_limit
from infrastructure.http.problems import Problem
from infrastructure.http.state import Manager, Shared, State, unquote_id
from infrastructure.inbound.files.fact_rows import read_json
from infrastructure.outbound.webhooks.administration import (
    ChangeWebhook,
    MakeWebhook,
    ReleaseLines,
    ReplayWebhook,
    UnknownWebhook,
)
from infrastructure.outbound.webhooks.hooks import TooManyWebhooks

routes = APIRouter(tags=["webhooks"])

WebhookId = Annotated[
    str, Path(alias="webhook_id", description="The webhook's id."), AfterValidator(unquote_id)
]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.")]
Limit = Annotated[int | None, Query(description="How many on a page: 1 to 1,000, 100 if left out.")]

_REFUSED = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
_BODY_BYTES = 64 * 1024

C = TypeVar("C", bound=Command)


class WebhookShape(schemas.Shape):
    """A webhook; `failing` is the last failure, if an event is being tried again or a queue is parked."""

    id: str
    app_group: str
    url: str
    types: list[str] | None
    campaign_id: str | None
    status: str
    reason: str | None
    position: schemas.Position
    created_at: schemas.Instant
    waiting_events: int
    parked_events: int
    parked_users: int
    failing: str | None


class WebhookWithSecret(WebhookShape):
    """A webhook and its secret, which is shown once; null if the same idempotency key is answered again."""

    secret: str | None


class WebhookList(schemas.Shape):
    """A page of webhooks, by id."""

    webhooks: list[WebhookShape]
    next_cursor: str | None


class ParkedShape(schemas.Shape):
    """A user's queue that is parked; `position` is that of the event that was not acknowledged."""

    user_id: str | None
    parked_at: schemas.Instant
    attempts: int
    reason: str
    events: int
    position: schemas.Position


class ParkedList(schemas.Shape):
    """A page of parked queues."""

    parked: list[ParkedShape]
    next_cursor: str | None


class Released(schemas.Shape):
    """How many queues were released."""

    released: int


def _describe_body(model: type[BaseModel]) -> dict[str, Any]:
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


@routes.post(
    "/v1/webhooks",
    summary="Make a webhook",
    response_class=Response,
    status_code=HTTPStatus.CREATED,
    responses=schemas.describe_answers(
        WebhookWithSecret, *_REFUSED, HTTPStatus.CONFLICT, status=HTTPStatus.CREATED
    ),
    openapi_extra=_describe_body(MakeWebhook),
)
async def make_webhook(request: Request, state: Shared, caller: Manager) -> Response:
    """Make a webhook; its secret is shown only in this answer.

    With the header Idempotency-Key, the same request sent again makes no other webhook, and its answer has no secret.
    """
    raw = _read_object(await read_body(request, _BODY_BYTES))
    asked = read_command(MakeWebhook, raw)
    webhooks = state.webhooks(caller.app_group)
    secrets: list[str | None] = []

    def make(command_id: str) -> tuple[int, dict[str, Any]]:
        try:
            made, secret = webhooks.make(f"wh_{command_id}", asked)
        except TooManyWebhooks as error:
            raise Problem(HTTPStatus.CONFLICT, error.code, error.message) from None
        secrets.append(secret)
        return HTTPStatus.CREATED, made

    key = request.headers.get("idempotency-key")
    status, value = await asyncio.to_thread(once, state.idempotency_keys, caller.app_group, key, raw, make)
    # The secret is not part of the answer that is stored for the key: it is stored in one place, and shown once.
    return respond(value | {"secret": secrets[0] if secrets else None}, status)


@routes.get(
    "/v1/webhooks",
    summary="List webhooks",
    response_class=Response,
    responses=schemas.describe_answers(WebhookList, HTTPStatus.BAD_REQUEST),
)
async def list_webhooks(
    state: Shared, caller: Manager, cursor: Cursor = None, limit: Limit = None
) -> Response:
    """List the webhooks of the app group by id, and how many events wait for each."""
    most, after = read_limit(limit), read_cursor(cursor, str) or ""
    webhooks = state.webhooks(caller.app_group)
    found = await asyncio.to_thread(webhooks.list_all, after, most + 1)
    further = make_cursor(found[most - 1]["id"]) if len(found) > most else None
    return respond({"webhooks": found[:most], "next_cursor": further})


@routes.get(
    "/v1/webhooks/{webhook_id}",
    summary="Show a webhook",
    response_class=Response,
    responses=schemas.describe_answers(WebhookShape, HTTPStatus.NOT_FOUND),
)
async def show_webhook(state: Shared, caller: Manager, webhook_id: WebhookId) -> Response:
    """Show a webhook, and how many events wait for it."""
    return respond(await _ask(state, caller, "show", webhook_id))


@routes.patch(
    "/v1/webhooks/{webhook_id}",
    summary="Change a webhook",
    response_class=Response,
    responses=schemas.describe_answers(WebhookShape, *_REFUSED),
    openapi_extra=_describe_body(ChangeWebhook),
)
async def change_webhook(request: Request, state: Shared, caller: Manager, webhook_id: WebhookId) -> Response:
    """Change the given fields; a webhook that becomes active again goes on where it was."""
    asked = _read(ChangeWebhook, await read_body(request, _BODY_BYTES))
    return respond(await _ask(state, caller, "change", webhook_id, asked))


@routes.delete(
    "/v1/webhooks/{webhook_id}",
    summary="Remove a webhook",
    response_class=Response,
    status_code=HTTPStatus.NO_CONTENT,
    responses=schemas.describe_answers(None, HTTPStatus.NOT_FOUND, status=HTTPStatus.NO_CONTENT),
)
async def remove_webhook(state: Shared, caller: Manager, webhook_id: WebhookId) -> Response:
    """Remove a webhook and all events that wait for it."""
    await _ask(state, caller, "remove", webhook_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@routes.post(
    "/v1/webhooks/{webhook_id}/replay",
    summary="Deliver everything after a position again",
    response_class=Response,
    responses=schemas.describe_answers(WebhookShape, *_REFUSED),
    openapi_extra=_describe_body(ReplayWebhook),
)
async def replay_webhook(request: Request, state: Shared, caller: Manager, webhook_id: WebhookId) -> Response:
    """Deliver everything after a position again, in order for each user; parked queues stay parked."""
    asked = _read(ReplayWebhook, await read_body(request, _BODY_BYTES))
    return respond(await _ask(state, caller, "replay", webhook_id, asked.after))


@routes.post(
    "/v1/webhooks/{webhook_id}/secret",
    summary="Make a new secret",
    response_class=Response,
    responses=schemas.describe_answers(WebhookWithSecret, HTTPStatus.NOT_FOUND),
)
async def rotate_secret(state: Shared, caller: Manager, webhook_id: WebhookId) -> Response:
    """Make a new secret, shown only in this answer; the old one also signs for a day, unless set otherwise."""
    value, secret = await _ask(state, caller, "rotate", webhook_id)
    return respond(value | {"secret": secret})


@routes.get(
    "/v1/webhooks/{webhook_id}/parked",
    summary="List parked queues",
    response_class=Response,
    responses=schemas.describe_answers(ParkedList, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
)
async def list_parked(
    state: Shared, caller: Manager, webhook_id: WebhookId, cursor: Cursor = None, limit: Limit = None
) -> Response:
    """List the users whose queue is parked, and why."""
    most, after = read_limit(limit), read_cursor(cursor, str) or ""
    found = await _ask(state, caller, "list_parked", webhook_id, after, most + 1)
    further = make_cursor(found[most - 1].journey_id) if len(found) > most else None
    return respond({"parked": [each.as_json() for each in found[:most]], "next_cursor": further})


@routes.post(
    "/v1/webhooks/{webhook_id}/parked/release",
    summary="Release parked queues",
    response_class=Response,
    responses=schemas.describe_answers(Released, *_REFUSED),
    openapi_extra=_describe_body(ReleaseLines),
)
async def release_parked(request: Request, state: Shared, caller: Manager, webhook_id: WebhookId) -> Response:
    """Try parked queues again: all of them, or one user's."""
    asked = _read(ReleaseLines, await read_body(request, _BODY_BYTES))
    return respond({"released": await _ask(state, caller, "release", webhook_id, asked.user_id)})


async def _ask(state: State, caller: Manager, name: str, *arguments: Any) -> Any:  # noqa: ANN401
    """Call a method of `Webhooks` in another thread; raises Problem if the app group has no such webhook."""
    try:
        return await asyncio.to_thread(getattr(state.webhooks(caller.app_group), name), *arguments)
    except UnknownWebhook as error:
        raise Problem(HTTPStatus.NOT_FOUND, error.code, error.message, place=error.place) from None


def _read(kind: type[C], sent: bytes) -> C:
    return read_command(kind, _read_object(sent))


def _read_object(sent: bytes) -> dict[str, Any]:
    try:
        return read_json(sent)
    except FactRefused as refusal:
        raise Problem(HTTPStatus.BAD_REQUEST, "malformed", refusal.message) from None
