"""What can be exported, and what an export asks of the source of its rows."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from sqlalchemy import Connection

from application.ledger import Ledger
from infrastructure.database import Database
from infrastructure.export import conversions, lines, recipients, revenue, series
from infrastructure.export.columns import Column, Row
from infrastructure.export.events import Events
from infrastructure.export.manifest import Asked, BadExport, Cut, Key
from infrastructure.export.of_campaigns import OfCampaigns
from projections.engine.projector import Progress, Projector

WHAT = ("conversions", "revenue", "lines", "recipients", "series", "events")

_ROWS = {
    "conversions": conversions.ROWS,
    "revenue": revenue.ROWS,
    "lines": lines.ROWS,
    "recipients": recipients.ROWS,
    "series": series.ROWS,
}


class Source(Protocol):
    """Where the rows of an export come from, in the order of their keys."""

    @property
    def columns(self) -> Sequence[Column]:
        """The columns of a row."""

    @property
    def key(self) -> Callable[[Row], Key]:
        """The key of a row."""

    def prepare(self, progress: Progress) -> None:
        """Bring what is read up to date."""

    def cut(self, connection: Connection) -> Cut:
        """What is read in this transaction."""

    def goes_on(self, stood: Cut, now: Cut) -> bool:
        """Whether rows of the cut `now` can follow those of another; raises BadExport where it cannot be said."""

    def rows(self, connection: Connection, cut: Cut, after: Key | None) -> Iterator[Row]:
        """The rows after a key, read page by page; raises UnreadableLog."""

    def done(self, key: Key, cut: Cut, rows: int) -> tuple[int, int | None]:
        """How far an export is, of how much, where that is known."""


def open_source(database: Database, ledger: Ledger, projector: Projector, asked: Asked) -> Source:
    """The source of what is asked for; raises UnknownCampaign, BadExport."""
    if asked.what == "events":
        if asked.campaign_id is not None:
            raise BadExport("an export of events holds those of all campaigns; leave out --campaign")
        return Events(database, asked.app_group)
    return OfCampaigns(ledger, projector, _ROWS[asked.what], asked.app_group, asked.campaign_id)
