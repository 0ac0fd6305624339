"""Reports of other times over HTTP: as of an instant, what changed between two, or of the receipts of some days."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Request, Response

from application.queries.reads import AskedCampaign, Days, Instants
from application.queries.report import (
    MOST_CHANGES,
    USUAL_CHANGES,
    read_clock,
    read_difference,
    read_report_as_of,
    read_report_of_days,
)
from application.reading_instants import BadTime, read_instant
from infrastructure.http import report_shapes, schemas
from infrastructure.http.problems import Problem
from infrastructure.http.reports import CampaignQuestions, Questions, read_day, respond_report

routes = APIRouter(prefix="/v1/campaigns/{campaign_id}", tags=["reports"])

T = TypeVar("T")

_REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)

ClockAsked = Annotated[
    str,
    Query(
        alias="clock",
        description="recorded: what the report said then. occurred: what is known now to have been true then.",
    ),
]
_INSTANT = "RFC 3339 with an offset, included; write `+` as `%2B`."


@routes.get(
    "/report/as-of",
    summary="Report a campaign as of an instant",
    response_class=Response,
    responses=schemas.describe_answers(report_shapes.ReportAsOfShape, *_REFUSED),
)
async def report_as_of(
    request: Request,
    questions: Questions,
    instant: Annotated[str, Query(description=_INSTANT)],
    clock: ClockAsked = "recorded",
) -> Response:
    """Report the figures of a campaign as of an instant, by variant; with `Accept: text/csv`, one row for each figure.

    404 `unknown_campaign` if the campaign was drafted after the instant; the clock `occurred` answers also then.
    """
    at, by = _read_instant("instant", instant), read_clock(clock)
    found = await _ask_log(questions, lambda asked: read_report_as_of(asked, at, by))
    return respond_report(request, found.as_json(), found.rows)


@routes.get(
    "/report/difference",
    summary="Report what changed between two instants",
    response_class=Response,
    responses=schemas.describe_answers(report_shapes.DifferenceShape, *_REFUSED),
)
async def report_difference(
    request: Request,
    questions: Questions,
    first: Annotated[str, Query(alias="from", description=f"The earlier instant: {_INSTANT}")],
    last: Annotated[str, Query(alias="to", description=f"The later instant: {_INSTANT}")],
    clock: ClockAsked = "recorded",
    limit: Annotated[
        int, Query(description=f"Changes in the answer: 0 to {MOST_CHANGES:,}, {USUAL_CHANGES} if left out.")
    ] = USUAL_CHANGES,
) -> Response:
    """Report which figures changed between two instants, and the first changes that made them.

    Each change names the user and the fact that led to it. With `Accept: text/csv`, one row for each figure.
    """
    between, by = Instants(_read_instant("from", first), _read_instant("to", last)), read_clock(clock)
    found = await _ask_log(questions, lambda asked: read_difference(asked, between, by, limit))
    return respond_report(request, found.as_json(), found.rows)


@routes.get(
    "/report/received",
    summary="Report the receipts of some days",
    response_class=Response,
    responses=schemas.describe_answers(report_shapes.ReportOfDaysShape, *_REFUSED),
)
async def report_received(
    request: Request,
    questions: Questions,
    received_from: Annotated[
        str | None, Query(description="The first day, included; open if left out.")
    ] = None,
    last: Annotated[
        str | None, Query(alias="to", description="The last day, included; open if left out.")
    ] = None,
) -> Response:
    """Report what came of the receipts of some days in the app group's time zone, by variant.

    Conversions and revenue are those credited to these receipts, whenever they happened. With `Accept: text/csv`, one
    row for each figure.
    """
    days = Days(read_day("received_from", received_from), read_day("to", last), place="received_from")
    found = await questions.ask(lambda asked: read_report_of_days(asked, days))
    return respond_report(request, found.as_json(), found.rows)


async def _ask_log(questions: CampaignQuestions, question: Callable[[AskedCampaign], T]) -> T:
    """Ask a question that may read much of the log; raises Problem if too many of these are being answered."""
    try:
        async with asyncio.timeout(questions.state.settings.wait_seconds):
            await questions.state.log_readers.acquire()
    except TimeoutError:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "too_busy",
            "this process answers as many questions about other times as it may; try again later",
            headers={"Retry-After": "1"},
        ) from None
    try:
        return await questions.ask(question)
    finally:
        questions.state.log_readers.release()


def _read_instant(name: str, text: str) -> datetime:
    try:
        return read_instant(text)
    except BadTime as error:
        raise Problem(HTTPStatus.BAD_REQUEST, error.code, error.message, place=name) from None
