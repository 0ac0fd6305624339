"""A projection is a value: a name and version, the tables it owns, and a function per event it reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text
from sqlalchemy.engine import Connection

metadata = MetaData()

Id = Text().with_variant(Text(collation="C"), "postgresql")

checkpoints = Table(
    "projections",
    metadata,
    Column("name", Id, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("moved_at", BigInteger),
    Column("problem", Text),
)
"""Where each projection stands; `moved_at` in microseconds since 1970, `problem` why it stopped, if it did."""


class Logged(NamedTuple):
    """An event as the log holds it; `recorded_at` in microseconds since 1970."""

    position: int
    app_group: str
    stream_id: str
    topic: str
    recorded_at: int
    event: Any


@dataclass(frozen=True)
class Projection:
    """Handlers take a fold and an event; `write` puts what a batch folded into the tables, in one transaction.

    `fold` makes an empty fold over the transaction's connection. Handlers by event class; topics are the composition
    root's business.
    """

    name: str
    version: int
    tables: tuple[Table, ...]
    fold: Callable[[Connection], Any]
    handlers: Mapping[type[Any], Callable[[Any, Logged], None]]
    write: Callable[[Any], None]
