"""What all pages share: their forms (HTML, JSON, CSV), and how a failure is shown to a person."""

import csv
import re
from collections.abc import Callable, Coroutine, Iterable
from enum import StrEnum
from http import HTTPStatus
from io import StringIO
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from structlog.contextvars import get_contextvars

from application.queries.reads import BadQuestion
from application.type_faults import describe_fault
from domain.errors import DomainError
from infrastructure.http import problems
from infrastructure.http.answers import respond_tagged
from infrastructure.http.app import has_route
from infrastructure.http.problems import Problem
from infrastructure.http.state import get_state
from infrastructure.web.headers import harden
from infrastructure.web.rendering import Drawn, render
from infrastructure.web.sessions import Viewer, is_for_program, is_local_path

Row = Iterable[Any]

CSV = "text/csv; charset=utf-8; header=present"

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"-[0-9]+(\.[0-9]+)?", re.ASCII)
_DIGITS_OF_A_PAGE = 6
_UNSAFE_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)


class Kind(StrEnum):
    """The forms of a page."""

    HTML = ""
    JSON = ".json"
    CSV = ".csv"


def read_kind(request: Request) -> Kind:
    """Which form of a page a path asks for. The dots of ids are encoded in our links, so that these are no endings."""
    path = request.scope["path"]
    return next((kind for kind in (Kind.JSON, Kind.CSV) if path.endswith(kind.value)), Kind.HTML)


def read_page(request: Request) -> int:
    """Which page of a list is asked for, from 1; raises BadQuestion."""
    text = request.query_params.get("page") or "1"
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_OF_A_PAGE and int(text)):
        raise BadQuestion("a page is a number from 1", code="bad_question", place="page")
    return int(text)


def respond_json(request: Request, value: dict[str, Any]) -> Response:
    """Answer with a page's figures as JSON."""
    return respond_tagged(request, value)


def respond_csv(name: str, position: str | int, rows: Iterable[Row]) -> Response:
    """Answer with a page's table as CSV: its file is named after the page and the position."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerows([guard_cell(cell) for cell in row] for row in rows)
    return Response(text.getvalue(), media_type=CSV, headers=csv_headers(name, position))


def csv_headers(name: str, position: str | int) -> dict[str, str]:
    """The headers of a table as CSV, whose file is named after the page and the position."""
    file = f"{_UNSAFE_IN_A_NAME.sub('-', name)[:80].strip('-.') or 'table'}-at-{position}.csv"
    return {
        "Content-Disposition": f'attachment; filename="{file}"',
        "Cache-Control": "private, no-cache",
    }


def guard_cell(cell: Any) -> Any:  # noqa: ANN401
    """A cell that a sheet takes for text or a number: one that would begin a formula gets an apostrophe before it.

    True and false are as JSON and the other tables have them.
    """
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if not isinstance(cell, str) or not cell.startswith(_FORMULA) or _NUMBER.fullmatch(cell):
        return cell
    return f"'{cell}"


class PageRoute(APIRoute):
    """A route whose failures are pages too, unless JSON or CSV was asked for."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await _finish(request, await handle(request))
            except (Problem, DomainError, HTTPException, RequestValidationError, *problems.FAILURES) as error:
                problem = _as_problem(error)
                if read_kind(request) is not Kind.HTML:
                    return harden(request, problems.respond(problem))
                return show_problem(request, problem, getattr(request.state, "viewer", None))

        return answer


async def _finish(request: Request, response: Response) -> Response:
    if isinstance(response, Drawn):
        await response.draw()
    return harden(request, response)


def new_routes() -> APIRouter:
    """A router for pages."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)


def _as_problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, DomainError):
        return problems.from_refusal(error)
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        return Problem(
            status, status.phrase.lower().replace(" ", "_"), str(error.detail), headers=error.headers
        )
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return Problem(
            HTTPStatus.BAD_REQUEST, "malformed", describe_fault(first), place=str(first["loc"][-1])
        )
    return problems.from_failure(error)


def show_problem(request: Request, problem: Problem, viewer: Viewer | None = None) -> Response:
    """Answer with the page of a problem: the code, a sentence, what to do next, and the request's id."""
    return render(
        request,
        "problem.html",
        viewer=viewer,
        status=problem.status,
        headers=problem.headers,
        # It is small, and says also that no turn came.
        takes_turn=False,
        problem=problem,
        request_id=get_contextvars().get("request_id", ""),
    )


_PROGRAMS = ("/v1/", "/healthz", "/readyz", "/metrics", "/openapi.json")
"""The beginnings of paths that only programs ask for."""


def wants_page(request: Request) -> bool:
    """Whether a browser asks for a page, which is answered with a page also where there is none."""
    is_of_pages = not request.scope["path"].startswith(_PROGRAMS) and not is_for_program(request)
    return is_of_pages and "text/html" in request.headers.get("accept", "").lower()


async def answer_problem(request: Request, problem: Problem) -> Response:
    """Answer with a problem where no route of a page did: as a page to a browser, as problem details to a program."""
    if not wants_page(request):
        return problems.respond(problem)
    if problem.code == "not_found":
        problem = Problem(
            problem.status,
            problem.code,
            "there is no page at this address",
            near=_find_without_slash(request),
        )
    if problem.code == "method_not_allowed":
        sentence = _say_what_is_taken(request.method, problem.headers.get("Allow", ""))
        problem = Problem(problem.status, problem.code, sentence, headers=problem.headers)
    return show_problem(request, problem, await _recall_viewer(request))


def _say_what_is_taken(method: str, allowed: str) -> str:
    if method == "GET":
        return "there is no page to open at this address: it only takes what a form sends"
    return f"this address does not take {method}; it takes {allowed}"


def _find_without_slash(request: Request) -> list[tuple[str, str]]:
    """The page whose address has no slash at its end, if there is one."""
    path = request.scope["path"].rstrip("/")
    if path == request.scope["path"] or not is_local_path(path):
        return []
    is_there = has_route(request.app, {**request.scope, "path": path, "method": "GET"})
    return [(path, path)] if is_there else []


async def _recall_viewer(request: Request) -> Viewer | None:
    """Who is logged in, so that the page has its links; nobody, where the database cannot say."""
    try:
        session = await get_state(request).sessions.find(request, is_use=False)
    except problems.FAILURES:
        return None
    return None if session is None else Viewer(session)
