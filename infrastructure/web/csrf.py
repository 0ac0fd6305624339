"""Requests that other sites make a browser send: those that would change something are refused."""

from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from starlette.requests import Request

from infrastructure.http.origins import COOKIES, find_origin
from infrastructure.http.problems import Problem
from infrastructure.web.routing import answer_problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class SameOrigin:
    """Refuses what came with our cookie, but not from our own pages, before any route sees it."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS:
            request = Request(scope)
            if not request.cookies.keys().isdisjoint(COOKIES) and not is_from_here(request):
                response = await answer_problem(request, _CROSS_SITE)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


_CROSS_SITE = Problem(
    HTTPStatus.FORBIDDEN,
    "cross_site",
    "a page of another site sent this request, or the browser did not say which page did; "
    "send it from a page of this service",
)


def is_from_here(request: Request) -> bool | None:
    """Whether one of our own pages sent a request, by what the browser says of it; None if it says nothing."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    # Older browsers do not say it; they name the origin of the page that sends a request.
    sender = request.headers.get("origin")
    if sender is None:
        return None
    origin = find_origin(request, request.app.state.conversions.settings.web.origin)
    return origin is not None and sender.lower() == origin.text
