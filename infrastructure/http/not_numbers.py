"""Bodies that hold `NaN` or `Infinity`, which are no JSON: whoever wrote one is to lose that item alone."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

T = TypeVar("T")

_TOKENS = (b"NaN", b"Infinity", b"-Infinity")
_TOKEN = rb"(?<![\w.+-])(?:NaN|-?Infinity)(?![\w.+-])"
# Nothing is given back of what was matched, a string that does not end goes on to the end of the body, and the end is a
# match too: every byte is looked at once, whatever is sent.
_UP_TO_A_TOKEN = re.compile(
    rb'((?:[^"NI-]++|"(?:[^"\\]++|\\.)*+"?|(?!%b)[NI-])*+)(%b|\Z)' % (_TOKEN, _TOKEN), re.DOTALL
)


@dataclass(frozen=True)
class Decodable:
    """A body whose bare `NaN` and `Infinity` are numbers that begin with `mark`, which stands nowhere else in it."""

    text: bytes
    mark: bytes | None = None

    def original(self, raw: msgspec.Raw) -> bytes:
        """A part of the body as it was sent."""
        part = bytes(raw)
        if self.mark is None or self.mark not in part:
            return part
        return re.sub(re.escape(self.mark) + rb"(\d)", lambda found: _TOKENS[int(found[1])], part)


def decode_with(decode: Callable[[bytes], T], body: bytes) -> tuple[T, Decodable]:
    """What is decoded of a body, and what says how its parts were sent; raises what `decode` raises of the body."""
    try:
        return decode(body), Decodable(body)
    except msgspec.DecodeError:
        if b"NaN" not in body and b"Infinity" not in body:
            raise
        decodable = _decodable(body)
        try:
            return decode(decodable.text), decodable
        except (msgspec.DecodeError, RecursionError):
            # Its places would be those of a body that nobody sent.
            pass
        raise


def _decodable(body: bytes) -> Decodable:
    mark = _mark()
    while mark in body:
        mark = _mark()

    def with_number(found: re.Match[bytes]) -> bytes:
        before, token = found.groups()
        return b"%b%b%d" % (before, mark, _TOKENS.index(token)) if token else before

    return Decodable(_UP_TO_A_TOKEN.sub(with_number, body), mark)


def _mark() -> bytes:
    return b"0.%08d" % secrets.randbelow(10**8)
