"""The log and what is stored beside it as Arrow batches, read whole columns at a time and in bounded memory."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import adbc_driver_postgresql.dbapi as adbc  # type: ignore[import-untyped]
import pyarrow as pa
from eventsourcing.persistence import OperationalError
from psycopg import pq
from psycopg.conninfo import make_conninfo

from infrastructure.database import Database
from infrastructure.database.dialect import cursor
from infrastructure.database.failures import ConnectionLost
from infrastructure.event_store.reading import MISSING, format_range
from projections.engine.projection import UnreadableLog

EVENTS = pa.schema(
    [
        ("position", pa.int64()),
        ("app_group", pa.string()),
        ("stream_id", pa.string()),
        ("version", pa.int32()),
        ("topic", pa.string()),
        ("recorded_at", pa.int64()),
        ("command_id", pa.string()),
        ("actor", pa.string()),
        ("hash", pa.binary()),
        ("payload", pa.string()),
    ]
)
"""Events as they are stored; instants are in microseconds since 1970."""

IDENTITIES = pa.schema([(name, pa.string()) for name in ("app_group", "user_id", "journey_id")])
"""Whose each journey is; never the keys of journeys."""

PROPERTIES = pa.schema([(name, pa.string()) for name in ("journey_id", "fact_id", "text")])
"""The free text of facts."""

_STRETCH = 1_000_000
"""Positions of one query: no view of the database stays open for longer than it takes to read them."""
_ROWS = 20_000
"""Rows of a batch that is made of Python values."""

READ_IDENTITIES = "SELECT app_group, user_id, journey_id FROM identities"
READ_PROPERTIES = "SELECT journey_id, fact_id, text FROM kept_aside"


_SETTINGS = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL jit = off",
    # Read by the index: a sort would give the first row only after the last was read.
    "SET LOCAL enable_sort = off",
)
"""Settings of a view of PostgreSQL; the reader may pause for as long as it writes what it read."""


class View(Protocol):
    """One consistent view of a database."""

    is_server: bool
    """Whether it is PostgreSQL's."""

    def number(self, query: str) -> int:
        """The whole number that a query gives."""

    def batches(self, query: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """The rows of a query."""


def read_events(database: Database, after: int, last: int) -> Generator[pa.RecordBatch, None, None]:
    """The events after one position, up to and including another, in order; raises UnreadableLog if one is missing.

    Close the iterator if you stop early: it may hold a connection.
    """
    done = after
    for start in range(after, last, _stretch(database)):
        end = min(start + _stretch(database), last)
        with open_view(database) as view:
            for batch in view.batches(format_range(start, end), EVENTS):
                done = _check_positions(batch, done)
                yield batch
        if done < end:
            raise _missing(done + 1)


def _check_positions(batch: pa.RecordBatch, done: int) -> int:
    """The last position of a batch; raises UnreadableLog unless it continues after position `done`."""
    positions = batch.column("position")
    rows = len(positions)
    if rows and positions[rows - 1].as_py() != done + rows:
        expected = range(done + 1, done + 1 + rows)
        found = next(each for each, got in zip(expected, positions, strict=True) if got.as_py() != each)
        raise _missing(found)
    return done + rows


def _missing(position: int) -> UnreadableLog:
    return UnreadableLog(position, MISSING)


def _is_server(database: Database) -> bool:
    return not database.dialect.one_writer


def _stretch(database: Database) -> int:
    # In SQLite, a long read keeps the write-ahead log from being reused, and it grows.
    return _STRETCH if _is_server(database) else _ROWS


@contextmanager
def open_view(database: Database) -> Iterator[View]:
    """One consistent view of a database, for as long as it is open."""
    if _is_server(database):
        with _translate_errors(), adbc.connect(_conninfo(database), autocommit=True) as driver:
            yield _Server(driver)
    else:
        # Use the SQLite library that this process has open already: a second one would drop its locks.
        with database.reading() as connection:
            yield _File(cursor(connection))


class _File:
    """A view of a SQLite file."""

    is_server = False

    def __init__(self, driver: Any) -> None:  # noqa: ANN401
        self._driver = driver

    def number(self, query: str) -> int:
        return int(self._driver.execute(query).fetchone()[0])

    def batches(self, query: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        self._driver.execute(query)
        while rows := self._driver.fetchmany(_ROWS):
            yield _of_rows(rows, schema)


def _of_rows(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


class _Server:
    """A view of a PostgreSQL database."""

    is_server = True

    def __init__(self, driver: adbc.Connection) -> None:
        self._driver = driver
        with driver.cursor() as statement:
            for setting in _SETTINGS:
                statement.execute(setting)

    def number(self, query: str) -> int:
        with self._driver.cursor() as statement:
            statement.execute(query)
            (found,) = statement.fetchone() or (0,)
            return int(found)

    def batches(self, query: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        with self._driver.cursor() as statement:
            statement.execute(query)
            for batch in statement.fetch_record_batch():
                yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)


def _conninfo(database: Database) -> str:
    """What libpq connects with; it finds passwords that are not in the URL itself."""
    engine = database.dialect.engine
    _, named = engine.dialect.create_connect_args(engine.url)
    known = {each.keyword.decode() for each in pq.Conninfo.get_defaults()}
    defaults = {"application_name": "conversions", "connect_timeout": "10"}
    return make_conninfo(**defaults | {name: str(value) for name, value in named.items() if name in known})


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Raise the driver's errors as the ledger's, with only their first line: other lines may name ids of users."""
    try:
        yield
    except adbc.Error as error:
        message = next(iter(str(error).splitlines()), type(error).__name__)
        raise (ConnectionLost if error.sqlstate is None else OperationalError)(message) from error
