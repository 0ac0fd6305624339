"""Users over HTTP: why one converted or not, and all that is known of their journey."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AfterValidator

from domain.facts import Fact
from domain.instants import from_microseconds, printed
from domain.journey.decisions import FactDisregarded
from infrastructure.http import schemas
from infrastructure.http.answers import respond, respond_tagged
from infrastructure.http.campaigns import CampaignId
from infrastructure.http.pages import make_cursor, read_cursor, read_limit
from infrastructure.http.problems import Problem
from infrastructure.http.state import Reader, Shared, unquote_id
from infrastructure.journeys.reading import JourneyEvent, journey

routes = APIRouter(tags=["users"])

_SEALED = {"properties", "reason"}
"""Fields of facts whose content is kept aside."""

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
    """Say, for each conversion event, whether the user converted and why; or why not, by the nearest behaviour."""
    explain = state.explanations.explain
    return respond_tagged(request, await asyncio.to_thread(explain, caller.app_group, campaign_id, user_id))


@routes.get(
    "/v1/users/{user_id}/journey",
    summary="Tell a user's journey",
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
    """Tell everything recorded about a user, facts and decisions, in the order it was recorded: the newest last."""
    most, after = read_limit(limit), read_cursor(cursor, int) or 0

    def page() -> list[JourneyEvent]:
        with state.database.reading() as connection:
            return journey(connection, caller.app_group, user_id, after, most + 1)

    found = await asyncio.to_thread(page)
    if not found and not after:
        raise Problem(
            HTTPStatus.NOT_FOUND, "unknown_user", f"no fact of {user_id!r} was ever recorded", place="user_id"
        )
    further = make_cursor(found[most - 1].version) if len(found) > most else None
    events = [_event(each) for each in found[:most]]
    return respond(
        {"app_group": caller.app_group, "user_id": user_id, "events": events, "next_cursor": further}
    )


def _event(found: JourneyEvent) -> dict[str, Any]:
    event = msgspec.to_builtins(found.event)
    if isinstance(found.event, Fact | FactDisregarded):
        _open(event.get("fact", event), found.aside)
    return {
        "position": str(found.position),
        "version": found.version,
        "recorded_at": printed(from_microseconds(found.recorded_at)),
        "topic": found.topic,
        "event": event,
    }


def _open(fact: dict[str, Any], aside: str | None) -> None:
    """Put what was kept aside of a fact where its event has a seal, which says nothing to a reader."""
    for field in _SEALED & fact.keys():
        if aside is None:
            del fact[field]
        else:
            # Its text goes out as it is: there are numbers in it that no reader here could hold.
            fact[field] = orjson.Fragment(aside)
