"""Answers as JSON. An entity tag spares a caller who has the same answer already its body."""

import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

JSON = "application/json"


def encode(value: Any) -> bytes:  # noqa: ANN401
    """Encode a value as JSON in UTF-8. Only rates are floats."""
    return orjson.dumps(value)


def respond(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:  # noqa: ANN401
    """Answer with a value."""
    return Response(encode(value), status, headers=headers, media_type=JSON)


def respond_tagged(
    request: Request,
    value: Any,  # noqa: ANN401
    *,
    csv: Callable[[], Response] | None = None,
) -> Response:
    """Answer with a value, or with CSV, and an entity tag; answer 304 if the caller has the same value already.

    The tag leaves positions out: a report with the same figures at a later position is the same report.
    """
    tag = f'W/"{hashlib.sha256(encode(_drop_positions(value))).hexdigest()[:32]}{"-csv" if csv else ""}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    response = csv() if csv else respond(value)
    response.headers.update(headers)
    return response


def _drop_positions(value: dict[str, Any]) -> dict[str, Any]:
    """A value without its position, nor those of the values in it."""
    return {
        name: _drop_positions(each) if isinstance(each, dict) else each
        for name, each in value.items()
        if name != "position"
    }
