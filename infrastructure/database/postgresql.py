"""PostgreSQL 15 and later, by psycopg 3. docs/decisions/0006 describes its locks.

A write transaction takes locks in this order: its turn (shared, or alone), rows, and last the log. Whoever has the
log's lock appends and commits, so positions have no gaps and commit in order.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import structlog
from eventsourcing.persistence import IntegrityError, OperationalError, PersistenceError, ProgrammingError
from psycopg import errors
from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Connection,
    Integer,
    Table,
    Text,
    bindparam,
    cast,
    column,
    create_engine,
    event,
    func,
    literal_column,
    select,
)
from sqlalchemy import exc as sqlalchemy_errors
from sqlalchemy.dialects.postgresql import JSON, insert
from sqlalchemy.engine import Dialect as Compiler
from sqlalchemy.sql import FromClause
from sqlalchemy.types import TypeEngine

from infrastructure.database.dialect import (
    Dialect,
    Fill,
    OnConflict,
    Prepared,
    Purpose,
    UnusableDatabase,
    as_keys,
    cursor,
    resolve_conflicts,
)
from infrastructure.database.failures import Busy, ConnectionLost, DiskFull

log = structlog.get_logger()

_OLDEST = 150_000
_CONNECT_SECONDS = 10
_LOCK_SECONDS = 60
_IDLE_SECONDS = 30
"""Less than the lock's timeout: a writer that hangs is ended before those who wait for it give up."""
_HANGING_SECONDS = 30
"""How long a COPY whose client sends nothing may hold a lock for which others wait."""
_POOL = 10

_CHANNEL = "conversions_events"

# Advisory locks are numbers; these begin with the letters of "CONV".
_TURN, _LOG, _SCHEMA = (0x434F4E56 << 8 | number for number in (1, 2, 3))

_SETTINGS = f"""
SELECT set_config('lock_timeout', '{_LOCK_SECONDS}s', false),
       set_config('idle_in_transaction_session_timeout', '{_IDLE_SECONDS}s', false),
       set_config('idle_session_timeout', '0', false),
       set_config('statement_timeout', '0', false),
       set_config('TimeZone', 'UTC', false),
       set_config('jit', 'off', false),
       set_config('synchronous_commit',
                  CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
                  ELSE current_setting('synchronous_commit') END, false),
       current_setting('server_version_num')::int, current_setting('server_encoding')
"""

# MATERIALIZED: the server decides which backends hang before it ends the first one.
_END_HANGING = """
WITH hanging AS MATERIALIZED (
    SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint << 32 | objid::bigint) = ANY(%s)
    AND state = 'active' AND wait_event = 'ClientRead' AND query_start < now() - make_interval(secs => %s)
)
SELECT pid FROM hanging WHERE pg_terminate_backend(pid)
"""

_LOST = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.DatabaseDropped,
    errors.IdleSessionTimeout,
    errors.IdleInTransactionSessionTimeout,
    errors.ReadOnlySqlTransaction,
)
_FASTER = (psycopg.IntegrityError, errors.DeadlockDetected, errors.SerializationFailure)

_COPIED = {BigInteger: "int8", Integer: "int4"}


class PostgreSQL(Dialect):
    """A ledger on a server. Many transactions write at once; they append to the log one after the other."""

    one_writer = False
    poll_seconds = 0.5

    def __init__(self, url: URL) -> None:
        if url.get_driver_name() not in {"psycopg", "psycopg2"}:
            raise UnusableDatabase(
                f"no support for the driver {url.get_driver_name()}; use postgresql+psycopg://"
            )
        self._url = url.set(drivername="postgresql+psycopg")
        self._arguments: dict[str, Any] = {
            "connect_timeout": _CONNECT_SECONDS,
            "application_name": "conversions",
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 1000 * _LOCK_SECONDS,
        }
        # Arguments in the URL override these.
        self._arguments = {name: value for name, value in self._arguments.items() if name not in url.query}
        self.engine = create_engine(
            self._url,
            pool_pre_ping=True,
            pool_size=_POOL,
            isolation_level="READ COMMITTED",
            connect_args=self._arguments,
        )
        event.listen(self.engine, "connect", _set_up)

    @property
    def compiler(self) -> Compiler:
        return self.engine.dialect

    def connect(self, purpose: Purpose) -> Connection:
        connection = self.engine.connect()
        if purpose == "reading":
            return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        # A projecting transaction waits for the disk too: otherwise a report could go back when the server restarts.
        return connection

    def is_broken(self, connection: Connection) -> bool:
        if connection.invalidated:
            return True
        return bool(connection.connection.dbapi_connection.closed)  # type: ignore[union-attr]

    @contextmanager
    def failures(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.Error, sqlalchemy_errors.DBAPIError) as error:
            raise _translate(error) from error

    def keys(self, parameter: str, **columns: type | TypeEngine[Any]) -> FromClause:
        rows = func.json_array_elements(cast(bindparam(parameter), JSON)).table_valued(column("value", JSON))
        types: dict[Any, Any] = {int: BigInteger, str: Text}
        values = (
            cast(rows.c.value.op("->>")(literal_column(str(place))), types.get(kind, kind)).label(name)
            for place, (name, kind) in enumerate(columns.items())
        )
        return select(*values).subquery()

    def filling(self, table: Table, on_conflict: OnConflict = "refuse") -> Fill:
        if on_conflict == "refuse":
            return _copy_into(table)
        rows = self.keys("rows", **{each.name: each.type for each in table.columns})
        statement = insert(table).from_select([each.name for each in table.columns], select(*rows.columns))
        prepared = Prepared(resolve_conflicts(statement, table, on_conflict), self.compiler)

        def fill(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
            if rows:
                prepared.run(connection, rows=as_keys(rows))

        return fill

    def take_turn(self, connection: Connection, *, alone: bool) -> None:
        shared = "" if alone else "_shared"
        cursor(connection).execute(f"SELECT pg_advisory_xact_lock{shared}({_TURN})")

    def lock_log(self, connection: Connection) -> None:
        cursor(connection).execute(f"SELECT pg_advisory_xact_lock({_LOG})")

    def unblock(self) -> None:
        # No timeout of the server ends a backend that waits for the rest of a COPY.
        with self.failures(), self.engine.connect() as connection, connection.begin():
            hanging = cursor(connection).execute(_END_HANGING, ([_TURN, _LOG], _HANGING_SECONDS))
            for (process,) in hanging.fetchall():
                log.warning("writer.ended", process=process, reason=f"hung for {_HANGING_SECONDS} s")

    def lock_schema(self, connection: Connection) -> None:
        cursor(connection).execute(f"SELECT pg_advisory_xact_lock({_SCHEMA})")

    def tidy(self, connection: Connection) -> None:
        """Do nothing: the server maintains itself."""

    def announce(self, connection: Connection) -> None:
        cursor(connection).execute(f"NOTIFY {_CHANNEL}")

    @contextmanager
    def listen(self) -> Iterator[Callable[[float], None]]:
        # Not from the pool: nobody else can use a connection that listens.
        positional, named = self.engine.dialect.create_connect_args(self._url)
        with self.failures(), closing(psycopg.connect(*positional, **{**self._arguments, **named})) as driver:
            _set_up(driver, None)
            driver.autocommit = True
            driver.execute(f"LISTEN {_CHANNEL}")

            def wait(seconds: float) -> None:
                with self.failures():
                    for _ in driver.notifies(timeout=seconds, stop_after=1):
                        return

            yield wait


def _set_up(connection: Any, _record: object) -> None:  # noqa: ANN401
    connection.autocommit = True
    row = connection.execute(_SETTINGS).fetchone()
    connection.autocommit = False
    version, encoding = row[-2:]
    if version < _OLDEST:
        raise UnusableDatabase(f"PostgreSQL 15 or later is needed; this server is {version // 10_000}")
    if encoding != "UTF8":
        raise UnusableDatabase(f"the database's encoding is {encoding}; make one with ENCODING 'UTF8'")


def _copy_into(table: Table) -> Fill:
    names = ", ".join(f'"{each.name}"' for each in table.columns)
    statement = f'COPY "{table.name}" ({names}) FROM STDIN (FORMAT BINARY)'
    types = [_copy_type(each) for each in table.columns]

    def fill(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            with cursor(connection).copy(statement) as copy:
                copy.set_types(types)
                write = copy.write_row
                for row in rows:
                    write(row)

    return fill


def _copy_type(each: Column[Any]) -> str:
    """The name of a column's type in a binary COPY."""
    for kind, name in _COPIED.items():
        if type(each.type) is kind:
            return name
    return "bytea" if each.type.python_type is bytes else "text"


def _translate(error: Exception) -> PersistenceError:
    reason = getattr(error, "orig", None) or error
    # Only the first line: the details name ids of users.
    message = next(iter(str(reason).splitlines()), type(reason).__name__)
    if isinstance(reason, _FASTER):
        return IntegrityError(message)
    if isinstance(reason, errors.DiskFull):
        return DiskFull(message)
    if isinstance(reason, errors.LockNotAvailable):
        return Busy(message)
    if isinstance(reason, _LOST) or (isinstance(reason, psycopg.OperationalError) and not reason.sqlstate):
        return ConnectionLost(message)
    if isinstance(reason, psycopg.OperationalError | psycopg.InternalError):
        lost = str(reason.sqlstate or "08").startswith("08")
        return ConnectionLost(message) if lost else OperationalError(message)
    return ProgrammingError(message)
