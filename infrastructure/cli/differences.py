"""`conversions report --diff` for people: which figures changed between two instants, and the changes behind them."""

from decimal import Decimal
from typing import TYPE_CHECKING

from application.queries.differences import FigureChange, ReportDifference, Value
from domain import money
from domain.campaigns.conversion_events import LETTERS
from infrastructure.cli.console import columns, new_table, out, say, shown
from infrastructure.words import changes as words
from infrastructure.words.changes import NOBODY
from infrastructure.words.quantities import NO_FIGURE, format_instant, percent, thousands
from projections.campaign_report.as_of import Clock
from projections.campaign_report.changes import Change

if TYPE_CHECKING:
    from rich.table import Table

_CLOCKS: dict[Clock, str] = {
    "recorded": "what the report said changed",
    "occurred": "what happened, as known now",
}


def show(found: ReportDifference) -> None:
    """Print the figures that changed, and the changes as sentences."""
    after, difference = found.difference.after, found.difference
    say(
        f"\n[bold]{shown(after.name)}[/]  {after.kind} {shown(after.campaign_id)} of {shown(after.app_group)}: "
        f"{_CLOCKS[found.clock]} from {format_instant(found.between.first)} to {format_instant(found.between.last)}"
    )
    figures = found.figures()
    out.print(_table(figures) if figures else "No figure changed.", highlight=False)
    controls = {variant.variant_id for variant in after.variants if variant.control}
    for change in difference.changes:
        say(f"  {format_instant(change.at)}  {describe_change(change, controls)}")
    if more := difference.changes_total - len(difference.changes):
        say(f"  [dim]and {more:,} more of {difference.changes_total:,}: --limit shows them[/]")


def _table(figures: list[FigureChange]) -> "Table":
    table = new_table(["Variant", "Figure", *columns("Before", "After", "Difference", justify="right")])
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
            _in_words(change, change.before),
            _in_words(change, change.after),
            _in_words(change, change.difference, signed=True),
            style="bold" if above is None else "dim" if change.control else "",
        )
    return table


def _in_words(change: FigureChange, value: Value, *, signed: bool = False) -> str:
    """A value of a figure as people read it."""
    if value is None:
        return NO_FIGURE
    sign = "+" if signed and value > 0 else "-" if value < 0 else ""
    if isinstance(value, Decimal):
        return f"{sign}{thousands(money.printed(abs(value), str(change.currency)))} {change.currency}"
    if change.figure == "conversion_rate":
        return f"{sign}{abs(value) * 100:.2f} points" if signed else percent(value)
    return f"{sign}{abs(value):,}"


def describe_change(change: Change, controls: set[str]) -> str:
    """A change in words: who, what, and because of which fact."""
    user = NOBODY if change.user_id is None else f"[bold]{shown(change.user_id)}[/]"
    return f"{user}: {shown(words.describe_change(change, controls))}"
