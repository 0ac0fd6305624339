"""Users over HTTP: why a user converted or not, and everything in the user's journey."""

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AfterValidator

from application.queries.journey import read_journey
from infrastructure.http import schemas
from infrastructure.http.answers import respond, respond_tagged
from infrastructure.http.campaigns import CampaignId
from infrastructure.http.pages import make_cursor, read_cursor, read_limit
from infrastructure.http.state import Reader, Shared, ask, unquote_id

routes = APIRouter(tags=["users"])

UserId = Annotated[str, Path(alias="user_id", description="The user's id."), AfterValidator(unquote_id)]


@routes.get(
    "/v1/campaigns/{campaign_id}/users/{user_id}",
    summary="Explain a user",
    response_class=Response,
    responses=schemas.describe_answers(schemas.ExplanationShape, HTTPStatus.NOT_FOUND),
)
async def explain_user(
    request: Request, state: Shared, caller: Reader, campaign_id: CampaignId, user_id: UserId
) -> Response:
    """Say for each conversion event whether the user converted, and why; or why not, by the nearest behaviour."""
    explain = state.explanations.explain
    return respond_tagged(request, await asyncio.to_thread(explain, caller.app_group, campaign_id, user_id))


@routes.get(
    "/v1/users/{user_id}/journey",
    summary="List a user's journey",
    response_class=Response,
    responses=schemas.describe_answers(schemas.JourneyShape, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
)
async def tell_journey(
    state: Shared,
    caller: Reader,
    user_id: UserId,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int | None, Query(description="Events on a page: 1 to 1,000, 100 if left out.")] = None,
) -> Response:
    """List all facts and decisions about a user in the order in which they were recorded, the newest last."""
    most, after = read_limit(limit), read_cursor(cursor, int) or 0
    page = await ask(state, lambda reads: read_journey(reads, caller.app_group, user_id, most, after))
    return respond(page.as_json() | {"next_cursor": make_cursor(page.after)})
