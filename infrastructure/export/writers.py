"""Rows written as JSON lines, CSV (RFC 4180) or Parquet: the same rows always give the same bytes."""

import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, BinaryIO, Protocol

import msgspec

from domain.instants import printed
from infrastructure.export.manifest import Column, Row, Shapes, shape_columns

FORMATS = ("jsonl", "csv", "parquet")

_ROW_GROUP = 50_000

_OF_JSON: Shapes = {"json": lambda text: msgspec.Raw(text.encode())}
_OF_CSV: Shapes = {"instant": printed, "boolean": lambda value: "true" if value else "false"}
_OF_PARQUET: Shapes = {"decimal": Decimal}


class Hashed(io.BufferedIOBase):
    """A file and the SHA-256 of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.bytes = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.bytes

    def write(self, data: Any) -> int:  # noqa: ANN401 - anything with bytes in it
        self._hash.update(data)
        self.bytes += len(data)
        return self._file.write(data)

    @property
    def sha256(self) -> str:
        """The hash so far."""
        return self._hash.hexdigest()


class Writer(Protocol):
    """Writes a part."""

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows, one at least."""

    def close(self) -> None:
        """Write the end of the part; the file stays open."""


def open_writer(file_format: str, file: Hashed, columns: Sequence[Column]) -> Writer:
    """The writer of one part in a format."""
    made: dict[str, Callable[[Hashed, Sequence[Column]], Writer]]
    made = {"jsonl": JsonLines, "csv": Csv, "parquet": Parquet}
    return made[file_format](file, columns)


class JsonLines:
    """One object a line."""

    def __init__(self, file: Hashed, columns: Sequence[Column]) -> None:
        self._file = file
        self._columns = columns
        # Structs are made and encoded in half the time of dictionaries.
        self._object = msgspec.defstruct("Row", [column.name for column in columns])
        self._encode = msgspec.json.Encoder().encode_lines

    def write(self, rows: Sequence[Row]) -> None:
        objects = map(self._object, *shape_columns(rows, self._columns, _OF_JSON))
        self._file.write(self._encode(list(objects)))

    def close(self) -> None:
        """There is nothing to write at the end."""


class Csv:
    """Each part has a header; null and an empty text are both an empty cell."""

    def __init__(self, file: Hashed, columns: Sequence[Column]) -> None:
        self._file = file
        self._columns = columns
        self._put([tuple(column.name for column in columns)])

    def write(self, rows: Sequence[Row]) -> None:
        self._put(zip(*shape_columns(rows, self._columns, _OF_CSV), strict=True))

    def _put(self, rows: Any) -> None:  # noqa: ANN401 - what the csv module takes
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        self._file.write(text.getvalue().encode())

    def close(self) -> None:
        """There is nothing to write at the end."""


class Parquet:
    """Compressed with zstd; row groups have a fixed number of rows, however many are written at a time."""

    def __init__(self, file: Hashed, columns: Sequence[Column]) -> None:
        # pyarrow takes longer to load than other formats take to be written.
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415

        self._arrow = pa
        types = {
            "text": pa.string(),
            "json": pa.string(),
            "whole": pa.int64(),
            "boolean": pa.bool_(),
            "instant": pa.timestamp("us", tz="UTC"),
            "day": pa.date32(),
            "decimal": pa.decimal128(38, 6),
        }
        self._columns = columns
        self._schema = pa.schema([(column.name, types[column.kind]) for column in columns])
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._waiting = self._schema.empty_table()

    def write(self, rows: Sequence[Row]) -> None:
        pa = self._arrow
        arrays = [
            pa.array(values, type=field.type)
            for values, field in zip(
                shape_columns(rows, self._columns, _OF_PARQUET), self._schema, strict=True
            )
        ]
        self._waiting = pa.concat_tables([self._waiting, pa.Table.from_arrays(arrays, schema=self._schema)])
        while self._waiting.num_rows >= _ROW_GROUP:
            self._group(self._waiting.slice(0, _ROW_GROUP))
            self._waiting = self._waiting.slice(_ROW_GROUP)

    def _group(self, table: Any) -> None:  # noqa: ANN401 - pyarrow comes without types
        # Combined first: otherwise the bytes would depend on how many rows came at a time.
        self._writer.write_table(table.combine_chunks(), row_group_size=_ROW_GROUP)

    def close(self) -> None:
        if self._waiting.num_rows:
            self._group(self._waiting)
        self._writer.close()
