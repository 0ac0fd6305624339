"""The intervals of an experiment as a picture: rates of each variant, and uplifts around zero."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from domain.experiment.proportions import Interval
from domain.experiment.results import EventResults
from infrastructure.cli.console import Refused, plain
from infrastructure.cli.figures import conversion_event, deadline
from infrastructure.cli.result_tables import ends, signed
from infrastructure.experiments import Told

_WIDTH: Final = 860
_LEFT: Final = 200
_RIGHT: Final = 620
_LINE: Final = 28
_INK, _DIM, _LINE_INK, _AXIS = "#1b2430", "#66707f", "#4a72c8", "#c9d0da"
_FONT = "font-family='system-ui, sans-serif' font-size='13'"


class _Row(NamedTuple):
    """An estimate with its interval, and what stands beside it."""

    label: str
    middle: float | None
    interval: Interval | None
    figure: str


def write(told: Told, file: Path) -> None:
    """Write the picture; raises Refused where the file cannot be written."""
    try:
        file.write_text(picture(told), encoding="utf-8")
    except OSError as error:
        message = f"cannot write {file}: {error.strerror}"
        raise Refused(message, code="unwritable_file", place="--svg") from error


def picture(told: Told) -> str:
    """The picture as SVG: nothing in it is loaded from anywhere."""
    parts, top = [], 34
    parts.append(_text(20, top, f"{told.standing.campaign.name}: {told.results.decision.sentence}", size=16))
    for event in told.results.conversion_events:
        for title, rows in _charts(event, told):
            top += 40
            parts.append(_text(20, top, title, size=14))
            parts += _chart(rows, top + 8)
            top += _LINE * len(rows) + 8
    height = top + 40
    drawn = "\n".join(parts)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {height}' width='{_WIDTH}' {_FONT}>\n"
        f"<rect width='{_WIDTH}' height='{height}' fill='white'/>\n{drawn}\n</svg>\n"
    )


def _charts(event: EventResults, told: Told) -> Iterator[tuple[str, list[_Row]]]:
    stated = told.standing.campaign.conversion_events[event.index].stated()
    hope = f"{'ABCD'[event.index]}  {conversion_event(stated)} within {deadline(stated['deadline_seconds'])}"
    rates = [
        _Row(each.variant_id, each.rate, each.interval, f"{ends(each.interval)} %") for each in event.variants
    ]
    yield f"{hope}: conversion rate, 95 %", rates
    uplifts = [
        _Row(
            each.variant_id,
            each.uplift,
            each.uplift_interval,
            f"{signed(each.uplift)} % ({ends(each.uplift_interval, plus=True)})",
        )
        for each in event.comparisons
    ]
    if uplifts:
        yield f"Uplift against {told.results.against}, 95 %", uplifts


def _chart(rows: Sequence[_Row], top: int) -> Iterator[str]:
    known = [each.interval for each in rows if each.interval is not None]
    low = min([0.0, *(each.low for each in known)])
    high = max([0.0, *(min(each.high, 3.0) for each in known)]) or 1.0

    def x(value: float) -> float:
        return _LEFT + (min(max(value, low), high) - low) / (high - low) * (_RIGHT - _LEFT)

    bottom = top + _LINE * len(rows)
    yield f"<line x1='{x(0):.1f}' x2='{x(0):.1f}' y1='{top}' y2='{bottom}' stroke='{_AXIS}'/>"
    for place, row in enumerate(rows):
        y = top + _LINE * place + _LINE // 2 + 2
        yield _text(20, y + 4, row.label)
        yield _text(_RIGHT + 16, y + 4, row.figure, ink=_DIM)
        if row.interval is not None and row.middle is not None:
            first, last = x(row.interval.low), x(row.interval.high)
            yield f"<line x1='{first:.1f}' x2='{last:.1f}' y1='{y}' y2='{y}' stroke='{_LINE_INK}' stroke-width='3'/>"
            yield f"<circle cx='{x(row.middle):.1f}' cy='{y}' r='5' fill='{_LINE_INK}'/>"


def _text(x: int, y: int, text: str, *, size: int = 13, ink: str = _INK) -> str:
    return f"<text x='{x}' y='{y}' font-size='{size}' fill='{ink}'>{escape(plain(text))}</text>"
