"""Users over HTTP: why a user converted or not, and everything in the user's journey."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AfterValidator

from application.queries.explanation import Explanations
from application.queries.frozen import At
from application.queries.journey import JourneyPage, read_journey
from application.queries.reads import Reads
from infrastructure.http import schemas
from infrastructure.http.answers import respond, respond_tagged
from infrastructure.http.campaigns import CampaignId
from infrastructure.http.frozen import AtAsked, ask_frozen
from infrastructure.http.pages import make_cursor, read_cursor, read_limit
from infrastructure.http.state import Reader, Shared, State, ask, unquote_id

routes = APIRouter(tags=["users"])

UserId = Annotated[str, Path(alias="user_id", description="The user's id."), AfterValidator(unquote_id)]


@routes.get(
    "/v1/campaigns/{campaign_id}/users/{user_id}",
    summary="Explain a user",
    response_class=Response,
    responses=schemas.describe_answers(
        schemas.ExplanationShape, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND
    ),
)
async def explain_user(
    request: Request,
    state: Shared,
    caller: Reader,
    campaign_id: CampaignId,
    user_id: UserId,
    at: AtAsked = None,
) -> Response:
    """Say for each conversion event whether the user converted, and why; or why not, by the nearest behaviour."""
    return respond_tagged(request, await explain(state, caller.app_group, campaign_id, user_id, at))


async def explain(
    state: State, app_group: str, campaign_id: str, user_id: str, at: At | None = None
) -> dict[str, Any]:
    """The explanation of a user, now or as it was at a position; raises Problem and UnknownCampaign."""
    of = (app_group, campaign_id)
    if at is None:
        return await state.turns.run(app_group, lambda: state.explanations.explain(*of, user_id))
    return await ask_frozen(
        state,
        app_group,
        lambda reads: Explanations(reads.ledger, reads.streams).explain(*of, user_id),
        at,
        campaign_id,
    )


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
    at: AtAsked = None,
) -> Response:
    """List all facts and decisions about a user in the order in which they were recorded, the newest last."""
    most, after = read_limit(limit), read_cursor(cursor, int) or 0

    def question(reads: Reads) -> JourneyPage:
        return read_journey(reads, caller.app_group, user_id, most, after)

    if at is None:
        page = await ask(state, caller.app_group, question)
    else:
        page = await ask_frozen(state, caller.app_group, question, at)
    return respond(page.as_json() | {"next_cursor": make_cursor(page.after)})
