"""Campaigns and canvases by day in Braze's shapes: under both clocks at once, revenue in US dollars."""

import asyncio
from datetime import date, timedelta, tzinfo
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from application.queries.reads import Reads
from domain import money
from domain.campaigns.campaign import Campaign
from domain.campaigns.events import Kind
from infrastructure.http.braze.answers import BrazeAnswer, BrazeRoute, describe_answers, respond
from infrastructure.http.braze.directory import CampaignId, CanvasId, find_campaign, name_channel
from infrastructure.http.braze.times import read_instant
from infrastructure.http.problems import Problem
from infrastructure.http.state import Reader, Shared, State, ask
from projections.series import SERIES
from projections.series.reading import Day, DayFigures, VariantDay, load_series

routes = APIRouter(route_class=BrazeRoute)

_MOST_DAYS_OF_CANVAS = 14
_USD = "USD"

EndingAt = Annotated[
    str | None,
    Query(description="The last day is the day of this instant; today if left out."),
]
_BothClocks = list[tuple[Day, Day]]


@routes.get(
    "/campaigns/data_series",
    summary="Report a campaign by day as Braze does",
    response_class=Response,
    responses=describe_answers(BrazeAnswer, HTTPStatus.NOT_FOUND),
)
async def report_campaign(
    state: Shared,
    caller: Reader,
    campaign_id: CampaignId,
    length: Annotated[int, Query(ge=1, le=100, description="How many days.")],
    ending_at: EndingAt = None,
) -> Response:
    """Report a campaign by day in the app group's time zone, each variant as a message of its channel."""
    campaign = await find_campaign(state, caller.app_group, campaign_id, Kind.CAMPAIGN)
    last = _read_day(state, await _find_zone(state, campaign), "ending_at", ending_at)
    days = await _read_days(state, campaign, last - timedelta(days=length - 1), last)
    return respond({"message": "success", "data": [_describe_campaign_day(campaign, *day) for day in days]})


@routes.get(
    "/canvas/data_series",
    summary="Report a canvas by day as Braze does",
    response_class=Response,
    responses=describe_answers(BrazeAnswer, HTTPStatus.NOT_FOUND),
)
async def report_canvas(
    state: Shared,
    caller: Reader,
    canvas_id: CanvasId,
    ending_at: EndingAt = None,
    starting_at: Annotated[
        str | None, Query(description="The first day; only if no length is given.")
    ] = None,
    length: Annotated[int | None, Query(ge=1, le=_MOST_DAYS_OF_CANVAS, description="How many days.")] = None,
    include_variant_breakdown: Annotated[bool, Query(description="Variants too.")] = False,  # noqa: FBT002
) -> Response:
    """Report a canvas by day in the app group's time zone; this service has no steps, and reports none."""
    canvas = await find_campaign(state, caller.app_group, canvas_id, Kind.CANVAS)
    zone = await _find_zone(state, canvas)
    last = _read_day(state, zone, "ending_at", ending_at)
    days = await _read_days(state, canvas, _read_first_day(state, zone, last, length, starting_at), last)
    stats = [_describe_canvas_day(canvas, *day, variants=include_variant_breakdown) for day in days]
    return respond({"message": "success", "data": {"name": canvas.name, "stats": stats}})


async def _find_zone(state: State, campaign: Campaign) -> tzinfo:
    return await asyncio.to_thread(state.definitions.zone, campaign.app_group)


def _read_day(state: State, zone: tzinfo, name: str, text: str | None) -> date:
    at = state.now().astimezone(zone) if text is None else read_instant(name, text, zone)
    return at.date()


def _read_first_day(
    state: State, zone: tzinfo, last: date, length: int | None, starting_at: str | None
) -> date:
    if length is not None:
        return last - timedelta(days=length - 1)
    if starting_at is None:
        detail = "either length or starting_at is required"
        raise Problem(HTTPStatus.BAD_REQUEST, "malformed", detail, place="length")
    first = _read_day(state, zone, "starting_at", starting_at)
    if not 0 <= (last - first).days < _MOST_DAYS_OF_CANVAS:
        detail = (
            f"starting_at must not be after ending_at, and both must be within {_MOST_DAYS_OF_CANVAS} days"
        )
        raise Problem(HTTPStatus.BAD_REQUEST, "too_many_days", detail, place="starting_at")
    return first


async def _read_days(state: State, campaign: Campaign, first: date, last: date) -> _BothClocks:
    """Read each day under the conversion clock and under the receipt clock, from one view of the read model."""

    def read(reads: Reads) -> _BothClocks:
        with reads.up_to_date(SERIES) as (connection, _):
            of_campaign = (connection, reads.definitions, campaign.app_group, campaign.campaign_id)
            happened = load_series(*of_campaign, "conversion", first, last)
            credited = load_series(*of_campaign, "receipt", first, last)
        return list(zip(happened.days, credited.days, strict=True))

    return await ask(state, campaign.app_group, read)


def _describe_campaign_day(campaign: Campaign, happened: Day, credited: Day) -> dict[str, Any]:
    variants = [
        _describe_message(campaign, *each) for each in zip(happened.variants, credited.variants, strict=True)
    ]
    totals = _describe_figures(happened.totals, credited.totals, "send")
    return {"time": happened.date.isoformat(), "messages": {name_channel(campaign): variants}} | totals


def _describe_message(campaign: Campaign, happened: VariantDay, credited: VariantDay) -> dict[str, Any]:
    """A variant as a message; users of the control group are enrolled, and are sent nothing."""
    got = "enrolled" if happened.control else "sent"
    return (
        {"variation_name": _find_name(campaign, happened), "variation_id": happened.variant_id}
        | {got: happened.figures.receipts}
        | _describe_figures(happened.figures, credited.figures, "send")
    )


def _describe_canvas_day(canvas: Campaign, happened: Day, credited: Day, *, variants: bool) -> dict[str, Any]:
    day = {
        "time": happened.date.isoformat(),
        "total_stats": _describe_entries(happened.totals, credited.totals),
    }
    if not variants:
        return day
    return day | {
        "variant_stats": {
            each.variant_id: {"name": _find_name(canvas, each)}
            | _describe_entries(each.figures, by_entry.figures)
            for each, by_entry in zip(happened.variants, credited.variants, strict=True)
        }
    }


def _describe_entries(happened: DayFigures, credited: DayFigures) -> dict[str, Any]:
    return {"entries": happened.receipts} | _describe_figures(happened, credited, "entry")


def _find_name(campaign: Campaign, day: VariantDay) -> str:
    names = {each.id: each.name for each in campaign.variants}
    return names[day.variant_id] or day.variant_id


def _describe_figures(happened: DayFigures, credited: DayFigures, clock: str) -> dict[str, Any]:
    """Conversions under both clocks: always of the primary conversion event; the others are numbered from 1."""
    figures: dict[str, Any] = {"unique_recipients": happened.unique_recipients}
    numbers = zip(happened.conversions or [0], credited.conversions or [0], strict=True)
    for index, (by_day, by_receipt) in enumerate(numbers):
        name = f"conversions{index or ''}"
        figures |= {name: by_day, f"{name}_by_{clock}_time": by_receipt}
    revenue = {
        currency: money.printed(amount, currency) for currency, amount in sorted(happened.revenue.items())
    }
    return figures | {"revenue": Decimal(revenue.get(_USD, "0.00")), "revenue_by_currency": revenue}
