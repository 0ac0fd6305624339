"""Facts as CSV (RFC 4180): the header names the fields, each row is a fact, and an empty cell means no value."""

import csv
from collections.abc import Iterator
from typing import Any

from domain.errors import FactRefused
from infrastructure.inbound.files.byte_source import LINE_LIMIT, Line, Overlong, too_long
from infrastructure.inbound.files.fact_rows import (
    Raw,
    Row,
    UnreadableFile,
    check_columns,
    read_cells,
    refuse_unstorable,
    without_context,
)


def read_rows(path: str, lines: Iterator[Line]) -> Iterator[Row]:
    """The facts, numbered by their first lines; raises UnreadableFile at once for a bad header."""
    # The limit is global to the process. Rows are bounded before the csv module sees them.
    csv.field_size_limit(2 * LINE_LIMIT)
    feed = _Feed(lines)
    reader = csv.reader(feed, strict=True)
    try:
        header = next(reader, [])
    except (csv.Error, FactRefused) as error:
        raise UnreadableFile(path, f"the header cannot be read ({error}); correct it", line=1) from error
    if not header:
        raise UnreadableFile(
            path,
            "a header is missing; make the first line the names of the columns, separated by commas",
            line=1,
        )
    check_columns(path, header)
    return _rows(feed, reader, header)


class _Feed:
    """Gives the csv module its lines, row by row; a row over the limit is skipped."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = enumerate(lines, 1)
        self.first_line = self.last_line = self._bytes = self._quotes = 0

    def begin_row(self) -> None:
        """The next line begins a new row."""
        self.first_line = self.last_line = self._bytes = self._quotes = 0

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        self.last_line, line = next(self._lines)
        self.first_line = self.first_line or self.last_line
        self._quotes += _quotes(line)
        if not isinstance(line, Overlong):
            self._bytes += len(line) + 1
            if self._bytes <= LINE_LIMIT:
                # Bytes that are no UTF-8 become lone surrogates; the whole row is refused for them later.
                return line.decode(errors="surrogateescape") + "\n"
        self._skip_row()
        raise too_long("row")

    def _skip_row(self) -> None:
        """Read to the end of the row: an odd number of quotes means a line break inside a cell, not the end."""
        while self._quotes % 2:
            # The end of the file also ends the row.
            self.last_line, line = next(self._lines, (self.last_line, b'"'))
            self._quotes += _quotes(line)


def _quotes(line: Line) -> int:
    return line.quotes if isinstance(line, Overlong) else line.count(b'"')


def _rows(feed: _Feed, reader: Iterator[list[str]], header: list[str]) -> Iterator[Row]:
    while True:
        feed.begin_row()
        try:
            cells = next(reader)
            if not cells:  # An empty line.
                continue
            raw: Raw = _fact(header, cells)
        except StopIteration:
            return
        except csv.Error as error:
            raw = FactRefused(f"not CSV, lines {feed.first_line} to {feed.last_line}: {error}")
        except FactRefused as refusal:
            raw = without_context(refusal)
        yield feed.first_line, raw


def _fact(header: list[str], cells: list[str]) -> dict[str, Any]:
    if len(cells) != len(header):
        raise FactRefused(f"the header has {len(header)} cells, this row {len(cells)}")
    refuse_unstorable("".join(cells))
    fact: dict[str, Any] = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
    return read_cells(fact)
