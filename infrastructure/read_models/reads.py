"""The two ways in which questions meet read models: the terminal brings them up to date, HTTP waits for them."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from application.ledger import Ledger
from application.queries.frozen import read_position, refuse_beyond_log
from application.queries.reads import Histories, ReadModels, StoredEvent
from domain.campaigns.campaign import stream_id
from infrastructure.database import Database
from infrastructure.database.schema import events
from infrastructure.event_store.codec import decode
from infrastructure.event_store.reading import checked, select_rows, up_to
from infrastructure.journeys.reading import read_journey
from projections.engine import generations
from projections.engine.projection import Definitions, Log, Projection, ProjectionStopped

_TRIES = 5

_PATIENCE_SECONDS = 0.25
"""How long a question waits for read models that it can do without: usually they are behind for milliseconds."""


@dataclass(frozen=True)
class Sources:
    """What both ways of reading are made of."""

    database: Database
    ledger: Ledger
    definitions: Definitions
    log: Log
    clock: Callable[[], datetime]


class _Reads:
    """The part of `Reads` that is the same for both."""

    def __init__(self, sources: Sources) -> None:
        self.ledger = sources.ledger
        self.definitions = sources.definitions
        self.log = sources.log
        self.now = sources.clock
        self.histories: Histories = StoredHistories()
        self._database = sources.database

    def recorded(self) -> AbstractContextManager[Connection]:
        """A read transaction over everything recorded; read models may be behind in it."""
        return self._database.reading()

    def beside(self, models: Connection) -> AbstractContextManager[Connection]:
        """The same transaction: what is recorded and the read models are in one database."""
        return nullcontext(models)


class CatchingUp(_Reads):
    """Reads that bring read models up to date first, in this process."""

    def __init__(self, sources: Sources, catch_up: Callable[..., None]) -> None:
        """`catch_up` takes projections, and raises ProjectionStopped."""
        super().__init__(sources)
        self._catch_up = catch_up

    @contextmanager
    def up_to_date(
        self, *projections: Projection, beside: Sequence[Projection] = (), with_rows: bool = False
    ) -> Iterator[ReadModels]:
        """Read models at one position, those `beside` too; raises ProjectionStopped.

        While others write, one read model may be ahead of another: all are then brought up to date again. After five
        tries they are read as they are, and the position is the smallest one: all of them hold every event up to it.
        """
        projections = (*projections, *beside)
        for left in reversed(range(_TRIES)):
            self._catch_up(*projections)
            with self.recorded() as connection:
                positions = {generations.current(connection, each).position for each in projections}
                if len(positions) == 1 or not left:
                    yield ReadModels(connection, min(positions))
                    return


class Behind(Exception):
    """Read models do not hold what was asked for yet: ask again soon."""

    def __init__(self, missing: int) -> None:
        super().__init__(missing)
        self.missing = missing
        """Events that the read model which is furthest behind lacks."""


class Waiting(_Reads):
    """Reads of one request, for read models that another process keeps up to date.

    `up_to_date` raises Behind where they are not there yet. The caller pauses and asks the whole question again, so
    that no thread is held while it waits. The wanted position is fixed by the first try.
    """

    def __init__(self, sources: Sources, wait_for: str | None = None) -> None:
        """Wait for the newest event, or for the position in `wait_for` as an answer gave it."""
        super().__init__(sources)
        self._wait_for = wait_for
        self._wanted: int | None = None
        self._patient_until = time.monotonic() + _PATIENCE_SECONDS
        self._open: Connection | None = None

    def recorded(self) -> AbstractContextManager[Connection]:
        """A read transaction over everything recorded: the one of the block, within `in_one_transaction`."""
        return super().recorded() if self._open is None else nullcontext(self._open)

    @contextmanager
    def in_one_transaction(self) -> Iterator[None]:
        """Answer all questions of the block from one view of the ledger."""
        with self._database.reading() as connection:
            self._open = connection
            try:
                yield
            finally:
                self._open = None

    @contextmanager
    def up_to_date(
        self, *projections: Projection, beside: Sequence[Projection] = (), with_rows: bool = False
    ) -> Iterator[ReadModels]:
        """Read models at one position; raises Behind, ProjectionStopped, and BadQuestion for a bad `wait_for`."""
        with self.recorded() as connection:
            if self._wanted is None:
                newest = self.log.last_position(connection)
                self._wanted = newest if self._wait_for is None else _position(self._wait_for, newest)
            yield self._at_one_position(connection, projections, beside, self._wanted)

    def _at_one_position(
        self, connection: Connection, needed: Sequence[Projection], beside: Sequence[Projection], wanted: int
    ) -> ReadModels:
        try:
            return ReadModels(connection, _common_position(connection, (*needed, *beside), wanted))
        except Behind:
            if not beside or time.monotonic() < self._patient_until:
                raise
        except ProjectionStopped:
            if not beside:
                raise
        return ReadModels(connection, _common_position(connection, needed, wanted))


def _position(wait_for: str, newest: int) -> int:
    position = read_position(wait_for, "wait_for")
    refuse_beyond_log(position, newest, "wait_for")
    return position


def _common_position(connection: Connection, projections: Sequence[Projection], wanted: int) -> int:
    """The position of all the read models; raises Behind where one is before it, or before the wanted one."""
    positions = []
    found = generations.find_currents(connection, projections)
    for projection, generation in found.items():
        if generation is None:
            positions.append(0)
            continue
        generations.refuse_other_code(projection, generation)
        positions.append(generation.position)
    newest = max(wanted, *positions)
    for projection, generation in found.items():
        if generation is not None and generation.position < newest and generation.problem:
            raise ProjectionStopped(projection.name, generation.position + 1, generation.problem)
    missing = newest - min(positions)
    if missing:
        raise Behind(missing)
    return positions[0]


class StoredHistories:
    """The events of one user or campaign: the port of the queries."""

    def __init__(self, last: int | None = None) -> None:
        """Up to and including a position, if one is given."""
        self._last = last

    def of_user(
        self, connection: Connection, app_group: str, user_id: str, after: int, limit: int
    ) -> list[StoredEvent]:
        """The events of a user's journey after a version, in order; none for an unknown user."""
        return [
            StoredEvent(*each[:5], actor=each.actor, free_text=each.free_text)
            for each in read_journey(connection, app_group, user_id, after, limit, self._last)
        ]

    def of_campaign(
        self, connection: Connection, app_group: str, campaign_id: str, after: int, limit: int
    ) -> list[StoredEvent]:
        """The events of a campaign after a version, in order; none for an unknown campaign. Raises UnreadableLog."""
        at = events.c
        wanted = (
            at.originator_id == stream_id(app_group, campaign_id),
            at.originator_version > after,
            up_to(self._last),
        )
        rows = select_rows(*wanted).order_by(None).order_by(at.originator_version).limit(limit)
        return [
            StoredEvent(
                row.position,
                row.originator_version,
                row.recorded_at,
                row.topic,
                decode(row.topic, row.state),
                row.actor,
            )
            for row in checked(connection.execute(rows))
        ]
