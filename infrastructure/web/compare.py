"""Two campaigns side by side, or one campaign at two times with the facts that changed its figures."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response

from application.queries.campaigns import list_campaigns
from application.queries.differences import ReportDifference
from application.queries.overlap import read_overlap
from application.queries.reads import BadQuestion
from application.queries.report import MOST_CHANGES, read_clock
from domain.errors import DomainError
from infrastructure.http import problems
from infrastructure.http.problems import Problem
from infrastructure.http.state import Shared, ask, check_id
from infrastructure.web.asking import Questions, open_campaign, try_part
from infrastructure.web.campaign_pages import Head, read_head
from infrastructure.web.campaign_pairs import Pair, read_side
from infrastructure.web.changes_between import ShownChange, read_change
from infrastructure.web.failed import Failed
from infrastructure.web.moments import read_moment
from infrastructure.web.rendering import render
from infrastructure.web.routing import Kind, new_routes, read_kind, respond_csv, respond_json
from infrastructure.web.sessions import Visitor

routes = new_routes()

_USUAL_CHANGES: Final = 50
_MOST_LISTED: Final = 1_000
_MOST_OFFERED: Final = 200
"""Campaigns that a list to choose from has; in a larger app group an id is typed."""

_CLOCKS: Final = {
    "recorded": "what the reports said then",
    "occurred": "what had happened by then, as known now",
}

_FIGURES: Final = {
    "receipts": "Receipts",
    "unique_recipients": "Unique recipients, users",
    "conversions": "Conversions",
    "conversion_rate": "Conversion rate",
    "revenue": "Revenue",
}


@routes.get("/campaigns/{step}/compare")
@routes.get("/campaigns/{step}/compare.json")
@routes.get("/campaigns/{step}/compare.csv")
async def compare(request: Request, state: Shared, viewer: Visitor, step: str) -> Response:
    """Compare a campaign `with` another, or `from` one time `to` another; without either, ask which."""
    kind, questions = read_kind(request), open_campaign(request, state, viewer, step)
    head = await read_head(request, questions)
    page = _Page(request, questions, head)
    if kind is not Kind.HTML:
        return await page.give(kind)
    try:
        return await page.show()
    except (Problem, DomainError) as error:
        problem = error if isinstance(error, Problem) else problems.from_refusal(error)
        if problem.place not in _FIELDS and problem.code != "unknown_campaign":
            raise
        return await page.ask_again(problem)


_FIELDS: Final = {"with": "other", "from": "from", "to": "to", "as_of_clock": "as-of-clock"}
"""Parameters of the forms, and the fields in which they are typed."""


class _Page:
    """One request for a comparison."""

    def __init__(self, request: Request, questions: Questions, head: Head) -> None:
        self._request = request
        self._questions = questions
        self._head = head
        self._given = request.query_params

    async def give(self, kind: Kind) -> Response:
        """The comparison as JSON or CSV."""
        name = self._questions.campaign_id
        if self._other:
            pair = await self._read_pair()
            if kind is Kind.JSON:
                return respond_json(self._request, pair.as_json())
            return respond_csv(f"{name}-and-{self._other}", pair.sides[0].position, pair.rows())
        if not self._given.get("from"):
            raise BadQuestion(
                "say with which campaign to compare, or from which time on", code="bad_question", place="with"
            )
        found = await self._read_change()
        if kind is Kind.JSON:
            return respond_json(self._request, found.as_json())
        return respond_csv(f"changes-of-{name}", found.position, found.rows())

    async def show(self) -> Response:
        """The comparison as a page, below the forms that ask for one."""
        if self._other:
            return await self._render(pair=await self._read_pair())
        if self._given.get("from"):
            found = await self._read_change()
            return await self._render(change=ShownChange(found, self._head))
        return await self._render()

    async def ask_again(self, problem: Problem) -> Response:
        """The forms as they were filled in, with what is wrong."""
        place = problem.place if problem.place in _FIELDS else "with"
        if problem.code == "unknown_campaign" and not self._other:
            place = "from"
        error = {
            "place": place,
            "field": _FIELDS[place],
            "text": problem.detail,
            "near": problem.more.get("near"),
        }
        return await self._render(error=error, status=HTTPStatus(problem.status))

    @property
    def _other(self) -> str | None:
        """The campaign to compare with."""
        return self._given.get("with") or None

    async def _read_pair(self) -> Pair:
        other = _check_other(str(self._other), self._questions.campaign_id)
        sides = [self._questions, replace(self._questions, campaign_id=other)]
        first, second, overlap = await asyncio.gather(
            read_side(sides[0]), read_side(sides[1]), try_part(self._questions.ask(read_overlap))
        )
        return Pair([first, second], overlap)

    async def _read_change(self) -> ReportDifference:
        zone, clock = (
            self._head.formats.zone,
            read_clock(self._given.get("as_of_clock") or "recorded", "as_of_clock"),
        )
        first = read_moment("from", self._given["from"], zone)
        last = read_moment("to", text, zone) if (text := self._given.get("to")) else None
        limit = self._read_limit()

        return await self._questions.ask_log(
            lambda asked: read_change(asked, first, last, clock, limit, self._questions.at)
        )

    def _read_limit(self) -> int:
        text = self._given.get("limit") or str(_USUAL_CHANGES)
        if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= MOST_CHANGES):
            raise BadQuestion(f"limit is 0 to {MOST_CHANGES:,}", code="bad_limit", place="limit")
        return int(text)

    async def _render(self, **values: Any) -> Response:
        status = values.pop("status", HTTPStatus.OK)
        offered = await try_part(_offer(self._questions))
        today = self._head.shown.instant.astimezone(self._head.formats.zone).date()
        return render(
            self._request,
            "compare.html",
            viewer=self._questions.viewer,
            status=status,
            tab="compare",
            given={name: self._given.get(name, "") for name in _FIELDS},
            clocks=_CLOCKS,
            offered=[] if isinstance(offered, Failed) else offered,
            choices=_list_choices(today),
            most_listed=_MOST_LISTED,
            figure_names=_FIGURES,
            **({"error": None, "pair": None, "change": None} | values),
            **self._head.values,
        )


def _list_choices(today: date) -> list[tuple[str, str]]:
    """Usual times to compare with now."""
    return [
        ("Today", today.isoformat()),
        ("The last 7 days", (today - timedelta(days=6)).isoformat()),
        ("The last 30 days", (today - timedelta(days=29)).isoformat()),
    ]


def _check_other(text: str, campaign_id: str) -> str:
    try:
        other = check_id(text)
    except ValueError as error:
        raise BadQuestion(str(error), code="unknown_campaign", place="with") from None
    if other == campaign_id:
        raise BadQuestion(
            "compare it with another campaign, not with itself", code="bad_question", place="with"
        )
    return other


async def _offer(questions: Questions) -> list[dict[str, Any]]:
    """The other campaigns, those that share most with this one first; none where they are too many to choose from."""
    app_group, own = questions.viewer.app_group, questions.campaign_id
    page, overlap = await asyncio.gather(
        ask(questions.state, app_group, lambda reads: list_campaigns(reads, app_group, _MOST_OFFERED + 2)),
        try_part(questions.ask(read_overlap)),
    )
    shared = (
        {}
        if isinstance(overlap, Failed)
        else {each.campaign_id: each.behaviours for each in overlap.shared_with}
    )
    if page.after is not None or len(page.campaigns) > _MOST_OFFERED + 1:
        return []
    others = [
        {"campaign_id": each.campaign_id, "name": each.name, "shared": shared.get(each.campaign_id, 0)}
        for each in page.campaigns
        if each.campaign_id != own
    ]
    return sorted(others, key=lambda each: (-each["shared"], each["name"].casefold(), each["campaign_id"]))
