"""`POST /v1/facts`: facts in the shape of docs/files.md; each gets its own verdict."""

import re
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from application.commands.intake import Verdict
from domain.errors import FactRefused
from infrastructure.http import schemas
from infrastructure.http.answers import respond
from infrastructure.http.bodies import read_body
from infrastructure.http.not_numbers import decode_with
from infrastructure.http.problems import Problem
from infrastructure.http.state import Sender, Shared
from infrastructure.http.taking import Read, Taken, read, read_off_loop, take
from infrastructure.inbound.files.fact_rows import read_json, without_context

routes = APIRouter(tags=["facts"])


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    facts: list[msgspec.Raw]


class _Unopened(msgspec.Struct, forbid_unknown_fields=True):
    facts: msgspec.Raw


_decode = msgspec.json.Decoder(_Envelope).decode
_unopened = msgspec.json.Decoder(_Unopened).decode

_ONE_KEY = re.compile(rb'\s*\{\s*"[^"]*"\s*:\s*')
"""Everything before the facts in a body that has no other key."""


@routes.post(
    "/v1/facts",
    summary="Take facts",
    response_class=Response,
    responses=schemas.describe_answers(schemas.FactsTaken, HTTPStatus.NOT_FOUND, *schemas.WITH_A_BODY),
    openapi_extra=schemas.describe_body("Facts"),
)
async def take_facts(request: Request, state: Shared, caller: Sender) -> Response:
    """Take up to 1,000 facts, in the order given; the answer comes once they are durable.

    Each fact is accepted, a duplicate, or rejected with a code; a rejected one does not affect the others. If you send
    the facts again, they are duplicates.
    """
    sent = await read_body(request, state.settings.body_bytes)
    facts = await read_off_loop(
        len(sent), lambda: [_read(each) for each in _split(sent, state.settings.facts)]
    )
    return respond(_answer(facts, await take(state, caller, facts, "facts")))


def _split(sent: bytes, limit: int) -> list[bytes]:
    """Split a body into its facts without reading them, so that one with malformed JSON spoils no other."""
    try:
        found, decodable = decode_with(_decode, sent)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST, "malformed", f'the body is {{"facts": [...]}}: {error}'
        ) from None
    if _has_key_twice(decodable.text):
        raise Problem(
            HTTPStatus.BAD_REQUEST, "malformed", "the body has the key 'facts' more than once; send one list"
        )
    if len(found.facts) > limit:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too_many_facts",
            f"a call has at most {limit:,} facts; split them into several calls",
            place="facts",
        )
    return [decodable.original(each) for each in found.facts]


def _has_key_twice(sent: bytes) -> bool:
    """Whether a body, which has no other key, has its key twice: the decoder would silently take the last one."""
    # This is quick for most bodies: they have the key's name once, and no escape that could spell it in another way.
    if sent.count(b'"facts"') == 1 and b"\\u00" not in sent:
        return False
    before = sent[: sent.rindex(bytes(_unopened(sent).facts))]
    return _ONE_KEY.fullmatch(before) is None


def _read(text: bytes) -> Read:
    try:
        return read(read_json(text))
    except FactRefused as refusal:
        return read(without_context(refusal))


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
