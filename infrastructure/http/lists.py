"""Lists about a campaign over HTTP: its conversions, its recipients, and the history of its definition."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator

from application.queries.campaigns import read_history
from application.queries.lists import Cut, Page, read_conversions, read_recipients
from application.queries.reads import AskedCampaign
from infrastructure.http import list_shapes, schemas
from infrastructure.http.answers import respond
from infrastructure.http.pages import make_cursor, read_cursor, read_limit
from infrastructure.http.reports import CampaignQuestions, Questions, QuestionsOfLog
from infrastructure.http.state import check_id

routes = APIRouter(prefix="/v1/campaigns/{campaign_id}", tags=["lists"])

_REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)

Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.")]
Limit = Annotated[int | None, Query(description="Rows on a page: 1 to 1,000, 100 if left out.")]
OfUser = Annotated[
    str | None, Query(description="Only of this user."), AfterValidator(lambda text: text and check_id(text))
]

# A cursor of one list does not fit another.
_ConversionKey: Any = Annotated[str, msgspec.Meta(pattern=r"^[^.]+\.[0-3]$")]
_RecipientKey: Any = Annotated[str, msgspec.Meta(pattern=r"^[^.]+$")]


@routes.get(
    "/conversions",
    summary="List a campaign's conversions",
    response_class=Response,
    responses=schemas.describe_answers(list_shapes.ConversionList, *_REFUSED),
)
async def list_conversions(
    questions: Questions,
    event: Annotated[str | None, Query(description="Only on this conversion event: A to D.")] = None,
    variant_id: Annotated[str | None, Query(description="Only of this variant.")] = None,
    user_id: OfUser = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Response:
    """List who converted, by which behaviour, and the receipt that it is credited to; control is included."""

    def question(asked: AskedCampaign, cut: Cut) -> Page:
        return read_conversions(asked, cut, event=event, variant_id=variant_id, user_id=user_id)

    return await _list(questions, question, Cut(read_limit(limit), read_cursor(cursor, _ConversionKey)))


@routes.get(
    "/recipients",
    summary="List a campaign's recipients",
    response_class=Response,
    responses=schemas.describe_answers(list_shapes.RecipientList, *_REFUSED),
)
async def list_recipients(
    questions: Questions,
    user_id: OfUser = None,
    several_variants: Annotated[  # noqa: FBT002
        bool, Query(description="Only users who received several variants; control counts.")
    ] = False,
    converted: Annotated[
        str | None, Query(description="Only users who converted on this conversion event: A to D.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Response:
    """List who received the campaign, in which variants, what they converted on, and revenue; control is included."""

    def question(asked: AskedCampaign, cut: Cut) -> Page:
        return read_recipients(
            asked, cut, user_id=user_id, several_variants=several_variants, converted=converted
        )

    return await _list(questions, question, Cut(read_limit(limit), read_cursor(cursor, _RecipientKey)))


@routes.get(
    "/history",
    summary="List the changes of a campaign",
    response_class=Response,
    responses=schemas.describe_answers(list_shapes.HistoryShape, *_REFUSED),
)
async def list_history(questions: QuestionsOfLog, cursor: Cursor = None, limit: Limit = None) -> Response:
    """List every change of a campaign's definition, status, weights and winner: when, and who gave the command."""
    most, after = read_limit(limit), read_cursor(cursor, int) or 0
    page = await questions.ask(lambda asked: read_history(asked, most, after))
    return respond(page.as_json() | {"next_cursor": make_cursor(page.after)})


async def _list(
    questions: CampaignQuestions, question: Callable[[AskedCampaign, Cut], Page], cut: Cut
) -> Response:
    page = await questions.ask(lambda asked: question(asked, cut))
    return respond(page.as_json() | {"next_cursor": make_cursor(page.after)})
