"""The list of campaigns: the first page that people see."""

import asyncio
from collections.abc import Iterator
from typing import Any

from fastapi import Request, Response
from starlette.responses import RedirectResponse

from application.ledger import UnknownAppGroup
from application.queries.arrivals import RejectedLately
from application.queries.headlines import (
    PAGE,
    SORTS,
    STATUSES,
    Headline,
    HeadlinePage,
    Wanted,
    read_headlines,
)
from application.queries.reads import BadQuestion, Reads
from infrastructure.http.state import Shared, ask
from infrastructure.web.activity import count_rejected
from infrastructure.web.asking import read_formats
from infrastructure.web.failed import Failed
from infrastructure.web.formats import Formats
from infrastructure.web.links import with_query
from infrastructure.web.rendering import render
from infrastructure.web.routing import Kind, new_routes, read_kind, read_page, respond_csv, respond_json
from infrastructure.web.sessions import StartNeeded, Viewer, Visitor

routes = new_routes()

_MOST = 10_000
_HEADS = (
    "campaign_id",
    "name",
    "kind",
    "channel",
    "status",
    "receipts",
    "unique_recipients",
    "primary_conversions",
    "primary_rate",
    "caused",
    "caused_low",
    "caused_high",
    "currency",
    "revenue",
)
_COLUMNS = [
    ("name", "Campaign", ""),
    ("status", "Status", ""),
    ("receipts", "Receipts", "num"),
    ("recipients", "Unique recipients", "num"),
    ("conversions", "Primary conversions", "num"),
    ("rate", "Rate, %", "num"),
    ("", "Caused, conversions", "num"),
    ("revenue", "Revenue", "num"),
]


@routes.get("/")
@routes.get("/campaigns.json")
@routes.get("/campaigns.csv")
async def list_campaigns(request: Request, state: Shared, viewer: Visitor) -> Response:
    """List the campaigns of the app group, fifty on a page; as JSON and CSV all of them."""
    wanted, kind = _read_wanted(request), read_kind(request)
    _refuse_at(request)
    page = 1 if kind is not Kind.HTML else read_page(request)
    limit = PAGE if kind is Kind.HTML else _MOST

    def question(reads: Reads) -> HeadlinePage:
        return read_headlines(reads, viewer.app_group, wanted, limit, (page - 1) * limit)

    try:
        found = await ask(state, viewer.app_group, question)
    except UnknownAppGroup:
        if kind is Kind.HTML and viewer.may_manage:
            # A key may be made before its app group.
            raise StartNeeded from None
        raise
    if kind is Kind.JSON:
        return respond_json(request, found.as_json())
    if kind is Kind.CSV:
        return respond_csv(f"campaigns-of-{viewer.app_group}", found.position, _rows(found))
    formats, rejected = await asyncio.gather(
        read_formats(request, state, viewer), count_rejected(state, viewer)
    )
    return _show(request, viewer, formats, wanted, page, found, rejected)


def _refuse_at(request: Request) -> None:
    """Raise BadQuestion for a position: figures that are so now would pass for those of then."""
    if request.query_params.get("at"):
        raise BadQuestion(
            "the list shows what is so now: leave out at, or open a campaign at that position",
            code="bad_question",
            place="at",
        )


@routes.get("/campaigns")
async def go_to_list(request: Request) -> Response:
    """Lead to the list, which has the shortest address."""
    return RedirectResponse(with_query("/", request.query_params), status_code=308)


def _show(
    request: Request,
    viewer: Viewer,
    formats: Formats,
    wanted: Wanted,
    page: int,
    found: HeadlinePage,
    rejected: RejectedLately | Failed,
) -> Response:
    rates = [each.primary[1] or 0.0 for each in found.rows if each.primary]

    return render(
        request,
        "campaigns.html",
        viewer=viewer,
        formats=formats,
        section="campaigns",
        found=found,
        wanted=wanted,
        page=page,
        pages=-(-found.matching // PAGE),
        statuses=STATUSES,
        columns=_COLUMNS,
        rejected=rejected,
        highest=max(rates, default=0.0),
    )


def _rows(found: HeadlinePage) -> Iterator[list[Any]]:
    """A head, then a row for each campaign and currency of its revenue."""
    yield list(_HEADS)
    for each in found.rows:
        for currency, amount in (each.report.totals.as_json()["revenue"] or {"": ""}).items():
            yield [*_cells(each), currency, amount]


def _cells(each: Headline) -> list[Any]:
    report, primary, caused = each.report, each.primary or ("", None), each.caused
    return [
        report.campaign_id,
        report.name,
        report.kind,
        report.channel or "",
        report.status,
        report.totals.receipts,
        report.totals.unique_recipients,
        primary[0],
        "" if primary[1] is None else primary[1],
        *(("", "", "") if caused is None else (caused.conversions, *caused.interval)),
    ]


def _read_wanted(request: Request) -> Wanted:
    given = request.query_params
    sort = given.get("sort") or "name"
    if sort not in SORTS:
        raise BadQuestion(f"the list is sorted by {', '.join(SORTS)}", code="bad_question", place="sort")
    order = given.get("order") or "up"
    if order not in {"up", "down"}:
        raise BadQuestion(f"{order!r} is no order: up or down", code="bad_question", place="order")
    return Wanted(
        word=given.get("q", "")[:255].strip(),
        status=given.get("status", ""),
        kind=given.get("kind", ""),
        sort=sort,
        descending=order == "down",
    )
