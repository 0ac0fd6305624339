"""The service put together: its routes, what stands before them, and what it does when it begins and ends."""

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route
from structlog.contextvars import bound_contextvars

from domain.errors import DomainError
from domain.instants import microseconds
from infrastructure.composition import Service
from infrastructure.http import (
    assignments,
    campaigns,
    experiments,
    facts,
    metrics,
    operation,
    problems,
    reports,
    schemas,
    stream,
    users,
    webhooks,
)
from infrastructure.http.access import Access
from infrastructure.http.braze import routes as braze
from infrastructure.http.problems import Problem
from infrastructure.http.segment import routes as segment
from infrastructure.http.settings import HttpSettings
from infrastructure.http.state import State
from infrastructure.http.tracing import tell, tracing
from infrastructure.inbound.queue import FactQueue

log = structlog.get_logger()

VERSION = "1"
_THREADS = 40

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def create(
    database_url: str, settings: HttpSettings | None = None, *, service: Service | None = None
) -> FastAPI:
    """The application; it opens the ledger when it begins, unless it is given one, and closes it when it ends."""
    settings = settings or HttpSettings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        opened = service if service is not None else await asyncio.to_thread(Service, database_url)
        queue = FactQueue(opened.intake, settings.waiting_facts)
        # Most of what is done waits for the database.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "answering"))
        access = Access(opened.database, lambda: microseconds(opened.now()), settings.calls_a_second)
        app.state.conversions = State(opened, settings, access, queue)
        try:
            yield
        finally:
            app.state.conversions.ending.set()
            await asyncio.to_thread(queue.close)
            if service is None:
                await asyncio.to_thread(opened.close)

    app = FastAPI(
        title="Conversion Ledger",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    for room in (
        facts,
        campaigns,
        assignments,
        experiments,
        reports,
        users,
        operation,
        segment,
        braze,
        stream,
        webhooks,
    ):
        app.include_router(room.routes)
    _describe(app)
    _tell_problems(app)
    app.add_middleware(Outside)
    return app


def _describe(app: FastAPI) -> None:
    described: list[dict[str, Any]] = []

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> dict[str, Any]:
        if not described:
            described.append(schemas.described(app, VERSION))
        return described[0]


def _tell_problems(app: FastAPI) -> None:
    """Every way in which a request fails, as problem details."""

    @app.exception_handler(Problem)
    async def problem(_request: Request, error: Problem) -> Response:
        return problems.answer(error)

    @app.exception_handler(DomainError)
    async def refused(_request: Request, error: DomainError) -> Response:
        return problems.answer(problems.of_refusal(error))

    async def failed(_request: Request, error: Exception) -> Response:
        log.error("request.failed", error=type(error).__name__)
        return problems.answer(problems.of_failure(error))

    for kind in problems.FAILURES:
        app.add_exception_handler(kind, failed)

    @app.exception_handler(HTTPException)
    async def routed(request: Request, error: HTTPException) -> Response:
        status, headers = HTTPStatus(error.status_code), dict(error.headers or {})
        code = status.phrase.lower().replace(" ", "_")
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(_methods(app, request.scope["path"]))
        return problems.answer(Problem(status, code, str(error.detail), headers=headers))

    @app.exception_handler(RequestValidationError)
    async def malformed(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"][1:])
        return problems.answer(Problem(HTTPStatus.BAD_REQUEST, "malformed", first["msg"], place=place))


def _methods(app: FastAPI, path: str) -> list[str]:
    """What may be done at a path: the routes of one resource are several."""
    routes = [route for route in app.routes if isinstance(route, Route) and route.path_regex.match(path)]
    return sorted({method for route in routes for method in route.methods or ()})


_UNFORESEEN = Problem(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "unforeseen",
    "this is a fault of the service's; X-Request-Id finds it in its log",
)


class Outside:
    """What stands before all routes: ids in paths may hold anything, and every request is counted."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app
        self._tracing = tracing()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # As it was sent: an id with a slash in it is one step of the path, not two.
        scope["path"] = scope.get("raw_path", scope["path"].encode()).decode("ascii", "replace")
        started, status, request_id = time.perf_counter(), 0, uuid.uuid4().hex

        head = scope["method"] == "HEAD"
        if head:
            scope = {**scope, "method": "GET", "head": True}

        async def told(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                await send(message)
                if head:
                    # At once, whatever the body is.
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
            elif not head:
                await send(message)

        with self._tracing(scope) as span, bound_contextvars(request_id=request_id, **_trace(scope)):
            try:
                await self._app(scope, receive, told)
            except Exception:
                log.exception("request.failed")
                if status:
                    raise
                await problems.answer(_UNFORESEEN)(scope, receive, told)
            finally:
                _count(scope, status, time.perf_counter() - started)
                tell(span, scope["method"], _route(scope), status)


def _trace(scope: Scope) -> dict[str, str]:
    """The trace that a request belongs to, by the W3C's header `traceparent`."""
    for name, value in scope["headers"]:
        if name == b"traceparent" and (form := _TRACEPARENT.fullmatch(value.decode("latin-1"))):
            return {"trace_id": form[1]}
    return {}


def _route(scope: Scope) -> str:
    """The path as it is described, so that no id is in it."""
    return str(getattr(scope.get("route"), "path", "none"))


def _count(scope: Scope, status: int, seconds: float) -> None:
    route = _route(scope)
    metrics.REQUESTS.labels(scope["method"], route, status).inc()
    metrics.SECONDS.labels(route).observe(seconds)
    log.info(
        "request.answered", method=scope["method"], route=route, status=status, seconds=round(seconds, 4)
    )
