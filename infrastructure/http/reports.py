"""Reports over HTTP: a campaign's figures, by day, and as CSV."""

import asyncio
import csv
from collections.abc import Callable, Iterable
from datetime import date
from http import HTTPStatus
from io import StringIO
from typing import Annotated, Any, TypeVar, cast, get_args

from fastapi import APIRouter, Query, Request, Response

from application.ledger import UnknownCampaign
from application.queries.rows import report_rows, series_rows
from infrastructure.http import schemas
from infrastructure.http.accepting import CSV, wants_csv
from infrastructure.http.answers import tagged
from infrastructure.http.campaigns import CampaignId
from infrastructure.http.problems import Problem
from infrastructure.http.state import Reader, Shared
from infrastructure.http.waiting import up_to_date
from projections.campaign_report import CAMPAIGN_REPORT
from projections.campaign_report.reading import CampaignReport, report
from projections.overlap import OVERLAP
from projections.overlap.reading import overlap
from projections.series import SERIES
from projections.series.clock import Clock
from projections.series.reading import Series, series

routes = APIRouter(tags=["reports"])

WaitFor = Annotated[
    str | None,
    Query(description="A position that is to be in it; left out, everything acknowledged so far is."),
]

_Found = TypeVar("_Found", CampaignReport, Series)

_MOST_DAYS = 3_660


def _told(request: Request, found: _Found, rows: Callable[[_Found], Iterable[tuple[Any, ...]]]) -> Response:
    """The answer as JSON, or as CSV in these rows."""

    def written() -> Response:
        text = StringIO()
        csv.writer(text).writerows(rows(found))
        headers = {"X-Position": str(found.position)}
        return Response(text.getvalue(), headers=headers, media_type=f"{CSV}; charset=utf-8; header=present")

    return tagged(
        request, found.as_json(), csv=written if wants_csv(request.headers.getlist("accept")) else None
    )


@routes.get(
    "/v1/campaigns/{campaign_id}/report",
    summary="Report a campaign",
    response_class=Response,
    responses=schemas.answers(schemas.ReportShape, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
)
async def report_campaign(
    request: Request, state: Shared, caller: Reader, campaign_id: CampaignId, wait_for: WaitFor = None
) -> Response:
    """Report what a campaign did, by variant; with `Accept: text/csv` a row a figure."""
    found = await up_to_date(
        state,
        lambda connection: report(connection, caller.app_group, campaign_id),
        CAMPAIGN_REPORT,
        wait_for=wait_for,
    )
    if found is None:
        raise UnknownCampaign(f"there is no campaign {campaign_id!r}", place="campaign_id")
    return _told(request, found, report_rows)


@routes.get(
    "/v1/campaigns/{campaign_id}/series",
    summary="Report a campaign by day",
    response_class=Response,
    responses=schemas.answers(schemas.SeriesShape, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
)
async def report_series(
    request: Request,
    state: Shared,
    caller: Reader,
    campaign_id: CampaignId,
    clock: Annotated[
        str, Query(description="conversion or receipt: whose day a conversion stands on.")
    ] = "conversion",
    first: Annotated[str | None, Query(alias="from", description="The first day, itself inside.")] = None,
    last: Annotated[str | None, Query(alias="to", description="The last day, itself inside.")] = None,
    wait_for: WaitFor = None,
) -> Response:
    """Report a campaign by day, in the app group's time zone; days with nothing in them are there too.

    With `Accept: text/csv` a row a figure.
    """
    days = _days(first, last)
    if clock not in get_args(Clock):
        detail = f"clock is {' or '.join(get_args(Clock))}"
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_clock", detail, place="clock")
    known, group = state.service.projector.definitions, caller.app_group
    await asyncio.to_thread(known.definition, group, campaign_id)
    found = await up_to_date(
        state,
        lambda connection: series(
            connection, known, group, campaign_id, cast(Clock, clock), *days, most=_MOST_DAYS
        ),
        SERIES,
        wait_for=wait_for,
    )
    return _told(request, found, series_rows)


@routes.get(
    "/v1/campaigns/{campaign_id}/overlap",
    summary="Tell the overlap with other campaigns",
    response_class=Response,
    responses=schemas.answers(None, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND),
)
async def report_overlap(
    request: Request, state: Shared, caller: Reader, campaign_id: CampaignId, wait_for: WaitFor = None
) -> Response:
    """Tell how many conversions share their behaviour with other campaigns, and with which; as JSON alone."""
    known, group = state.service.projector.definitions, caller.app_group
    await asyncio.to_thread(known.definition, group, campaign_id)
    found = await up_to_date(
        state,
        lambda connection: overlap(connection, known, group, campaign_id),
        OVERLAP,
        wait_for=wait_for,
    )
    return tagged(request, found.as_json())


def _days(first: str | None, last: str | None) -> tuple[date | None, date | None]:
    days = (_day("from", first), _day("to", last))
    if days[0] is not None and days[1] is not None and days[0] > days[1]:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_date", "from comes after to", place="from")
    return days


def _day(name: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        if len(text) == len("2026-03-01"):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Problem(HTTPStatus.BAD_REQUEST, "bad_date", f"{name} is a day such as 2026-03-01", place=name)
