"""Bodies of requests, plain or packed with gzip or zstd, within bounds on size, packed and unpacked, and on time."""

import asyncio
import zlib
from collections.abc import Callable
from http import HTTPStatus
from io import BytesIO
from typing import Any

import zstandard
from starlette.requests import ClientDisconnect, Request

from domain.errors import FactRefused
from infrastructure.http.problems import Problem
from infrastructure.inbound.files.fact_rows import read_json

BODY_SECONDS = 30.0
"""How long a client may take to send a body."""

_WINDOW_BYTES = 8 * 1024 * 1024
"""The most memory that a zstd frame may ask for."""


async def read_body(request: Request, limit: int) -> bytes:
    """Read the whole body and unpack it; raises Problem for more than `limit` bytes, slowness or another packing."""
    packed = await _receive(request, limit)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        return packed
    unpack = _UNPACKERS.get(encoding)
    if unpack is None:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unknown_encoding",
            "send the body unpacked, or packed with gzip or zstd",
            headers={"Accept-Encoding": "gzip, zstd"},
        )
    if len(packed) > _INLINE_BYTES:
        return await asyncio.to_thread(_unpack_within, unpack, packed, limit)
    return _unpack_within(unpack, packed, limit)


async def read_object(request: Request, limit: int) -> dict[str, Any]:
    """Read a body that is a JSON object, as `read_body` does; raises Problem for anything else."""
    sent = await read_body(request, limit)
    try:
        return read_json(sent)
    except FactRefused as refusal:
        raise Problem(HTTPStatus.BAD_REQUEST, "malformed", refusal.message) from None


_INLINE_BYTES = 16 * 1024


async def _receive(request: Request, limit: int) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            received = bytearray()
            async for part in request.stream():
                received += part
                if len(received) > limit:
                    raise _too_large(limit)
    except TimeoutError:
        raise Problem(
            HTTPStatus.REQUEST_TIMEOUT,
            "slow_body",
            f"the body took longer than {BODY_SECONDS:.0f} s to arrive",
            headers={"Connection": "close"},
        ) from None
    except ClientDisconnect:
        raise Problem(
            HTTPStatus.BAD_REQUEST, "broken_off", "the connection ended before the body did"
        ) from None
    return bytes(received)


_Unpack = Callable[[bytes, int], bytes]


def _unpack_within(unpack: _Unpack, packed: bytes, limit: int) -> bytes:
    try:
        plain = unpack(packed, limit)
    except (zlib.error, zstandard.ZstdError, ValueError):
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "malformed",
            "the body is not packed in the way that its Content-Encoding names",
        ) from None
    if len(plain) > limit:
        raise _too_large(limit)
    return plain


def _gunzip(packed: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    plain = unpacker.decompress(packed, limit + 1)
    if len(plain) <= limit and (not unpacker.eof or unpacker.unused_data):
        raise ValueError("not one whole gzip member")
    return plain


def _unzstd(packed: bytes, limit: int) -> bytes:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
    with unpacker.stream_reader(BytesIO(packed), read_across_frames=False) as reader:
        plain: bytes = reader.read(limit + 1)
    if zstandard.frame_content_size(packed) > len(plain) and len(plain) <= limit:
        raise ValueError("the frame breaks off")
    return plain


_UNPACKERS: dict[str, _Unpack] = {"gzip": _gunzip, "x-gzip": _gunzip, "zstd": _unzstd}


def _too_large(limit: int) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "body_too_large",
        f"a body has at most {limit:,} bytes, before and after unpacking; split it into several requests",
    )
