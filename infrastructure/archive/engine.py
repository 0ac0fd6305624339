"""DuckDB as archives use it: in bounded memory, spilling to a directory of its own, fetching nothing from anywhere."""

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
_ROW_GROUP = 100_000
"""Rows of which an engine reads all or none."""


@contextmanager
def engine(memory: str = MEMORY) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine and its directory, both gone afterwards; what it says of files it cannot write is an OSError."""
    with TemporaryDirectory(prefix="conversions-") as spill:
        own: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory,
            "temp_directory": spill,
            "threads": len(os.sched_getaffinity(0)),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        with duckdb.connect(":memory:", config=own) as connection:
            # The rows of a part are put in order first, and keep it while their columns are made.
            connection.execute("SET preserve_insertion_order = true")
            yield connection


class Flow:
    """Batches on their way into the engine; `error` is what ended them early, under which it raises one of its own."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches = batches
        self.error: BaseException | None = None

    def __iter__(self) -> Generator[pa.RecordBatch, None, None]:
        try:
            yield from self._batches
        except BaseException as error:
            self.error = error
            raise


def rows(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, Any]
) -> Iterator[tuple[Any, ...]]:
    """The rows of a query over files of an archive, a batch at a time; raises BadArchive where they hold no such."""
    try:
        for batch in connection.sql(query, params=parameters).to_arrow_reader(_BATCH):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
    except duckdb.Error as error:
        raise BadArchive(
            f"the archive's files are not as they were made: {error}", code="damaged_file"
        ) from error


def written(
    connection: duckdb.DuckDBPyConnection,
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    query: str,
    path: Path,
) -> int:
    """Write what a query makes of the batches, which it knows as `given`, as a Parquet file: its number of rows."""
    flow = Flow(batches)
    flowing = iter(flow)
    connection.register("given", pa.RecordBatchReader.from_batches(schema, flowing))
    target = str(path).replace("'", "''")
    options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP}"
    try:
        (rows,) = connection.execute(f"COPY ({query}) TO '{target}' ({options})").fetchone() or (0,)
    except duckdb.Error as error:
        if flow.error is not None:
            raise flow.error from None
        if isinstance(error, duckdb.IOException):
            raise OSError(str(error)) from error
        message = f"{path.name} cannot be made ({error}); `conversions verify` checks the log"
        raise BadArchive(message, code="archive_failed") from error
    finally:
        connection.unregister("given")
        flowing.close()
    return int(rows)
