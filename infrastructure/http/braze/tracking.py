"""`POST /users/track`: custom events and purchases become facts; attributes are counted and mean nothing here."""

from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from application.commands.intake import Verdict
from infrastructure.http import metrics
from infrastructure.http.bodies import read_body
from infrastructure.http.braze.answers import BrazeRoute, Tracked, describe_answers, respond
from infrastructure.http.braze.facts import MOST, Item, read_items
from infrastructure.http.not_numbers import Decodable, decode_with
from infrastructure.http.problems import Problem
from infrastructure.http.state import Sender, Shared
from infrastructure.http.taking import Read, Taken, read_off_loop, take

routes = APIRouter(route_class=BrazeRoute)

SOURCE = "braze"

_NOTHING_VALID = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
"""Braze's own words for a call of which nothing can be processed."""

_NAMES = {"at: ": "time: ", "user_id: ": "external_id: ", "lines": "products", "total: ": "total_value: "}
"""The name of a field in our refusals, and in the caller's data."""


class _Sent(msgspec.Struct):
    attributes: list[msgspec.Raw] | None = None
    events: list[msgspec.Raw] | None = None
    purchases: list[msgspec.Raw] | None = None


_decode = msgspec.json.Decoder(_Sent).decode

_OBJECTS = {"type": "array", "maxItems": MOST, "items": {"type": "object"}}
_USER = {
    "external_id": {"type": "string"},
    "user_alias": {
        "type": "object",
        "properties": {"alias_name": {"type": "string"}, "alias_label": {"type": "string"}},
    },
    "braze_id": {"type": "string"},
    "app_id": {"type": "string"},
    "time": {"type": "string", "format": "date-time"},
    "properties": {"type": "object"},
}
_BODY = {
    "type": "object",
    "properties": {
        "attributes": _OBJECTS,
        "events": _OBJECTS
        | {
            "items": {
                "type": "object",
                "required": ["name", "time"],
                "properties": {"name": {"type": "string"}} | _USER,
            }
        },
        "purchases": _OBJECTS
        | {
            "items": {
                "type": "object",
                "required": ["product_id", "currency", "price", "time"],
                "properties": {
                    "product_id": {"type": "string"},
                    "currency": {"type": "string"},
                    "price": {"type": "number"},
                    "quantity": {"type": "integer", "maximum": 100},
                }
                | _USER,
            }
        },
    },
}


@routes.post(
    "/users/track",
    summary="Take events and purchases as Braze does",
    response_class=Response,
    status_code=HTTPStatus.CREATED,
    responses=describe_answers(Tracked, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, status=HTTPStatus.CREATED),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _BODY}}}},
)
async def track_users(request: Request, state: Shared, caller: Sender) -> Response:
    """Take up to 75 events and 75 purchases as Braze does; answered once they are durable.

    The same call sent again changes nothing. What cannot be taken is in `errors`, and the rest is taken.
    """
    text = await read_body(request, state.settings.body_bytes)
    sent, decodable = await read_off_loop(len(text), lambda: _read_sent(text))
    events, purchases, attributes = sent.events or [], sent.purchases or [], len(sent.attributes or [])
    number = len(events) + len(purchases)
    if number > state.settings.facts:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too_many_facts",
            f"a call has at most {state.settings.facts:,} events and purchases; send several",
        )
    found: list[Item] = []

    def read_all() -> list[Read]:
        found.extend(read_items(map(decodable.original, events), map(decodable.original, purchases)))
        return [item.read for item in found]

    taken = await take(state, caller, await read_off_loop(len(text), read_all), SOURCE)
    if attributes:
        metrics.IGNORED.labels(SOURCE, "attributes").inc(attributes)
    return respond(_answer(found, taken, attributes), HTTPStatus.CREATED)


def _read_sent(text: bytes) -> tuple[_Sent, Decodable]:
    try:
        sent, decodable = decode_with(_decode, text)
    except (msgspec.DecodeError, RecursionError) as error:
        detail = f'the body is {{"attributes": [...], "events": [...], "purchases": [...]}}: {error}'
        raise Problem(HTTPStatus.BAD_REQUEST, "malformed", detail) from None
    lengths = {name: len(getattr(sent, name) or []) for name in sent.__struct_fields__}
    for name, length in lengths.items():
        if length > MOST:
            detail = f"Max input length exceeded: a call has at most {MOST} {name}; send several"
            raise Problem(HTTPStatus.BAD_REQUEST, "too_many_facts", detail, place=name)
    if not any(lengths.values()):
        raise Problem(HTTPStatus.BAD_REQUEST, "malformed", _NOTHING_VALID)
    return sent, decodable


def _answer(found: list[Item], taken: Taken, attributes: int) -> dict[str, Any]:
    """What was processed and what was not; raises Problem if nothing was."""
    processed: dict[str, int] = {"attributes": attributes} if attributes else {}
    errors = []
    for item, answer in zip(found, taken.answers, strict=True):
        rejected = answer.verdict is Verdict.REJECTED
        processed[item.array] = processed.get(item.array, 0) + (not rejected)
        if rejected:
            errors.append(
                {"type": _describe(answer.message)}
                | {"input_array": item.array, "index": item.index}
                | {"code": answer.code}
            )
    if not any(processed.values()):
        raise Problem(HTTPStatus.BAD_REQUEST, "nothing_valid", _NOTHING_VALID, errors=errors)
    return (
        {"message": "success"}
        | {f"{array}_processed": number for array, number in processed.items()}
        | ({"errors": errors} if errors else {})
    )


def _describe(message: str) -> str:
    for ours, theirs in _NAMES.items():
        if message.startswith(ours):
            return theirs + message.removeprefix(ours)
    return message
