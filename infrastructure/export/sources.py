"""What can be exported, and the interface of the sources of rows."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from sqlalchemy import Connection

from application.ledger import Ledger
from infrastructure.database import Database
from infrastructure.export.events import Events
from infrastructure.export.manifest import BadExport, Column, Cut, ExportRequest, Key, Row
from infrastructure.export.of_campaigns import OfCampaigns
from infrastructure.export.read_model_rows import READ_MODEL_ROWS
from projections.engine.projector import Progress, Projector

WHAT = (*READ_MODEL_ROWS, "events")


class Source(Protocol):
    """Gives the rows of an export in the order of their keys."""

    @property
    def columns(self) -> Sequence[Column]:
        """The columns of a row."""

    @property
    def key(self) -> Callable[[Row], Key]:
        """The key of a row."""

    def prepare(self, progress: Progress) -> None:
        """Bring the read model up to date."""

    def cut(self, connection: Connection) -> Cut:
        """The state that this transaction reads."""

    def can_continue(self, earlier: Cut, now: Cut) -> bool:
        """Whether rows of the cut `now` can follow those of an earlier cut; raises BadExport if the log is another."""

    def rows(self, connection: Connection, cut: Cut, after: Key | None) -> Iterator[Row]:
        """The rows after a key, read page by page; raises UnreadableLog."""

    def done(self, key: Key, cut: Cut, rows: int) -> tuple[int, int | None]:
        """How much is exported, and of how much; None if that is unknown."""


def open_source(database: Database, ledger: Ledger, projector: Projector, request: ExportRequest) -> Source:
    """The source of what is to be exported; raises UnknownCampaign, BadExport."""
    if request.what == "events":
        if request.campaign_id is not None:
            raise BadExport("an export of events holds those of all campaigns; leave out --campaign")
        return Events(database, request.app_group)
    return OfCampaigns(
        ledger, projector, READ_MODEL_ROWS[request.what], request.app_group, request.campaign_id
    )
