"""Reports over HTTP: a campaign's figures now, by day, and its overlap with other campaigns."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from http import HTTPStatus
from io import StringIO
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response

from application.queries.frozen import At, read_position, refuse_with_at
from application.queries.overlap import read_overlap
from application.queries.reads import AskedCampaign, BadQuestion, Days, Instants, Positions
from application.queries.report import (
    MOST_CHANGES,
    USUAL_CHANGES,
    AnyReport,
    read_clock,
    read_difference,
    read_report,
    read_report_as_of,
    read_report_of_days,
)
from application.queries.rows import Row, report_rows, series_rows
from application.queries.series import read_series
from application.reading_instants import BadTime, read_instant
from infrastructure.http import report_shapes, schemas
from infrastructure.http.access import Caller
from infrastructure.http.answers import CSV, respond_tagged, wants_csv
from infrastructure.http.campaigns import CampaignId
from infrastructure.http.frozen import AtAsked, ask_frozen
from infrastructure.http.pages import make_cursor, read_cursor, read_limit
from infrastructure.http.problems import Problem
from infrastructure.http.state import Reader, Shared, State, ask

routes = APIRouter(prefix="/v1/campaigns/{campaign_id}", tags=["reports"])

WaitFor = Annotated[
    str | None,
    Query(
        description="A position that the answer must include; if left out, everything acknowledged so far."
    ),
]

INSTANT = "RFC 3339 with an offset, included; write `+` as `%2B`."

ClockAsked = Annotated[
    str | None,
    Query(
        description="recorded (the default): what the report said then. "
        "occurred: what is known now to have been true then."
    ),
]

T = TypeVar("T")

MOST_DAYS = 3_660
"""Days of one answer."""


@dataclass(frozen=True)
class CampaignQuestions:
    """Asks questions about a campaign of the caller's app group, as `ask` does, or with `at` as `ask_frozen` does."""

    state: State
    caller: Caller
    campaign_id: str
    wait_for: str | None = None
    at: At | None = None

    async def ask_log(self, question: Callable[[AskedCampaign], T]) -> T:
        """Answer a question that may read much of the log; raises Problem while too many of these are answered."""
        return await self.ask(question, reads_log=True)

    async def ask(self, question: Callable[[AskedCampaign], T], *, reads_log: bool = False) -> T:
        """Answer a question."""
        app_group, campaign_id = self.caller.app_group, self.campaign_id
        if self.at is not None:
            return await ask_frozen(
                self.state,
                app_group,
                lambda reads: question(AskedCampaign(reads, app_group, campaign_id)),
                self.at,
                campaign_id,
                reads_log=reads_log,
            )
        return await ask(
            self.state,
            app_group,
            lambda reads: question(AskedCampaign(reads, app_group, campaign_id)),
            self.wait_for,
            reads_log=reads_log,
        )


async def _make_questions(
    state: Shared, caller: Reader, campaign_id: CampaignId, wait_for: WaitFor = None, at: AtAsked = None
) -> CampaignQuestions:
    refuse_with_at(at, wait_for=wait_for)
    return CampaignQuestions(state, caller, campaign_id, wait_for, at)


Questions = Annotated[CampaignQuestions, Depends(_make_questions)]


async def _make_questions_of_log(
    state: Shared, caller: Reader, campaign_id: CampaignId, at: AtAsked = None
) -> CampaignQuestions:
    return CampaignQuestions(state, caller, campaign_id, at=at)


QuestionsOfLog = Annotated[CampaignQuestions, Depends(_make_questions_of_log)]
"""Questions that need no read model, and so have nothing to wait for."""


async def _make_questions_of_times(
    state: Shared,
    caller: Reader,
    campaign_id: CampaignId,
    wait_for: WaitFor = None,
    at: Annotated[str | None, Query(include_in_schema=False)] = None,
) -> CampaignQuestions:
    refuse_with_at(at, **{"from": True})
    return CampaignQuestions(state, caller, campaign_id, wait_for)


QuestionsOfTimes = Annotated[CampaignQuestions, Depends(_make_questions_of_times)]
"""Questions that name two times of their own, and so take no `at`."""


def read_between(first: str, last: str) -> Instants | Positions:
    """Read two instants or two positions; raises Problem and BadQuestion."""
    are_positions = {each.isdigit() for each in (first, last)}
    if are_positions == {True}:
        return Positions(read_position(first, "from"), read_position(last, "to"))
    if are_positions == {False}:
        return Instants(read_time("from", first), read_time("to", last))
    raise _refuse("from and to are both instants or both positions", "from")


def read_time(name: str, text: str) -> datetime:
    """Read the instant of a query parameter; raises Problem."""
    try:
        return read_instant(text)
    except BadTime as error:
        raise Problem(HTTPStatus.BAD_REQUEST, error.code, error.message, place=name) from None


def respond_report(request: Request, value: dict[str, Any], rows: Callable[[], Iterable[Row]]) -> Response:
    """Answer with a report as JSON, or as CSV with these rows if the caller prefers that."""

    def write_csv() -> Response:
        text = StringIO()
        csv.writer(text).writerows(rows())
        return Response(
            text.getvalue(),
            headers={"X-Position": value.get("position") or value["to_position"]},
            media_type=f"{CSV}; charset=utf-8; header=present",
        )

    wanted = wants_csv(request.headers.getlist("accept"))
    return respond_tagged(request, value, csv=write_csv if wanted else None)


@routes.get(
    "/report",
    summary="Report a campaign",
    response_class=Response,
    responses=schemas.describe_answers(
        report_shapes.ReportShape, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND
    ),
)
async def report_campaign(
    request: Request,
    questions: Questions,
    as_of: Annotated[str | None, Query(description=f"As of this instant: {INSTANT}")] = None,
    as_of_clock: ClockAsked = None,
    received_from: Annotated[
        str | None, Query(description="Only receipts from this day on, included.")
    ] = None,
    received_to: Annotated[str | None, Query(description="Only receipts up to this day, included.")] = None,
) -> Response:
    """Report the figures of a campaign by variant; with `Accept: text/csv`, one row for each figure.

    As of an instant, the report has `as_of`; 404 `unknown_campaign` if the campaign was drafted after it, except by the
    clock `occurred`. Of the receipts of some days in the app group's time zone, it has `received_from` and `to`, and
    the conversions and revenue that are credited to these receipts, whenever they happened. Else it has `mature`, which
    is null if the read model `recipients` is behind or stopped.
    """
    found: AnyReport
    refuse_with_at(questions.at, as_of=as_of, as_of_clock=as_of_clock)
    if as_of is None and as_of_clock is not None:
        raise _refuse(
            "as_of_clock says how to count as of an instant: add as_of, or leave it out", "as_of_clock"
        )
    if as_of is not None:
        if received_from is not None or received_to is not None:
            raise _refuse(
                "a report is as of an instant, or of the receipts of some days: leave one of them out",
                "as_of",
            )
        at, by = read_time("as_of", as_of), read_clock(as_of_clock or "recorded", "as_of_clock")
        found = await questions.ask_log(lambda asked: read_report_as_of(asked, at, by))
    elif received_from is not None or received_to is not None:
        days = Days(
            read_day("received_from", received_from),
            read_day("received_to", received_to),
            place="received_from",
        )
        found = await questions.ask(lambda asked: read_report_of_days(asked, days))
    else:
        found = await questions.ask(read_report)
    return respond_report(request, found.as_json(), lambda: report_rows(found.report))


def _refuse(message: str, place: str) -> BadQuestion:
    return BadQuestion(message, code="bad_question", place=place)


@routes.get(
    "/diff",
    summary="Report what changed between two instants or positions",
    response_class=Response,
    responses=schemas.describe_answers(
        report_shapes.DifferenceShape, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND
    ),
)
async def report_difference(
    request: Request,
    questions: QuestionsOfTimes,
    first: Annotated[
        str, Query(alias="from", description=f"The earlier instant: {INSTANT} Or the earlier position.")
    ],
    last: Annotated[
        str, Query(alias="to", description=f"The later instant: {INSTANT} Or the later position.")
    ],
    as_of_clock: ClockAsked = None,
    limit: Annotated[
        int, Query(description=f"Changes in the answer: 0 to {MOST_CHANGES:,}, {USUAL_CHANGES} if left out.")
    ] = USUAL_CHANGES,
) -> Response:
    """Report which figures changed between two instants, or two positions, and the first changes that made them.

    Each change names the user and the fact that led to it. With `Accept: text/csv`, one row for each figure.
    """
    between = read_between(first, last)
    by = read_clock(as_of_clock or "recorded", "as_of_clock")
    found = await questions.ask_log(lambda asked: read_difference(asked, between, by, limit))
    return respond_report(request, found.as_json(), found.rows)


@routes.get(
    "/series",
    summary="Report a campaign by day",
    response_class=Response,
    responses=schemas.describe_answers(
        report_shapes.SeriesShape, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND
    ),
)
async def report_series(
    request: Request,
    questions: Questions,
    clock: Annotated[
        str,
        Query(description="conversion or receipt: a conversion counts on its own day, or on its receipt's."),
    ] = "conversion",
    first: Annotated[str | None, Query(alias="from", description="The first day, included.")] = None,
    last: Annotated[str | None, Query(alias="to", description="The last day, included.")] = None,
) -> Response:
    """Report a campaign by day, in the app group's time zone; days without any figure are included.

    With `Accept: text/csv`, one row for each figure.
    """
    days = Days(read_day("from", first), read_day("to", last))
    found = await questions.ask(lambda asked: read_series(asked, clock, days, most_days=MOST_DAYS))
    return respond_report(request, found.as_json(), lambda: series_rows(found))


@routes.get(
    "/overlap",
    summary="Report the overlap with other campaigns",
    response_class=Response,
    responses=schemas.describe_answers(
        report_shapes.OverlapShape, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND
    ),
)
async def report_overlap(
    request: Request,
    questions: Questions,
    other: Annotated[
        str | None, Query(alias="other_campaign_id", description="Only the overlap with this campaign.")
    ] = None,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
    limit: Annotated[
        int | None, Query(description="Other campaigns on a page: 1 to 1,000; all of them if left out.")
    ] = None,
) -> Response:
    """Say how many conversions share their behaviour with other campaigns, and with which; only as JSON.

    The other campaigns come in the order of the behaviours that they share, the most first.
    """
    most, after = None if limit is None else read_limit(limit), read_cursor(cursor, tuple[int, str])
    found = await questions.ask(read_overlap)
    shared = [
        each
        for each in found.shared_with
        if other in {None, each.campaign_id}
        and (after is None or (-each.behaviours, each.campaign_id) > (-after[0], after[1]))
    ]
    page = shared[:most]
    further = (page[-1].behaviours, page[-1].campaign_id) if len(page) < len(shared) else None
    return respond_tagged(
        request, replace(found, shared_with=page).as_json() | {"next_cursor": make_cursor(further)}
    )


def read_day(name: str, text: str | None) -> date | None:
    """Read a day such as 2026-03-01 from the parameter `name`; raises Problem."""
    if text is None:
        return None
    try:
        if len(text) == len("2026-03-01"):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Problem(HTTPStatus.BAD_REQUEST, "bad_date", f"{name} is a day such as 2026-03-01", place=name)
