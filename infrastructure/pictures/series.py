"""A campaign by day: a strip of columns for each figure, all above the same days, with marks for what was changed."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from math import ceil
from typing import Final, Literal, NamedTuple

from infrastructure.pictures import axis as axes
from infrastructure.pictures.columns import LETTERS, TALL, Columns, Strip
from infrastructure.pictures.formatting import counted, day, whole
from infrastructure.pictures.lettering import isolate, measure, named
from infrastructure.pictures.picture import PHONE, Block, Picture, stack
from infrastructure.pictures.svg import Drawn, across, join, rule, text

Clock = Literal["conversion", "receipt"]

_MOST_COLUMNS: Final = 240
_MOST_MARKS: Final = 8
_MOST_TICKS: Final = 5
_GAP: Final = 12
_MARKS: Final = 18
_NOTE: Final = 20
_CLOSE: Final = 0.06
_CLOCKS: Final = {
    "conversion": "A conversion is on its own day.",
    "receipt": "A conversion is on the day of the receipt that it is credited to.",
}


class Figure(NamedTuple):
    """A figure by day: receipts, or conversions on an event."""

    name: str
    counts: Sequence[int]


class Mark(NamedTuple):
    """A change: weights that were set, or a winner that was declared."""

    day: date
    words: str
    is_winner: bool = False


class _Days(NamedTuple):
    first: date
    number: int
    width: int
    """How many days a column has."""
    locale: str

    @property
    def is_long(self) -> bool:
        """Whether days have to be named with their year."""
        return self.number > 300

    @property
    def last(self) -> date:
        """The last day."""
        return self.first + timedelta(self.number - 1)

    def at(self, value: date) -> float:
        """The middle of a day across; a day before the first, or after the last, is at that end."""
        return (min(max((value - self.first).days, 0), self.number - 1) + 0.5) / self.number


def series(
    first: date,
    figures: Sequence[Figure],
    *,
    clock: Clock,
    zone: str,
    marks: Sequence[Mark] = (),
    locale: str = "en",
    room: float = PHONE,
) -> Picture:
    """Days from the first on, nothing left out between; `zone` names the time zone that they are days of.

    Where there are many days a column has several.
    """
    count = max((len(each.counts) for each in figures), default=0)
    if not count:
        return Picture("series", "By day", "There is no day yet.", 24, text("No day yet.", "0", 16, "p-note"))
    days = _Days(first, count, ceil(count / _MOST_COLUMNS), locale)
    marks = sorted(marks)
    strips = [_strip(each, days) for each in figures]
    head = max(each.head(room) for each in strips)
    top = _MARKS if marks else 0
    blocks = [
        Block(top, join(*_numbers(marks, days))),
        stack([each.draw(head, room) for each in strips], gap=_GAP),
        _day_ticks(days, room),
        _legend(marks, days, room),
    ]
    step = head + TALL + _GAP
    lines = (_lines(marks, days, top + step * place + head) for place in range(len(strips)))
    body = stack(blocks)
    said = [f"{isolate(each.name)}: {each.figures}." for each in strips]
    said += [f"{isolate(_say(each))}." for each in marks[:_MOST_MARKS]]
    description = " ".join([_describe(days, zone), _CLOCKS[clock], *said])
    return Picture("series", "By day", description, body.height, join(body.drawn, *lines))


def _describe(days: _Days, zone: str) -> str:
    first, last = day(days.first), day(days.last)
    said = f"{first} to {last}: {counted(days.number, 'day', days.locale)} of {isolate(zone)}."
    if days.width == 1:
        return said
    rest = days.number % days.width
    return f"{said} A column is {days.width} days{f', the last one {rest}' if rest else ''}."


def _strip(figure: Figure, days: _Days) -> Strip:
    counts = figure.counts
    sums = [sum(counts[place : place + days.width]) for place in range(0, days.number, days.width)]
    columns = Columns(sums, days.number / days.width)
    return Strip(figure.name, _write(sum(counts), columns, days), columns)


def _write(total: int, columns: Columns, days: _Days) -> str:
    if not total:
        return whole(0, days.locale)
    at = days.first + timedelta(columns.counts.index(columns.highest) * days.width)
    when = f"{'on' if days.width == 1 else 'from'} {day(at, 'd MMM y' if days.is_long else 'd MMM')}"
    return f"{whole(total, days.locale)} (most: {whole(columns.highest, days.locale)} {when})"


def _day_ticks(days: _Days, room: float) -> Block:
    """The first and the last day, and as many between as have room."""
    drawn: list[Drawn] = []
    for place in _choose_days(days, room):
        at = days.at(days.first + timedelta(place))
        anchor = None if place == 0 else "end" if place == days.number - 1 else "middle"
        x = {None: 0.0, "end": 1.0}.get(anchor, at)
        drawn += [
            rule("p-zero", at, at, 0, 4),
            text(_label(place, days), across(x), 16, "p-tick", anchor=anchor),
        ]
    return Block(axes.HEIGHT + 2, join(*drawn))


def _choose_days(days: _Days, room: float) -> list[int]:
    last = days.number - 1
    for parts in range(min(_MOST_TICKS - 1, last), 1, -1):
        places = [round(place * last / parts) for place in range(parts + 1)]
        widest = max(measure(_label(each, days), axes.LETTERS) for each in places)
        if widest * 1.3 <= room / parts:
            return places
    return [0, last] if last else [0]


def _label(place: int, days: _Days) -> str:
    is_end = place in {0, days.number - 1}
    pattern = "d MMM y" if is_end else "MMM y" if days.is_long else "d MMM"
    return day(days.first + timedelta(place), pattern)


def _lines(marks: Sequence[Mark], days: _Days, top: float) -> Drawn:
    """A line over the columns for each mark."""
    return join(
        *(
            rule("p-change p-won" if each.is_winner else "p-change", at, at, top - 3, top + TALL)
            for each in marks
            for at in [days.at(each.day)]
        )
    )


def _numbers(marks: Sequence[Mark], days: _Days) -> Iterator[Drawn]:
    """The numbers of the marks above their lines; marks that are close share theirs."""
    for group in _group(marks, days):
        at = days.at(marks[group[0]].day)
        numbers = str(group[0] + 1) if len(group) == 1 else f"{group[0] + 1}\N{EN DASH}{group[-1] + 1}"
        won = "\N{BLACK STAR}" * any(marks[place].is_winner for place in group)
        yield text(numbers + won, across(at), 11, "p-tick", anchor=axes.anchor(at))


def _group(marks: Sequence[Mark], days: _Days) -> list[list[int]]:
    groups: list[list[int]] = []
    for place, each in enumerate(marks):
        if groups and days.at(each.day) - days.at(marks[groups[-1][0]].day) < _CLOSE:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def _legend(marks: Sequence[Mark], days: _Days, room: float) -> Block:
    drawn = [
        text(
            join(f"{place + 1} ", named(_say(each), room - 24, LETTERS)),
            "0",
            _NOTE * (place + 1),
            "p-note",
        )
        for place, each in enumerate(marks[:_MOST_MARKS])
    ]
    if further := len(marks) - len(drawn):
        words = f"{counted(further, 'further change', days.locale)}: see the history."
        drawn.append(text(words, "0", _NOTE * (len(drawn) + 1), "p-note"))
    return Block(_NOTE * len(drawn) + (6 if drawn else 0), join(*drawn))


def _say(mark: Mark) -> str:
    return f"{day(mark.day)}: {'winner: ' * mark.is_winner}{mark.words}"
