"""A projection is a value: a name and version, the tables it owns, and a function for each event it reads.

Events are folded in memory: a handler gets a fold and an event, and nothing that it could have an effect on. What a
batch has folded is then written to the tables of one generation, in the transaction that moves the checkpoint.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Row, Select, Table
from sqlalchemy.engine import Connection

from domain.campaigns.definition import Definition
from domain.facts import Fact


class Logged(msgspec.Struct, frozen=True, gc=False):
    """An event as the log holds it; `recorded_at` in microseconds since 1970."""

    position: int
    app_group: str
    stream_id: str
    topic: str
    recorded_at: int
    event: Any


class Tally(Counter[tuple[str, str]]):
    """How many events the log holds, by name of event and mark, counted by the database: rebuilds are checked by it.

    Marks tell apart what one event says of two things: `campaign` where a recipient is counted for the campaign and not
    for a variant; `received` or `purchase` where such a fact was disregarded; `with lines` where an order has some.
    """

    def of(self, event: type[Any], mark: str = "") -> int:
        """How many events of the class with the mark there are."""
        return self[event.__name__, mark]


class Definitions(Protocol):
    """Time zones and definitions of campaigns. They never change once facts refer to them."""

    def zone(self, app_group: str) -> ZoneInfo:
        """The time zone of an app group, fixed when it was made (R20)."""

    def definition(self, app_group: str, campaign_id: str) -> Definition:
        """The variants and conversion events of a campaign with receipts: fixed since its launch (R4)."""


class Fold:
    """What a batch of events changes, in memory. It can be sent to another process, which has its own definitions."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "definitions"}


Rows = Sequence[tuple[Any, ...]]


class Tables(Protocol):
    """The tables of one generation of a projection."""

    def __getitem__(self, table: Table) -> Table:
        """The generation's own table, for the one that the projection declares."""


class WritableTables(Tables, Protocol):
    """The tables of one generation, to be written in a transaction."""

    @property
    def connection(self) -> Connection:
        """The transaction."""

    @property
    def definitions(self) -> Definitions:
        """Time zones and definitions of campaigns."""

    def find(self, table: Table, keys: Iterable[tuple[Any, ...]], *, by: int | None = None) -> list[Row[Any]]:
        """The rows whose first `by` columns, by default the primary key, are one of the keys."""

    def put(self, table: Table, rows: Rows) -> None:
        """Put rows, whole and in the order of the columns, in the place of those with the same key."""

    def remove(self, table: Table, keys: Iterable[tuple[Any, ...]]) -> None:
        """Remove the rows of these primary keys."""


@dataclass(frozen=True, eq=False)
class Projection:
    """Handlers, by event class, take a fold and an event; `write` puts what was folded into a generation's tables.

    `expected` says what a tally of the log lets one expect of the tables, `held` what they hold, by the same names: how
    a rebuild is verified. `views` are what others read, by name: a table without one is shown whole. `former` names
    tables of earlier versions: their views go when this version is switched in, they themselves with their generation.
    """

    name: str
    version: int
    tables: tuple[Table, ...]
    fold: Callable[[Definitions], Any]
    handlers: Mapping[type[Any], Callable[[Any, Logged], None]]
    write: Callable[[Any, WritableTables], None]
    expected: Callable[[Tally], dict[str, int]]
    held: Callable[[Connection, Tables], dict[str, int]]
    views: Mapping[str, Callable[[Tables], Select[Any]]] = field(default_factory=dict)
    former: tuple[str, ...] = ()


class Log(Protocol):
    """The event log as projections read it."""

    def last_position(self, connection: Connection) -> int:
        """The position of the last event, 0 when there is none."""

    def recorded_at(self, connection: Connection, position: int) -> int | None:
        """When the event at a position was recorded, in microseconds since 1970; None where there is none."""

    def tally(self, connection: Connection, after: int, last: int) -> Tally:
        """Count the events after one position, up to and including another; raises UnreadableLog if one is missing."""

    def between(
        self, connection: Connection, after: int, last: int, types: Iterable[type[Any]]
    ) -> Iterable[Logged]:
        """The events of these types after one position, up to and including another, in order; raises UnreadableLog."""

    def last_recorded_at_or_before(self, connection: Connection, instant: int) -> int:
        """The position of the last event recorded by an instant (microseconds since 1970), itself inside; else 0."""

    def of_campaign(
        self,
        connection: Connection,
        after: int,
        last: int,
        types: Iterable[type[Any]],
        app_group: str,
        campaign_id: str,
    ) -> Iterable[Logged]:
        """The events of these types that name a campaign, as `between` gives them; raises UnreadableLog."""

    def of_stream(self, connection: Connection, stream_id: str, last: int) -> Iterable[Logged]:
        """All events of a stream up to and including a position, in order; raises UnreadableLog."""

    def of_streams(
        self,
        connection: Connection,
        stream_ids: Sequence[str],
        after: int,
        last: int,
        types: Iterable[type[Any]],
        campaign_id: str | None = None,
    ) -> Iterable[Logged]:
        """The events of these types of several streams between two positions, each stream's in order.

        By choice only those that name a campaign. Raises UnreadableLog.
        """

    def cause(self, connection: Connection, decision: Logged) -> Fact:
        """The fact that led to a decision; itself, where it is a fact. Raises UnreadableLog."""


class UnreadableLog(Exception):
    """The log holds an event that cannot be read."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(position, reason)
        self.position = position
        self.reason = reason

    def __str__(self) -> str:
        return f"position {self.position}: {self.reason}"


class ProjectionStopped(Exception):
    """An event could not be applied: the projection stopped just before it."""

    def __init__(self, name: str, position: int, reason: str) -> None:
        super().__init__(name, position, reason)
        self.name = name
        self.position = position
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name} stopped before position {self.position}: {self.reason}"


class OtherCode(ProjectionStopped):
    """Another version made the generation that is read, or none was made yet: a rebuild is due."""

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"
