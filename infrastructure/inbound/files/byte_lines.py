"""Lines of bytes in constant memory: an overlong line is dropped, and reading continues with the next."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

from domain.errors import FactRefused
from infrastructure.inbound.files.byte_source import ByteSource
from infrastructure.inbound.files.compression import CorruptData
from infrastructure.inbound.files.fact_rows import UnreadableFile

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
        message = f"{error}; what comes before is taken: get the whole file and import it again"
        raise UnreadableFile(source.path, message, line=number + 1) from error


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
