"""Calls of Segment's clients: the messages in a body, not yet read, and the bounds of the public spec."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec

from domain.errors import FactRefused
from infrastructure.http.not_numbers import Decodable, decode_with
from infrastructure.http.problems import Problem
from infrastructure.inbound.files.fact_rows import read_json, without_context

BATCH_BYTES = 500 * 1024
"""The most bytes of a batch, as the public spec has it."""
MESSAGE_BYTES = 32 * 1024
"""The most bytes of a message."""
MESSAGES = 2_500
"""The most messages in a batch."""


@dataclass(frozen=True)
class Call:
    """A call before its messages are read: each is JSON, but it may still not be a message.

    `kind` is the path's, or None for a batch, whose messages each say their own. `context` is the batch's, or why it
    cannot be read.
    """

    messages: list[bytes]
    kind: str | None = None
    write_key: str | None = None
    context: dict[str, Any] | FactRefused | None = None
    problem: Problem | None = None
    """Why it is not a valid call; only callers with a valid key are told."""


class _Batch(msgspec.Struct, rename="camel"):
    batch: msgspec.Raw = msgspec.Raw()
    write_key: Any = None
    context: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Single(msgspec.Struct, rename="camel"):
    write_key: Any = None


_batch = msgspec.json.Decoder(_Batch).decode
_single = msgspec.json.Decoder(_Single).decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def parse_batch(body: bytes) -> Call:
    """The messages of a batch; raises Problem if the body is not a JSON object."""
    try:
        body.decode()
        found, sent = decode_with(_batch, body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(f'the body is {{"batch": [...]}}: {error}') from None
    write_key = _text(found.write_key)
    try:
        return Call(_split(found.batch, sent), None, write_key, _read_context(found.context, sent))
    except Problem as problem:
        return Call([], None, write_key, problem=problem)


def parse_single(kind: str, body: bytes) -> Call:
    """The one message of a body; raises Problem if the body is not a JSON object."""
    try:
        body.decode()
        found, _ = decode_with(_single, body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(f"the body is a message, a JSON object: {error}") from None
    return Call([body], kind, _text(found.write_key))


def _split(raw: msgspec.Raw, sent: Decodable) -> list[bytes]:
    try:
        found = _list(raw)
    except msgspec.DecodeError:
        raise _malformed("batch: a list of messages is wanted") from None
    if len(found) > MESSAGES:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "too_many_messages",
            f"a batch has at most {MESSAGES:,} messages; send several",
            place="batch",
        )
    return [sent.original(each) for each in found]


def _malformed(detail: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "malformed", detail)


def _text(write_key: object) -> str | None:
    return write_key if isinstance(write_key, str) and write_key else None


def _read_context(
    raw: msgspec.Raw | msgspec.UnsetType, sent: Decodable
) -> dict[str, Any] | FactRefused | None:
    if raw is msgspec.UNSET or bytes(raw) == b"null":
        return None
    try:
        return read_json(sent.original(raw))
    except FactRefused as refusal:
        return without_context(FactRefused(f"context of the batch: {refusal.message}", place="context"))
