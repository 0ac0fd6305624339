"""Sessions of Spark: one that runs already, one by Spark Connect, or one started for this audit."""

import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_JAVA: Final = "Spark needs Java 17 or newer: apt-get install openjdk-17-jre-headless, or set JAVA_HOME"
_LOCAL: Final = "local[*]"
_LOOPBACK: Final = "127.0.0.1"
_PORT: Final = 15002
"""The port of Spark Connect, if the address has none."""
_PATIENCE: Final = 10.0

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[KMGT]?)(?P<binary>i?)B?", re.IGNORECASE)
_UNITS: Final = "KMGT"


class NoSpark(Exception):
    """Spark is not available, or failed; the message says what to do next."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


def open_session(directory: Path, memory: str, remote: str | None) -> "tuple[SparkSession, bool]":
    """A session, and whether it must be stopped afterwards: a Spark that was running already must not."""
    try:
        import sqlglot  # noqa: F401, PLC0415 - the same extra
        from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise NoSpark(
            f"Spark is not installed ({error}); install conversion-ledger[spark]", code="missing_extra"
        ) from error
    if remote is not None:
        return _connect(remote), True
    running = SparkSession.getActiveSession()
    if running is not None:
        return running.newSession(), False
    return start_session(directory, memory), True


def _connect(remote: str) -> "SparkSession":
    from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra
    from pyspark.sql import SparkSession  # noqa: PLC0415

    # The client of Spark Connect would try for many minutes.
    address = urlsplit(remote)
    try:
        socket.create_connection((address.hostname or "", address.port or _PORT), _PATIENCE).close()
    except (OSError, ValueError) as error:
        raise NoSpark(
            f"nobody answers at {address.hostname}: {error}; is --spark-remote right?", code="no_spark"
        ) from error
    try:
        return SparkSession.builder.remote(remote).create()
    except ImportError as error:
        raise NoSpark(
            f"Spark Connect is not installed ({error}); install conversion-ledger[spark]",
            code="missing_extra",
        ) from error
    except PySparkException as error:
        raise NoSpark(
            f"Spark does not answer: {first_line(error)}; is --spark-remote right?", code="no_spark"
        ) from error


def start_session(directory: Path, memory: str) -> "SparkSession":
    """Start Spark in this process, with its files in the directory; raises NoSpark."""
    from pyspark.errors import PySparkException  # noqa: PLC0415 - an extra
    from pyspark.sql import SparkSession  # noqa: PLC0415

    if not _has_java():
        raise NoSpark(_JAVA, code="no_java")
    builder = SparkSession.builder.master(os.environ.get("SPARK_MASTER", _LOCAL)).appName("conversions audit")
    for name, value in _choose_settings(directory, to_mebibytes(memory)).items():
        builder = builder.config(name, value)
    log = directory / "spark.log"
    try:
        with _chatter_to(log):
            return builder.getOrCreate()
    except PySparkException as error:
        said = [line for line in log.read_text(errors="replace").splitlines() if "rror" in line]
        raise NoSpark(
            f"Spark did not start: {next(iter(said), first_line(error))}; {_JAVA}",
            code="no_java" if any("UnsupportedClassVersion" in line for line in said) else "no_spark",
        ) from error


def _choose_settings(directory: Path, mebibytes: int) -> dict[str, str]:
    """Settings that must be made before Spark starts; a cluster has its own configuration."""
    settings = {
        "spark.driver.memory": f"{mebibytes}m",
        "spark.local.dir": str(directory),
        "spark.sql.warehouse.dir": str(directory / "warehouse"),
        "spark.log.level": "ERROR",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    if os.environ.get("SPARK_MASTER", _LOCAL).startswith("local"):
        # Nobody else may connect to it. The default of 200 shuffle partitions would take most of the time.
        here = {"spark.driver.host": _LOOPBACK, "spark.driver.bindAddress": _LOOPBACK}
        settings |= here | {"spark.sql.shuffle.partitions": str(4 * len(os.sched_getaffinity(0)))}
    return settings


def _has_java() -> bool:
    home = os.environ.get("JAVA_HOME")
    return shutil.which(str(Path(home, "bin", "java")) if home else "java") is not None


def to_mebibytes(memory: str) -> int:
    """A size as DuckDB writes it (`2GB`, `512 MiB`), in mebibytes; raises NoSpark."""
    found = _SIZE.fullmatch(memory.strip())
    if found is None:
        raise NoSpark(f"{memory!r} is no size; write it as 2GB or 512MB", code="bad_memory")
    base = 1024 if found["binary"] else 1000
    power = _UNITS.index(found["unit"].upper()) + 1 if found["unit"] else 0
    return int(float(found["number"]) * base**power / 1024**2)


@contextmanager
def _chatter_to(log: Path) -> Iterator[None]:
    """Send standard error, which Java inherits, to a file, so that Java does not write between our lines."""
    kept_open = os.dup(2)
    try:
        with log.open("wb") as file:
            os.dup2(file.fileno(), 2)
            yield
    finally:
        os.dup2(kept_open, 2)
        os.close(kept_open)


def first_line(error: Exception) -> str:
    """The first line of an error's message."""
    return next(iter(str(error).splitlines()), type(error).__name__)
