"""What changed between two times, figures and the facts that changed them, as a page shows it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from application.queries.differences import FigureChange, ReportDifference
from application.queries.reads import BadQuestion, Instants, Reads
from domain import money
from domain.instants import from_microseconds
from infrastructure.web.campaign_pages import Head
from infrastructure.web.formats import NO_FIGURE, Formats
from infrastructure.web.moments import Moment
from infrastructure.words.changes import ChangeInWords, describe_change
from infrastructure.words.quantities import counted
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
        figures, changes = len(self.found.figures()), self.found.difference.changes_total
        if not changes:
            return "Nothing changed."
        verb = "changes" if self.found.clock == "recorded" else "receipts, conversions and purchases"
        what = f"{changes:,} {verb if changes != 1 else verb.removesuffix('s')}"
        if self.found.clock != "recorded" and changes == 1:
            what = "one receipt, conversion or purchase"
        return f"{counted(figures, 'figure')} changed, by {what}."

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
        controls = {each.variant_id for each in self.found.difference.after.variants if each.control}
        return [
            (each, describe_change(each, controls, self.head.writing))
            for each in self.found.difference.changes
        ]

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


def find_instants(reads: Reads, first: Moment, last: Moment | None) -> Instants:
    """The instants of two times; the later one is now where none is given. Raises BadQuestion."""
    with reads.recorded() as connection:
        newest = reads.log.last_position(connection)

        def find(name: str, moment: Moment) -> datetime:
            if moment.position is None:
                if moment.instant is None:
                    raise TypeError("a moment has an instant or a position")
                return moment.instant
            if moment.position > newest:
                raise BadQuestion(
                    "no event has this position yet: it is of another ledger, or was not acknowledged",
                    code="position_beyond_log",
                    place=name,
                )
            # Position 0 is before the first event.
            return from_microseconds(reads.log.recorded_at(connection, moment.position) or 0)

        # The clock may have been put back since the newest event was recorded: recorded time never runs backwards.
        now = max(reads.now(), from_microseconds(reads.log.recorded_at(connection, newest) or 0))
        return Instants(find("from", first), now if last is None else find("to", last))
