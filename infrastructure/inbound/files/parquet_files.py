"""Facts as Parquet: columns are fields, rows are facts, and null means no value; read batch by batch."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pyarrow import parquet, types

from application.reading_instants import BadTime
from domain.errors import FactRefused
from domain.instants import from_microseconds
from infrastructure.inbound.files.byte_source import LINE_LIMIT, ByteSource, too_long
from infrastructure.inbound.files.fact_rows import (
    IN_CELLS,
    Raw,
    Row,
    UnreadableFile,
    check_columns,
    read_cells,
    refuse_unstorable,
    without_context,
)

_BATCH_ROWS = 1024
_BUFFER_BYTES = 1 << 20
# Names of columns that are no UTF-8 raise ValueError, as some of pyarrow's own errors do.
_DAMAGED = (pa.ArrowException, OSError, ValueError)
_MONEY = frozenset({"price", "amount", "total"})
_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


class ParquetRows:
    """The rows of one Parquet file."""

    def __init__(self, source: ByteSource) -> None:
        """Open it and check its columns; raises UnreadableFile."""
        self.size = source.size
        self.bytes_read = 0
        self.plain_bytes = 0
        self._path = source.path
        self._source = source
        try:
            # Without this, pyarrow reads a whole row group ahead, which may be the whole file.
            self._file = parquet.ParquetFile(
                source.open_seekable(),
                buffer_size=_BUFFER_BYTES,
                pre_buffer=False,
                page_checksum_verification=True,
            )
            schema = self._file.schema_arrow
            problems = {column.name: _problem(column.name, column.type) for column in schema}
            names = schema.names
        except _DAMAGED as error:
            raise UnreadableFile(self._path, f"this is no Parquet file ({error}); check it") from error
        check_columns(self._path, names)
        for name, problem in problems.items():
            if problem:
                raise UnreadableFile(self._path, f"column {name} is {problem}")

    def __iter__(self) -> Iterator[Row]:
        number = 0
        try:
            for batch in self._file.iter_batches(_BATCH_ROWS):
                row_bytes = batch.nbytes // max(batch.num_rows, 1)
                for raw in _facts(batch):
                    number += 1
                    self.plain_bytes += row_bytes
                    yield number, raw
                self._count(number)
        except _DAMAGED as error:
            raise UnreadableFile(
                self._path,
                f"the data is damaged ({error}); what comes before is taken: write the file again",
                line=number + 1,
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._source.close()

    def _count(self, rows: int) -> None:
        # Bytes are read out of order; the share of rows tells how much of the file is read.
        if self.size is not None:
            self.bytes_read = self.size * rows // self._file.metadata.num_rows


def _plain(kind: Any) -> Any:  # noqa: ANN401
    """The type of the values themselves, also if they are stored by reference or as JSON."""
    if types.is_dictionary(kind):
        return kind.value_type
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _problem(name: str, stored: Any) -> str:  # noqa: ANN401
    """What is wrong with a column's type and what to do about it; empty if nothing is."""
    remedy = _remedy(name, _plain(stored))
    return f"{stored}; {remedy}" if remedy else ""


def _remedy(name: str, kind: Any) -> str:  # noqa: ANN401
    if types.is_null(kind):
        return ""
    if name == "quantity" and types.is_integer(kind):
        return ""
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return ""
    if name == "at":
        zoned = types.is_timestamp(kind) and bool(kind.tz)
        return "" if zoned else "make it a timestamp with a time zone, or text"
    if name in _MONEY:
        exact = types.is_decimal(kind) or types.is_integer(kind)
        return "" if exact else "make it decimal or text: a float has lost the exact amount"
    if name == "quantity":
        return "make it a whole number, null where there is none"
    return "make it text" + (", in JSON" if name in IN_CELLS else "")


def _facts(batch: Any) -> Iterator[Raw]:  # noqa: ANN401
    names = batch.schema.names
    columns = [_values(column) for column in batch.columns]
    at = _plain(batch.schema.field("at").type)
    instant = _instants(_TICKS[at.unit]) if types.is_timestamp(at) else None
    for row in zip(*columns, strict=True):
        try:
            fact = {name: value for name, value in zip(names, row, strict=True) if value is not None}
            yield _fact(fact, instant)
        except FactRefused as refusal:
            yield without_context(refusal)


def _values(column: Any) -> list[Any]:  # noqa: ANN401
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if types.is_timestamp(column.type):
        column = column.view(pa.int64())
    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        # Bytes that are no UTF-8 become lone surrogates; only their own row is refused for them.
        raw = column.cast(pa.large_binary()).to_pylist()
        values = [None if value is None else value.decode(errors="surrogateescape") for value in raw]
    return values


def _instants(ticks: int) -> Callable[[int], object]:
    def instant(count: int) -> object:
        try:
            # Rounded down: digits beyond microseconds never move an instant forward.
            return from_microseconds(count * 10**6 // ticks)
        except OverflowError:
            raise BadTime("an instant is from 1970 on and before the year 10000", place="at") from None

    return instant


def _fact(fact: dict[str, Any], instant: Callable[[int], object] | None) -> dict[str, Any]:
    texts = "".join(value for value in fact.values() if isinstance(value, str))
    if len(texts) > LINE_LIMIT:
        raise too_long("row")
    refuse_unstorable(texts)
    if instant is not None and "at" in fact:
        fact["at"] = instant(fact["at"])
    for name in _MONEY & fact.keys():
        # Kept exact: only numbers of JSON are rounded (R11).
        if isinstance(fact[name], Decimal):
            fact[name] = f"{fact[name]:f}"
    return read_cells(fact)
