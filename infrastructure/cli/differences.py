"""`conversions report --diff` for people: which figures changed between two instants, and the changes behind them."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from application.queries.differences import FigureChange, ReportDifference, Value
from domain import money
from domain.campaigns.conversion_events import LETTERS
from domain.facts import Fact, type_of
from domain.journey.decisions import Conversion, Occurrence, Receipt
from infrastructure.cli.console import columns, new_table, out, say, shown
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
    state = change.now or change.before
    if isinstance(state, Receipt):
        counts = "counts for" if change.now else "no longer counts for"
        return state, f"receipt {_name(state)} {counts} {_variant(state, controls)}{_users(change)}"
    if isinstance(state, Conversion):
        subject, name = state.behaviour, f"conversion {LETTERS[change.index or 0]}"
    else:
        subject, name = _purchase(change), f"revenue of {change.sale} {_name(_purchase(change))}"
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


def _value(state: Any, change: Change) -> str:  # noqa: ANN401
    """The behaviour that converts, by its type where that is known, or what a purchase comes to."""
    because = change.because
    if state is None:
        return ""
    if not isinstance(state, Conversion):
        return f"{thousands(money.printed(state.net, str(change.currency)))} {change.currency}"
    if because is not None and because.id == state.behaviour.id:
        return _fact(because)
    return _name(state.behaviour)


def _credit(state: Any, controls: set[str]) -> str:  # noqa: ANN401
    return "" if state is None else f"credited to {_variant(state.receipt, controls)}"


def _users(change: Change) -> str:
    """What a receipt did to the counts of unique recipients."""
    of = [f"the {name}" for name in ("variant", "campaign") if change.unique_recipients[name]]
    if not of:
        return ""
    return f"; {'a new' if change.now else 'no longer a'} unique recipient of {' and '.join(of)}"


def _name(named: Receipt | Occurrence) -> str:
    return f"{shown(named.id)} of {format_instant(named.at)}"


def _fact(fact: Fact) -> str:
    return f"{type_of(fact).replace('_', ' ')} {shown(fact.id)} of {format_instant(fact.at)}"


def _variant(receipt: Receipt, controls: set[str]) -> str:
    variant = shown(receipt.variant_id)
    return f"the control group ({variant})" if receipt.variant_id in controls else f"variant {variant}"
