"""The calendar days of a time zone as spans of instants (R20)."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise

_TICK = timedelta(microseconds=1)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)

_EARLIEST, _LATEST = date(1969, 12, 30), date(9999, 12, 25)
"""No fact is from before 1970 (R16), and no calendar goes on for ever."""

Span = tuple[datetime, datetime]
"""From an instant, up to but not including another."""


def spans(zone: tzinfo, first: date, last: date) -> list[Span]:
    """The instants whose date in the zone is one of these days, both inside, in order.

    One span as a rule. Where clocks were set back over midnight (St. John's, until 2011) a day has two; where they
    leapt over a day (Apia, in 2011) it has none.
    """
    first, end = max(first, _EARLIEST), min(last, _LATEST) + _DAY
    if first >= end:
        return []
    edges = sorted({*_edges(zone, first), *_edges(zone, end)})
    inside = [first <= at.astimezone(zone).date() < end for at in edges]
    found: list[Span] = []
    for (start, until), holds in zip(pairwise(edges), inside, strict=False):
        if holds and found and found[-1][1] == start:
            found[-1] = (found[-1][0], until)
        elif holds:
            found.append((start, until))
    return found


def _edges(zone: tzinfo, day: date) -> Iterator[datetime]:
    """The instants at which the date in the zone turns into the day or a later one, or turns back."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    # The date turns when midnight comes by some offset in force around then, or when the offset changes.
    around = [midnight + hours * _HOUR for hours in range(-48, 49)]
    offsets = {_offset(zone, at) for at in around}
    changes = (
        _change(zone, *each) for each in pairwise(around) if _offset(zone, each[0]) != _offset(zone, each[1])
    )
    for at in {*(midnight - offset for offset in offsets), *changes}:
        if (at.astimezone(zone).date() >= day) != ((at - _TICK).astimezone(zone).date() >= day):
            yield at


def _change(zone: tzinfo, before: datetime, after: datetime) -> datetime:
    """The instant between two at which the zone's offset changes: whole seconds, found by halving."""
    old = _offset(zone, before)
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, before + timedelta(seconds=middle)) == old:
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)


def _offset(zone: tzinfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()
