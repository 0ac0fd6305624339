"""Parquet by DuckDB, in bounded memory: it spills to a directory of its own, and downloads nothing."""

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa

from infrastructure.archive.manifest import BadArchive

MEMORY = "1GB"

_BATCH = 10_000
ROW_GROUP = 20_000
"""Rows that an engine reads all or none of."""

_NO_ROOM = (duckdb.IOException, duckdb.OutOfMemoryException)
"""What DuckDB raises when its memory, its directory or the disk is full."""


@contextmanager
def open_engine(memory: str = MEMORY) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB and its directory, both removed afterwards."""
    with TemporaryDirectory(prefix="conversions-") as spill:
        own: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory,
            "temp_directory": spill,
            "threads": len(os.sched_getaffinity(0)),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        with interruptible(), duckdb.connect(":memory:", config=own) as connection:
            # The rows of a part are sorted first, and must stay in that order while their columns are made.
            connection.execute("SET preserve_insertion_order = true")
            # A progress bar would disturb what a command prints.
            connection.execute("SET enable_progress_bar = false")
            yield connection


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt for Ctrl-C while a query runs: engines and drivers raise errors of their own."""
    try:
        yield
    except Exception as error:
        _raise_interruption(error)
        raise


def _raise_interruption(error: BaseException) -> None:
    """Raise KeyboardInterrupt if an error reports one, or was caused by one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt) or "query interrupted" in str(cause).lower():
            raise KeyboardInterrupt from None
        cause = cause.__cause__ or cause.__context__


class Flow:
    """Batches on their way into DuckDB; `error` is what ended them early, for which DuckDB raises its own error."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches = batches
        self.error: BaseException | None = None

    def __iter__(self) -> Generator[pa.RecordBatch, None, None]:
        try:
            yield from self._batches
        except BaseException as error:
            self.error = error
            raise


def read_rows(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, Any]
) -> Iterator[tuple[Any, ...]]:
    """The rows of a query over files of an archive, a batch at a time; raises BadArchive if the files do not fit it."""
    try:
        for batch in connection.sql(query, params=parameters).to_arrow_reader(_BATCH):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
    except _NO_ROOM as error:
        raise OSError(str(error)) from error
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        _raise_interruption(error)
        if isinstance(error, OSError) and not isinstance(error, pa.ArrowException):
            raise
        raise BadArchive(
            f"the archive's files are not as they were made ({error}); use another copy of it",
            code="damaged_file",
        ) from error


def write_file(
    connection: duckdb.DuckDBPyConnection,
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    query: str,
    path: Path,
) -> int:
    """Write the result of a query over the batches (`given`) as a Parquet file; returns its number of rows."""
    flow = Flow(batches)
    flowing = iter(flow)
    connection.register("given", pa.RecordBatchReader.from_batches(schema, flowing))
    try:
        (number,) = connection.execute(_copy(query, path)).fetchone() or (0,)
    except duckdb.Error as error:
        _raise_interruption(error)
        if flow.error is not None:
            raise flow.error from None
        if isinstance(error, _NO_ROOM):
            raise OSError(str(error)) from error
        raise BadArchive(
            f"{path.name} cannot be made ({error}); `conversions verify` checks the log",
            code="archive_failed",
        ) from error
    finally:
        connection.unregister("given")
        flowing.close()
    return int(number)


def _copy(query: str, path: Path) -> str:
    target = str(path).replace("'", "''")
    # Write into the existing file: its permissions say who may read it.
    options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}, USE_TMP_FILE false"
    return f"COPY ({query}) TO '{target}' ({options})"
