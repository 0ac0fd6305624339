"""The composition root: everything wired together over one database. Only entry points import it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self

from application.commands.campaigns import Campaigns
from application.commands.experiments import Experiments
from application.commands.intake import Intake
from application.ledger import Ledger
from application.queries.assignments import Assignments
from application.queries.explanation import Explanations
from domain.instants import microseconds
from infrastructure.database import Database
from infrastructure.event_store.library import LedgerFactory, LedgerMapper
from infrastructure.event_store.log import EventLog
from infrastructure.event_store.recorder import Recorder
from infrastructure.inbound.earlier import Earlier
from infrastructure.inbound.importing import Import, Rejected
from infrastructure.journeys.reading import IndexedReceipts, Streams
from infrastructure.journeys.store import JourneyStore
from infrastructure.journeys.writer import LedgerWriter
from infrastructure.migrations import check, migrate
from infrastructure.read_models.definitions import StoredDefinitions
from infrastructure.read_models.reads import CatchingUp, Sources, Waiting
from infrastructure.read_models.tables import ReadModelTables
from projections.engine.projector import Projector
from projections.registry import PROJECTIONS


class Service:
    """The ledger of one database: commands in, read models out."""

    def __init__(
        self,
        database_url: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        migrating: bool = True,
    ) -> None:
        """Open a database; raises NewerSchema, and OlderSchema if it may not be migrated."""
        self.now = now
        self.database = Database(database_url)
        (migrate if migrating else check)(self.database)
        # The log and what is read from it.
        self.recorder = Recorder(self.database)
        self.ledger = Ledger(LedgerFactory(self.recorder), LedgerMapper())
        self.log = EventLog(self.database)
        self.definitions = StoredDefinitions(self.ledger)
        # The write side: commands.
        self.journeys = JourneyStore(self.database.dialect)
        self.writer = LedgerWriter(self.database, self.recorder, self.journeys)
        self.campaigns = Campaigns(self.writer)
        self.experiments = Experiments(self.writer)
        self.intake = Intake(self.writer, now)
        self.earlier = Earlier(self.database, self.ledger)
        # The read side: questions and read models.
        self.explanations = Explanations(self.ledger, Streams(self.database))
        self.assignments = Assignments(self.ledger, IndexedReceipts(self.database))
        self.projector = Projector(
            self.database,
            self.log,
            self.definitions,
            ReadModelTables(self.database.dialect, self.definitions),
            PROJECTIONS,
            lambda: microseconds(now()),
        )

    def start_import(self, app_group: str, reject: Callable[[Rejected], None]) -> Import:
        """Make an import into an app group, which calls `reject` with each fact that is refused."""
        return Import(self.intake, self.earlier, self.projector, app_group, reject)

    def reads_caught_up(self, catch_up: Callable[..., None] | None = None) -> CatchingUp:
        """Reads for the terminal: this process brings read models up to date first, by `catch_up` if it is given."""
        return CatchingUp(self._sources(), catch_up or self.projector.catch_up)

    def reads_waiting(self, wait_for: str | None = None) -> Waiting:
        """Reads for HTTP: they wait until the projector has reached a position, by default the newest."""
        return Waiting(self._sources(), wait_for)

    def _sources(self) -> Sources:
        return Sources(self.database, self.ledger, self.definitions, self.log, self.now)

    def close(self) -> None:
        """Wait for what is being recorded, and close the database."""
        self.writer.close()
        self.ledger.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_for_reading(database_url: str) -> tuple[Database, Ledger]:
    """Open a database and its ledger to be read in a process of its own; raises NewerSchema and OlderSchema."""
    service = Service(database_url, migrating=False)
    return service.database, service.ledger
