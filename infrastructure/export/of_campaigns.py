"""The rows of a read model, campaign by campaign, from the generation that is read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from application.ledger import Ledger
from infrastructure.export.manifest import Column, Cut, Key, ReadModel, Row
from projections.engine.generations import Generation, current
from projections.engine.projection import Definitions, Projection
from projections.engine.projector import Progress, Projector
from projections.engine.tables import stream


class Campaign(NamedTuple):
    """A campaign's rows in the tables of a generation."""

    connection: Connection
    tables: Generation
    known: Definitions
    app_group: str
    campaign_id: str

    @property
    def stream_id(self) -> str:
        """The stream, which the keys of its rows begin with."""
        return stream(self.app_group, self.campaign_id)


Reads = Callable[[Campaign, Sequence[str] | None], Iterator[Row]]
"""Reads all rows of a campaign, or those after a key, whose first part is the campaign."""


@dataclass(frozen=True)
class Rows:
    """The rows of a read model, and the key that sorts them within a campaign."""

    projection: Projection
    columns: Sequence[Column]
    key: Callable[[Row], Key]
    read: Reads


class OfCampaigns:
    """The source of an export of a campaign's rows, or of all campaigns of an app group."""

    def __init__(
        self, ledger: Ledger, projector: Projector, rows: Rows, app_group: str, campaign_id: str | None
    ) -> None:
        """Raises UnknownCampaign."""
        self._ledger = ledger
        self._projector = projector
        self._of = rows
        self._app_group = app_group
        self._campaign_id = campaign_id
        self.columns, self.key = rows.columns, rows.key
        if campaign_id is not None:
            ledger.existing_campaign(app_group, campaign_id)

    def prepare(self, progress: Progress) -> None:
        self._projector.catch_up(self._of.projection, progress=progress)

    def cut(self, connection: Connection) -> Cut:
        """The generation and its position in this transaction; raises ProjectionStopped."""
        found = current(connection, self._of.projection)
        return Cut(found.position, ReadModel(found.name, found.version, found.generation))

    def can_continue(self, earlier: Cut, now: Cut) -> bool:
        """Whether the read model is unchanged: rows of two cuts do not fit together."""
        return earlier == now

    def rows(self, connection: Connection, cut: Cut, after: Key | None) -> Iterator[Row]:
        """The rows of one campaign after the other, in the order of their ids."""
        tables, known = current(connection, self._of.projection), self._projector.definitions
        begin = list(after) if after is not None else None
        for campaign_id in self._campaigns():
            if begin is not None and campaign_id < begin[0]:
                continue
            campaign = Campaign(connection, tables, known, self._app_group, campaign_id)
            yield from self._of.read(campaign, begin)
            begin = None

    def _campaigns(self) -> list[str]:
        if self._campaign_id is not None:
            return [self._campaign_id]
        # A campaign that was added after the cut has no rows.
        return sorted(self._ledger.existing_app_group(self._app_group).campaigns)

    def done(self, key: Key, cut: Cut, rows: int) -> tuple[int, int | None]:
        return rows, None
