"""What changed between two times, figures and the facts that changed them, as a page shows it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from application.queries.differences import FigureChange, ReportDifference
from application.queries.frozen import At, refuse_beyond_log
from application.queries.reads import AskedCampaign, Instants, Positions, Reads
from application.queries.report import read_difference
from domain import money
from domain.instants import from_microseconds, microseconds
from infrastructure.web.campaign_pages import Head
from infrastructure.web.changes_since import describe_changes
from infrastructure.web.formats import NO_FIGURE, Formats
from infrastructure.web.moments import Moment
from infrastructure.words.changes import ChangeInWords, state_extent
from projections.campaign_report.as_of import Clock
from projections.campaign_report.changes import Change


@dataclass(frozen=True)
class ShownChange:
    """What changed between two times, as the page shows it."""

    found: ReportDifference
    head: Head

    @property
    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return self.found.as_json()

    @property
    def sentence(self) -> str:
        """How much changed."""
        return state_extent(len(self.found.figures()), self.found.difference.changes_total, self.found.clock)

    @property
    def groups(self) -> list[tuple[str | None, bool, list[FigureChange]]]:
        """The figures that changed: those of the campaign, then of each variant."""
        groups: dict[str | None, list[FigureChange]] = {}
        for each in self.found.figures():
            groups.setdefault(each.variant_id, []).append(each)
        return [(variant_id, some[0].control, some) for variant_id, some in groups.items()]

    @property
    def changes(self) -> list[tuple[Change, ChangeInWords]]:
        """The first changes, each as a sentence."""
        return describe_changes(self.found, self.head.writing)

    def value(self, change: FigureChange, which: str) -> str:
        """`before`, `after` or `difference` of a figure as the reader's locale has it."""
        f, found = self.head.formats, getattr(change, which)
        is_difference = which == "difference"
        if found is None:
            return NO_FIGURE
        if change.currency is not None:
            return _money(f, found, change.currency, is_signed=is_difference)
        if change.figure == "conversion_rate":
            return f"{f.points(found)} points" if is_difference else f.percent(found)
        return f.signed(found) if is_difference else f.number(found)


def _money(f: Formats, amount: Any, currency: str, *, is_signed: bool) -> str:  # noqa: ANN401
    sign = "" if not is_signed or not amount else "+" if amount > 0 else "\N{MINUS SIGN}"
    return sign + f.money(money.printed(abs(amount), currency), currency)


def read_change(
    asked: AskedCampaign, first: Moment, last: Moment | None, clock: Clock, limit: int, at: At | None
) -> ReportDifference:
    """What changed between two times; the later one is now, or the position of a frozen link, where none is given.

    Raises BadQuestion and NotDraftedYet.
    """
    ends = _Ends(asked.reads, at)
    between = Instants(ends.instant("from", first), ends.last_instant(last))
    if clock == "occurred":
        return read_difference(asked, between, clock, limit)
    positions = Positions(ends.position("from", first), ends.last_position(last))
    return replace(read_difference(asked, positions, clock, limit), between=between)


class _Ends:
    """The two ends of a comparison, as instants and as positions; the log ends where the page's own position is."""

    def __init__(self, reads: Reads, at: At | None) -> None:
        self._log = reads.log
        self._reads = reads
        with reads.recorded() as connection:
            self._newest = reads.log.last_position(connection) if at is None else at.position
        # The clock may have been put back since the newest event was recorded: recorded time never runs backwards.
        self._now = max(reads.now(), self._recorded_at(self._newest))

    def instant(self, name: str, moment: Moment) -> datetime:
        """The instant of a time; raises BadQuestion."""
        if moment.position is None:
            return moment.whole_instant
        refuse_beyond_log(moment.position, self._newest, name)
        return self._recorded_at(moment.position)

    def last_instant(self, moment: Moment | None) -> datetime:
        """The later instant; raises BadQuestion."""
        return self._now if moment is None else self.instant("to", moment)

    def position(self, name: str, moment: Moment) -> int:
        """The position of a time: the last one that had been recorded; raises BadQuestion."""
        if moment.position is not None:
            refuse_beyond_log(moment.position, self._newest, name)
            return moment.position
        with self._reads.recorded() as connection:
            found = self._log.last_recorded_at_or_before(connection, microseconds(moment.whole_instant))
        return min(found, self._newest)

    def last_position(self, moment: Moment | None) -> int:
        """The later position; raises BadQuestion."""
        return self._newest if moment is None else self.position("to", moment)

    def _recorded_at(self, position: int) -> datetime:
        # Position 0 is before the first event.
        with self._reads.recorded() as connection:
            return from_microseconds(self._log.recorded_at(connection, position) or 0)
