"""The composition root: everything wired together over one database."""

import os
import pwd
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self

from application.commands.campaigns import Campaigns
from application.commands.experiments import Experiments
from application.commands.intake import Intake
from application.ledger import Ledger
from application.ports import Stamp
from application.queries.assignments import Assignments
from application.queries.explanation import Explanations
from domain.instants import microseconds
from infrastructure.database import Database
from infrastructure.event_store.library import LedgerFactory, LedgerMapper
from infrastructure.event_store.log import EventLog
from infrastructure.event_store.recorder import Recorder
from infrastructure.inbound.earlier import Earlier
from infrastructure.journeys.reading import IndexedReceipts, Streams
from infrastructure.journeys.store import JourneyStore
from infrastructure.journeys.writer import LedgerWriter
from infrastructure.migrations import check, migrate
from infrastructure.read_models.definitions import KnownFromStreams
from infrastructure.read_models.tables import Stores
from projections.app_groups import APP_GROUPS
from projections.campaign_report import CAMPAIGN_REPORT
from projections.conversions import CONVERSIONS
from projections.engine.projector import Projector
from projections.overlap import OVERLAP
from projections.recipients import RECIPIENTS
from projections.series import SERIES

PROJECTIONS = (APP_GROUPS, CAMPAIGN_REPORT, OVERLAP, CONVERSIONS, SERIES, RECIPIENTS)


REPORTS = (APP_GROUPS, CAMPAIGN_REPORT)
"""What an import brings up to date: the others are brought so when they are asked for, or by `conversions project`."""


class Service:
    """The ledger of one database: commands in, read models out."""

    def __init__(
        self,
        database_url: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        migrating: bool = True,
    ) -> None:
        """Open a database; raises NewerSchema, and OlderSchema where it is not to be migrated."""
        self.now = now
        self.database = Database(database_url)
        (migrate if migrating else check)(self.database)
        self.recorder = Recorder(self.database)
        self.journeys = JourneyStore(self.database.dialect)
        self.writer = LedgerWriter(self.database, self.recorder, self.journeys)
        self.ledger = Ledger(LedgerFactory(self.recorder), LedgerMapper())
        self.campaigns = Campaigns(self.writer)
        self.experiments = Experiments(self.writer)
        self.intake = Intake(self.writer, now)
        self.earlier = Earlier(self.database, self.ledger)
        self.explanations = Explanations(self.ledger, Streams(self.database))
        self.assignments = Assignments(self.ledger, IndexedReceipts(self.database))
        self.log = EventLog(self.database)
        self.projector = projector(self.database, self.ledger, self.log, lambda: microseconds(now()))

    def close(self) -> None:
        """Wait for what is being recorded, and close the database."""
        self.writer.close()
        self.ledger.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def projector(database: Database, ledger: Ledger, log: EventLog, clock: Callable[[], int]) -> Projector:
    """What keeps the read models; `clock` tells microseconds since 1970."""
    known = KnownFromStreams(ledger)
    stores = Stores(database.dialect, known)
    return Projector(database, log, known, stores, PROJECTIONS, clock)


def stamp() -> Stamp:
    """The stamp of a command given on this machine: a new id, and the operating system's user."""
    user = os.getuid()
    try:
        # Not getpass: it believes environment variables first.
        return Stamp(uuid.uuid4().hex, f"os:{pwd.getpwuid(user).pw_name}")
    except KeyError:
        return Stamp(uuid.uuid4().hex, f"os:uid-{user}")
