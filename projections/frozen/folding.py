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


_OF_USERS = frozenset(
    event
    for each in OF_CAMPAIGN
    for event in each.handlers
    if event not in EVENTS
    and (event is decisions.FactDisregarded or "campaign_id" in event.__struct_fields__)
)
"""What is recorded of users that may name a campaign."""


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

    @property
    def stream(self) -> str:
        """The campaign's own stream."""
        return stream(self.app_group, self.campaign_id)

    def fold_campaign(self) -> FrozenTables:
        """The read models that follow from events of the campaign; raises UnreadableLog."""
        events = chain(self.own_events(0, self.position), self.of_campaign(0, self.position))
        return self._fold(OF_CAMPAIGN, events)

    def fold_behaviours(self) -> FrozenTables:
        """The overlap with other campaigns; it holds this campaign's figures alone. Raises UnreadableLog."""
        converted = self._naming(0, self.position, _CONVERSIONS)
        journeys = {logged.stream_id for logged in converted}
        return self._fold(OF_BEHAVIOURS, self.conversions_of(journeys, 0, self.position))

    def own_events(self, after: int, last: int) -> Iterable[Logged]:
        """The events of the campaign itself after a position, up to and including another."""
        found = self.log.of_stream(self.connection, self.stream, last)
        return (logged for logged in found if logged.position > after)

    def of_campaign(self, after: int, last: int) -> Iterable[Logged]:
        """What users did for the campaign after a position, up to and including another."""
        return self._naming(after, last, _OF_USERS)

    def of_users(self, journeys: Iterable[str], after: int, last: int) -> Iterable[Logged]:
        """What these users did for the campaign after a position, up to and including another."""
        return self.log.of_streams(
            self.connection, sorted(journeys), after, last, _OF_USERS, self.campaign_id
        )

    def converted_between(self, after: int, last: int) -> set[str]:
        """Whose conversions, on whichever campaign, were decided between two positions."""
        found = self.log.between(self.connection, after, last, _CONVERSIONS)
        return {logged.stream_id for logged in found if logged.app_group == self.app_group}

    def conversions_of(self, journeys: Iterable[str], after: int, last: int) -> Iterable[Logged]:
        """All that was decided of these users' conversions after a position, up to and including another."""
        return self.log.of_streams(self.connection, sorted(journeys), after, last, _CONVERSIONS)

    def _naming(self, after: int, last: int, types: Iterable[type[Any]]) -> Iterable[Logged]:
        return self.log.of_campaign(self.connection, after, last, types, self.app_group, self.campaign_id)

    def _fold(self, projections: Sequence[Projection], events: Iterable[Logged]) -> FrozenTables:
        made = FrozenTables(projections, self.position)
        fold_into(made, projections, events, self)
        return made


def fold_into(
    made: FrozenTables, projections: Sequence[Projection], events: Iterable[Logged], then: Then
) -> None:
    """Fold events into tables, some at a time."""
    with made.writing(then.tables_of) as tables:
        following = iter(events)
        while some := list(islice(following, BATCH)):
            then.check()
            write(projections, some, tables)


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
