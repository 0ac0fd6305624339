"""Apache Spark as an engine of audits: the same rules, translated, for histories that outgrow one machine."""

import os
import re
import shutil
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import parquet

from infrastructure.archive.parquet_files import open_engine, write_file
from infrastructure.archive.typed_columns import TYPED
from infrastructure.audit.rules import Statement, statements

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_JAVA: Final = "Spark needs Java 17 or newer: apt-get install openjdk-17-jre-headless, or set JAVA_HOME"
_LOCAL: Final = "local[*]"
_LOOPBACK: Final = "127.0.0.1"
_PORT: Final = 15002
"""Where Spark Connect is unless it is said."""
_PATIENCE: Final = 10.0

_SETTINGS: Final = {
    # An overflow, a division by 0 or a text that is no number is an error, as in DuckDB, and never NULL.
    "spark.sql.ansi.enabled": "true",
    # A product of decimals that does not fit is an error, too, and not rounded.
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    # A backslash in a literal is written twice, which is how the translation writes it.
    "spark.sql.parser.escapedStringLiterals": "false",
    # An id may be called ${name}.
    "spark.sql.variable.substitute": "false",
    "spark.sql.session.timeZone": "UTC",
}

_FUNCTIONS: Final = (
    "hexadecimal(digits STRING) RETURNS BIGINT RETURN CAST(conv(digits, 16, 10) AS BIGINT)",
    r"regexp_full_match(x STRING, pattern STRING) RETURNS BOOLEAN RETURN x RLIKE concat('\\A(?:', pattern, ')\\z')",
)
"""What the rules ask for that Spark has under no name."""

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[KMGT]?)(?P<binary>i?)B?", re.IGNORECASE)
_UNITS: Final = "KMGT"

_READ_AGAIN: Final = frozenset({"differences"})
"""Tables that are read more than once when all of them are made: for numbers, and one by one."""


class NoSpark(Exception):
    """Spark cannot be had, or failed; the message says what to do next."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class Spark:
    """Spark here, in so much memory (`2GB`), on SPARK_MASTER, or by Spark Connect at an address (`sc://host`).

    What it is given as Arrow batches goes through files in the directory, which all of its machines are to see.
    """

    name = "spark"

    def __init__(self, directory: Path, memory: str, remote: str | None = None) -> None:
        self._directory = directory
        self._memory = memory
        self._session, self._ours = _session(
            directory, memory, remote or os.environ.get("SPARK_REMOTE") or None
        )
        for name, value in _SETTINGS.items():
            # Some are out of use: Spark Connect would warn of them.
            if self._session.conf.get(name) != value:
                self._session.conf.set(name, value)
        for function in _FUNCTIONS:
            self._sql(f"CREATE OR REPLACE TEMPORARY FUNCTION {function}")

    def open(self, files: Sequence[str]) -> None:
        """Make the table `log` of event files, where all machines of Spark find them."""
        with _told():
            self._session.read.parquet(*files).createOrReplaceTempView("log")

    def take(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
        """Make the table `log` of events as they are stored."""
        query = f"WITH logged AS (FROM given) SELECT * EXCLUDE (command_id, actor, hash) FROM ({TYPED})"
        self.fill("log", batches, schema, query)

    def fill(self, name: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema, query: str) -> None:
        """Make a table by a query in DuckDB's SQL on batches, which are called `given` in it."""
        path = self._directory / f"{name}.parquet"
        with open_engine(self._memory) as connection:
            rows = write_file(connection, batches, schema, query, path)
        if rows:
            with _told():
                self._session.read.parquet(str(path)).createOrReplaceTempView(name)
        else:
            # Nothing that other machines would have to find.
            self.give(name, parquet.read_table(path))

    def give(self, name: str, table: pa.Table) -> None:
        # Of no rows, Spark Connect wants to be told what columns they have not got.
        columns = ", ".join(f"`{each.name}` {_type(each.type)}" for each in table.schema)
        with _told():
            self._session.createDataFrame(table, columns).createOrReplaceTempView(name)

    def look(self, statement: Statement) -> None:
        frame = self._sql(translated(statement.query))
        with _told():
            frame.createOrReplaceTempView(statement.table)

    def run(self, statement: Statement) -> None:
        """Make a table; what several others ask is computed once, and its plan is forgotten.

        Plans would double with every table that is asked twice, and each leaf of them would be read and shuffled anew.
        """
        frame = self._sql(translated(statement.query))
        with _told():
            if statement.table in kept():
                frame = frame.localCheckpoint(eager=False)
            frame.createOrReplaceTempView(statement.table)

    def rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        frame = self._sql(translated(query))
        with _told():
            found = frame.collect()
        return map(tuple, found)

    def close(self) -> None:
        """Let go of Spark, if it was begun for this audit."""
        if self._ours:
            self._session.stop()

    def _sql(self, query: str) -> "DataFrame":
        with _told():
            return self._session.sql(query)


def _type(arrow: pa.DataType) -> str:
    """What Spark calls a type of Arrow's."""
    if pa.types.is_decimal(arrow):
        return f"DECIMAL({arrow.precision}, {arrow.scale})"
    return {"string": "STRING", "int64": "BIGINT", "int32": "INT", "bool": "BOOLEAN"}[str(arrow)]


@cache
def translated(query: str) -> str:
    """A query in DuckDB's SQL as Spark has it; raises UnsupportedError for what there is no translation of."""
    import sqlglot  # noqa: PLC0415 - it takes a while to load

    (found,) = sqlglot.transpile(
        query, read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE
    )
    return found


@cache
def kept() -> frozenset[str]:
    """Tables that are worth keeping: asked by more than one other, and more than a selection from what is there.

    A selection is read anew instead: from a file it is a few columns, and of those only the rows in question.
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


def _session(directory: Path, memory: str, remote: str | None) -> "tuple[SparkSession, bool]":
    """A session of its own, and whether Spark was begun for it: one that runs already goes on afterwards."""
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra
    except ImportError as error:
        message = f"Spark is not installed ({error}); install conversion-ledger[spark]"
        raise NoSpark(message, code="missing_extra") from error
    if remote is not None:
        return _connected(remote), True
    running = SparkSession.getActiveSession()
    if running is not None:
        return running.newSession(), False
    return begun(directory, memory), True


def _connected(remote: str) -> "SparkSession":
    from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra
    from pyspark.sql import SparkSession  # noqa: PLC0415

    # Its own client would try for many minutes.
    address = urlsplit(remote)
    try:
        socket.create_connection((address.hostname or "", address.port or _PORT), _PATIENCE).close()
    except (OSError, ValueError) as error:
        message = f"nobody answers at {address.hostname}: {error}; is --spark-remote right?"
        raise NoSpark(message, code="no_spark") from error
    try:
        return SparkSession.builder.remote(remote).create()
    except ImportError as error:
        message = f"Spark Connect is not installed ({error}); install conversion-ledger[spark]"
        raise NoSpark(message, code="missing_extra") from error
    except PySparkException as error:
        message = f"Spark does not answer: {_first_line(error)}; is --spark-remote right?"
        raise NoSpark(message, code="no_spark") from error


def begun(directory: Path, memory: str) -> "SparkSession":
    """Spark, begun in this process: its files lie in the directory; raises NoSpark."""
    from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra
    from pyspark.sql import SparkSession  # noqa: PLC0415

    if not _has_java():
        raise NoSpark(_JAVA, code="no_java")
    builder = SparkSession.builder.master(os.environ.get("SPARK_MASTER", _LOCAL)).appName("conversions audit")
    for name, value in _beginning(directory, mebibytes(memory)).items():
        builder = builder.config(name, value)
    log = directory / "spark.log"
    try:
        with _chatter_to(log):
            return builder.getOrCreate()
    except PySparkException as error:
        said = [line for line in log.read_text(errors="replace").splitlines() if "rror" in line]
        code = "no_java" if any("UnsupportedClassVersion" in line for line in said) else "no_spark"
        message = f"Spark did not begin: {next(iter(said), _first_line(error))}; {_JAVA}"
        raise NoSpark(message, code=code) from error


def _beginning(directory: Path, mebibytes: int) -> dict[str, str]:
    """What can be set only before Spark begins; what a cluster is like, its own configuration says."""
    settings = {
        "spark.driver.memory": f"{mebibytes}m",
        "spark.local.dir": str(directory),
        "spark.sql.warehouse.dir": str(directory / "warehouse"),
        "spark.log.level": "ERROR",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    if os.environ.get("SPARK_MASTER", _LOCAL).startswith("local"):
        # Nobody else may speak to it; 200 exchanges of next to nothing, as in a cluster, would take most of the time.
        here = {"spark.driver.host": _LOOPBACK, "spark.driver.bindAddress": _LOOPBACK}
        settings |= here | {"spark.sql.shuffle.partitions": str(4 * len(os.sched_getaffinity(0)))}
    return settings


def _has_java() -> bool:
    home = os.environ.get("JAVA_HOME")
    return shutil.which(str(Path(home, "bin", "java")) if home else "java") is not None


def mebibytes(memory: str) -> int:
    """A size as DuckDB has it (`2GB`, `512 MiB`); raises NoSpark."""
    found = _SIZE.fullmatch(memory.strip())
    if found is None:
        raise NoSpark(f"{memory!r} is no size; write it as 2GB or 512MB", code="bad_memory")
    base = 1024 if found["binary"] else 1000
    power = _UNITS.index(found["unit"].upper()) + 1 if found["unit"] else 0
    return int(float(found["number"]) * base**power / 1024**2)


@contextmanager
def _chatter_to(log: Path) -> Iterator[None]:
    """Java inherits standard error: what it has to say goes to a file, and not between our lines."""
    kept_open = os.dup(2)
    try:
        with log.open("wb") as file:
            os.dup2(file.fileno(), 2)
            yield
    finally:
        os.dup2(kept_open, 2)
        os.close(kept_open)


@contextmanager
def _told() -> Iterator[None]:
    """Errors of Spark under our name; their first line alone, as more are plans."""
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]  # noqa: PLC0415 - comes with the extra
    from pyspark.errors import PySparkException  # noqa: PLC0415

    try:
        yield
    except (PySparkException, Py4JError) as error:
        advice = "give --memory or --work more room, or the cluster more machines"
        raise NoSpark(f"Spark failed: {_first_line(error)}; {advice}", code="spark_failed") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
