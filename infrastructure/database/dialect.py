"""What the ledger asks of a database beyond SQL that all understand."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

from sqlalchemy import URL, Connection, Engine, Table
from sqlalchemy.engine import Dialect as Compiler
from sqlalchemy.sql import FromClause
from sqlalchemy.types import TypeEngine

Purpose = Literal["reading", "writing", "projecting"]
"""What a transaction is for. One that projects writes what would be written again after a power cut: it need not wait
for the disk."""

OnConflict = Literal["refuse", "ignore", "replace"]
"""What becomes of a row whose key is taken: an IntegrityError, nothing, or the new row in its place."""

Fill = Callable[[Connection, Sequence[tuple[Any, ...]]], None]
"""Puts rows, whole and in the order of the table's columns, into a table."""


class UnusableDatabase(Exception):
    """A database URL that the ledger cannot work with."""


class Dialect(Protocol):
    """One kind of database; made from its URL, raises UnusableDatabase."""

    engine: Engine
    one_writer: bool
    """Whether a write transaction keeps all others out from its start; then the locks below have nothing to do."""
    poll_seconds: float
    """How often to look for new events."""

    def __init__(self, url: URL) -> None: ...

    @property
    def compiler(self) -> Compiler:
        """What statements are compiled for."""

    def connect(self, purpose: Purpose) -> Connection:
        """A connection from the pool, set up for a transaction of that purpose."""

    def is_broken(self, connection: Connection) -> bool:
        """Whether the connection cannot be used again."""

    def failures(self) -> AbstractContextManager[None]:
        """Raises the driver's errors under the names of failures.py."""

    def keys(self, parameter: str, **columns: type | TypeEngine[Any]) -> FromClause:
        """Many keys in one parameter, a JSON array of arrays, as a table of its own with columns of these types."""

    def filling(self, table: Table, on_conflict: OnConflict = "refuse") -> Fill:
        """What fills the table with rows, thousands at a time."""

    def take_turn(self, connection: Connection, *, alone: bool) -> None:
        """Write beside others who do, or, `alone`, once they have finished and before they begin again."""

    def lock_log(self, connection: Connection) -> None:
        """Let no one else append to the log until the transaction ends: the last lock that a transaction takes."""

    def unblock(self) -> None:
        """End a writer that hangs while others wait for it, if there is one."""

    def lock_schema(self, connection: Connection) -> None:
        """Let no one else migrate until the transaction ends."""

    def tidy(self, connection: Connection) -> None:
        """Do what keeps the database in good order, after a transaction has committed and before the next begins."""

    def announce(self, connection: Connection) -> None:
        """Hint to whoever listens that events were recorded, once they are committed."""

    def listen(self) -> AbstractContextManager[Callable[[float], None]]:
        """Listen for such hints: gives a function that waits so many seconds, less when a hint comes."""
