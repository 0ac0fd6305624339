"""The service over HTTP: its routes, what every request passes before them, and what happens at start and end."""

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match
from structlog.contextvars import bound_contextvars

from application.type_faults import describe_fault
from domain.errors import DomainError
from domain.instants import microseconds
from infrastructure.composition import Service
from infrastructure.http import (
    assignments,
    campaigns,
    experiments,
    facts,
    lists,
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
from infrastructure.http.idempotency_store import IdempotencyKeys
from infrastructure.http.problems import Problem
from infrastructure.http.segment import routes as segment
from infrastructure.http.session_access import Sessions
from infrastructure.http.settings import HttpSettings
from infrastructure.http.state import State
from infrastructure.http.tracing import describe_span, start_tracing
from infrastructure.http.turns import Turns
from infrastructure.inbound.arrivals import StoredArrivals
from infrastructure.inbound.queue import FactQueue
from infrastructure.metrics import describe_ledger
from infrastructure.outbound.feed import Feed
from infrastructure.outbound.webhooks.administration import Webhooks

log = structlog.get_logger()

VERSION = "1"
_THREADS = 40

_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)

_ROOMS = (
    facts,
    campaigns,
    assignments,
    experiments,
    reports,
    lists,
    users,
    operation,
    segment,
    braze,
    stream,
    webhooks,
)
"""The modules whose routes are served."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AnswerProblem = Callable[[Request, Problem], Awaitable[Response]]


def create(
    database_url: str, settings: HttpSettings | None = None, *, service: Service | None = None
) -> FastAPI:
    """Make the application. It opens the ledger at its start and closes it at its end, unless `service` is given."""
    settings = settings or HttpSettings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        opened = service if service is not None else await asyncio.to_thread(Service, database_url)
        queue = FactQueue(opened.intake, settings.waiting_facts)
        # Most threads wait for the database, so that there are more of them than cores.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "answering"))
        app.state.conversions = _state(opened, settings, queue)
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
    for room in _ROOMS:
        app.include_router(room.routes)
    _describe(app)
    _handle_problems(app)
    app.add_middleware(Outside)
    return app


def _state(service: Service, settings: HttpSettings, queue: FactQueue) -> State:
    def clock() -> int:
        return microseconds(service.now())

    return State(
        settings=settings,
        access=Access(service.database, clock, settings.calls_a_second),
        sessions=Sessions(service.database, clock, settings.web),
        now=service.now,
        database=service.database,
        log=service.log,
        ledger=service.ledger,
        definitions=service.definitions,
        idempotency_keys=IdempotencyKeys(service.database, clock),
        queue=queue,
        earlier=service.earlier,
        campaigns=service.campaigns,
        experiments=service.experiments,
        explanations=service.explanations,
        assignments=service.assignments,
        arrivals=StoredArrivals(service.database),
        feed=Feed(service.database, service.definitions),
        webhooks=partial(Webhooks, service.database, service.ledger),
        reads=service.reads_waiting,
        reads_at=partial(service.reads_at, folds=False),
        turns=Turns(settings.wait_seconds),
        gauges=partial(describe_ledger, service.database, service.log, clock),
    )


def _describe(app: FastAPI) -> None:
    described: list[dict[str, Any]] = []

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> dict[str, Any]:
        if not described:
            described.append(schemas.describe(app, VERSION))
        return described[0]


async def _respond(_request: Request, problem: Problem) -> Response:
    return problems.respond(problem)


async def _answer(request: Request, problem: Problem) -> Response:
    answer: AnswerProblem = request.app.state.answer_problem
    return await answer(request, problem)


def _handle_problems(app: FastAPI) -> None:
    """Answer every failure of a request with problem details, or as the state's `answer_problem` does."""
    app.state.answer_problem = _respond

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> Response:
        return await _answer(request, error)

    @app.exception_handler(DomainError)
    async def refused(request: Request, error: DomainError) -> Response:
        return await _answer(request, problems.from_refusal(error))

    async def failed(request: Request, error: Exception) -> Response:
        log.error("request.failed", error=type(error).__name__)
        return await _answer(request, problems.from_failure(error))

    for kind in problems.FAILURES:
        app.add_exception_handler(kind, failed)

    @app.exception_handler(HTTPException)
    async def routed(request: Request, error: HTTPException) -> Response:
        status, headers = HTTPStatus(error.status_code), dict(error.headers or {})
        code = status.phrase.lower().replace(" ", "_")
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(_find_methods(app, request.scope))
        return await _answer(request, Problem(status, code, str(error.detail), headers=headers))

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"][1:])
        return await _answer(
            request, Problem(HTTPStatus.BAD_REQUEST, "malformed", describe_fault(first), place=place)
        )


def _find_methods(app: FastAPI, scope: Scope) -> list[str]:
    """The methods of a path; each of them is a route of its own."""
    return [each for each in _METHODS if has_route(app, {**scope, "method": each})]


def has_route(app: FastAPI, scope: Scope) -> bool:
    """Whether there is a route for a path and a method."""
    return any(route.matches(scope)[0] is Match.FULL for route in app.routes)


_UNFORESEEN = Problem(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "unforeseen",
    "this is a fault of the service; its log has the details under the X-Request-Id of this answer",
)


class Outside:
    """What every request passes before its route: it keeps ids in paths encoded, and counts, logs and traces."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app
        self._tracing = start_tracing()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # The path stays as it was sent, so that an id with an encoded slash is one step of the path, not two.
        scope["path"] = scope.get("raw_path", scope["path"].encode()).decode("ascii", "replace")
        started, status, request_id = time.perf_counter(), 0, uuid.uuid4().hex

        head = scope["method"] == "HEAD"
        if head:
            scope = {**scope, "method": "GET", "head": True}

        async def send_on(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
                await send(message)
                if head:
                    # The answer to HEAD ends here, also where the body of GET has no end.
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
            elif not head:
                await send(message)

        with self._tracing(scope) as span, bound_contextvars(request_id=request_id, **_read_trace(scope)):
            try:
                await self._app(scope, receive, send_on)
            except Exception:
                log.exception("request.failed")
                if status:
                    raise
                await _answer_unforeseen(scope, receive, send_on)
            finally:
                _count(scope, status, time.perf_counter() - started)
                describe_span(span, scope["method"], _find_route(scope), status)


async def _answer_unforeseen(scope: Scope, receive: Receive, send: Send) -> None:
    begun = False

    async def send_on(message: MutableMapping[str, Any]) -> None:
        nonlocal begun
        begun = True
        await send(message)

    try:
        response = await _answer(Request(scope), _UNFORESEEN)
        await response(scope, receive, send_on)
    except Exception:
        if begun:
            raise
        # What made the page fail may make the page of its failure fail, too.
        await problems.respond(_UNFORESEEN)(scope, receive, send)


def _read_trace(scope: Scope) -> dict[str, str]:
    """The trace id of a request, from the W3C's header `traceparent`."""
    for name, value in scope["headers"]:
        if name == b"traceparent" and (form := _TRACEPARENT.fullmatch(value.decode("latin-1"))):
            return {"trace_id": form[1]}
    return {}


def _find_route(scope: Scope) -> str:
    """The path as the route declares it, so that metrics and logs hold no id."""
    return str(getattr(scope.get("route"), "path", "none"))


def _count(scope: Scope, status: int, seconds: float) -> None:
    route = _find_route(scope)
    metrics.REQUESTS.labels(scope["method"], route, status).inc()
    metrics.SECONDS.labels(route).observe(seconds)
    log.info(
        "request.answered", method=scope["method"], route=route, status=status, seconds=round(seconds, 4)
    )
