"""The paths that Segment's public clients call, with its answers: 200 for all that is well formed, 400 for the rest."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from domain.errors import DomainError
from infrastructure.access.keys import Scope
from infrastructure.http import metrics, problems, schemas
from infrastructure.http.access import Caller
from infrastructure.http.answers import respond
from infrastructure.http.bodies import read_body
from infrastructure.http.problems import Problem
from infrastructure.http.segment import calls
from infrastructure.http.segment.calls import Call
from infrastructure.http.segment.meaning import KINDS, Meaning, interpret_call
from infrastructure.http.segment.messages import Origin
from infrastructure.http.state import Shared, State
from infrastructure.http.taking import take

SOURCE = "segment"

_INLINE = 20
"""Messages that are read in the event loop; more are read in another thread, so that other requests are not held up."""


class Success(schemas.Shape):
    """The call was well formed. What became of each message is in the counts and the rejected facts."""

    success: bool


class _AsSegment(APIRoute):
    """A route whose problems these clients can read: with a `message`, and 400 if the body is too large."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except Problem as problem:
                raise _readable(problem) from None
            except DomainError as refusal:
                raise _readable(problems.from_refusal(refusal)) from None

        return handle


def _readable(problem: Problem) -> Problem:
    too_large = problem.status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return Problem(
        HTTPStatus.BAD_REQUEST if too_large else problem.status,
        problem.code,
        problem.detail,
        place=problem.place,
        headers=problem.headers,
        success=False,
        message=problem.detail,
    )


routes = APIRouter(tags=[SOURCE], route_class=_AsSegment)


async def _batch(request: Request, state: Shared) -> Response:
    """Take up to 2,500 messages of Segment's clients; the answer comes once those that are taken are durable."""
    return await _take_call(request, state, calls.BATCH_BYTES, calls.parse_batch)


def _single(kind: str) -> Callable[[Request, Shared], Awaitable[Response]]:
    async def message(request: Request, state: Shared) -> Response:
        """Take one message of Segment's clients; the answer comes once it is durable, if it means anything here."""
        return await _take_call(request, state, calls.MESSAGE_BYTES, partial(calls.parse_single, kind))

    return message


async def _take_call(request: Request, state: State, limit: int, parse: Callable[[bytes], Call]) -> Response:
    caller = await _by_header(request, state)
    call = parse(await read_body(request, min(limit, state.settings.body_bytes)))
    caller = caller or await _by_body(request, state, call)
    if call.problem is not None:
        raise call.problem
    origin = Origin(caller.key.app_id, state.now())
    interpret = partial(interpret_call, call, origin)
    await _record(
        state, caller, interpret() if len(call.messages) <= _INLINE else await asyncio.to_thread(interpret)
    )
    return respond({"success": True})


async def _by_header(request: Request, state: State) -> Caller | None:
    """The caller by the key in the header, before the body is read; None if there is no header."""
    kind = request.headers.get("authorization", "").partition(" ")[0].lower()
    if kind == "bearer":
        return await state.access.bearer(request, Scope.INGEST)
    return await state.access.basic(request, Scope.INGEST) if kind else None


async def _by_body(request: Request, state: State, call: Call) -> Caller:
    if call.write_key is None:
        return await state.access.basic(request, Scope.INGEST)
    return await state.access.of_write_key(call.write_key, Scope.INGEST)


async def _record(state: State, caller: Caller, said: Meaning) -> None:
    """Record the facts, and count what was ignored."""
    for start in range(0, len(said.facts), state.settings.facts):
        part = said.facts[start : start + state.settings.facts]
        await take(state, caller, part, SOURCE)
    for kind, number in said.ignored.items():
        metrics.IGNORED.labels(SOURCE, kind).inc(number)


# The schema asks for no more: clients expect 200 even for a message that cannot be used.
_MESSAGE = {"type": "object"}
_BATCH = {
    "type": "object",
    "required": ["batch"],
    "properties": {"batch": {"type": "array", "maxItems": calls.MESSAGES}},
}
_REFUSALS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)


def _add(path: str, summary: str, take_it: Callable[..., Any], schema: dict[str, Any]) -> None:
    content = {"application/json": {"schema": schema}}
    routes.add_api_route(
        path,
        take_it,
        methods=["POST"],
        summary=summary,
        response_class=Response,
        responses=schemas.describe_answers(Success, *_REFUSALS),
        openapi_extra={"requestBody": {"required": True, "content": content}},
    )


for _path in ("/v1/batch", "/v1/import"):
    _add(_path, "Take a batch of Segment's messages", _batch, _BATCH)
for _kind in KINDS:
    _add(f"/v1/{_kind}", f"Take a {_kind} of Segment's", _single(_kind), _MESSAGE)
