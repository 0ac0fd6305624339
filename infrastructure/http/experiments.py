"""Experiments over HTTP: results with their intervals, and the winner by the test that decides (R21)."""

import asyncio
from http import HTTPStatus
from math import inf
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response

from domain.campaigns.evidence import DecidingTest
from infrastructure.http import schemas
from infrastructure.http.access import Caller
from infrastructure.http.answers import answered, tagged
from infrastructure.http.campaigns import CampaignId
from infrastructure.http.problems import Problem
from infrastructure.http.reports import WaitFor
from infrastructure.http.state import Manager, Reader, Shared, State, new_command_id
from infrastructure.http.waiting import up_to_date
from infrastructure.settings import Settings
from projections.recipients import RECIPIENTS

if TYPE_CHECKING:
    from application.queries.results import Told

routes = APIRouter(tags=["experiments"])

TestAsked = Annotated[
    str | None,
    Query(
        description="anytime (valid on any day), sequential (the same, weak for large differences) or fixed (for one "
        "look); left out, the service's setting."
    ),
]


@routes.get(
    "/v1/campaigns/{campaign_id}/results",
    summary="Compare a campaign's variants",
    response_class=Response,
    responses=schemas.answers(None, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
)
async def results(
    request: Request,
    state: Shared,
    caller: Reader,
    campaign_id: CampaignId,
    test: TestAsked = None,
    uplift: Annotated[
        float, Query(description="The uplift to be seen, for which recipients needed are told.")
    ] = 0.1,
    wait_for: WaitFor = None,
) -> Response:
    """Compare variants with control, on each conversion event and in revenue: rates, uplift, health, and the winner."""
    if not -1 < uplift < inf or uplift == 0:
        detail = "uplift is a share above -1 and not 0: 0.1 is 10 % more"
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_uplift", detail, place="uplift")
    return tagged(request, (await _told(state, caller, campaign_id, _test(test), uplift, wait_for)).as_json())


@routes.post(
    "/v1/campaigns/{campaign_id}/winner",
    summary="Declare the winner",
    response_class=Response,
    responses=schemas.answers(None, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def declare_winner(
    state: Shared, caller: Manager, campaign_id: CampaignId, test: TestAsked = None
) -> Response:
    """Declare the winner on the primary conversion event, if the test says so; otherwise say why there is none yet."""
    # Loaded only where it is asked for: distributions take a while to load.
    from application.queries.results import declare_winner as declare  # noqa: PLC0415

    found = await _told(state, caller, campaign_id, _test(test), 0.1, None)
    if found.results.decision.winner is not None:
        stamp = caller.stamp(new_command_id())
        found = await asyncio.to_thread(declare, state.service, found, stamp)
    return answered(found.winner())


async def _told(
    state: State, caller: Caller, campaign_id: str, test: DecidingTest, uplift: float, wait_for: str | None
) -> "Told":
    from application.queries.results import told  # noqa: PLC0415

    await asyncio.to_thread(state.service.projector.definitions.definition, caller.app_group, campaign_id)
    return await up_to_date(
        state,
        lambda connection: told(state.service, connection, caller.app_group, campaign_id, test, uplift),
        RECIPIENTS,
        wait_for=wait_for,
    )


def _test(stated: str | None) -> DecidingTest:
    if stated is None:
        return Settings().deciding_test
    try:
        return DecidingTest(stated)
    except ValueError:
        detail = f"test is one of {', '.join(DecidingTest)}"
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_test", detail, place="test") from None
