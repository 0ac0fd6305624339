"""Two campaigns side by side: their reports, what each caused, and what they share."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from application.queries.report import CurrentReport, read_report
from application.queries.results import ExperimentResults, read_results
from application.queries.rows import Row, report_rows
from domain.campaigns.evidence import DecidingTest
from domain.experiment.incremental import IncrementalConversions
from infrastructure.web.asking import Questions, try_part
from infrastructure.web.event_tables import revenue_per_recipient
from infrastructure.web.failed import Failed
from infrastructure.words.conversion_events import state_revenue_rule, state_rule
from projections.overlap.reading import Overlap


@dataclass(frozen=True)
class Side:
    """One of two campaigns."""

    report: CurrentReport
    results: ExperimentResults | Failed

    @property
    def position(self) -> int:
        """The position of its figures."""
        return self.report.report.position

    @property
    def as_json(self) -> dict[str, Any]:
        """Its report."""
        return self.report.as_json()

    @property
    def rules(self) -> list[str]:
        """Its conversion events in words."""
        return [
            f"Event {each['letter']}{' (primary)' if each['primary'] else ''}: {state_rule(each)}."
            for each in self.report.report.conversion_events
        ]

    @property
    def revenue_rule(self) -> str:
        """What counts as its revenue, in words."""
        found = self.report.report
        return state_revenue_rule(found.conversion_events, found.revenue_window_seconds)

    @property
    def caused(self) -> IncrementalConversions | None:
        """What it caused on its primary conversion event, None where nobody can say."""
        if isinstance(self.results, Failed) or not self.report.report.conversion_events:
            return None
        return self.results.caused(0)

    @property
    def per_recipient(self) -> dict[str, str]:
        """Its revenue a recipient, by currency."""
        return revenue_per_recipient(self.as_json["totals"])


async def read_side(questions: Questions) -> Side:
    """Read a campaign to be compared; raises Problem."""
    report, results = await asyncio.gather(
        questions.ask(read_report),
        try_part(questions.ask(lambda asked: read_results(asked, DecidingTest.ANYTIME))),
    )
    return Side(report, results)


@dataclass(frozen=True)
class Pair:
    """Two campaigns, and what they share."""

    sides: list[Side]
    overlap: Overlap | Failed

    @property
    def shared(self) -> int | None:
        """How many behaviours are conversions of both, None where that is not known now."""
        if isinstance(self.overlap, Failed):
            return None
        other = self.sides[1].report.report.campaign_id
        return next((each.behaviours for each in self.overlap.shared_with if each.campaign_id == other), 0)

    @property
    def highest(self) -> float:
        """The highest primary rate of both: the end of their scale."""
        totals = [each.report.report.totals for each in self.sides]
        return max([rate or 0.0 for each in totals for rate in each.conversion_rates[:1]], default=0.0)

    @property
    def letters(self) -> list[str]:
        """The letters of the conversion events that one of them has."""
        return max(
            ([e["letter"] for e in each.report.report.conversion_events] for each in self.sides), key=len
        )

    @property
    def is_at_one_position(self) -> bool:
        """Whether the figures of both are of one position."""
        return self.sides[0].position == self.sides[1].position

    def as_json(self) -> dict[str, Any]:
        """Both reports, what each caused, and what they share."""
        return {
            "campaigns": [
                each.as_json
                | {
                    "caused": None
                    if each.caused is None
                    else {"conversions": each.caused.conversions, "interval": list(each.caused.interval)}
                }
                for each in self.sides
            ],
            "shared_behaviours": self.shared,
        }

    def rows(self) -> Iterator[Row]:
        """A head, then the rows of both reports."""
        for place, side in enumerate(self.sides):
            head, *rows = report_rows(side.report.report)
            yield from rows if place else [head, *rows]
