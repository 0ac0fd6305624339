"""The intervals of an experiment as a picture: rates of each variant, and uplifts around zero."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from application.queries.results import ExperimentResults, as_plain
from domain.campaigns.evidence import DecidingTest
from domain.experiment.proportions import Interval
from domain.experiment.results import EventResults
from infrastructure.cli.options import UNREADABLE, Refused
from infrastructure.cli.result_tables import FARTHEST, deciding_interval, ends
from infrastructure.words.conversion_events import name_with_deadline
from infrastructure.words.decisions import describe_few
from infrastructure.words.doubts import describe_mismatch
from infrastructure.words.quantities import plain

_WIDTH: Final = 900
_LEFT: Final = 255
_RIGHT: Final = 620
_LINE: Final = 28
_LETTERS_OF_A_LABEL: Final = 26
_LETTERS_OF_A_LINE: Final = 120
_INK, _DIM, _LINE_INK, _AXIS, _WARNING = "#1b2430", "#66707f", "#4a72c8", "#c9d0da", "#a8341f"
_FONT = "font-family='system-ui, sans-serif' font-size='13'"


class _Row(NamedTuple):
    """An estimate with its interval, and the figure beside it."""

    label: str
    middle: float | None
    interval: Interval | None
    figure: str


def write(found: ExperimentResults, file: Path) -> None:
    """Write the picture; raises Refused where the file cannot be written."""
    try:
        file.write_text(picture(found), encoding="utf-8")
    except OSError as error:
        raise Refused(
            f"cannot write {file}: {error.strerror}", code="unwritable_file", place="--svg", status=UNREADABLE
        ) from error


def picture(found: ExperimentResults) -> str:
    """The picture as SVG: nothing in it is loaded from anywhere."""
    campaign = found.snapshot.campaign
    parts, top = [_text(20, 34, _cut(campaign.name, 80), size=17)], 34
    for line, ink in _describe(found):
        top += 22
        parts.append(_text(20, top, line, ink=ink))
    for event in found.results.conversion_events:
        for title, rows in _charts(event, found):
            top += 44
            parts.append(_text(20, top, title, size=14))
            parts += _chart(rows, top + 8)
            top += _LINE * len(rows) + 26
    height = top + 24
    drawn = "\n".join(parts)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {height}' width='{_WIDTH}' height='{height}' "
        f"{_FONT}>\n<rect width='{_WIDTH}' height='{height}' fill='white'/>\n{drawn}\n</svg>\n"
    )


def _describe(found: ExperimentResults) -> Iterator[tuple[str, str]]:
    """The decision and what speaks against it, in lines of their colours."""
    health = found.results.health
    said = [(f"{found.results.decision.sentence} ({found.results.test.value} test)", _INK)]
    if (few := describe_few(found)) is not None:
        said.append((f"{few[0]}: {', '.join(found.too_little())}.", _WARNING))
    if health.suspicious:
        said.append((f"Sample ratio mismatch: {describe_mismatch(as_plain(health))}", _WARNING))
    for text, ink in said:
        yield from ((line, ink) for line in wrap(text, _LETTERS_OF_A_LINE))


def _charts(event: EventResults, found: ExperimentResults) -> Iterator[tuple[str, list[_Row]]]:
    stated = found.snapshot.campaign.conversion_events[event.index].stated()
    hope = f"{'ABCD'[event.index]}  {name_with_deadline(stated)}"
    rates = [
        _Row(
            _label(each.variant_id, control=each.control),
            each.rate,
            each.interval,
            _figure(each.rate, each.interval),
        )
        for each in event.variants
    ]
    yield f"{hope}: conversion rate, 95 %", rates
    test = found.results.test
    uplifts = [
        _Row(_label(each.variant_id), each.uplift, interval, _figure(each.uplift, interval, plus=True))
        for each in event.comparisons
        for interval in [deciding_interval(each, test)]
    ]
    if uplifts:
        when = "at one look" if test is DecidingTest.FIXED else "on any day"
        yield f"Uplift against {_cut(found.results.against, 40)}, 95 % {when}", uplifts


def _label(variant_id: str, *, control: bool = False) -> str:
    return (
        _cut(variant_id, _LETTERS_OF_A_LABEL - 10) + " (control)"
        if control
        else _cut(variant_id, _LETTERS_OF_A_LABEL)
    )


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}\N{HORIZONTAL ELLIPSIS}"


def _figure(middle: float | None, interval: Interval | None, *, plus: bool = False) -> str:
    if middle is None:
        return "no figure"
    estimate = f"{middle * 100:{'+' if plus else ''}.1f} %"
    return estimate if interval is None else f"{estimate} ({ends(interval, plus=plus)})"


def _chart(rows: Sequence[_Row], top: int) -> Iterator[str]:
    known = [each.interval for each in rows if each.interval is not None]
    low = min([0.0, *(each.low for each in known)])
    high = max([0.0, *(min(each.high, FARTHEST) for each in known)]) or 1.0

    def x(value: float) -> float:
        return _LEFT + (min(max(value, low), high) - low) / (high - low) * (_RIGHT - _LEFT)

    bottom = top + _LINE * len(rows)
    # The lower end of a scale may lie too near 0 for two figures beside each other.
    for value in {0.0, high, *([low] if x(0) - x(low) > _LINE * 2 else [])}:
        yield f"<line x1='{x(value):.1f}' x2='{x(value):.1f}' y1='{top}' y2='{bottom}' stroke='{_AXIS}'/>"
        yield _text(round(x(value)), bottom + 14, f"{value * 100:.3g} %", size=11, ink=_DIM, anchor="middle")
    for place, row in enumerate(rows):
        y = top + _LINE * place + _LINE // 2 + 2
        yield _text(20, y + 4, row.label)
        yield _text(_RIGHT + 24, y + 4, row.figure, ink=_DIM)
        if row.interval is not None and row.middle is not None:
            first, last = x(row.interval.low), x(row.interval.high)
            yield f"<line x1='{first:.1f}' x2='{last:.1f}' y1='{y}' y2='{y}' stroke='{_LINE_INK}' stroke-width='3'/>"
            yield f"<circle cx='{x(row.middle):.1f}' cy='{y}' r='5' fill='{_LINE_INK}'/>"


def _text(x: int, y: int, text: str, *, size: int = 13, ink: str = _INK, anchor: str = "start") -> str:
    return f"<text x='{x}' y='{y}' font-size='{size}' fill='{ink}' text-anchor='{anchor}'>{escape(plain(text))}</text>"
