"""Files of facts (docs/files.md, Facts): JSON lines, CSV, Parquet, Currents; read row by row in bounded memory."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from types import TracebackType
from typing import Protocol, Self

from domain.errors import FactRefused
from infrastructure.inbound.files import csv_files
from infrastructure.inbound.files.byte_source import ByteSource, Line, Overlong, read_lines, too_long
from infrastructure.inbound.files.fact_rows import (
    STANDARD_INPUT,
    Raw,
    Row,
    UnreadableFile,
    read_json,
    without_context,
)

__all__ = ["FORMATS", "FactFile", "Raw", "Row", "UnreadableFile", "open_facts"]

FORMATS = ("jsonl", "csv", "parquet", "currents")

_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".parquet": "parquet"}
_COMPRESSED = (".gz", ".zst")


class _Progress(Protocol):
    """Counts how much of a file was read."""

    size: int | None
    bytes_read: int
    plain_bytes: int

    def close(self) -> None: ...


class FactFile:
    """The facts of one file with their lines, to be read once; raises UnreadableFile if it cannot be read on."""

    def __init__(self, path: str, progress: _Progress, rows: Iterable[Row]) -> None:
        self.path = path
        self._progress = progress
        self._rows = iter(rows)

    @property
    def size(self) -> int | None:
        """The bytes of the file as stored; None for standard input and pipes, whose size is unknown."""
        return self._progress.size

    @property
    def bytes_read(self) -> int:
        """The bytes read so far, a little ahead of the facts."""
        return self._progress.bytes_read

    @property
    def plain_bytes(self) -> int:
        """The bytes of the facts read so far, decompressed."""
        return self._progress.plain_bytes

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def absent(self) -> Mapping[str, int]:
        """How many values of another service's export were treated as absent so far, by kind."""
        return getattr(self._progress, "absent", {})

    @property
    def ignored(self) -> int:
        """How many rows read so far were ignored; only exports of other services have such rows."""
        return getattr(self._progress, "ignored", 0)

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self._progress.close()


def open_facts(path: str, *, format: str | None = None) -> FactFile:  # noqa: A002 - the option's name
    """Open a file, or standard input for `-`; its name tells the format unless given. Raises UnreadableFile."""
    if format == "currents":
        from infrastructure.inbound.files.currents import CurrentsRows  # noqa: PLC0415 - few imports need it

        currents = CurrentsRows(path)
        return FactFile(path, currents, currents)
    source = ByteSource(path)
    try:
        chosen = _format(path, format)
        if chosen == "parquet":
            # pyarrow takes longer to load than most imports take.
            from infrastructure.inbound.files.parquet_files import ParquetRows  # noqa: PLC0415

            rows = ParquetRows(source)
            return FactFile(path, rows, rows)
        lines = read_lines(source)
        read = csv_files.read_rows(path, lines) if chosen == "csv" else read_json_lines(lines)
        return FactFile(path, source, read)
    except BaseException:
        source.close()
        raise


def read_json_lines(lines: Iterable[Line]) -> Iterator[Row]:
    """One JSON object a line; empty lines are skipped."""
    for number, line in enumerate(lines, 1):
        if isinstance(line, Overlong):
            yield number, too_long("line")
        elif line and not line.isspace():
            try:
                row: Row = number, read_json(line)
            except FactRefused as refusal:
                row = number, without_context(refusal)
            yield row


def _format(path: str, asked: str | None) -> str:
    suffixes = [suffix.lower() for suffix in PurePath(path).suffixes]
    compressed = suffixes[-1:] and suffixes[-1] in _COMPRESSED
    named = _SUFFIXES.get("".join(suffixes[-2:-1] if compressed else suffixes[-1:]))
    chosen = asked or ("jsonl" if path == STANDARD_INPUT else named)
    if chosen not in FORMATS:
        raise UnreadableFile(path, f"its format is unknown; add --format {' | '.join(FORMATS)}")
    if chosen == "parquet" and compressed:
        raise UnreadableFile(path, "Parquet is compressed inside; unpack the file and import that")
    return chosen
