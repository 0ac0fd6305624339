"""Answers as JSON or CSV, by the header Accept (RFC 9110). An entity tag spares a caller the body it has already."""

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

JSON = "application/json"
CSV = "text/csv"

_WEIGHT = re.compile(r";q=(0(?:\.[0-9]*)?|1(?:\.0*)?)(?:;|$)", re.ASCII)


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


def _drop_positions(value: dict[str, Any], *also: str) -> dict[str, Any]:
    """A value without positions, its own and those of values in it, and without the instants that go with them."""
    return {
        name: _drop_positions(each, *(["as_of"] if name == "mature" else []))
        if isinstance(each, dict)
        else each
        for name, each in value.items()
        if name not in {"position", "recorded_at", *also}
    }


def wants_csv(accept: Iterable[str]) -> bool:
    """Whether the caller names CSV and prefers it to JSON, or accepts CSV and does not accept JSON.

    The greater weight is preferred; with equal weights, the one that is named first.
    """
    asked = _weights(accept)
    json, csv = _weight(asked, JSON), _weight(asked, CSV)
    if not json or CSV not in asked:
        return not json and csv > 0
    named = [kind for kind in asked if kind in {JSON, CSV}]
    return csv > json or (csv == json and named[0] == CSV)


def _weights(accept: Iterable[str]) -> dict[str, float]:
    """The weight of each range of media types, in the order of the header; 1 for a range without a readable weight."""
    weights = {}
    for each in ",".join(accept).lower().split(","):
        spaceless = "".join(each.split())
        found = _WEIGHT.search(spaceless)
        weights[spaceless.partition(";")[0]] = float(found[1]) if found else 1.0
    return weights


def _weight(asked: dict[str, float], kind: str) -> float:
    """The weight of a media type, by the narrowest range that covers it; 0 means that it is not acceptable."""
    return next((asked[each] for each in (kind, kind.partition("/")[0] + "/*", "*/*") if each in asked), 0.0)
