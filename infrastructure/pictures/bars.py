"""Bars: a rate in a cell, variants by weight, and the steps from receipt to conversion."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from infrastructure.pictures import shapes
from infrastructure.pictures.formatting import RATE, decimals_for, figure, rate_decimals, whole
from infrastructure.pictures.intervals import NO_FIGURE, Ends
from infrastructure.pictures.lettering import isolate, measure, named
from infrastructure.pictures.picture import PHONE, Picture
from infrastructure.pictures.svg import Drawn, across, bar, element, join, rule, stretched, text
from infrastructure.words.variants import mark_control

_LETTERS: Final = 13
_SMALL: Final = 12
_LEAST_SEEN: Final = 0.005
_CELL: Final = 20
_BAND: Final = 26
_LEGEND: Final = 22
_STEP: Final = 46


def small_bar(rate: float | None, high: float, *, locale: str = "en") -> Picture:
    """A rate in a list's cell, on a scale from 0 to `high`, which all cells of the column share."""
    drawn = [bar("p-track", 0, 1, 2, 8)]
    if rate is not None:
        drawn.append(bar("p-fill", 0, _share(rate, high), 2, 8))
    return Picture("small", _rate(rate, locale), _scale(high, locale), _SMALL, join(*drawn))


def rate_bar(rate: float | None, interval: Ends | None, high: float, *, locale: str = "en") -> Picture:
    """A rate with its interval in a table's cell, on a scale from 0 to `high`, which the column shares."""
    drawn = [bar("p-track", 0, 1, 5, 10)]
    said = _rate(rate, locale)
    if rate is not None:
        drawn.append(bar("p-fill", 0, _share(rate, high), 5, 10))
    if rate is not None and interval is not None:
        low, top = 0.0 if interval[0] is None else interval[0], 1.0 if interval[1] is None else interval[1]
        decimals = decimals_for(RATE, [top - low], least=2)
        said = (
            f"{figure(rate, RATE, locale, decimals)}, interval from {figure(low, RATE, locale, decimals)} to "
        )
        said += figure(top, RATE, locale, decimals)
        drawn += _whisker(_share(low, high), _share(top, high))
    return Picture("rate", said, _scale(high, locale), _CELL, join(*drawn))


def _rate(rate: float | None, locale: str) -> str:
    return NO_FIGURE if rate is None else figure(rate, RATE, locale, rate_decimals(rate))


def _scale(high: float, locale: str) -> str:
    return f"A bar on a scale from 0 to {_rate(high, locale)}."


def _share(value: float, high: float) -> float:
    """The place of a value on a scale from 0; what is more than nothing is seen."""
    if high <= 0 or value <= 0:
        return 0.0
    return min(max(value / high, _LEAST_SEEN), 1.0)


def _whisker(start: float, end: float) -> Iterator[Drawn]:
    for kind in ("p-halo", "p-interval"):
        yield rule(kind, start, end, 10)
        yield rule(kind, start, start, 6, 14)
        yield rule(kind, end, end, 6, 14)


class Weight(NamedTuple):
    """A variant and its weight."""

    name: str
    weight: int
    is_control: bool = False


def weights_bar(variants: Sequence[Weight], *, locale: str = "en", room: float = PHONE) -> Picture:
    """How variants share the users: one bar whose parts are numbered, and a line for each; control is hatched."""
    total = sum(each.weight for each in variants)
    shares = [each.weight / total if total else 0.0 for each in variants]
    figures = [
        f"{whole(each.weight, locale)} ({figure(share, RATE, locale, 1)})"
        for each, share in zip(variants, shares, strict=True)
    ]
    said = [
        f"{isolate(each.name)}{mark_control(each.name, is_control=each.is_control)}: {written}."
        for each, written in zip(variants, figures, strict=True)
    ]
    drawn = [bar("p-track", 0, 1, 0, _BAND), *_parts(variants, shares)]
    for place, (each, written) in enumerate(zip(variants, figures, strict=True)):
        drawn += _legend(each, written, place, room)
    height = _BAND + 10 + _LEGEND * len(variants)
    return Picture("weights", "Weights of variants", " ".join(said), height, join(*drawn))


def _parts(variants: Sequence[Weight], shares: Sequence[float]) -> Iterator[Drawn]:
    start = 0.0
    for place, (each, share) in enumerate(zip(variants, shares, strict=True)):
        end = start + share
        if share > 0:
            yield bar(_shade(each, place), start, end, 0, _BAND)
        if each.is_control and share > 0:
            yield stretched("p-hatch", shapes.hatch(start, end, 0, _BAND), 0, 1000, _BAND, _BAND)
        number = str(place + 1)
        if share * PHONE > measure(number, _LETTERS) + 8:
            kind = "p-number p-on-hatch" if each.is_control else "p-number"
            yield text(number, across((start + end) / 2), 18, kind, anchor="middle")
        start = end


def _shade(variant: Weight, place: int) -> str:
    return "p-part p-control" if variant.is_control else f"p-part p-shade-{place % 2}"


def _legend(variant: Weight, figures: str, place: int, room: float) -> Iterator[Drawn]:
    y = _BAND + 10 + _LEGEND * place
    mark = mark_control(variant.name, is_control=variant.is_control)
    left = room - measure(f"{place + 1} {figures}{mark}", _LETTERS) - 34
    yield element("rect", class_=_shade(variant, place), x=0, y=y, width=14, height=14)
    if variant.is_control:
        yield element(
            "path", class_="p-hatch", d=f"M1 {y + 13}L13 {y + 1}M1 {y + 7}L7 {y + 1}M7 {y + 13}L13 {y + 7}"
        )
    words = join(f"{place + 1} ", named(variant.name, max(left, 60), _LETTERS), mark)
    yield text(words, "0", y + 12, "p-label", dx=22)
    yield text(figures, "100%", y + 12, "p-figure", anchor="end")


class Step(NamedTuple):
    """A step of a funnel: how many reached it."""

    name: str
    reached: int


def funnel(steps: Sequence[Step], *, locale: str = "en", room: float = PHONE) -> Picture:
    """From received to each conversion event, as bars of one scale; rates are of the first step."""
    longest = max((each.reached for each in steps), default=0)
    base = steps[0].reached if steps else 0
    drawn: list[Drawn] = []
    said: list[str] = []
    for place, each in enumerate(steps):
        figures = whole(each.reached, locale)
        if place and base:
            rate = each.reached / base
            figures += f" ({figure(rate, RATE, locale, rate_decimals(rate))})"
        said.append(f"{isolate(each.name)}: {figures.replace('  ', ', ')}.")
        drawn += _step(each, figures, _share(each.reached, longest), _STEP * place, room)
    return Picture("funnel", "From receipt to conversion", " ".join(said), _STEP * len(steps), join(*drawn))


def _step(step: Step, figures: str, share: float, y: float, room: float) -> Iterator[Drawn]:
    left = room - measure(figures, _LETTERS) - _LETTERS
    yield text(named(step.name, max(left, 80), _LETTERS), "0", y + 14, "p-label")
    yield text(figures, "100%", y + 14, "p-figure", anchor="end")
    yield bar("p-track", 0, 1, y + 20, 14)
    yield bar("p-fill", 0, share, y + 20, 14)
