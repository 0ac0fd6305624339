"""Campaigns and canvases in Braze's shapes: lists, and each one with its variants and conversion events."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy.engine import Connection

from application.queries.reads import Reads
from domain.campaigns.campaign import Campaign, stream_id
from domain.campaigns.events import Kind, Status
from domain.instants import from_microseconds, microseconds, printed
from infrastructure.event_store.reading import Changed, read_changes
from infrastructure.http.braze.answers import BrazeAnswer, BrazeRoute, describe_answers, respond
from infrastructure.http.braze.times import read_instant
from infrastructure.http.problems import Problem
from infrastructure.http.state import Reader, Shared, State, ask
from projections.campaign_report import CAMPAIGN_REPORT
from projections.campaign_report.reading import CampaignReport, load_reports
from projections.series import SERIES
from projections.series.reading import find_days_with_receipts

routes = APIRouter(route_class=BrazeRoute)

T = TypeVar("T")

CampaignId = Annotated[str, Query(alias="campaign_id", description="The campaign's id.")]
CanvasId = Annotated[str, Query(alias="canvas_id", description="The canvas's id.")]

_PAGE = 100

_CHANNELS = {"in_app": "in_app_message", "content_card": "content_cards"}
"""Channels that have another name at Braze."""

_UNSPECIFIED = "unspecified"


@dataclass(frozen=True)
class _Page:
    """Which campaigns a list shows, and in which order."""

    number: int
    archived: bool
    newest_first: bool
    edited_after: int

    def of(self, found: list[tuple[CampaignReport, Changed]]) -> list[tuple[CampaignReport, Changed]]:
        """The campaigns of the page."""
        wanted = [
            (report, changed)
            for report, changed in found
            if (self.archived or report.status != Status.ARCHIVED) and changed.last > self.edited_after
        ]
        wanted.sort(key=lambda each: each[1].position, reverse=self.newest_first)
        return wanted[self.number * _PAGE : (self.number + 1) * _PAGE]


def _page(
    page: Annotated[int, Query(ge=0, le=1_000_000, description="Of 100 each, from 0.")] = 0,
    include_archived: Annotated[bool, Query(description="Archived ones too.")] = False,  # noqa: FBT002
    sort_direction: Annotated[
        Literal["asc", "desc"], Query(description="By when they were made; asc is oldest first.")
    ] = "asc",
    edited_after: Annotated[
        str | None, Query(alias="last_edit.time[gt]", description="Only those changed after this instant.")
    ] = None,
) -> _Page:
    after = microseconds(read_instant("last_edit.time[gt]", edited_after, UTC)) if edited_after else -1
    return _Page(page, include_archived, sort_direction == "desc", after)


_AskedPage = Annotated[_Page, Depends(_page)]


async def find_campaign(state: State, app_group: str, campaign_id: str, kind: Kind) -> Campaign:
    """Find a campaign of this kind; raises Problem if there is none."""
    campaign = await asyncio.to_thread(state.ledger.campaign, app_group, campaign_id)
    if not campaign.version or campaign.kind is not kind:
        word = "Canvas" if kind is Kind.CANVAS else "campaign"
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "unknown_campaign",
            f"Invalid {word} ID",
            place="canvas_id" if kind is Kind.CANVAS else "campaign_id",
        )
    return campaign


def name_channel(campaign: Campaign) -> str:
    """The channel of a campaign by its name at Braze."""
    channel = campaign.channel or _UNSPECIFIED
    return _CHANNELS.get(channel, channel)


@routes.get(
    "/campaigns/list",
    summary="List campaigns as Braze does",
    response_class=Response,
    responses=describe_answers(BrazeAnswer),
)
async def list_campaigns(state: Shared, caller: Reader, page: _AskedPage) -> Response:
    """List campaigns by when they were made, 100 on a page."""
    listed = await _list(state, caller.app_group, Kind.CAMPAIGN, page)
    return respond(
        {
            "message": "success",
            "campaigns": [
                _describe_line(report, changed) | {"is_api_campaign": False} for report, changed in listed
            ],
        }
    )


@routes.get(
    "/canvas/list",
    summary="List canvases as Braze does",
    response_class=Response,
    responses=describe_answers(BrazeAnswer),
)
async def list_canvases(state: Shared, caller: Reader, page: _AskedPage) -> Response:
    """List canvases by when they were made, 100 on a page."""
    listed = await _list(state, caller.app_group, Kind.CANVAS, page)
    return respond({"message": "success", "canvases": [_describe_line(*each) for each in listed]})


async def _list(
    state: State, app_group: str, kind: Kind, page: _Page
) -> list[tuple[CampaignReport, Changed]]:
    def read(reads: Reads) -> list[tuple[CampaignReport, Changed]]:
        with reads.up_to_date(CAMPAIGN_REPORT) as (connection, _):
            return _read_kind(connection, app_group, kind)

    return page.of(await ask(state, app_group, read))


def _read_kind(connection: Connection, app_group: str, kind: Kind) -> list[tuple[CampaignReport, Changed]]:
    of_kind = [each for each in load_reports(connection, app_group) if each.kind == kind]
    streams = {each.campaign_id: stream_id(app_group, each.campaign_id) for each in of_kind}
    changed = read_changes(connection, list(streams.values()))
    return [(each, changed[streams[each.campaign_id]]) for each in of_kind]


def _describe_line(report: CampaignReport, changed: Changed) -> dict[str, Any]:
    return {
        "id": report.campaign_id,
        "name": report.name,
        "last_edited": printed(from_microseconds(changed.last)),
        "tags": [],
    }


@routes.get(
    "/campaigns/details",
    summary="Show a campaign as Braze does",
    response_class=Response,
    responses=describe_answers(BrazeAnswer, HTTPStatus.NOT_FOUND),
)
async def show_campaign(state: Shared, caller: Reader, campaign_id: CampaignId) -> Response:
    """Show a campaign: its variants as messages, and its conversion events with their windows in seconds."""
    campaign = await find_campaign(state, caller.app_group, campaign_id, Kind.CAMPAIGN)
    first, last, common = await _read_common(state, campaign)
    channel = name_channel(campaign)
    messages = {
        each.id: {"channel": channel, "name": each.name or each.id}
        | ({"type": "control"} if each.control else {})
        for each in campaign.variants
    }
    own = {"first_sent": first, "last_sent": last, "messages": messages}
    return respond(common | own | _describe_behaviors(campaign))


@routes.get(
    "/canvas/details",
    summary="Show a canvas as Braze does",
    response_class=Response,
    responses=describe_answers(BrazeAnswer, HTTPStatus.NOT_FOUND),
)
async def show_canvas(state: Shared, caller: Reader, canvas_id: CanvasId) -> Response:
    """Show a canvas: its variants, and its conversion events with their windows in seconds."""
    canvas = await find_campaign(state, caller.app_group, canvas_id, Kind.CANVAS)
    first, last, common = await _read_common(state, canvas)
    variants = [
        {"id": each.id, "name": each.name or each.id, "first_step_ids": []}
        | ({"type": "control"} if each.control else {})
        for each in canvas.variants
    ]
    own = {"first_entry": first, "last_entry": last, "variants": variants, "steps": []}
    return respond(common | own | _describe_behaviors(canvas))


async def _read_common(state: State, campaign: Campaign) -> tuple[str | None, str | None, dict[str, Any]]:
    """The first and the last day with a receipt, and what campaigns and canvases have in common."""
    group, campaign_id = campaign.app_group, campaign.campaign_id

    def read(reads: Reads) -> tuple[Changed, date | None, date | None]:
        stream = stream_id(group, campaign_id)
        with reads.up_to_date(SERIES) as (connection, _):
            days = find_days_with_receipts(connection, group, campaign_id)
            return read_changes(connection, [stream])[stream], *days

    changed, first, last = await ask(state, group, read)
    zone = await asyncio.to_thread(state.definitions.zone, group)
    return _midnight(first, zone), _midnight(last, zone), _describe(campaign, changed)


def _describe(campaign: Campaign, changed: Changed) -> dict[str, Any]:
    """What campaigns and canvases have in common; fields that this service does not know are empty."""
    return {
        "message": "success",
        "created_at": printed(from_microseconds(changed.first)),
        "updated_at": printed(from_microseconds(changed.last)),
        "name": campaign.name,
        "description": "",
        "archived": campaign.status is Status.ARCHIVED,
        "draft": campaign.status is Status.DRAFT,
        "enabled": campaign.status is Status.LAUNCHED,
        "has_post_launch_draft": False,
        "schedule_type": None,
        "channels": [name_channel(campaign)] if campaign.channel else [],
        "tags": [],
        "teams": [],
    }


def _midnight(day: date | None, zone: ZoneInfo) -> str | None:
    """The instant at which a day begins, as ISO 8601; None without a day."""
    return None if day is None else datetime.combine(day, time.min, zone).isoformat()


def _describe_behaviors(campaign: Campaign) -> dict[str, Any]:
    return {
        "conversion_behaviors": [_describe_behavior(each.stated()) for each in campaign.conversion_events]
    }


def _describe_behavior(stated: Mapping[str, Any]) -> dict[str, Any]:
    """A conversion event under Braze's names; an event of all apps has null as its apps."""
    window = {"window": stated["deadline_seconds"]}
    match stated["type"]:
        case "makes_purchase":
            product = stated["product_id"]
            if product is None:
                return {"type": "Makes Any Purchase"} | window
            return {"type": "Makes Specific Purchase"} | window | {"product": product}
        case "performs_custom_event":
            return {"type": "Performs Custom Event"} | window | {"custom_event_name": stated["name"]}
        case "starts_session":
            return {"type": "Starts Session"} | window | {"app_ids": stated["app_ids"] or None}
        case _:
            return {"type": "Upgrades App"} | window | {"app_ids": stated["app_ids"] or None}
