"""What changed between two reports of a campaign: the figures, and the changes that made them."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from application.queries.reads import Instants
from application.queries.rows import Row, control_cell
from domain import money
from domain.campaigns.conversion_events import LETTERS
from domain.instants import printed
from projections.campaign_report.as_of import Clock, Difference
from projections.engine.tables import EXACT
from projections.figures import Figures

_Figure = tuple[str, int | None, str | None]
"""What is counted, of which conversion event, in which currency."""

Value = int | float | Decimal | None


@dataclass(frozen=True)
class FigureChange:
    """A figure that changed, of a variant or, without one, of the campaign; None where there was or is none."""

    variant_id: str | None
    control: bool
    figure: str
    index: int | None
    currency: str | None
    before: Value
    after: Value

    @property
    def difference(self) -> Value:
        """After less before: a missing count or amount is 0, but a missing rate is no number (R18)."""
        if self.figure == "conversion_rate":
            return None if self.before is None or self.after is None else self.after - self.before  # type: ignore[operator]
        if self.currency is not None:
            return EXACT.subtract(Decimal(self.after or 0), Decimal(self.before or 0))
        return int(self.after or 0) - int(self.before or 0)

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return {
            "variant_id": self.variant_id,
            "control": self.control,
            "figure": self.figure,
            "index": self.index,
            "letter": None if self.index is None else LETTERS[self.index],
            "currency": self.currency,
            "before": self._describe(self.before),
            "after": self._describe(self.after),
            "difference": self._describe(self.difference),
        }

    def _describe(self, value: Value) -> Any:  # noqa: ANN401
        return money.printed(value, str(self.currency)) if isinstance(value, Decimal) else value


@dataclass(frozen=True)
class ReportDifference:
    """A campaign's report at two instants, under one of the clocks, and the changes between them."""

    difference: Difference
    between: Instants
    clock: Clock

    @property
    def position(self) -> int:
        """The position of the later report."""
        return self.difference.after.position

    def figures(self) -> list[FigureChange]:
        """The figures that changed: the campaign's, then each variant's."""
        before, after = self.difference.before, self.difference.after
        sides: list[tuple[str | None, bool, Figures, Figures]] = [(None, False, before.totals, after.totals)]
        for one, other in zip(before.variants, after.variants, strict=True):
            sides.append((other.variant_id, other.control, one.figures, other.figures))
        return [change for side in sides for change in _changes(*side)]

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        found = self.difference
        return {
            "app_group": found.after.app_group,
            "campaign_id": found.after.campaign_id,
            "clock": self.clock,
            "from": printed(self.between.first),
            "to": printed(self.between.last),
            "from_position": str(found.before.position),
            "to_position": str(found.after.position),
            "figures": [change.as_json() for change in self.figures()],
            "changes": [change.as_json() for change in found.changes],
            "changes_total": found.changes_total,
        }

    def rows(self) -> Iterator[Row]:
        """A head, then a row for each figure that changed."""
        place = ("campaign_id", "variant_id", "control", "figure", "conversion_event", "currency")
        yield (*place, "before", "after", "difference")
        for change in self.figures():
            stated = change.as_json()
            yield (
                self.difference.after.campaign_id,
                change.variant_id,
                "" if change.variant_id is None else control_cell(change.control),
                *(stated[name] for name in ("figure", "letter", "currency", "before", "after", "difference")),
            )


def _changes(
    variant_id: str | None,
    control: bool,  # noqa: FBT001
    before: Figures,
    after: Figures,
) -> Iterator[FigureChange]:
    was, is_ = dict(_figures(before)), dict(_figures(after))
    for key in dict.fromkeys([*was, *is_]):
        if was.get(key) != is_.get(key):
            yield FigureChange(variant_id, control, *key, was.get(key), is_.get(key))


def _figures(figures: Figures) -> Iterator[tuple[_Figure, Value]]:
    yield ("receipts", None, None), figures.receipts
    yield ("unique_recipients", None, None), figures.unique_recipients
    for index, count in enumerate(figures.conversions):
        yield ("conversions", index, None), count
        yield ("conversion_rate", index, None), figures.conversion_rates[index]
    for currency, amount in sorted(figures.revenue.items()):
        yield ("revenue", None, currency), amount
