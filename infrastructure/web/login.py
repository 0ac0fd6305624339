"""Logging in with a key or with a link, and logging out."""

from http import HTTPStatus
from math import ceil
from typing import Annotated
from urllib.parse import parse_qsl

import structlog
from fastapi import APIRouter, Query, Request, Response

from infrastructure.access import keys, login_links, sessions
from infrastructure.access.keys import Key
from infrastructure.http.bodies import read_body
from infrastructure.http.origins import Origin, find_origin
from infrastructure.http.session_access import Begun
from infrastructure.http.state import Shared, State
from infrastructure.web.csrf import is_from_here
from infrastructure.web.headers import NOT_STORED, page_headers, redirect
from infrastructure.web.login_attempts import count_attempt
from infrastructure.web.rendering import render
from infrastructure.web.sessions import START, choose_next

log = structlog.get_logger()

routes = APIRouter(include_in_schema=False)

_MOST_BYTES = 16 * 1024
_MOST_FIELDS = 10

_NOT_HERE = (
    "You can log in over HTTPS, or on the machine that runs the service. "
    "If a proxy with HTTPS is before the service, set CONVERSIONS_WEB_ORIGIN to its address, such as "
    "https://conversions.example.com. On the machine itself, open http://127.0.0.1 with the service's port."
)
_CROSS_SITE = "A page of another site sent this form. Send it from this page."
_MALFORMED = "The form did not arrive as this page sends it. Send it again."
_UNKNOWN = "This key is unknown, revoked or expired. `conversions keys list` shows the keys that there are."
_NO_READING = (
    "This key cannot log in, because it has neither the scope read nor the scope manage. "
    "`conversions keys create --scope read` makes one that can."
)
_LINK_OVER = (
    f"This link was used already, or its {login_links.MINUTES} minutes are over. "
    "Log in with a key: `conversions keys create` makes one."
)


class _Refused(Exception):
    """Somebody cannot log in; the sentence says why."""

    def __init__(self, reason: str, sentence: str, status: HTTPStatus, *, seconds: float = 0) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence
        self.status = status
        self.headers = {"Retry-After": str(ceil(seconds))} if seconds else {}
        if status is HTTPStatus.UNAUTHORIZED:
            self.headers["WWW-Authenticate"] = 'Session realm="conversion-ledger"'


@routes.get("/login")
async def show_form(
    request: Request, state: Shared, next_path: Annotated[str, Query(alias="next")] = "/"
) -> Response:
    """Show the form for a key."""
    try:
        _check_origin(request, state)
    except _Refused as refused:
        return _show(request, next_path, refused)
    return _show(request, next_path)


@routes.post("/login")
async def log_in(request: Request, state: Shared) -> Response:
    """Exchange a key for a session, and go on with the page that was asked for."""
    text, next_path = "", "/"
    try:
        origin = _check_origin(request, state)
        _check_sender(request)
        _take_turn(request, state)
        text, next_path = await _read_form(request)
        key = await _find_key(state, text)
    except _Refused as refused:
        _log_refusal(request, refused, keys.read_key_id(text))
        return _show(request, next_path, refused)
    token = await state.sessions.begin(request, key)
    log.info("login.succeeded", key_id=key.key_id, client=_client_of(request))
    return _go_on(request, next_path, origin, token)


@routes.post("/logout")
async def log_out(request: Request, state: Shared) -> Response:
    """End the session, and show the form again."""
    await state.sessions.end(request)
    response = redirect(request, "/login")
    origin = find_origin(request, state.settings.web.origin)
    if origin is not None:
        response.delete_cookie(origin.cookie, secure=origin.is_https, httponly=True, samesite="lax")
    return response


@routes.get("/login/once/{token}")
async def log_in_once(request: Request, state: Shared, token: str) -> Response:
    """Exchange a link for a session."""
    if request.scope.get("head") or "prefetch" in request.headers.get("sec-purpose", ""):
        # Who only looks at the link does not use it up.
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=page_headers(request) | NOT_STORED)
    try:
        origin = _check_origin(request, state)
        _take_turn(request, state)
        begun = await _begin_by_link(request, state, token)
    except _Refused as refused:
        _log_refusal(request, refused, None)
        return _show(request, "/", refused)
    key_id = None if begun.key is None else begun.key.key_id
    log.info("login.succeeded", key_id=key_id, client=_client_of(request), link=True)
    return _go_on(request, START if begun.key is None else "/", origin, begun.token)


def _check_origin(request: Request, state: State) -> Origin:
    origin = find_origin(request, state.settings.web.origin)
    if origin is None:
        raise _Refused("not_here", _NOT_HERE, HTTPStatus.FORBIDDEN)
    return origin


def _check_sender(request: Request) -> None:
    # Nobody's cookie is at stake here. But another site could log its reader in with a key of its own.
    if is_from_here(request) is False:
        raise _Refused("cross_site", _CROSS_SITE, HTTPStatus.FORBIDDEN)


def _take_turn(request: Request, state: State) -> None:
    seconds = count_attempt(request, state.settings.web, _client_of(request))
    if seconds:
        sentence = f"Somebody tried to log in too often. Try again in {ceil(seconds)} s."
        raise _Refused("too_many_attempts", sentence, HTTPStatus.TOO_MANY_REQUESTS, seconds=seconds)


async def _read_form(request: Request) -> tuple[str, str]:
    """The key, and the page to go on with."""
    body = await read_body(request, _MOST_BYTES)
    try:
        fields = dict(parse_qsl(body.decode("ascii"), max_num_fields=_MOST_FIELDS, errors="strict"))
    except ValueError:
        raise _Refused("malformed", _MALFORMED, HTTPStatus.BAD_REQUEST) from None
    return fields.get("key", "").strip(), choose_next(fields.get("next", "/"))


async def _find_key(state: State, text: str) -> Key:
    key = await state.sessions.find_key(text)
    if key is None:
        raise _Refused("unknown_key", _UNKNOWN, HTTPStatus.UNAUTHORIZED)
    if not sessions.may_log_in(key):
        raise _Refused("missing_scope", _NO_READING, HTTPStatus.FORBIDDEN)
    return key


async def _begin_by_link(request: Request, state: State, token: str) -> Begun:
    begun = await state.sessions.begin_by_link(request, token)
    if begun is None:
        raise _Refused("link_over", _LINK_OVER, HTTPStatus.GONE)
    return begun


def _log_refusal(request: Request, refused: _Refused, key_id: str | None) -> None:
    log.warning("login.refused", reason=refused.reason, key_id=key_id, client=_client_of(request))


def _client_of(request: Request) -> str:
    return request.client.host if request.client else ""


def _show(request: Request, next_path: str, refused: _Refused | None = None) -> Response:
    return render(
        request,
        "login.html",
        status=HTTPStatus.OK if refused is None else refused.status,
        headers=NOT_STORED | ({} if refused is None else refused.headers),
        error=None if refused is None else refused.sentence,
        has_form=refused is None or refused.reason != "not_here",
        next_path=choose_next(next_path),
    )


def _go_on(request: Request, next_path: str, origin: Origin, token: str) -> Response:
    response = redirect(request, next_path)
    # It lasts until the browser ends; the ledger ends it before that if it is not used.
    response.set_cookie(origin.cookie, token, secure=origin.is_https, httponly=True, samesite="lax", path="/")
    return response
