"""Apache Spark as an engine of audits: it runs the same rules, translated, for histories that outgrow one machine."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyarrow import parquet

from infrastructure.archive.parquet_files import open_engine, write_file
from infrastructure.audit.rules import Statement, statements
from infrastructure.audit.spark_session import NoSpark, first_line, open_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_SETTINGS: Final = {
    # An overflow, a division by 0 or a text that is no number must be an error, as in DuckDB, and never NULL.
    "spark.sql.ansi.enabled": "true",
    # A product of decimals that does not fit must be an error too, and not be rounded.
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    # The translation writes a backslash in a literal twice.
    "spark.sql.parser.escapedStringLiterals": "false",
    # An id may be `${name}`.
    "spark.sql.variable.substitute": "false",
    "spark.sql.session.timeZone": "UTC",
}

_FUNCTIONS: Final = (
    "hexadecimal(digits STRING) RETURNS BIGINT RETURN CAST(conv(digits, 16, 10) AS BIGINT)",
    r"regexp_full_match(x STRING, pattern STRING) RETURNS BOOLEAN RETURN x RLIKE concat('\\A(?:', pattern, ')\\z')",
)
"""Functions of the rules that Spark lacks."""

_READ_AGAIN: Final = frozenset({"differences"})
"""Tables that are read more than once after all are made: for counts, and row by row."""


class Spark:
    """Spark on this machine with so much memory (`2GB`), on SPARK_MASTER, or by Spark Connect (`sc://host`).

    Arrow batches reach it as files in the directory, which all of its machines must see.
    """

    name = "spark"
    judges_ranges = False

    def __init__(self, directory: Path, memory: str, remote: str | None = None) -> None:
        self._directory = directory
        self._memory = memory
        self._session, self._ours = open_session(
            directory, memory, remote or os.environ.get("SPARK_REMOTE") or None
        )
        for name, value in _SETTINGS.items():
            # Setting the same value again would make Spark Connect warn of settings that are deprecated.
            if self._session.conf.get(name) != value:
                self._session.conf.set(name, value)
        for function in _FUNCTIONS:
            self._sql(f"CREATE OR REPLACE TEMPORARY FUNCTION {function}")

    def open(self, files: Sequence[str]) -> None:
        """Make the table `log` of event files, which all machines of Spark must find."""
        with _translate_errors():
            self._session.read.parquet(*files).createOrReplaceTempView("log")

    def fill(self, name: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema, query: str) -> None:
        path = self._directory / f"{name}.parquet"
        with open_engine(self._memory) as connection:
            rows = write_file(connection, batches, schema, query, path)
        if rows:
            with _translate_errors():
                self._session.read.parquet(str(path)).createOrReplaceTempView(name)
        else:
            # An empty table needs no file that other machines must find.
            self.give(name, parquet.read_table(path))

    def give(self, name: str, table: pa.Table) -> None:
        # Without rows, Spark Connect cannot infer the columns.
        columns = ", ".join(f"`{each.name}` {_type(each.type)}" for each in table.schema)
        with _translate_errors():
            self._session.createDataFrame(table, columns).createOrReplaceTempView(name)

    def look(self, statement: Statement) -> None:
        frame = self._sql(translate(statement.query))
        with _translate_errors():
            frame.createOrReplaceTempView(statement.table)

    def run(self, statement: Statement) -> None:
        """Make a table; one that several others read is computed only once, and its plan is dropped.

        Otherwise plans would double with every table that is read twice, and Spark would read each leaf again.
        """
        frame = self._sql(translate(statement.query))
        with _translate_errors():
            if statement.table in choose_kept():
                frame = frame.localCheckpoint(eager=False)
            frame.createOrReplaceTempView(statement.table)

    def rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        frame = self._sql(translate(query))
        with _translate_errors():
            found = frame.collect()
        return map(tuple, found)

    def close(self) -> None:
        """Stop Spark if it was started for this audit."""
        if self._ours:
            self._session.stop()

    def _sql(self, query: str) -> "DataFrame":
        with _translate_errors():
            return self._session.sql(query)


def _type(arrow: pa.DataType) -> str:
    """Spark's name of an Arrow type."""
    if pa.types.is_decimal(arrow):
        return f"DECIMAL({arrow.precision}, {arrow.scale})"
    return {"string": "STRING", "int64": "BIGINT", "int32": "INT", "bool": "BOOLEAN"}[str(arrow)]


@cache
def translate(query: str) -> str:
    """A query in DuckDB's SQL in the SQL of Spark; raises UnsupportedError if it cannot be translated."""
    import sqlglot  # noqa: PLC0415 - it takes a while to load

    (found,) = sqlglot.transpile(
        query, read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE
    )
    return found


@cache
def choose_kept() -> frozenset[str]:
    """Tables that are worth keeping: more than one other reads them, and they are more than a selection of rows.

    A selection is cheap to read again: a few columns of a file, and only the rows in question.
    """
    import sqlglot  # noqa: PLC0415 - it takes a while to load
    from sqlglot import exp  # noqa: PLC0415

    asked: dict[str, int] = dict.fromkeys(_READ_AGAIN, 2)
    heavy: set[str] = set()
    for statement in statements():
        parsed = sqlglot.parse_one(statement.query, read="duckdb")
        tables = [each.name for each in parsed.find_all(exp.Table)]
        for table in tables:
            asked[table] = asked.get(table, 0) + 1
        if parsed.find(exp.Join, exp.Window, exp.Group, exp.Distinct, exp.AggFunc) or heavy & {*tables}:
            heavy.add(statement.table)
    return frozenset(table for table in heavy if asked.get(table, 0) > 1)


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Raise errors of Spark as NoSpark with their first line; the other lines are plans."""
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]  # noqa: PLC0415 - comes with the extra
    from pyspark.errors import PySparkException  # noqa: PLC0415

    try:
        yield
    except (PySparkException, Py4JError) as error:
        advice = "give --memory or --work more room, or the cluster more machines"
        raise NoSpark(f"Spark failed: {first_line(error)}; {advice}", code="spark_failed") from error
