"""The bytes of a file, counted as they are read, decompressed, and cut into lines, all in bounded memory.

Compressed data that is cut off is an error, and not an end. An overlong line is dropped, and reading continues with the
next.
"""

import codecs
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import BufferedReader, FileIO
from itertools import chain
from pathlib import PurePath
from tempfile import TemporaryFile
from typing import IO, Protocol, cast

from domain.errors import FactRefused
from infrastructure.inbound.files.fact_rows import STANDARD_INPUT, UnreadableFile

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


class ByteSource:
    """The bytes of one file or of standard input, to be read once."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.size: int | None = None
        self.bytes_read = 0
        self.plain_bytes = 0
        self._open_files = ExitStack()
        self._file: FileIO | None = None
        self._read: Callable[[int], bytes]
        if path == STANDARD_INPUT:
            self._read = cast(BufferedReader, sys.stdin.buffer).read1
        else:
            self._open()

    def read_chunks(self) -> Iterator[bytes]:
        """The decompressed bytes; raises OSError or CorruptData in the middle."""
        return decompress(self._read_stored(), PurePath(self.path).suffix.lower())

    def open_seekable(self) -> IO[bytes] | FileIO:
        """The stored bytes, to be read in any order; a pipe is copied to a temporary file first."""
        if self._file is not None and self.size is not None:
            return self._file
        spool = self._open_files.enter_context(TemporaryFile())  # noqa: SIM115 - closed by close()
        for chunk in self._read_stored():
            spool.write(chunk)
        spool.seek(0)
        return spool

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self._open_files.close()

    def _read_stored(self) -> Iterator[bytes]:
        while chunk := self._read(CHUNK):
            self.bytes_read += len(chunk)
            yield chunk

    def _open(self) -> None:
        try:
            self._file = self._open_files.enter_context(FileIO(self.path))
        except FileNotFoundError as error:
            raise UnreadableFile(self.path, "there is no such file; check the path") from error
        except IsADirectoryError as error:
            raise UnreadableFile(self.path, "this is a folder; name the files in it") from error
        except (OSError, ValueError) as error:
            raise UnreadableFile(
                self.path, f"it cannot be opened ({error}); check the path and its rights"
            ) from error
        self._read = self._file.read
        status = os.fstat(self._file.fileno())
        self.size = status.st_size if stat.S_ISREG(status.st_mode) else None


LINE_LIMIT = 1 << 20
"""The most bytes in one line, the newline not counted."""


@dataclass(frozen=True, slots=True)
class Overlong:
    """A line over the limit. Its number of quotes tells a reader of CSV whether it ends inside a cell."""

    quotes: int


Line = bytes | Overlong


def too_long(what: str) -> FactRefused:
    """The refusal of a line, row or event over the limit."""
    return FactRefused(f"a {what} has at most {LINE_LIMIT:,} bytes")


def read_lines(source: ByteSource) -> Iterator[Line]:
    """The lines without newlines and byte order mark; raises UnreadableFile with the line."""
    number = 0
    try:
        for line in _split(source.read_chunks()):
            number += 1
            source.plain_bytes += len(line) if isinstance(line, bytes) else 0
            yield line.removeprefix(codecs.BOM_UTF8) if number == 1 and isinstance(line, bytes) else line
    except (CorruptData, OSError) as error:
        raise UnreadableFile(
            source.path,
            f"{error}; what comes before is taken: get the whole file and import it again",
            line=number + 1,
        ) from error


def _split(chunks: Iterator[bytes]) -> Iterator[Line]:
    held = _Held()
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        held.add(first)
        if others:
            yield held.line()
            held.add(others.pop())
            # Lines inside a chunk are below the limit, as the chunk is.
            yield from others
    if held.begun:
        yield held.line()


class _Held:
    """The beginning of a line whose end was not read yet."""

    def __init__(self) -> None:
        self.begun = False
        self._bytes = bytearray()
        self._quotes: int | None = None

    def add(self, piece: bytes) -> None:
        """Hold more of the line, or only count its quotes once it is over the limit."""
        self.begun = self.begun or bool(piece)
        if self._quotes is None and len(self._bytes) + len(piece) <= LINE_LIMIT:
            self._bytes += piece
        else:
            self._quotes = (self._quotes or 0) + self._bytes.count(b'"') + piece.count(b'"')
            self._bytes.clear()

    def line(self) -> Line:
        """The line that ends here; nothing is held afterwards."""
        line = bytes(self._bytes) if self._quotes is None else Overlong(self._quotes)
        self._bytes.clear()
        self.begun, self._quotes = False, None
        return line
