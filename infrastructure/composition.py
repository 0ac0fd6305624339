"""The composition root: everything wired together over one database. Only entry points import it."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Self

from application.ledger import Ledger
from domain.instants import microseconds
from infrastructure.database import Database
from infrastructure.event_store.library import LedgerFactory, LedgerMapper
from infrastructure.event_store.log import EventLog
from infrastructure.event_store.recorder import Recorder
from infrastructure.journeys.store import JourneyStore
from infrastructure.journeys.writer import LedgerWriter
from infrastructure.migrations import check, migrate
from infrastructure.read_models.definitions import StoredDefinitions
from infrastructure.read_models.frozen import FoldedCampaigns, Frozen
from infrastructure.read_models.reads import CatchingUp, Sources, Waiting
from infrastructure.read_models.tables import ReadModelTables
from projections.engine.projector import Projector
from projections.registry import PROJECTIONS

if TYPE_CHECKING:
    from application.commands.campaigns import Campaigns
    from application.commands.experiments import Experiments
    from application.commands.intake import Intake
    from application.queries.assignments import Assignments
    from application.queries.explanation import Explanations
    from application.queries.frozen import At
    from infrastructure.inbound.earlier_version import Earlier
    from infrastructure.inbound.importing import Import, Rejected


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
        # The read side: read models.
        self.folded = FoldedCampaigns()
        self.projector = Projector(
            self.database,
            self.log,
            self.definitions,
            ReadModelTables(self.database.dialect, self.definitions),
            PROJECTIONS,
            lambda: microseconds(now()),
        )

    # What follows is loaded when it is first used: a command line that only reads a report needs none of it.

    @cached_property
    def campaigns(self) -> "Campaigns":
        """Commands about app groups and campaigns."""
        from application.commands.campaigns import Campaigns  # noqa: PLC0415

        return Campaigns(self.writer)

    @cached_property
    def experiments(self) -> "Experiments":
        """Commands about experiments."""
        from application.commands.experiments import Experiments  # noqa: PLC0415

        return Experiments(self.writer)

    @cached_property
    def intake(self) -> "Intake":
        """Takes facts."""
        from application.commands.intake import Intake  # noqa: PLC0415

        return Intake(self.writer, self.now)

    @cached_property
    def earlier(self) -> "Earlier":
        """Knows what earlier versions recorded."""
        from infrastructure.inbound.earlier_version import Earlier  # noqa: PLC0415

        return Earlier(self.database, self.ledger)

    @cached_property
    def explanations(self) -> "Explanations":
        """Explains a user's conversions."""
        from application.queries.explanation import Explanations  # noqa: PLC0415
        from infrastructure.journeys.reading import Streams  # noqa: PLC0415

        return Explanations(self.ledger, Streams(self.database))

    @cached_property
    def assignments(self) -> "Assignments":
        """Says which variants users get."""
        from application.queries.assignments import Assignments  # noqa: PLC0415
        from infrastructure.journeys.reading import IndexedReceipts  # noqa: PLC0415

        return Assignments(self.ledger, IndexedReceipts(self.database))

    def start_import(self, app_group: str, reject: "Callable[[Rejected], None]") -> "Import":
        """Make an import into an app group, which calls `reject` with each fact that is refused."""
        from infrastructure.inbound.importing import Import  # noqa: PLC0415

        return Import(self.intake, self.earlier, self.projector, app_group, reject)

    def reads_caught_up(self, catch_up: Callable[..., None] | None = None) -> CatchingUp:
        """Reads for the terminal: this process brings read models up to date first, by `catch_up` if it is given."""
        return CatchingUp(self._sources(), catch_up or self.projector.catch_up)

    def reads_waiting(self, wait_for: str | None = None) -> Waiting:
        """Reads for HTTP: they wait until the projector has reached a position, by default the newest."""
        return Waiting(self._sources(), wait_for)

    def reads_at(self, at: "At", campaign: tuple[str, str] | None, *, folds: bool = True) -> Frozen:
        """Reads about a campaign, of an app group, as it was at a position; raises BadQuestion for a bad one."""
        return Frozen(self._sources(), self.folded, at, campaign, folds=folds)

    def _sources(self) -> Sources:
        return Sources(self.database, self.ledger, self.definitions, self.log, self.now)

    def close(self) -> None:
        """Wait for what is being recorded, and close the database."""
        self.writer.close()
        self.folded.close()
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
