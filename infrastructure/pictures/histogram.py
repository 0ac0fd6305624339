"""How long conversions took from their receipt, with the deadline."""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import ceil
from typing import Final

from infrastructure.pictures import axis as axes
from infrastructure.pictures.columns import TALL, Columns, Strip
from infrastructure.pictures.formatting import duration, whole
from infrastructure.pictures.lettering import isolate
from infrastructure.pictures.picture import PHONE, Block, Picture, stack
from infrastructure.pictures.svg import Drawn, across, join, rule, text

_MOST_COLUMNS: Final = 36
_MOST_TICKS: Final = 5
_MOST_HOURS: Final = 72
_MINUTE: Final = 1 / 60
_WIDTHS: Final = (_MINUTE, 5 * _MINUTE, 15 * _MINUTE, 0.5, 1.0, 2.0, 3.0, 6.0, 12.0, 24.0, 48.0, 120.0, 240.0)


def histogram(
    delays: Iterable[tuple[float, int]],
    deadline: float,
    *,
    name: str = "Conversions",
    resolution: float = 1.0,
    locale: str = "en",
    room: float = PHONE,
) -> Picture:
    """Hours from a receipt to a conversion with how many took so long; a column is never finer than `resolution`.

    `name` is that of the conversion event.
    Hours may be cut to the resolution: 5 then has conversions after 5 to 6 hours. The deadline itself is inside.
    """
    known = sorted((hours, count) for hours, count in delays if count > 0)
    end = max([deadline, *(hours for hours, _ in known)])
    width = _choose(end / _MOST_COLUMNS, resolution)
    columns = Columns(_sort(known, ceil(end / width - 1e-9), width), end / width)
    said = _write(known, resolution, deadline, locale)
    strip = Strip(name, said, columns)
    head = strip.head(room)
    at = deadline / end
    line = rule("p-change", at, at, head - 3, head + TALL)
    body = stack([strip.draw(head, room), _ticks(end)])
    note = f"The deadline is {duration(deadline)}."
    words = text(note, "0", body.height + 14, "p-note")
    highest = whole(columns.highest, locale)
    description = f"{said}. {note} A column is {duration(width)}; the highest has {highest}."
    title = f"Time from receipt to conversion: {isolate(name)}"
    return Picture("histogram", title, description, body.height + 20, join(body.drawn, line, words))


def _choose(least: float, resolution: float) -> float:
    """The narrowest width that is enough; it is a multiple of the resolution."""
    wide = max(least, resolution) - 1e-9
    return next((each for each in _WIDTHS if each >= wide), ceil(wide / 24) * 24.0)


def _sort(known: Iterable[tuple[float, int]], count: int, width: float) -> list[int]:
    counts = [0] * max(count, 1)
    for hours, converted in known:
        counts[min(max(int(hours / width + 1e-9), 0), len(counts) - 1)] += converted
    return counts


def _write(known: Sequence[tuple[float, int]], resolution: float, deadline: float, locale: str) -> str:
    total = sum(count for _, count in known)
    if not total:
        return whole(0, locale)
    reached = accumulate(count for _, count in known)
    hours = next(hours for (hours, _), so_far in zip(known, reached, strict=True) if so_far * 2 >= total)
    within = min(hours + resolution, max(deadline, hours))
    # Longer delays are said in days, rounded up: half are within those too.
    within = within if within <= _MOST_HOURS else ceil(within / 24) * 24.0
    return f"{whole(total, locale)} (half within {duration(within)})"


def _ticks(end: float) -> Block:
    step = _choose(end / _MOST_TICKS, 0)
    drawn: list[Drawn] = []
    for place in range(int(end / step + 1e-9) + 1):
        at = place * step / end
        drawn.append(rule("p-zero", at, at, 0, 4))
        drawn.append(
            text(
                duration(place * step) if place else "0",
                across(at),
                16,
                "p-tick",
                anchor=axes.anchor(at),
            )
        )
    return Block(axes.HEIGHT, join(*drawn))
