"""Folding a campaign's events up to a position, by the handlers of the read models themselves."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from sqlalchemy.engine import Connection

from domain.journey import decisions
from projections.campaign_report.campaigns import EVENTS
from projections.engine.projection import Log, Logged, Projection, WritableTables
from projections.engine.projector import TablesOf
from projections.engine.tables import stream
from projections.frozen import OF_BEHAVIOURS, OF_CAMPAIGN
from projections.frozen.tables import FrozenTables

BATCH = 20_000
"""Events that are folded at a time."""

_CONVERSIONS = (
    decisions.ConversionRecorded,
    decisions.ConversionRestated,
    decisions.ConversionWithdrawn,
)


@dataclass(frozen=True)
class Then:
    """A campaign at a position, in one read transaction over the log; `check` is called now and then, and may raise."""

    connection: Connection
    log: Log
    tables_of: TablesOf
    app_group: str
    campaign_id: str
    position: int
    check: Callable[[], object] = lambda: None

    def fold_campaign(self) -> FrozenTables:
        """The read models that follow from the campaign's own events and those of its users; raises UnreadableLog."""
        types = {event for each in OF_CAMPAIGN for event in each.handlers} - set(EVENTS)
        own = self.log.of_stream(self.connection, self._stream, self.position)
        others = self.log.of_campaign(
            self.connection, 0, self.position, types, self.app_group, self.campaign_id
        )
        return self._fold(OF_CAMPAIGN, chain(own, others))

    def fold_behaviours(self) -> FrozenTables:
        """The overlap with other campaigns; it holds this campaign's figures alone. Raises UnreadableLog."""
        of_campaign = self.log.of_campaign(
            self.connection, 0, self.position, _CONVERSIONS, self.app_group, self.campaign_id
        )
        journeys = sorted({logged.stream_id for logged in of_campaign})
        events = self.log.of_streams(self.connection, journeys, self.position, _CONVERSIONS)
        return self._fold(OF_BEHAVIOURS, events)

    def _fold(self, projections: Sequence[Projection], events: Iterable[Logged]) -> FrozenTables:
        made = FrozenTables(projections, self.position)
        try:
            with made.writing(self.tables_of) as tables:
                following = iter(events)
                while some := list(islice(following, BATCH)):
                    self.check()
                    write(projections, some, tables)
        except BaseException:
            made.close()
            raise
        return made

    @property
    def _stream(self) -> str:
        return stream(self.app_group, self.campaign_id)


def write(
    projections: Iterable[Projection], events: Iterable[Logged], tables: Mapping[str, WritableTables]
) -> None:
    """Fold some events, and write what they change to the tables of each read model."""
    folds = {each.name: each.fold(tables[each.name].definitions) for each in projections}
    routes: dict[type[Any], list[tuple[Any, Any]]] = {}
    for each in projections:
        for event, handler in each.handlers.items():
            routes.setdefault(event, []).append((handler, folds[each.name]))
    for logged in events:
        for handler, fold in routes.get(type(logged.event), ()):
            handler(fold, logged)
    for each in projections:
        each.write(folds[each.name], tables[each.name])
