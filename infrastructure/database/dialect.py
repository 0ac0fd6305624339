"""What the ledger needs from a database beyond SQL that both kinds understand."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

from sqlalchemy import URL, Connection, Engine, Table
from sqlalchemy.engine import Dialect as Compiler
from sqlalchemy.sql import FromClause
from sqlalchemy.types import TypeEngine

Purpose = Literal["reading", "writing", "projecting"]
"""What a transaction is for. A projecting one writes what can be made again after a power cut, so it need not wait for
the disk."""

OnConflict = Literal["refuse", "ignore", "replace"]
"""What happens to a row whose key exists: an IntegrityError, nothing, or it replaces the existing row."""

Fill = Callable[[Connection, Sequence[tuple[Any, ...]]], None]
"""Inserts rows, whole and in the order of the table's columns."""


class UnusableDatabase(Exception):
    """The ledger cannot work with a database of this URL."""


class Dialect(Protocol):
    """One kind of database; its constructor raises UnusableDatabase."""

    engine: Engine
    one_writer: bool
    """Whether a write transaction excludes all others from its start; the locks below then do nothing."""
    poll_seconds: float
    """How often to look for new events, in seconds."""

    def __init__(self, url: URL) -> None: ...

    @property
    def compiler(self) -> Compiler:
        """SQLAlchemy's dialect, for which statements are compiled."""

    def connect(self, purpose: Purpose) -> Connection:
        """A connection from the pool, set up for a transaction of that purpose."""

    def is_broken(self, connection: Connection) -> bool:
        """Whether the connection cannot be used again."""

    def failures(self) -> AbstractContextManager[None]:
        """Turn the driver's errors into those of failures.py."""

    def keys(self, parameter: str, **columns: type | TypeEngine[Any]) -> FromClause:
        """Many keys as a table with columns of these types; the parameter is one JSON array of arrays."""

    def filling(self, table: Table, on_conflict: OnConflict = "refuse") -> Fill:
        """The function that inserts rows into the table, thousands at a time."""

    def take_turn(self, connection: Connection, *, alone: bool) -> None:
        """Take the first lock of a write transaction: shared with other writers, or `alone`, without any."""

    def lock_log(self, connection: Connection) -> None:
        """Lock the log for appending until the transaction ends. It is the last lock that a transaction takes."""

    def unblock(self) -> None:
        """End a writer that hangs while it holds a lock for which others wait."""

    def lock_schema(self, connection: Connection) -> None:
        """Lock the schema for migrations until the transaction ends."""

    def tidy(self, connection: Connection) -> None:
        """Do maintenance after a transaction has committed, before the next begins."""

    def announce(self, connection: Connection) -> None:
        """Notify listeners of new events once the transaction commits."""

    def listen(self) -> AbstractContextManager[Callable[[float], None]]:
        """Listen for notifications: gives a function that waits for some seconds, or until a notification comes."""
