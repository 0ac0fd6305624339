"""Decompresses bytes chunk by chunk, in bounded memory; data that is cut off is an error, and not an end."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Protocol

CHUNK = 1 << 17
"""The most bytes in one chunk of plain data."""

_GZIP_WINDOW = 31
# The input at a time limits the output to 4 MiB: deflate makes at most 1,032 bytes of one byte, zstd 32,768
# (128 KiB of a block of 4).
_GZIP_STEP = 1 << 12
_ZSTD_STEP = 1 << 7
_MAGIC = {b"\x1f\x8b\x08": ".gz", b"\x28\xb5\x2f\xfd": ".zst"}


class CorruptData(Exception):
    """The compressed data is damaged or cut off."""


class _Member(Protocol):
    """A gzip member or zstd frame; a file may hold several."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def decompress(chunks: Iterator[bytes], suffix: str) -> Iterator[bytes]:
    """The decompressed data; the file's last suffix or the first bytes tell how. Raises CorruptData."""
    first = next(chunks, b"")
    chunks = chain([first], chunks)
    if suffix not in _MAGIC.values():
        suffix = next((known for magic, known in _MAGIC.items() if first.startswith(magic)), "")
    if suffix == ".gz":
        return _gunzip(chunks)
    return _unzstd(chunks) if suffix == ".zst" else chunks


def _gunzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from _members(chunks, lambda: zlib.decompressobj(_GZIP_WINDOW), _GZIP_STEP)
    except zlib.error as error:
        raise CorruptData(f"the compressed data is damaged ({error})") from error


def _unzstd(chunks: Iterable[bytes]) -> Iterator[bytes]:
    import zstandard  # noqa: PLC0415 - loaded only where a file needs it

    try:
        yield from _members(chunks, zstandard.ZstdDecompressor().decompressobj, _ZSTD_STEP)
    except zstandard.ZstdError as error:
        raise CorruptData(f"the compressed data is damaged ({error})") from error


def _members(chunks: Iterable[bytes], new: Callable[[], _Member], step: int) -> Iterator[bytes]:
    member, ended = new(), False
    for piece in (chunk[start : start + step] for chunk in chunks for start in range(0, len(chunk), step)):
        rest = piece
        # Some writers pad the file with zeros after the last member.
        while rest := rest.lstrip(b"\0") if ended else rest:
            member = new() if ended else member
            data = member.decompress(rest)
            yield from (data[start : start + CHUNK] for start in range(0, len(data), CHUNK))
            ended = member.eof
            rest = member.unused_data if ended else b""
    if not ended:
        raise CorruptData("the compressed data is cut off")
