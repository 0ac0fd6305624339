"""Answers and failures in the shapes that Braze's clients expect."""

import time
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from application.type_faults import describe_fault
from domain.errors import DomainError
from infrastructure.http import problems
from infrastructure.http.answers import JSON
from infrastructure.http.problems import Problem

log = structlog.get_logger()

# Revenue is a number there: its digits are written as they are, never through a float.
_encode = msgspec.json.Encoder(decimal_format="number").encode


class TrackError(BaseModel):
    """An item that was not taken: why, in which array, and at which index; `code` is this service's own."""

    type: str
    input_array: Literal["attributes", "events", "purchases"]
    index: int
    code: str


class Tracked(BaseModel):
    """The outcome of a call to /users/track. A number is present if the call had its array."""

    message: Literal["success"]
    attributes_processed: int | None = None
    events_processed: int | None = None
    purchases_processed: int | None = None
    errors: list[TrackError] | None = None


class Failed(BaseModel):
    """Why nothing was done; `code` is this service's own."""

    message: str
    code: str
    errors: list[TrackError] | None = None


class BrazeAnswer(BaseModel):
    """What was asked for."""

    message: Annotated[Literal["success"], Field(description="The rest is in docs/braze.md.")]


def respond(value: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Answer with a value."""
    return Response(_encode(value), status, media_type=JSON)


def _respond_failed(problem: Problem) -> Response:
    headers = dict(problem.headers)
    if problem.status is HTTPStatus.TOO_MANY_REQUESTS:
        # Clients wait until this time. Without it they try again at once.
        headers["X-RateLimit-Reset"] = str(int(time.time()) + int(headers.get("Retry-After", 1)))
    return Response(
        _encode({"message": problem.detail, "code": problem.code} | problem.more),
        problem.status,
        headers=headers,
        media_type=JSON,
    )


def _from_bad_query(error: RequestValidationError) -> Problem:
    first = error.errors()[0]
    place = ".".join(str(step) for step in first["loc"][1:])
    return Problem(HTTPStatus.BAD_REQUEST, "malformed", f"{place}: {describe_fault(first)}", place=place)


class BrazeRoute(APIRoute):
    """A route that answers every failure in the shape of Braze's failures."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Handle a request and its failures."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except Problem as problem:
                return _respond_failed(problem)
            except RequestValidationError as error:
                return _respond_failed(_from_bad_query(error))
            except DomainError as error:
                return _respond_failed(problems.from_refusal(error))
            except problems.FAILURES as error:
                log.error("request.failed", error=type(error).__name__)  # noqa: TRY400 - never its own words
                return _respond_failed(problems.from_failure(error))

        return handled


_FAILURES = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


def describe_answers(
    model: type[BaseModel], *others: HTTPStatus, status: HTTPStatus = HTTPStatus.OK
) -> dict[int | str, Any]:
    """Describe what a route may answer, for /openapi.json."""
    may: dict[int | str, Any] = {
        each.value: {"description": each.phrase, "model": Failed} for each in (*_FAILURES, *others)
    }
    may[status.value] = {"description": status.phrase, "model": model}
    return may
