"""Estimates with their intervals, below each other on one axis with zero."""

from collections.abc import Iterator, Sequence
from math import inf, isfinite
from typing import Final, NamedTuple

from infrastructure.pictures import axis as axes
from infrastructure.pictures import shapes
from infrastructure.pictures.axis import Axis
from infrastructure.pictures.formatting import (
    UPLIFT,
    Unit,
    decimals_for,
    figure,
    rate_decimals,
    tick_label,
)
from infrastructure.pictures.lettering import isolate, measure, named
from infrastructure.pictures.picture import PHONE, Picture
from infrastructure.pictures.svg import Drawn, element, join, rule, sign, text
from infrastructure.words.variants import mark_control

Ends = tuple[float | None, float | None]
"""The ends of an interval; one that is None or infinite is open."""

NO_FIGURE: Final = "no figure"

_LINE: Final = 29
_LOWER_LINE: Final = 46
_LETTERS: Final = 13
_LEAST_LABEL: Final = 80
_FARTHEST_UPLIFT: Final = 3.0


class Estimate(NamedTuple):
    """A row: an estimate (None: there is none yet) and its interval (None: there is none)."""

    name: str
    value: float | None
    interval: Ends | None = None
    is_winner: bool = False
    is_control: bool = False


class _Chart(NamedTuple):
    axis: Axis
    unit: Unit
    locale: str
    decimals: int
    room: float
    line: int
    """The height of an interval in its row: lower where figures need a line of their own."""

    @property
    def row(self) -> int:
        """The height of a row."""
        return self.line + 15

    @property
    def top(self) -> int:
        """Where what is written in a row ends, and what is drawn begins."""
        return self.line - 9

    @property
    def dashes(self) -> str:
        """Lines across all rows, but for what is written in them."""
        return f"{self.row + 2 - self.top} {self.top - 2}"


def intervals(
    title: str,
    rows: Sequence[Estimate],
    *,
    unit: Unit = UPLIFT,
    farthest: float | None = None,
    locale: str = "en",
    room: float = PHONE,
) -> Picture:
    """Intervals on one axis; an end beyond `farthest` (3 is 300 %) is an arrow, and stands in the text alone.

    `room` is the width that names are cut for.
    """
    rows = [each._replace(interval=_ends(each.interval)) for each in rows]
    label = tick_label(unit, locale)
    axis = axes.fit(_extremes(rows, _limit(unit, farthest)), label, room)
    chart = _lay_out(_Chart(axis, unit, locale, _decimals(rows, unit), room, _LINE), rows)
    bottom = chart.row * len(rows) + 4
    drawn = [
        axes.draw(axis, label, chart.top, bottom, chart.dashes),
        *(_row(chart, each, place) for place, each in enumerate(rows)),
    ]
    described = [f"{isolate(each.name)}{_standing(each)}: {_write(chart, each)}." for each in rows]
    low, high = (label(each, axis.step) for each in (axis.ticks[0], axis.ticks[-1]))
    description = " ".join([*described, f"The axis goes from {low} to {high}."])
    return Picture("intervals", title, description, bottom + axes.HEIGHT, join(*drawn))


def _limit(unit: Unit, farthest: float | None) -> float:
    if farthest is not None:
        return farthest
    return _FARTHEST_UPLIFT if unit == UPLIFT else inf


def _lay_out(chart: _Chart, rows: Sequence[Estimate]) -> _Chart:
    widest = max((measure(_write(chart, each) + _mark(each), _LETTERS) for each in rows), default=0.0)
    return chart if widest + _LEAST_LABEL <= chart.room else chart._replace(line=_LOWER_LINE)


def _ends(interval: Ends | None) -> Ends | None:
    if interval is None:
        return None
    low, high = (None if each is None or not isfinite(each) else each for each in interval)
    return low, high


def _extremes(rows: Sequence[Estimate], farthest: float) -> Iterator[float]:
    for each in rows:
        if each.value is not None:
            yield each.value
        yield from (min(max(end, -farthest), farthest) for end in each.interval or () if end is not None)


def _decimals(rows: Sequence[Estimate], unit: Unit) -> int:
    widths = [
        high - low
        for each in rows
        for low, high in [each.interval or (None, None)]
        if low is not None and high is not None
    ]
    if not widths and unit.is_rate:
        return max((rate_decimals(each.value) for each in rows), default=2)
    return decimals_for(unit, widths, least=unit.least_decimals)


def _write(chart: _Chart, row: Estimate) -> str:
    """An estimate and its interval as text."""
    if row.value is None:
        return NO_FIGURE
    value = figure(row.value, chart.unit, chart.locale, chart.decimals)
    if row.interval is None:
        return value
    low, high = row.interval
    return f"{value} ({_end(chart, low, -1)} to {_end(chart, high, 1)})"


def _end(chart: _Chart, end: float | None, side: int) -> str:
    if end is None:
        return "\N{MINUS SIGN}\N{INFINITY}" if side < 0 else "\N{INFINITY}"
    return figure(end, chart.unit, chart.locale, chart.decimals, is_bare=True)


def _standing(row: Estimate) -> str:
    return mark_control(row.name, is_control=row.is_control) + ", winner" * row.is_winner


def _mark(row: Estimate) -> str:
    return " \N{BLACK STAR} winner" * row.is_winner + mark_control(row.name, is_control=row.is_control)


def _row(chart: _Chart, row: Estimate, place: int) -> Drawn:
    written = _write(chart, row)
    mark = _mark(row)
    is_beside = chart.line == _LINE
    room = chart.room - measure(mark, _LETTERS) - is_beside * (measure(written, _LETTERS) + _LETTERS)
    words = join(named(row.name, room, _LETTERS), element("tspan", mark, class_="p-mark") if mark else "")
    drawn = [
        text(words, "0", 14, "p-label"),
        text(written, "100%", 14, "p-figure", anchor="end")
        if is_beside
        else text(written, "0", 31, "p-figure"),
        *_interval(chart, row),
    ]
    kind = "p-row p-winner" if row.is_winner else "p-row p-control" if row.is_control else "p-row"
    return element("g", *drawn, class_=kind, transform=f"translate(0 {chart.row * place})")


def _interval(chart: _Chart, row: Estimate) -> Iterator[Drawn]:
    if row.value is None:
        return
    axis, line = chart.axis, chart.line
    low, high = row.interval or (row.value, row.value)
    first = axis.ticks[0] if low is None else low
    last = axis.ticks[-1] if high is None else high
    start, end = axis.at(first), axis.at(last)
    yield rule("p-interval", start, end, line)
    for at, is_shown, arrow in (
        (start, low is not None and axis.holds(low), shapes.LEFTWARDS),
        (end, high is not None and axis.holds(high), shapes.RIGHTWARDS),
    ):
        if row.interval is None:
            continue
        yield rule("p-end", at, at, line - 5, line + 5) if is_shown else sign("p-open", arrow, at, line)
    shape = shapes.STAR if row.is_winner else shapes.DOT
    yield sign("p-dot", shape, axis.at(row.value), line)
