"""Lists about a campaign over HTTP: its conversions, its recipients, and the history of its definition."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator

from application.queries.campaigns import read_history
from application.queries.lists import (
    Cut,
    Page,
    WantedConversions,
    WantedRecipients,
    read_conversions,
    read_recipients,
)
from application.queries.reads import AskedCampaign, Days
from infrastructure.http import list_shapes, schemas
from infrastructure.http.answers import respond
from infrastructure.http.pages import make_cursor, read_cursor, read_limit
from infrastructure.http.reports import CampaignQuestions, Questions, QuestionsOfLog, read_day
from infrastructure.http.state import check_id

routes = APIRouter(prefix="/v1/campaigns/{campaign_id}", tags=["lists"])

_REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)

Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.")]
Limit = Annotated[int | None, Query(description="Rows on a page: 1 to 1,000, 100 if left out.")]
OfUser = Annotated[
    str | None, Query(description="Only of this user."), AfterValidator(lambda text: text and check_id(text))
]

OfVariant = Annotated[str | None, Query(description="Only of this variant.")]
WithoutControl = Annotated[bool, Query(description="Leave the control group out.")]
From = Annotated[
    str | None,
    Query(description="Only of receipts from this day on, such as 2026-03-01, in the group's zone."),
]
To = Annotated[str | None, Query(description="Only of receipts up to this day, included.")]

# A cursor of one list does not fit another.
CONVERSION_KEY: Any = Annotated[str, msgspec.Meta(pattern=r"^[^.]+\.[0-3]$")]
RECIPIENT_KEY: Any = Annotated[str, msgspec.Meta(pattern=r"^[^.]+$")]


@routes.get(
    "/conversions",
    summary="List a campaign's conversions",
    response_class=Response,
    responses=schemas.describe_answers(list_shapes.ConversionList, *_REFUSED),
)
async def list_conversions(  # noqa: PLR0913, PLR0917 - query parameters
    questions: Questions,
    event: Annotated[str | None, Query(description="Only on this conversion event: A to D.")] = None,
    variant_id: OfVariant = None,
    without_control: WithoutControl = False,  # noqa: FBT002 - a query parameter
    user_id: OfUser = None,
    received_from: From = None,
    received_to: To = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Response:
    """List who converted, by which behaviour, and the receipt that it is credited to; control is included."""
    days = _read_days(received_from, received_to)
    wanted = WantedConversions(event, variant_id, without_control, user_id, days)

    def question(asked: AskedCampaign, cut: Cut) -> Page:
        return read_conversions(asked, cut, wanted)

    return await _list(questions, question, Cut(read_limit(limit), read_cursor(cursor, CONVERSION_KEY)))


@routes.get(
    "/recipients",
    summary="List a campaign's recipients",
    response_class=Response,
    responses=schemas.describe_answers(list_shapes.RecipientList, *_REFUSED),
)
async def list_recipients(  # noqa: PLR0913, PLR0917 - query parameters
    questions: Questions,
    user_id: OfUser = None,
    variant_id: OfVariant = None,
    without_control: WithoutControl = False,  # noqa: FBT002 - a query parameter
    several_variants: Annotated[  # noqa: FBT002
        bool, Query(description="Only users who received several variants; control counts.")
    ] = False,
    converted: Annotated[
        str | None,
        Query(
            description="Only users who converted on this conversion event: A to D; "
            "with a variant, only conversions that are credited to it count."
        ),
    ] = None,
    not_converted: Annotated[
        str | None, Query(description="Only users who did not convert on this conversion event, likewise.")
    ] = None,
    is_open: Annotated[
        str | None,
        Query(
            alias="open",
            description="Only users whose last window on this conversion event is not over at the full hour.",
        ),
    ] = None,
    received_from: From = None,
    received_to: To = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Response:
    """List who received the campaign, in which variants, what they converted on, and revenue; control is included.

    With a variant, or without control, conversions and revenue are those that are credited to such a variant.
    """
    days = _read_days(received_from, received_to)
    wanted = WantedRecipients(
        user_id, variant_id, without_control, several_variants, converted, not_converted, is_open, days
    )

    def question(asked: AskedCampaign, cut: Cut) -> Page:
        return read_recipients(asked, cut, wanted)

    return await _list(questions, question, Cut(read_limit(limit), read_cursor(cursor, RECIPIENT_KEY)))


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


def _read_days(first: str | None, last: str | None) -> Days:
    return Days(read_day("received_from", first), read_day("received_to", last), "received_from")


async def _list(
    questions: CampaignQuestions, question: Callable[[AskedCampaign, Cut], Page], cut: Cut
) -> Response:
    page = await questions.ask(lambda asked: question(asked, cut))
    return respond(page.as_json() | {"next_cursor": make_cursor(page.after)})
