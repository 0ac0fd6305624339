"""The people of a campaign: its recipients and its conversions, filtered, each with a link to its explanation."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response

from application.queries.lists import (
    Cut,
    Page,
    WantedConversions,
    WantedRecipients,
    read_conversions,
    read_every_conversion,
    read_every_recipient,
    read_recipients,
)
from application.queries.reads import AskedCampaign, BadQuestion
from domain.errors import DomainError
from infrastructure.http import problems
from infrastructure.http.lists import CONVERSION_KEY, RECIPIENT_KEY
from infrastructure.http.pages import make_cursor, read_cursor
from infrastructure.http.problems import Problem
from infrastructure.http.state import Shared
from infrastructure.web.asking import Questions, open_campaign, try_part
from infrastructure.web.campaign_pages import Head, read_head
from infrastructure.web.failed import Failed
from infrastructure.web.people_counts import read_counts
from infrastructure.web.people_filters import read_days, read_text, read_wish
from infrastructure.web.people_sheets import CONVERSION_COLUMNS, RECIPIENT_COLUMNS, flatten_recipient
from infrastructure.web.rendering import render
from infrastructure.web.routing import Kind, new_routes, read_kind, respond_json
from infrastructure.web.sessions import Visitor
from infrastructure.web.sheets import Sheet
from infrastructure.words.conversion_events import name_conversion_event
from infrastructure.words.quantities import isolated

routes = new_routes()

PAGE: Final = 50
LISTS: Final = {"recipients": "Recipients", "conversions": "Conversions"}
_FIELDS: Final = (
    "variant",
    "event",
    "converted",
    "not_converted",
    "open",
    "user_id",
    "from",
    "to",
    "without_control",
    "several_variants",
)


@dataclass(frozen=True)
class _Asked:
    """What the address of the page asks for: one of both lists, and a part of it."""

    wanted: WantedRecipients | WantedConversions
    cut: Cut

    @property
    def list_name(self) -> str:
        """The name of the list."""
        return "recipients" if isinstance(self.wanted, WantedRecipients) else "conversions"

    def read(self, campaign: AskedCampaign) -> Page:
        """The page of the list."""
        if isinstance(self.wanted, WantedRecipients):
            return read_recipients(campaign, self.cut, self.wanted)
        return read_conversions(campaign, self.cut, self.wanted)


@routes.get("/campaigns/{step}/people")
@routes.get("/campaigns/{step}/people.json")
@routes.get("/campaigns/{step}/people.csv")
async def show_people(request: Request, state: Shared, viewer: Visitor, step: str) -> Response:
    """Show recipients or conversions, fifty on a page; as CSV all that match."""
    kind, questions = read_kind(request), open_campaign(request, state, viewer, step)
    if kind is Kind.CSV:
        return await _send_sheet(questions, _read_asked(request.query_params))
    if kind is Kind.JSON:
        page = await questions.ask(_read_asked(request.query_params).read)
        return respond_json(request, _as_json(page))
    return await _show(request, questions)


def _as_json(page: Page) -> dict[str, Any]:
    return page.as_json() | {
        "next_cursor": make_cursor(page.after),
        "previous_cursor": make_cursor(page.before),
    }


def _read_asked(given: Mapping[str, str]) -> _Asked:
    """Read the parameters of the page; raises BadQuestion and Problem."""
    list_name = given.get("list") or "recipients"
    if list_name not in LISTS:
        raise BadQuestion("the list is recipients or conversions", code="bad_question", place="list")
    is_of_recipients = list_name == "recipients"
    kind = RECIPIENT_KEY if is_of_recipients else CONVERSION_KEY
    after, before = (read_cursor(read_text(given, name), kind) for name in ("after", "before"))
    wanted = _read_recipients(given) if is_of_recipients else _read_conversions(given)
    return _Asked(wanted, Cut(PAGE, None if before else after, before))


def _read_recipients(given: Mapping[str, str]) -> WantedRecipients:
    return WantedRecipients(
        user_id=read_text(given, "user_id"),
        variant_id=read_text(given, "variant"),
        without_control=read_wish(given, "without_control"),
        several_variants=read_wish(given, "several_variants"),
        converted=read_text(given, "converted"),
        not_converted=read_text(given, "not_converted"),
        open=read_text(given, "open"),
        days=read_days(given),
    )


def _read_conversions(given: Mapping[str, str]) -> WantedConversions:
    return WantedConversions(
        event=read_text(given, "event"),
        variant_id=read_text(given, "variant"),
        without_control=read_wish(given, "without_control"),
        user_id=read_text(given, "user_id"),
        days=read_days(given),
    )


async def _send_sheet(questions: Questions, asked: _Asked) -> Response:
    wanted = asked.wanted
    if isinstance(wanted, WantedRecipients):
        sheet, read = Sheet(RECIPIENT_COLUMNS), _collect_recipients(wanted)
    else:
        sheet, read = Sheet(CONVERSION_COLUMNS), _collect_conversions(wanted)
    try:
        position = await questions.ask(lambda campaign: read(campaign, sheet))
    except BaseException:
        sheet.close()
        raise
    return sheet.respond(f"{asked.list_name}-of-{questions.campaign_id}", position)


_Collect = Callable[[AskedCampaign, Sheet], int]


def _collect_recipients(wanted: WantedRecipients) -> _Collect:
    return lambda campaign, sheet: read_every_recipient(
        campaign, wanted, lambda rows: sheet.take(flatten_recipient(row.as_json()) for row in rows)
    )


def _collect_conversions(wanted: WantedConversions) -> _Collect:
    return lambda campaign, sheet: read_every_conversion(
        campaign, wanted, lambda rows: sheet.take(row.as_json() for row in rows)
    )


async def _show(request: Request, questions: Questions) -> Response:
    head, given = await read_head(request, questions), request.query_params
    asked, error = _try_to_read(given)
    page, counts = None, None
    if error is None:
        answer, found = await asyncio.gather(
            _try_to_answer(questions, asked), try_part(read_counts(questions, asked.wanted))
        )
        page, error = (None, answer) if isinstance(answer, Problem) else (answer, None)
        counts = None if isinstance(found, Failed) else found
    return render(
        request,
        "people.html",
        status=HTTPStatus.OK if error is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        viewer=questions.viewer,
        tab="people",
        lists=LISTS,
        list_name=asked.list_name,
        wanted=asked.wanted,
        typed={name: given.get(name, "") for name in _FIELDS},
        error=error,
        page=page,
        has_cursor="after" in given or "before" in given,
        cursors=page and {"before": make_cursor(page.before), "after": make_cursor(page.after)},
        counts=counts,
        hope=lambda event: name_conversion_event(event, head.writing),
        isolated=isolated,
        **_show_position(head, page).values,
    )


def _show_position(head: Head, page: Page | None) -> Head:
    """A frozen link of a live page names the position of its list."""
    if page is None or head.since is not None:
        return head
    return replace(head, shown=replace(head.shown, position=page.position))


def _try_to_read(given: Mapping[str, str]) -> tuple[_Asked, Problem | None]:
    """What is asked for, or everything and why that cannot be answered."""
    try:
        return _read_asked(given), None
    except BadQuestion as error:
        problem = problems.from_refusal(error)
    except Problem as error:
        problem = error
    everything = WantedConversions() if given.get("list") == "conversions" else WantedRecipients()
    return _Asked(everything, Cut(PAGE)), problem


async def _try_to_answer(questions: Questions, asked: _Asked) -> Page | Problem:
    """The page of the list, or why a filter makes no sense to the campaign."""
    try:
        return await questions.ask(asked.read)
    except DomainError as error:
        problem = problems.from_refusal(error)
        # Here the field has a shorter name than where a fact names its variant.
        problem.place = {"variant_id": "variant"}.get(problem.place, problem.place)
        return problem
