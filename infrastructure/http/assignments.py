"""Assignments over HTTP: which variant each user gets. It only reads; it is a POST because URLs are too short."""

import asyncio
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from application.queries.assignments import TooManyUserIds
from domain.errors import FactRefused
from infrastructure.http import schemas
from infrastructure.http.access import Caller
from infrastructure.http.answers import respond
from infrastructure.http.bodies import read_body
from infrastructure.http.campaigns import CampaignId
from infrastructure.http.problems import Problem
from infrastructure.http.state import Reader, Shared, State
from infrastructure.inbound.files.fact_rows import read_json

routes = APIRouter(tags=["assignments"])


@routes.post(
    "/v1/campaigns/{campaign_id}/assignments",
    summary="Assign users to variants",
    response_class=Response,
    responses=schemas.describe_answers(schemas.AssignmentsShape, HTTPStatus.NOT_FOUND, *schemas.WITH_A_BODY),
    openapi_extra=schemas.describe_body("UserIds"),
)
async def assign_users(request: Request, state: Shared, caller: Reader, campaign_id: CampaignId) -> Response:
    """Say which variant each user gets, up to 10,000 users a call, in the order given; nothing is recorded.

    A user who received the campaign keeps the variant received last, and one who received control always keeps control.
    The weights in force choose a variant for all others.
    """
    return respond(
        await asyncio.to_thread(
            _assign, state, caller, campaign_id, await read_body(request, state.settings.body_bytes)
        )
    )


def _assign(state: State, caller: Caller, campaign_id: str, sent: bytes) -> dict[str, Any]:
    try:
        found = state.assignments.assign(caller.app_group, campaign_id, _read_user_ids(sent))
    except TooManyUserIds as refusal:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, refusal.code, refusal.message, place=refusal.place
        ) from None
    return {
        "app_group": caller.app_group,
        "campaign_id": campaign_id,
        "assignments": msgspec.to_builtins(found),
    }


def _read_user_ids(sent: bytes) -> list[object]:
    try:
        stated = read_json(sent)
    except FactRefused as refusal:
        detail = f'the body is {{"user_ids": [...]}}: {refusal.message}'
        raise Problem(HTTPStatus.BAD_REQUEST, "malformed", detail) from None
    if stated.keys() != {"user_ids"} or not isinstance(stated["user_ids"], list):
        detail = 'the body is {"user_ids": [...]}, and nothing else is in it'
        raise Problem(HTTPStatus.BAD_REQUEST, "malformed", detail, place="user_ids")
    return stated["user_ids"]
