"""`conversions report --diff` for people: which figures changed between two instants, and the changes behind them."""

from typing import TYPE_CHECKING

from application.queries.differences import FigureChange, ReportDifference
from infrastructure.cli.console import columns, new_table, out, say, shown
from infrastructure.words import changes as words
from infrastructure.words.quantities import format_instant
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
        table.add_row(
            variant,
            words.name_figure(change),
            words.state_value(change, change.before),
            words.state_value(change, change.after),
            words.state_value(change, change.difference, signed=True),
            style="bold" if above is None else "dim" if change.control else "",
        )
    return table


def describe_change(change: Change, controls: set[str]) -> str:
    """A change in words: who, what, and because of which fact."""
    said = words.describe_change(change, controls)
    who = shown(said.who)
    return f"{who if said.user is None else f'[bold]{who}[/]'}: {shown(said.text)}"
