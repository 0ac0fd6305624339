"""The journey of a user: a picture, the explanation of each campaign, and every event; and finding a user by id."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import Request, Response

from application.queries.explanation import ExplainedUser
from application.queries.frozen import At
from application.queries.journey import JourneyPage, read_journey
from application.queries.reads import BadQuestion, Reads, StoredEvent
from application.queries.users import find_near_users, has_journey, is_known_user
from infrastructure.http.problems import Problem
from infrastructure.http.state import Shared, State, ask, check_id
from infrastructure.web.asking import ask_at, read_frozen, try_part
from infrastructure.web.campaign_pages import Shown, find_shown
from infrastructure.web.explanations import (
    MOST_CAMPAIGNS,
    explain_everything,
    read_kept_of_user,
    read_user,
)
from infrastructure.web.failed import Failed
from infrastructure.web.headers import redirect
from infrastructure.web.lanes import list_behaviours, make_lane
from infrastructure.web.links import user_path, with_query
from infrastructure.web.rendering import make_formats, render, writing_of
from infrastructure.web.routing import Kind, new_routes, read_kind, read_page, respond_json
from infrastructure.web.sessions import Viewer, Visitor
from infrastructure.words.campaign_history import name_actor
from infrastructure.words.conversion_events import naming_events
from infrastructure.words.explanation import put_in_words
from infrastructure.words.journey import (
    describe_journey_event,
    find_instant,
    find_replaced,
    is_fact,
    name_kind,
)
from infrastructure.words.quantities import Writing

routes = new_routes()

PAGE: Final = 50
MOST_SORTED: Final = 5_000
"""A journey of more events is shown in the order in which it was recorded, whatever the clock."""

MOST_JSON_BYTES: Final = 500_000
"""Longer JSON is not printed on the page. It packs to a tenth at least."""
MOST_LATER: Final = 1_000
"""A frozen page counts so many events that were recorded later."""
MOST_SALES: Final = 3
"""A campaign's card names so many purchases; all of them are a link away."""

_DENSITIES: Final = {"compact": "compact", "full": "full", "json": "JSON"}
_CLOCKS: Final = {"occurred": "when it happened", "recorded": "when it was recorded"}
_ORDERS: Final = {"occurred": "happened", "recorded": "were recorded"}


@dataclass(frozen=True)
class _Asked:
    """What the address of a user's page asks for."""

    density: str
    clock: str
    page: int
    at: At | None


@dataclass(frozen=True)
class _Events:
    """A page of a journey's events, in the order of a clock."""

    page: JourneyPage
    clock: str
    number: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.total // PAGE))


@routes.get("/users")
async def find_user(request: Request, state: Shared, viewer: Visitor) -> Response:
    """Lead to a user's page by id; offer ids that are near where there is no such user."""
    # A position that makes no sense is refused here, before it is in another address.
    at, text = read_frozen(request), request.query_params.get("id", "")
    try:
        check_id(text)
    except ValueError as error:
        raise BadQuestion(str(error), code="malformed", place="id") from None
    group = viewer.app_group
    if not text:
        return _offer(request, viewer, at, "", [], HTTPStatus.OK)
    if await ask(state, group, lambda reads: is_known_user(reads, group, text)):
        return redirect(request, with_query(user_path(text), read_kept_of_user(request)))
    return _offer(request, viewer, at, text, await _find_near(state, viewer, text, at), HTTPStatus.NOT_FOUND)


def _offer(
    request: Request, viewer: Viewer, at: At | None, text: str, near: list[str], status: HTTPStatus
) -> Response:
    return render(
        request,
        "users.html",
        viewer=viewer,
        section="users",
        status=status,
        at=at,
        text=text,
        near=near,
        kept=read_kept_of_user(request),
    )


@routes.get("/users/{user}")
async def show_user(request: Request, state: Shared, viewer: Visitor, user: str) -> Response:
    """Show the journey of a user."""
    user_id, asked, kind = read_user(request, user), _read_asked(request), read_kind(request)
    explained = await explain_everything(state, viewer, user_id, asked.at)
    if not explained.events:
        return await _refuse_unknown(request, state, viewer, user_id, asked.at)
    events = await _read_events(state, viewer, explained, asked)
    if kind is Kind.JSON:
        return respond_json(request, _as_json(explained, events))
    shown = await ask_at(state, viewer.app_group, lambda reads: find_shown(reads, asked.at), asked.at)
    later = await try_part(_count_later(state, viewer, explained)) if asked.at else None
    return _show(request, state, viewer, explained, events, asked, shown, later)


async def _count_later(state: State, viewer: Viewer, explained: ExplainedUser) -> int:
    """How many events of the user were recorded later; no more than `MOST_LATER` are counted."""
    of = (viewer.app_group, explained.user_id, MOST_LATER, len(explained.events))
    return len((await ask(state, viewer.app_group, lambda reads: read_journey(reads, *of))).events)


async def _refuse_unknown(
    request: Request, state: State, viewer: Viewer, user_id: str, at: At | None
) -> Response:
    near = await _find_near(state, viewer, user_id, at)
    if read_kind(request) is Kind.HTML:
        return _offer(request, viewer, at, user_id, near, HTTPStatus.NOT_FOUND)
    raise Problem(
        HTTPStatus.NOT_FOUND,
        "unknown_user",
        "no fact of this user was "
        + ("ever recorded" if at is None else f"recorded up to position {at.position}"),
        near=[(each, user_path(each)) for each in near],
    )


async def _find_near(state: State, viewer: Viewer, text: str, at: At | None) -> list[str]:
    """Ids that look like a text; on a frozen page those that were there at its position."""
    group = viewer.app_group
    near = await ask(state, group, lambda reads: find_near_users(reads, group, text))
    if at is None:
        return near
    return await ask_at(
        state, group, lambda reads: [each for each in near if has_journey(reads, group, each)], at
    )


async def _read_events(state: State, viewer: Viewer, explained: ExplainedUser, asked: _Asked) -> _Events:
    """The page of events; in the order in which they happened only where they are not very many."""
    total = len(explained.events)
    is_sorted = asked.clock == "occurred" and total <= MOST_SORTED
    begin = (asked.page - 1) * PAGE

    def question(reads: Reads) -> JourneyPage:
        cut = (MOST_SORTED, 0) if is_sorted else (PAGE, begin)
        return read_journey(reads, viewer.app_group, explained.user_id, *cut)

    page = (
        await ask_at(state, viewer.app_group, question, asked.at)
        if begin < total
        else JourneyPage(viewer.app_group, explained.user_id, [], None)
    )
    if is_sorted:
        happened = sorted(page.events, key=lambda each: (find_instant(each.event), each.version))
        page = JourneyPage(page.app_group, page.user_id, happened[begin : begin + PAGE], None)
    return _Events(page, "occurred" if is_sorted else "recorded", asked.page, total)


def _as_json(explained: ExplainedUser, events: _Events) -> dict[str, Any]:
    """The figures of the page: the explanations that it shows, and its events."""
    return {
        **events.page.as_json(),
        "clock": events.clock,
        "page": events.number,
        "pages": events.pages,
        "events_in_all": events.total,
        "campaigns": explained.campaigns,
        "explanations": explained.explanations,
    }


def _show(
    request: Request,
    state: State,
    viewer: Viewer,
    explained: ExplainedUser,
    events: _Events,
    asked: _Asked,
    shown: Shown,
    later: int | Failed | None,
) -> Response:
    formats = make_formats(request, state.ledger.existing_app_group(viewer.app_group).time_zone)
    events_of = {each["campaign_id"]: each["conversion_events"] for each in explained.explanations}
    writing = naming_events(writing_of(formats), events_of)
    replaced = find_replaced(each.event for each in explained.events)
    return render(
        request,
        "journey.html",
        viewer=viewer,
        formats=formats,
        section="users",
        user_id=explained.user_id,
        explained=[(each, put_in_words(each, writing)) for each in explained.explanations],
        campaigns=explained.campaigns,
        further=explained.campaigns[MOST_CAMPAIGNS:],
        lanes=[make_lane(each, shown.instant) for each in explained.explanations],
        behaviours=list(list_behaviours(explained.events)),
        events=events,
        lines=[_Line.of(each, writing, replaced) for each in events.page.events],
        asked=asked,
        shown=shown,
        later=later,
        most_later=MOST_LATER,
        densities=_DENSITIES,
        clocks=_CLOCKS,
        most_sorted=MOST_SORTED,
        kept=read_kept_of_user(request),
        orders=_ORDERS,
        most_sales=MOST_SALES,
        json=_print_json(_as_json(explained, events)) if asked.density == "json" else None,
    )


def _print_json(value: dict[str, Any]) -> str | None:
    """The JSON for people to read; None if it is too long for a page."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2)
    return None if len(text) > MOST_JSON_BYTES else text.decode()


@dataclass(frozen=True)
class _Line:
    """An event in the table of a journey."""

    stored: StoredEvent
    is_fact: bool
    kind: str
    sentence: str
    happened: Any
    actor: str
    is_replaced: bool
    """Whether it is a decision that a later one replaced."""

    @classmethod
    def of(cls, stored: StoredEvent, writing: Writing, replaced: set[int]) -> "_Line":
        """In the words of a page."""
        event = stored.event
        return cls(
            stored,
            is_fact(event),
            name_kind(event),
            describe_journey_event(event, writing),
            find_instant(event),
            name_actor(stored.actor),
            stored.version in replaced,
        )


def _read_asked(request: Request) -> _Asked:
    """Read the parameters of a user's page; raises BadQuestion and BadTime."""
    given = request.query_params
    density, clock = given.get("density") or "compact", given.get("clock") or "occurred"
    if density not in _DENSITIES:
        raise BadQuestion(f"density is {', '.join(_DENSITIES)}", code="bad_question", place="density")
    if clock not in _CLOCKS:
        raise BadQuestion(f"{clock!r} is no clock: occurred or recorded", code="bad_clock", place="clock")
    return _Asked(density, clock, read_page(request), read_frozen(request))
