"""Spool files: rows on disk between two steps of a bulk, so that its memory stays bounded.

A file holds frames: the number of a chunk of the fact stream, a length, and that many bytes of rows as MessagePack.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from operator import itemgetter
from pathlib import Path
from struct import Struct
from typing import IO, Any

import msgspec

Row = tuple[Any, ...]
Rows = defaultdict[int, list[Row]]
"""Rows by chunk."""

TABLES = {
    "events": 0,
    "identities": 1,
    "kept_aside": 0,
    "journey_facts": 0,
    "journey_lanes": 0,
    "journey_states": 0,
    "journey_standings": 0,
}
"""The tables that a bulk fills, and the place in their rows of what a chunk's rows are sorted by: user or journey."""

_HEAD = Struct("<II")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode


def append(file: IO[bytes], chunk: int, rows: list[Row]) -> None:
    """Write one frame."""
    payload = _encode(rows)
    file.write(_HEAD.pack(chunk, len(payload)))
    file.write(payload)


def spool(folder: Path, bucket: str, tables: Mapping[str, Rows]) -> None:
    """Write what was decided of one bucket of users: a file per table, its frames in the order of chunks."""
    for table, rows in tables.items():
        with (folder / f"{table}.{bucket}").open("wb") as file:
            for chunk in sorted(rows):
                append(file, chunk, rows[chunk])


def read(path: Path) -> Iterator[Row]:
    """All rows of one file."""
    with path.open("rb") as file:
        while head := file.read(_HEAD.size):
            yield from _decode(file.read(_HEAD.unpack(head)[1]))


def by_chunk(folder: Path, table: str, chunks: range) -> Iterator[tuple[int, list[Row]]]:
    """A table's rows of all buckets, chunk by chunk, and within a chunk sorted as an import writes them."""
    order = itemgetter(TABLES[table])
    with ExitStack() as stack:
        paths = sorted(folder.glob(f"{table}.*"))
        files = [_Frames(stack.enter_context(path.open("rb"))) for path in paths]
        for chunk in chunks:
            rows = [row for file in files for row in file.rows(chunk)]
            rows.sort(key=order)
            yield chunk, rows


class _Frames:
    """A file that is read chunk by chunk, onwards only."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._chunk, self._length = -1, 0

    def rows(self, chunk: int) -> list[Row]:
        """The rows of a chunk; none where the file has none of it."""
        while self._chunk < chunk:
            self._file.seek(self._length, 1)
            head = self._file.read(_HEAD.size)
            self._chunk, self._length = _HEAD.unpack(head) if head else (_BEYOND, 0)
        if self._chunk > chunk:
            return []
        payload = self._file.read(self._length)
        self._length, self._chunk = 0, chunk
        return _decode(payload)


_BEYOND = 2**32
