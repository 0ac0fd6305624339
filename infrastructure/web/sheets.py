"""Long tables as CSV: their rows wait on disk until they are sent, whatever their number.

A read transaction is open while rows are collected. Whoever reads slowly would keep it open.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from tempfile import SpooledTemporaryFile
from typing import Any, Final

import orjson
from fastapi import Response
from starlette.responses import StreamingResponse

from infrastructure.web.routing import CSV, csv_headers, guard_cell

_CHUNK_BYTES: Final = 64 * 1024
_IN_MEMORY_BYTES: Final = 1024 * 1024


class Sheet:
    """Rows by the names of their columns; a column that only some rows have comes last, empty in the others."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._others: set[str] = set()
        # Open until its rows are sent.
        self._file = SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115

    def take(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Collect these rows in place of any before."""
        self._file.seek(0)
        self._file.truncate()
        self._others.clear()
        for row in rows:
            self._others.update(row.keys() - self._columns)
            self._file.write(orjson.dumps(row) + b"\n")

    def close(self) -> None:
        """Forget the rows."""
        self._file.close()

    def respond(self, name: str, position: str | int) -> Response:
        """Send them, and forget them."""
        return StreamingResponse(self._chunks(), media_type=CSV, headers=csv_headers(name, position))

    def _chunks(self) -> Iterator[str]:
        text = StringIO()
        with self._file as file:
            file.seek(0)
            columns = [*self._columns, *sorted(self._others)]
            writer = csv.writer(text)
            writer.writerow(columns)
            for line in file:
                row = orjson.loads(line)
                writer.writerow([guard_cell(row.get(each, "")) for each in columns])
                if text.tell() >= _CHUNK_BYTES:
                    yield text.getvalue()
                    text.seek(0)
                    text.truncate()
        yield text.getvalue()
