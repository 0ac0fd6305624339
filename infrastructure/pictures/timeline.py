"""An axis of time: instants across, and ticks where a day, month or year of the zone begins."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Final, NamedTuple

from infrastructure.pictures import axis as axes
from infrastructure.pictures.formatting import clock, day, moment
from infrastructure.pictures.lettering import measure
from infrastructure.pictures.picture import Block
from infrastructure.pictures.svg import Drawn, across, join, rule, text

_MOST_TICKS: Final = 6
_HOURS: Final = (1, 3, 6, 12)
_DAYS: Final = (1, 2, 7, 14)
_MONTHS: Final = (1, 3, 6, 12, 24, 60, 120, 240, 600, 1_200)
_PAD: Final = 0.04
_LEAST: Final = timedelta(hours=1)

Tick = tuple[datetime, str]


class Timeline(NamedTuple):
    """From the first instant to the last, in a time zone."""

    first: datetime
    last: datetime
    zone: tzinfo

    def at(self, instant: datetime) -> float:
        """The place of an instant across, with some room at both sides."""
        share = (instant - self.first) / max(self.last - self.first, _LEAST)
        return _PAD + min(max(share, 0.0), 1.0) * (1 - 2 * _PAD)


def choose_ticks(line: Timeline, room: float) -> list[Tick]:
    """The finest ticks that have room for their labels."""
    ticks: list[Tick] = []
    for ticks in _choices(line):
        widest = max((measure(label, axes.LETTERS) for _, label in ticks), default=0.0)
        gaps = [line.at(after) - line.at(before) for (before, _), (after, _) in pairwise(ticks)]
        if not gaps or widest + axes.LETTERS <= min(gaps) * room:
            break
    return ticks


def _choices(line: Timeline) -> Iterator[list[Tick]]:
    """From the finest to the coarsest; those that are much too fine are left out."""
    span = max(line.last - line.first, _LEAST)
    for hours in _HOURS:
        if span / timedelta(hours=hours) <= _MOST_TICKS:
            yield [(at, _label_hour(at)) for at in _hours(line, hours)]
    for days in _DAYS:
        if span / timedelta(days=days) <= _MOST_TICKS:
            yield [(at, day(at, "d MMM")) for at in _days(line, days)]
    for months in _MONTHS:
        if span / timedelta(days=28 * months) <= _MOST_TICKS or months == _MONTHS[-1]:
            yield [(at, day(at, "y" if months >= 12 else "MMM y")) for at in _months(line, months)]


def _label_hour(at: datetime) -> str:
    return day(at, "d MMM") if at.hour == 0 else clock(at)


def _hours(line: Timeline, step: int) -> list[datetime]:
    return [
        at
        for midnight in _midnights(line, 1)
        for hour in range(0, 24, step)
        for at in [midnight.replace(hour=hour)]
        if _holds(line, at)
    ]


def _days(line: Timeline, step: int) -> list[datetime]:
    return [at for at in _midnights(line, step) if _holds(line, at)]


def _midnights(line: Timeline, step: int) -> Iterator[datetime]:
    first = line.first.astimezone(line.zone).date()
    for place in range((line.last - line.first) // timedelta(days=step) + 2):
        yield datetime.combine(first + timedelta(days=step * place), time(), line.zone)


def _months(line: Timeline, step: int) -> list[datetime]:
    first, last = (each.astimezone(line.zone) for each in (line.first, line.last))
    begin, end = ((each.year * 12 + each.month - 1) // step for each in (first, last))
    found = (
        datetime.combine(date(place * step // 12, place * step % 12 + 1, 1), time(), line.zone)
        for place in range(begin, end + 1)
    )
    return [at for at in found if _holds(line, at)]


def _holds(line: Timeline, at: datetime) -> bool:
    return line.first <= at <= line.last


def draw_ticks(line: Timeline, ticks: list[Tick]) -> Block:
    """Labels below an axis, and below them the first and the last instant."""
    drawn: list[Drawn] = []
    for instant, label in ticks:
        at = line.at(instant)
        drawn += [rule("p-zero", at, at, 0, 4), text(label, across(at), 16, "p-tick", anchor="middle")]
    ends = ((line.first, "0", None), (line.last, "100%", "end"))
    drawn += [text(moment(each, line.zone), x, 32, "p-tick", anchor=anchor) for each, x, anchor in ends]
    return Block(axes.HEIGHT + 18, join(*drawn))
