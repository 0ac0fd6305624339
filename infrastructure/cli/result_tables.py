"""The results of an experiment as tables for people, with their intervals drawn."""

from collections.abc import Iterable
from math import inf

from rich.table import Column, Table

from application.queries.results import ExperimentResults, as_plain
from domain.campaigns.evidence import DecidingTest
from domain.experiment.incremental import IncrementalConversions, IncrementalRevenue
from domain.experiment.proportions import Interval
from domain.experiment.results import (
    ComparedRates,
    ComparedRevenue,
    EventResults,
    RevenueResults,
    VariantRate,
)
from domain.money import decimals
from infrastructure.cli.console import ROOMY, columns, new_table, out, say, shown
from infrastructure.cli.result_words import show_decision, show_health
from infrastructure.words.conversion_events import name_with_deadline
from infrastructure.words.decisions import explain_best
from infrastructure.words.doubts import FEW, capitalise, name_empty
from infrastructure.words.left_out import explain_left_out
from infrastructure.words.quantities import NO_FIGURE, format_instant, format_p, percent

_WIDTH = 16
_LABEL = 12
_UNLIMITED = 1_000
_FARTHEST = 3.0
"""An uplift beyond this, 300 %, is not drawn in full."""


def show(found: ExperimentResults) -> None:
    """Print health, the decision, and the tables of each conversion event and currency."""
    campaign, snapshot = found.snapshot.campaign, found.snapshot
    say(
        f"\n[bold]{shown(campaign.name)}[/]  experiment of {shown(campaign.campaign_id)} of "
        f"{shown(campaign.app_group)}, "
        f"up to position {snapshot.position}; windows as of {format_instant(snapshot.as_of)}"
    )
    show_decision(found)
    show_health(found.results.health)
    for event in found.results.conversion_events:
        stated = campaign.conversion_events[event.index].stated()
        hope = name_with_deadline(stated)
        title = f"{'ABCD'[event.index]}  {shown(hope)}{', primary' if event.index == 0 else ''}"
        out.print(_rates(event, title), _compare(event, found), sep="\n")
        if empty := [each for each in event.variants if not each.recipients]:
            say(f"{shown(capitalise(name_empty(as_plain(empty))))}: nothing can be said about that yet.")
    if left_out := explain_left_out(found.results.left_out):
        say(left_out)
    if best := explain_best(found):
        say(shown(best))
    for revenue in found.results.revenue:
        out.print(_revenue(revenue))
    say(f"[dim]{_legend(found)}{'' if out.width >= ROOMY else ' A wider window shows more columns.'}[/]")


def _legend(found: ExperimentResults) -> str:
    return (
        f"p is of the deciding test, adjusted for all variants: 0.05 or less says that two rates differ. "
        f"{_COUNTED[found.results.test]} Rates and uplifts are in percent, of users of exactly one variant. "
        "An interval holds the true value in 95 of 100 experiments, at one look or on any day. "
        "Best, and p of revenue, decide nothing. "
        f"Needed says how many more recipients find an uplift of {found.results.uplift * 100:g} % at one look; "
        "looking every day takes about twice as many. There is no figure where a difference is found already, or where "
        "nothing can be said yet. docs/statistics.md explains every number."
    )


def deciding_interval(compared: ComparedRates, test: DecidingTest) -> Interval | None:
    """The interval of the uplift that goes with the p that decides."""
    match test:
        case DecidingTest.ANYTIME:
            return compared.anytime_interval
        case DecidingTest.SEQUENTIAL:
            return compared.sequential_interval
        case DecidingTest.FIXED:
            return compared.uplift_interval


_COUNTED = {
    DecidingTest.ANYTIME: "It counts recipients whose window is over, and may be looked at on any day.",
    DecidingTest.SEQUENTIAL: "It counts all recipients, and may be looked at on any day.",
    DecidingTest.FIXED: "It counts all recipients, and is right for one look, on a day fixed beforehand.",
}


def _heads(first: str, *figures: str) -> list[Column]:
    return [
        *columns(first, min_width=_LABEL, overflow="fold"),
        *columns(*figures, justify="right", no_wrap=True),
    ]


def _rates(event: EventResults, title: str) -> Table:
    highest = max((each.interval.high for each in event.variants if each.interval), default=0.0)
    table = new_table(
        [
            *_heads("Variant", "Recipients", "Conversions", "Rate", "95 %", "Mature", "Open", "Best"),
            *columns("", no_wrap=True),
        ],
        (_rate_cells(each, highest) for each in event.variants),
        title=title,
        title_style="bold",
        caption=f"* {FEW}: few, and figures are rough"
        if any(each.too_little for each in event.variants)
        else None,
        caption_justify="left",
        row_styles=["dim" if each.control else "" for each in event.variants],
    )
    return fitting(table, "Mature", "Best", "")


def _rate_cells(each: VariantRate, highest: float) -> Iterable[str]:
    return (
        shown(each.variant_id) + (" (control)" if each.control else ""),
        f"{each.recipients:,}",
        f"{each.converted:,}" + ("*" if each.too_little else ""),
        percent(each.rate),
        ends(each.interval),
        percent(each.mature_rate),
        f"{each.open:,}",
        percent(each.probability_best),
        drawn(each.interval, each.rate, Interval(0, highest)),
    )


def _compare(event: EventResults, found: ExperimentResults) -> Table:
    test = found.results.test
    any_day = DecidingTest.SEQUENTIAL if test is DecidingTest.SEQUENTIAL else DecidingTest.ANYTIME
    against = f"Against {shown(found.results.against)}"
    scale = _scale(deciding_interval(each, test) for each in event.comparisons)
    table = new_table(
        [
            *_heads(against, "Points", "Uplift", "One look", "On any day", "p", "Caused", "Needed"),
            *columns("Around 0", no_wrap=True, min_width=_WIDTH),
        ],
        (
            (
                shown(each.variant_id),
                signed(each.difference),
                signed(each.uplift),
                ends(each.uplift_interval, plus=True),
                ends(deciding_interval(each, any_day), plus=True),
                format_p(each.adjusted),
                _conversions_caused(each.incremental),
                NO_FIGURE if each.recipients_needed is None else f"{each.recipients_needed:,}",
                drawn(deciding_interval(each, test), each.uplift, scale, zero=True),
            )
            for each in event.comparisons
        ),
    )
    return fitting(table, "Points", "Caused", "Needed", "Around 0")


def _revenue(revenue: RevenueResults) -> Table:
    compared = {each.variant_id: each for each in revenue.comparisons}
    table = new_table(
        _heads("Variant", "Recipients", "Mean", "95 %", "Difference", "Its 95 %", "p, one look", "Caused"),
        (
            (
                shown(each.variant_id),
                f"{each.recipients:,}",
                NO_FIGURE if each.mean is None else f"{each.mean:,.4f}",
                _amounts(each.interval),
                *_compare_cells(compared.get(each.variant_id), decimals(revenue.currency)),
            )
            for each in revenue.variants
        ),
        title=f"Revenue per recipient in {revenue.currency}",
        title_style="bold",
    )
    return fitting(table, "Recipients", "Its 95 %", "Caused")


def _compare_cells(against: ComparedRevenue | None, places: int) -> Iterable[str]:
    if against is None:
        return [NO_FIGURE] * 4
    return (
        NO_FIGURE if against.difference is None else f"{against.difference:+,.4f}",
        _amounts(against.difference_interval),
        format_p(against.adjusted),
        NO_FIGURE if against.incremental is None else _revenue_caused(against.incremental, places),
    )


def _conversions_caused(caused: IncrementalConversions | None) -> str:
    return NO_FIGURE if caused is None else f"{caused.conversions:+,.0f} ({_around(caused.interval, 0)})"


def _revenue_caused(caused: IncrementalRevenue, places: int) -> str:
    """With its interval, where there is one."""
    if caused.interval is None:
        return NO_FIGURE
    return f"{caused.revenue:+,.{places}f} ({_around(caused.interval, places)})"


def _around(interval: Interval, places: int) -> str:
    return f"{interval.low:+,.{places}f} to {interval.high:+,.{places}f}"


def fitting(table: Table, *dispensable: str) -> Table:
    """The table, in a narrow terminal without the columns that one can do without: numbers are never cut."""
    if out.width < ROOMY:
        table.columns = [each for each in table.columns if each.header not in dispensable]
    if out.measure(table, options=out.options.update(max_width=_UNLIMITED)).maximum > out.width:
        table.columns = [each for each in table.columns if each.header != "Caused"]
    return table


def _amounts(interval: Interval | None) -> str:
    return NO_FIGURE if interval is None else f"{interval.low:,.4f} to {interval.high:,.4f}"


def signed(value: float | None) -> str:
    """A difference of rates in points of percent, or an uplift in percent."""
    return NO_FIGURE if value is None else f"{value * 100:+.1f}"


def ends(interval: Interval | None, *, plus: bool = False) -> str:
    """An interval of shares, in percent."""
    if interval is None:
        return NO_FIGURE
    sign = "+" if plus else ""
    low, high = (f"{end * 100:{sign}.1f}" if abs(end) < inf else "\N{INFINITY}" for end in interval)
    return f"{low} to {high}"


def _scale(intervals: Iterable[Interval | None]) -> Interval:
    found = [each for each in intervals if each is not None]
    low = min([0.0, *(each.low for each in found)])
    return Interval(low, max([0.0, *(min(each.high, _FARTHEST) for each in found)]))


def drawn(interval: Interval | None, middle: float | None, scale: Interval, *, zero: bool = False) -> str:
    """An interval as a line on a scale, with a dot where the estimate is, and zero where it is asked for."""
    length = scale.high - scale.low
    if interval is None or middle is None or length <= 0:
        return ""

    def place(value: float) -> int:
        return round((min(max(value, scale.low), scale.high) - scale.low) / length * (_WIDTH - 1))

    signs = [" "] * _WIDTH
    if zero:
        signs[place(0)] = "\N{BOX DRAWINGS LIGHT TRIPLE DASH VERTICAL}"
    first, last = place(interval.low), place(interval.high)
    for at in range(first, last + 1):
        signs[at] = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"
    if zero and first < place(0) < last:
        signs[place(0)] = "\N{BOX DRAWINGS LIGHT VERTICAL AND HORIZONTAL}"
    signs[place(middle)] = "\N{BLACK CIRCLE}"
    return "".join(signs).rstrip()
