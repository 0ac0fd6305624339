"""Bodies that contain `NaN` or `Infinity`, which are no JSON: only the item that contains one is to be refused."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

T = TypeVar("T")

_TOKENS = (b"NaN", b"Infinity", b"-Infinity")
_TOKEN = rb"(?<![\w.+-])(?:NaN|-?Infinity)(?![\w.+-])"
# Possessive quantifiers never backtrack, an unterminated string extends to the end of the body, and the end matches
# too: so every byte is looked at once, whatever the body is.
_UP_TO_A_TOKEN = re.compile(
    rb'((?:[^"NI-]++|"(?:[^"\\]++|\\.)*+"?|(?!%b)[NI-])*+)(%b|\Z)' % (_TOKEN, _TOKEN), re.DOTALL
)


@dataclass(frozen=True)
class Decodable:
    """A body in which numbers that begin with `mark` replace each bare `NaN` and `Infinity`; `mark` is unique in it."""

    text: bytes
    mark: bytes | None = None

    def original(self, raw: msgspec.Raw) -> bytes:
        """Give back a part of the body as it was sent."""
        part = bytes(raw)
        if self.mark is None or self.mark not in part:
            return part
        return re.sub(re.escape(self.mark) + rb"(\d)", lambda found: _TOKENS[int(found[1])], part)


def decode_with(decode: Callable[[bytes], T], body: bytes) -> tuple[T, Decodable]:
    """Decode a body; returns also what gives back its parts as they were sent. Raises what `decode` raises."""
    try:
        return decode(body), Decodable(body)
    except msgspec.DecodeError:
        if b"NaN" not in body and b"Infinity" not in body:
            raise
        decodable = _make_decodable(body)
        try:
            return decode(decodable.text), decodable
        except (msgspec.DecodeError, RecursionError):
            # This error would name places in a body that nobody sent; the first error is raised instead.
            pass
        raise


def _make_decodable(body: bytes) -> Decodable:
    mark = _make_mark()
    while mark in body:
        mark = _make_mark()

    def with_number(found: re.Match[bytes]) -> bytes:
        before, token = found.groups()
        return b"%b%b%d" % (before, mark, _TOKENS.index(token)) if token else before

    return Decodable(_UP_TO_A_TOKEN.sub(with_number, body), mark)


def _make_mark() -> bytes:
    return b"0.%08d" % secrets.randbelow(10**8)
