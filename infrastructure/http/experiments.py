"""Experiments over HTTP: results with their intervals, and the winner by the deciding test (R21)."""

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response

from domain.campaigns.evidence import DecidingTest
from infrastructure.http import schemas
from infrastructure.http.answers import respond, respond_tagged
from infrastructure.http.campaigns import CampaignId
from infrastructure.http.problems import Problem
from infrastructure.http.reports import CampaignQuestions, Questions
from infrastructure.http.state import Manager, Shared, new_command_id
from infrastructure.settings import read_settings

if TYPE_CHECKING:
    from application.queries.results import ExperimentResults

routes = APIRouter(prefix="/v1/campaigns/{campaign_id}", tags=["experiments"])

TestAsked = Annotated[
    str | None,
    Query(
        description="anytime (valid on any day), sequential (the same, weak for large differences) or fixed (for one "
        "look); the service's setting if left out."
    ),
]


@routes.get(
    "/results",
    summary="Compare a campaign's variants",
    response_class=Response,
    responses=schemas.describe_answers(None, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
)
async def results(
    request: Request,
    questions: Questions,
    test: TestAsked = None,
    uplift: Annotated[
        float, Query(description="The uplift to detect; the answer says how many recipients that needs.")
    ] = 0.1,
) -> Response:
    """Compare variants with control, on each conversion event and in revenue: rates, uplift, health, and the winner."""
    return respond_tagged(request, (await _read_results(questions, _read_test(test), uplift)).as_json())


@routes.post(
    "/winner",
    summary="Declare the winner",
    response_class=Response,
    responses=schemas.describe_answers(
        None, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT
    ),
)
async def declare_winner(
    state: Shared, caller: Manager, campaign_id: CampaignId, test: TestAsked = None
) -> Response:
    """Declare the winner on the primary conversion event if the test finds one; otherwise say why there is none yet."""
    # The statistical distributions take long to load, so that only these two routes load them.
    from application.queries.results import declare_winner as declare  # noqa: PLC0415

    found = await _read_results(CampaignQuestions(state, caller, campaign_id), _read_test(test))
    if found.results.decision.winner is not None:
        found = await asyncio.to_thread(declare, state.experiments, found, caller.stamp(new_command_id()))
    return respond(found.winner())


async def _read_results(
    questions: CampaignQuestions, test: DecidingTest, uplift: float = 0.1
) -> "ExperimentResults":
    from application.queries.results import read_results  # noqa: PLC0415

    return await questions.ask(lambda asked: read_results(asked, test, uplift))


def _read_test(stated: str | None) -> DecidingTest:
    if stated is None:
        return read_settings().deciding_test
    try:
        return DecidingTest(stated)
    except ValueError:
        raise Problem(
            HTTPStatus.BAD_REQUEST, "bad_test", f"test is one of {', '.join(DecidingTest)}", place="test"
        ) from None
