"""Answers as JSON, with an entity tag where asking again is cheaper than reading again."""

import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

JSON = "application/json"


def encode(value: Any) -> bytes:  # noqa: ANN401
    """JSON in UTF-8; there are no floats in it but rates."""
    return orjson.dumps(value)


def respond(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:  # noqa: ANN401
    """The response with a value."""
    return Response(encode(value), status, headers=headers, media_type=JSON)


def respond_tagged(
    request: Request,
    value: Any,  # noqa: ANN401
    *,
    apart_from: str = "position",
    csv: Callable[[], Response] | None = None,
) -> Response:
    """The response with a value, or as CSV, and its entity tag, or 304 where the caller has it already.

    The tag leaves one field out: a report that says the same at a later position is the same report.
    """
    known = {name: each for name, each in value.items() if name != apart_from}
    tag = f'W/"{hashlib.sha256(encode(known)).hexdigest()[:32]}{"-csv" if csv else ""}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    response = csv() if csv else respond(value)
    response.headers.update(headers)
    return response
