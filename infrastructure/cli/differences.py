"""`conversions report --diff`: which figures changed between two instants, and the changes that made them."""

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.table import Table

from domain import money
from domain.campaigns.conversion_events import LETTERS
from domain.facts import Fact, type_of
from domain.instants import printed
from domain.journey.decisions import Conversion, Occurrence, Receipt
from infrastructure.cli.console import out, shown
from infrastructure.cli.figures import NO_FIGURE, percent, thousands
from infrastructure.cli.report_tables import when
from projections.campaign_report.as_of import Clock, Difference
from projections.campaign_report.changes import Change
from projections.engine.columns import EXACT
from projections.figures import Figures

_Figure = tuple[str, int | None, str | None]
"""What is counted, of which conversion event, in which currency."""

_Value = int | float | Decimal | None


@dataclass(frozen=True)
class FigureChange:
    """A figure that changed, of a variant or, without one, of the campaign; None where there was or is none."""

    variant_id: str | None
    control: bool
    figure: str
    index: int | None
    currency: str | None
    before: _Value
    after: _Value

    @property
    def difference(self) -> _Value:
        """After less before: what was not there counts as nothing, but no rate is no number (R18)."""
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
            "before": self._stated(self.before),
            "after": self._stated(self.after),
            "difference": self._stated(self.difference),
        }

    def _stated(self, value: _Value) -> Any:  # noqa: ANN401
        return money.printed(value, str(self.currency)) if isinstance(value, Decimal) else value

    def words(self, value: _Value, *, signed: bool = False) -> str:
        """One of its values as people read it."""
        if value is None:
            return NO_FIGURE
        sign = "+" if signed and value > 0 else "-" if value < 0 else ""
        if isinstance(value, Decimal):
            return f"{sign}{thousands(money.printed(abs(value), str(self.currency)))} {self.currency}"
        if self.figure == "conversion_rate":
            return f"{sign}{abs(value) * 100:.2f} points" if signed else percent(value)
        return f"{sign}{abs(value):,}"


def figure_changes(found: Difference) -> list[FigureChange]:
    """The figures that changed: the campaign's, then each variant's."""
    rows: list[tuple[str | None, bool, Figures, Figures]] = [
        (None, False, found.before.totals, found.after.totals)
    ]
    for before, after in zip(found.before.variants, found.after.variants, strict=True):
        rows.append((after.variant_id, after.control, before.figures, after.figures))
    changed = []
    for variant_id, control, *sides in rows:
        before_, after_ = (dict(_figures(each)) for each in sides)
        for key in dict.fromkeys([*before_, *after_]):
            change = FigureChange(variant_id, control, *key, before_.get(key), after_.get(key))
            if change.before != change.after:
                changed.append(change)
    return changed


def _figures(figures: Figures) -> Iterator[tuple[_Figure, _Value]]:
    yield ("receipts", None, None), figures.receipts
    yield ("unique_recipients", None, None), figures.unique_recipients
    for index, count in enumerate(figures.conversions):
        yield ("conversions", index, None), count
        yield ("conversion_rate", index, None), figures.conversion_rates[index]
    for currency, amount in sorted(figures.revenue.items()):
        yield ("revenue", None, currency), amount


def as_json(found: Difference, first: datetime, last: datetime, clock: Clock) -> dict[str, Any]:
    """As docs/files.md has it."""
    return {
        "app_group": found.after.app_group,
        "campaign_id": found.after.campaign_id,
        "clock": clock,
        "from": printed(first),
        "to": printed(last),
        "from_position": str(found.before.position),
        "to_position": str(found.after.position),
        "figures": [change.as_json() for change in figure_changes(found)],
        "changes": [change.as_json() for change in found.changes],
        "changes_total": found.changes_total,
    }


def write_csv(found: Difference) -> None:
    """A row a figure that changed, of the campaign or a variant."""
    writer = csv.writer(sys.stdout)
    place = ["campaign_id", "variant_id", "control", "figure", "conversion_event", "currency"]
    writer.writerow([*place, "before", "after", "difference"])
    for change in figure_changes(found):
        told = change.as_json()
        control = "" if change.variant_id is None else str(change.control).lower()
        names = ("figure", "letter", "currency", "before", "after", "difference")
        # None is written as an empty cell.
        row = [found.after.campaign_id, change.variant_id, control, *(told[name] for name in names)]
        writer.writerow(row)


_CLOCKS: dict[Clock, str] = {
    "recorded": "what the report said changed",
    "occurred": "what happened, as known now",
}


def show(found: Difference, first: datetime, last: datetime, clock: Clock) -> None:
    """Print the figures that changed, and the changes as sentences."""
    after = found.after
    out.print(
        f"\n[bold]{shown(after.name)}[/]  {after.kind} {shown(after.campaign_id)} of {shown(after.app_group)}: "
        f"{_CLOCKS[clock]} from {when(first)} to {when(last)}",
        highlight=False,
        soft_wrap=True,
    )
    figures = figure_changes(found)
    if figures:
        out.print(_table(figures))
    else:
        out.print("No figure changed.", highlight=False)
    controls = {variant.variant_id for variant in after.variants if variant.control}
    for change in found.changes:
        out.print(f"  {when(change.at)}  {sentence(change, controls)}", highlight=False, soft_wrap=True)
    more = found.changes_total - len(found.changes)
    if more:
        out.print(
            f"  [dim]and {more:,} more of {found.changes_total:,}: --limit shows them[/]", highlight=False
        )


def _table(figures: list[FigureChange]) -> Table:
    table = Table()
    for heading in ("Variant", "Figure"):
        table.add_column(heading)
    for heading in ("Before", "After", "Difference"):
        table.add_column(heading, justify="right")
    above = figures[0].variant_id
    for change in figures:
        if change.variant_id != above:
            table.add_section()
        above = change.variant_id
        variant = (
            "campaign" if above is None else shown(above) + ("  (control group)" if change.control else "")
        )
        figure = change.figure.replace("_", " ")
        table.add_row(
            variant,
            figure if change.index is None else f"{figure} {LETTERS[change.index]}",
            change.words(change.before),
            change.words(change.after),
            change.words(change.difference, signed=True),
            style="bold" if above is None else "dim" if change.control else "",
        )
    return table


def sentence(change: Change, controls: set[str]) -> str:
    """A change in words: who, what, and because of which fact."""
    user = (
        "a user whose identity was erased" if change.user_id is None else f"[bold]{shown(change.user_id)}[/]"
    )
    subject, what = _what(change, controls)
    because = change.because
    if because is None or because.id == subject.id:
        return f"{user}: {what}"
    return f"{user}: {what}; because of {_fact(because)}"


def _what(change: Change, controls: set[str]) -> tuple[Receipt | Occurrence, str]:
    """What changed, and the receipt or behaviour that it is about: where that is the cause, it is not named twice."""
    stands = change.now or change.before
    if isinstance(stands, Receipt):
        counts = "counts for" if change.now else "counts no more for"
        return stands, f"receipt {_named(stands)} {counts} {_variant(stands, controls)}{_users(change)}"
    if isinstance(stands, Conversion):
        subject, name = stands.behaviour, f"conversion {LETTERS[change.index or 0]}"
    else:
        subject, name = _purchase(change), f"revenue of {change.sale} {_named(_purchase(change))}"
    return subject, f"{name} {_became(change, controls)}"


def _became(change: Change, controls: set[str]) -> str:
    """What became of a conversion or of revenue."""
    before, now = (_value(each, change) for each in (change.before, change.now))
    was, is_ = (_credit(each, controls) for each in (change.before, change.now))
    if change.verb != "restated":
        return f"{change.verb}: {now or before}, {is_ or was}"
    if was == is_:
        return f"restated from {before} to {now}, {is_}"
    return f"restated from {before}, {was}, to {now}, {is_}"


def _purchase(change: Change) -> Occurrence:
    if change.purchase is None:
        raise ValueError("revenue is of a purchase")
    return change.purchase


def _value(stands: Any, change: Change) -> str:  # noqa: ANN401
    """The behaviour that converts, by its type where that is known, or what a purchase comes to."""
    because = change.because
    if stands is None:
        return ""
    if not isinstance(stands, Conversion):
        return f"{thousands(money.printed(stands.net, str(change.currency)))} {change.currency}"
    if because is not None and because.id == stands.behaviour.id:
        return _fact(because)
    return _named(stands.behaviour)


def _credit(stands: Any, controls: set[str]) -> str:  # noqa: ANN401
    return "" if stands is None else f"credited to {_variant(stands.receipt, controls)}"


def _users(change: Change) -> str:
    """What a receipt did to the counts of unique recipients."""
    of = [f"the {name}" for name in ("variant", "campaign") if change.unique_recipients[name]]
    if not of:
        return ""
    return f"; {'a new' if change.now else 'no longer a'} unique recipient of {' and '.join(of)}"


def _named(named: Receipt | Occurrence) -> str:
    return f"{shown(named.id)} of {when(named.at)}"


def _fact(fact: Fact) -> str:
    return f"{type_of(fact).replace('_', ' ')} {shown(fact.id)} of {when(fact.at)}"


def _variant(receipt: Receipt, controls: set[str]) -> str:
    variant = shown(receipt.variant_id)
    return f"the control group ({variant})" if receipt.variant_id in controls else f"variant {variant}"
