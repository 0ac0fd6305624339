"""What the report of a campaign said at an instant, and what changed it since: read from the log's own past (R14).

Recorded time never runs backwards and positions have no gaps, so that what had been recorded by an instant is the log
up to a position. Decisions say what stood before and what stands now, so that the report at a position follows from
the one at any other: the events between the two are added, or taken away.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from sqlalchemy.engine import Connection

from domain.instants import from_microseconds, microseconds
from projections.campaign_report import CAMPAIGN_REPORT
from projections.campaign_report.campaigns import EVENTS
from projections.campaign_report.changes import Change, Changes
from projections.campaign_report.counts import CampaignThen, Counts, campaign_then, count_fold, read_counts
from projections.campaign_report.fold import ReportFold
from projections.campaign_report.reading import CampaignReport
from projections.engine.generations import Generation, find
from projections.engine.projection import Definitions, Log, Logged
from projections.engine.tables import stream

Clock = Literal["recorded", "occurred"]
"""What the report said at an instant, or what is known now to have been true of it."""

_HANDLERS = {event: handler for event, handler in CAMPAIGN_REPORT.handlers.items() if event not in EVENTS}


@dataclass(frozen=True)
class Difference:
    """A campaign's report at two instants, and the first of the changes that lie between them."""

    before: CampaignReport
    after: CampaignReport
    changes: list[Change]
    changes_total: int


@dataclass(frozen=True)
class ReportHistory:
    """What the report of a campaign said at any position of the log, in one read transaction."""

    connection: Connection
    log: Log
    definitions: Definitions
    app_group: str
    campaign_id: str

    def position(self, instant: datetime) -> int:
        """The position up to which the log had been recorded by an instant, itself inside."""
        return self.log.last_recorded_at_or_before(self.connection, microseconds(instant))

    def campaign(self, position: int) -> CampaignThen | None:
        """The campaign as it was at a position, None where it was not drafted yet; raises UnreadableLog."""
        return campaign_then(self.log.of_stream(self.connection, self._stream, position))

    def drafted_at(self) -> datetime | None:
        """When the campaign was drafted, None where it never was; raises UnreadableLog."""
        last = self.log.last_position(self.connection)
        first = next(iter(self.log.of_stream(self.connection, self._stream, last)), None)
        return None if first is None else from_microseconds(first.recorded_at)

    def report(self, position: int) -> CampaignReport | None:
        """The report at a position, None where there was no such campaign yet; raises UnreadableLog."""
        campaign = self.campaign(position)
        return None if campaign is None else campaign.report(self.counts(position), position)

    def difference(self, first: int, last: int, limit: int) -> Difference | None:
        """What changed between two positions, None where there was no campaign yet at the second one.

        Both reports are of the campaign as it was then: before its first receipt, a draft may have been another (R4).
        """
        campaign = self.campaign(last)
        if campaign is None:
            return None
        changes = Changes(limit)
        between = self.fold(first, last, changes.see)
        if self._distance(first) <= self._distance(last):
            before = self.counts(first)
            after = before + between
        else:
            after = self.counts(last)
            before = after - between
        return Difference(
            before=campaign.report(before, first),
            after=campaign.report(after, last),
            changes=changes.first(self.connection, self.log),
            changes_total=changes.total,
        )

    def counts(self, position: int) -> Counts:
        """The figures at a position, from whichever is nearer: the log's beginning, or what the read model holds."""
        base = self._nearest(position)
        if position >= base:
            return self._held(base) + self.fold(base, position)
        return self._held(base) - self.fold(position, base)

    def fold(self, after: int, last: int, see: Callable[[Logged], object] = lambda _: None) -> Counts:
        """What the events after a position, up to and including another, changed; `see` is called with each of them."""
        fold = ReportFold(self.definitions)
        for logged in self.log.of_campaign(
            self.connection, after, last, _HANDLERS, self.app_group, self.campaign_id
        ):
            _HANDLERS[type(logged.event)](fold, logged)
            see(logged)
        return count_fold(fold)

    def _nearest(self, position: int) -> int:
        return min((0, self._read_model_at), key=lambda base: abs(position - base))

    def _distance(self, position: int) -> int:
        """How much of the log is to be read for the figures at a position."""
        return abs(position - self._nearest(position))

    def _held(self, base: int) -> Counts:
        """The figures at position zero, or where the read model stands."""
        if not base or self._read_model is None:
            return Counts()
        return read_counts(self.connection, self._read_model, self._stream)

    @cached_property
    def _read_model(self) -> Generation | None:
        """The tables of the campaign report, where this code made them: they save reading the log from its start."""
        found = find(self.connection, CAMPAIGN_REPORT)
        return found if found is not None and found.is_of(CAMPAIGN_REPORT) else None

    @property
    def _read_model_at(self) -> int:
        return 0 if self._read_model is None else self._read_model.position

    @property
    def _stream(self) -> str:
        return stream(self.app_group, self.campaign_id)
