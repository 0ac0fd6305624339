"""`POST /v1/facts`: facts in the shape of docs/files.md, each with a verdict of its own."""

import re
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from application.commands.intake import Verdict
from domain.errors import FactRefused
from infrastructure.http import schemas
from infrastructure.http.answers import answered
from infrastructure.http.bodies import body
from infrastructure.http.not_numbers import decoded
from infrastructure.http.problems import Problem
from infrastructure.http.state import Sender, Shared
from infrastructure.http.taking import Read, Taken, read, read_off_loop, take
from infrastructure.inbound.files.json_lines import read_json
from infrastructure.inbound.files.reading import kept

routes = APIRouter(tags=["facts"])


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    facts: list[msgspec.Raw]


class _Unopened(msgspec.Struct, forbid_unknown_fields=True):
    facts: msgspec.Raw


_decode = msgspec.json.Decoder(_Envelope).decode
_unopened = msgspec.json.Decoder(_Unopened).decode

_ONE_KEY = re.compile(rb'\s*\{\s*"[^"]*"\s*:\s*')
"""All that stands before the facts of a body that has no other key."""


@routes.post(
    "/v1/facts",
    summary="Take facts",
    response_class=Response,
    responses=schemas.answers(schemas.FactsTaken, HTTPStatus.NOT_FOUND, *schemas.WITH_A_BODY),
    openapi_extra=schemas.body_of("Facts"),
)
async def take_facts(request: Request, state: Shared, caller: Sender) -> Response:
    """Take up to 1,000 facts, in the order given; answered once they are durable.

    Each is accepted, a duplicate, or rejected with a code, and the rest is taken. Sent again, they are duplicates.
    """
    sent = await body(request, state.settings.body_bytes)
    facts = await read_off_loop(
        len(sent), lambda: [_read(each) for each in _facts(sent, state.settings.facts)]
    )
    return answered(_answer(facts, await take(state, caller, facts, "facts")))


def _facts(sent: bytes, limit: int) -> list[bytes]:
    """The facts of a body, not yet read: one that is no JSON within is a fault of that one alone."""
    try:
        found, decodable = decoded(_decode, sent)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST, "malformed", f'the body is {{"facts": [...]}}: {error}'
        ) from None
    if _stands_twice(decodable.text):
        raise Problem(HTTPStatus.BAD_REQUEST, "malformed", "'facts' stands more than once; send one list")
    if len(found.facts) > limit:
        detail = f"a call has at most {limit:,} facts; send several"
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_facts", detail, place="facts")
    return [decodable.original(each) for each in found.facts]


def _stands_twice(sent: bytes) -> bool:
    """Whether a body, which has no other key, has its key twice: the decoder takes the last and says nothing."""
    # Most bodies have the key's name once, and no escape that could write it otherwise: there is nothing to look for.
    if sent.count(b'"facts"') == 1 and b"\\u00" not in sent:
        return False
    before = sent[: sent.rindex(bytes(_unopened(sent).facts))]
    return _ONE_KEY.fullmatch(before) is None


def _read(text: bytes) -> Read:
    try:
        return read(read_json(text))
    except FactRefused as refusal:
        return read(kept(refusal))


def _answer(facts: list[Read], taken: Taken) -> dict[str, Any]:
    return {
        "accepted": taken.count(Verdict.ACCEPTED),
        "duplicates": taken.count(Verdict.DUPLICATE),
        "rejected": [
            {"index": index, "id": fact.fact_id, "code": answer.code, "message": answer.message}
            for index, (fact, answer) in enumerate(zip(facts, taken.answers, strict=True))
            if answer.verdict is Verdict.REJECTED
        ],
        "position": str(taken.position),
    }
