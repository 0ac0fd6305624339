"""The pictures of a page, out of the figures that it prints beside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from infrastructure.pictures.bars import Step, Weight, funnel, rate_bar, small_bar, weights_bar
from infrastructure.pictures.formatting import POINTS
from infrastructure.pictures.histogram import histogram
from infrastructure.pictures.intervals import Estimate, intervals
from infrastructure.pictures.journey import journey
from infrastructure.pictures.journey_facts import Behaviour, Density, Lane
from infrastructure.pictures.picture import Picture
from infrastructure.pictures.series import Figure, Mark, series
from infrastructure.pictures.svg import Drawn
from infrastructure.web.event_tables import EventTable
from infrastructure.web.formats import Formats, read_instant
from infrastructure.words.conversion_events import name_event_first
from projections.series.reading import Series

WINNER_DECLARED = "campaign.winner_declared"
WEIGHTS_CHANGED = frozenset({"campaign.weights_set", "campaign.weights_adjusted"})
"""Topics of a campaign's events that a curve by day marks."""


@dataclass(frozen=True)
class Draw:
    """Draws for one page; each picture has a name of its own, to which its title and description belong."""

    formats: Formats
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def _locale(self) -> str:
        return str(self.formats.locale)

    def _place(self, picture: Picture) -> Drawn:
        return picture.inline(f"picture-{next(self._numbers)}")

    def small_bar(self, rate: float, highest: float) -> Drawn:
        """A rate as a bar in a list; the figure is printed beside it."""
        return small_bar(rate, highest, locale=self._locale).decorative()

    def rate(self, counted: Mapping[str, Any], highest: float) -> Drawn:
        """The rate of a variant with its interval; the ends are printed beside it."""
        return rate_bar(
            counted["rate"], tuple(counted["interval"]), highest, locale=self._locale
        ).decorative()

    def comparison(self, table: EventTable, results: Mapping[str, Any]) -> Drawn:
        """The differences of variants from what they are compared with, on one axis with zero."""
        rows = [
            Estimate(
                row.variant["variant_id"],
                row.compared["difference"],
                None if (ends := row.compared["difference_interval"]) is None else tuple(ends),
                is_winner=row.is_winner,
            )
            for row in table.shown
            if row.compared
        ]
        title = f"Conversion rate against {results['against']}, in percentage points, with 95 % intervals"
        return self._place(intervals(title, rows, unit=POINTS, locale=self._locale))

    def funnel(self, report: Mapping[str, Any]) -> Drawn:
        """From recipients to those who converted on each conversion event; control is left out."""
        totals = report["totals"]
        steps = [Step("Received", totals["unique_recipients"])]
        steps += [
            Step(name_event_first(event), totals["conversions"][event["index"]])
            for event in report["conversion_events"]
        ]
        return self._place(funnel(steps, locale=self._locale))

    def weights(self, variants: Sequence[Mapping[str, Any]]) -> Drawn:
        """How variants share the users."""
        weights = [Weight(each["id"], each["weight"], each["control"]) for each in variants]
        return self._place(weights_bar(weights, locale=self._locale))

    def series(self, found: Series, report: Mapping[str, Any], changes: Sequence[Mapping[str, Any]]) -> Drawn:
        """The days of a campaign: receipts, and conversions on each conversion event; control is left out."""
        totals = [each.totals for each in found.days]
        figures = [Figure("Receipts", [each.receipts for each in totals])]
        figures += [
            Figure(name_event_first(event), [each.conversions[event["index"]] for each in totals])
            for event in report["conversion_events"]
        ]
        marks = [self._mark(each) for each in changes]
        first = found.days[0].date
        return self._place(
            series(first, figures, clock=found.clock, zone=found.time_zone, marks=marks, locale=self._locale)
        )

    def _mark(self, change: Mapping[str, Any]) -> Mark:
        """A change of a campaign on its day in the reader's zone."""
        on = read_instant(change["recorded_at"]).astimezone(self.formats.zone).date()
        event = change["event"]
        if change["topic"] == WINNER_DECLARED:
            return Mark(on, f"{event['variant_id']} declared the winner", is_winner=True)
        shares = ", ".join(f"{each} {weight}" for each, weight in event["weights"].items())
        return Mark(on, f"weights {shares}")

    def delays(self, event: Mapping[str, Any], delays: Mapping[int, int]) -> Drawn:
        """How many hours conversions came after the receipts that they are credited to."""
        hours = event["deadline_seconds"] / 3_600
        drawn = histogram(
            [(float(each), count) for each, count in delays.items()],
            hours,
            name=name_event_first(event),
            locale=self._locale,
        )
        return self._place(drawn)

    def journey(self, lanes: Sequence[Lane], behaviours: Sequence[Behaviour], density: str) -> Drawn:
        """What a user did, and a lane for each campaign; conversions are joined to what caused them."""
        drawn = journey(
            lanes,
            behaviours,
            zone=self.formats.zone,
            density=Density.FULL if density == Density.FULL else Density.COMPACT,
            locale=self._locale,
        )
        return self._place(drawn)
