"""The rows of a journey: signs for behaviours, bands for windows, and what they mean."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from infrastructure.pictures import shapes
from infrastructure.pictures.formatting import counted, moment, whole
from infrastructure.pictures.journey_facts import Behaviour, Conversion, Density, Kind, Lane
from infrastructure.pictures.lettering import isolate, measure, named
from infrastructure.pictures.picture import Block, stack
from infrastructure.pictures.svg import Drawn, across, element, join, number, sign, stretched, text
from infrastructure.pictures.timeline import Timeline

_LETTERS: Final = 13
_SMALL_LETTERS: Final = 11
_LABEL: Final = 20
_EVENT_LABEL: Final = 16
_ROW: Final = 24
_PLACES: Final = 100
"""Signs of one kind at the same one of so many places are drawn as one."""

_SHAPES: Final = {
    Kind.SESSION: shapes.CIRCLE,
    Kind.PURCHASE: shapes.DIAMOND,
    Kind.CUSTOM_EVENT: shapes.SQUARE,
    Kind.APP_VERSION: shapes.UPWARDS,
    Kind.CORRECTION: shapes.DOWNWARDS,
    Kind.VOID: shapes.CROSS,
}


class Sheet(NamedTuple):
    """What all rows share."""

    line: Timeline
    density: Density
    locale: str
    room: float


def draw_behaviours(behaviours: Sequence[Behaviour], sheet: Sheet) -> Iterator[Block]:
    """Signs by kind: below each other in one row, or each kind in a row with its name."""
    kinds = [kind for kind in Kind if any(each.kind is kind for each in behaviours)]
    rows = [(kind, [each for each in behaviours if each.kind is kind]) for kind in kinds]
    if sheet.density is Density.FULL:
        for kind, found in rows:
            drawn = join(*_signs(found, sheet, 10))
            yield stack(
                [_head(_sentence(kind), whole(len(found), sheet.locale), sheet), Block(_ROW - 4, drawn)]
            )
    elif rows:
        signs = (
            drawn for place, (_, found) in enumerate(rows) for drawn in _signs(found, sheet, 9 + 12 * place)
        )
        head = _head("What is known besides receipts", whole(len(behaviours), sheet.locale), sheet)
        yield stack([head, Block(12 * len(rows) + 8, join(*signs))])


def _sentence(kind: Kind) -> str:
    return kind.value[0].upper() + kind.value[1:]


def _head(name: str, figures: str, sheet: Sheet) -> Block:
    left = sheet.room - measure(figures, _LETTERS) - _LETTERS
    words = text(named(name, max(left, 60), _LETTERS), "0", 13, "p-label")
    return Block(_LABEL, join(words, text(figures, "100%", 13, "p-figure", anchor="end")))


def _signs(behaviours: Sequence[Behaviour], sheet: Sheet, y: float) -> Iterator[Drawn]:
    """A sign for each place where there is anything; it says what when pointed at."""

    def place(each: Behaviour) -> tuple[bool, int]:
        return each.is_voided, int(sheet.line.at(each.at) * _PLACES)

    for (is_voided, _), group in groupby(sorted(behaviours, key=lambda each: (place(each), each.at)), place):
        found = list(group)
        kind = found[0].kind
        style = _style(kind) + " p-hollow" * is_voided
        title = element("title", isolate(_name(found, sheet)))
        yield sign(style, _SHAPES[kind], sheet.line.at(found[0].at), y, title)


def _name(found: Sequence[Behaviour], sheet: Sheet) -> str:
    first = moment(found[0].at, sheet.line.zone)
    voided = " (voided)" * found[0].is_voided
    if len(found) == 1:
        return f"{found[0].words}, {first}{voided}"
    last = moment(found[-1].at, sheet.line.zone)
    return f"{whole(len(found), sheet.locale)} times {found[0].kind}, {first} to {last}{voided}"


def draw_lane(lane: Lane, sheet: Sheet) -> Block:
    """A campaign: one row, or a row for each conversion event."""
    head = _head(lane.name, count_lane(lane, sheet), sheet)
    if sheet.density is Density.COMPACT:
        return stack([head, _row(lane, sheet)])
    rows = [_named_row(lane, sheet, letter) for letter in lane.letters] or [_row(lane, sheet)]
    return stack([head, *rows])


def _named_row(lane: Lane, sheet: Sheet, letter: str) -> Block:
    """The row of a conversion event below its name."""
    name = text(named(lane.name_event(letter), sheet.room, _SMALL_LETTERS), "0", 12, "p-tick")
    return stack([Block(_EVENT_LABEL, name), _row(_only(lane, letter), sheet)])


def _only(lane: Lane, letter: str) -> Lane:
    return lane._replace(
        receipts=[
            each._replace(windows=[window for window in each.windows if window.letter == letter])
            for each in lane.receipts
        ],
        conversions=[each for each in lane.conversions if each.letter == letter],
    )


def count_lane(lane: Lane, sheet: Sheet) -> str:
    """How many receipts a campaign has, and on how many of its conversion events the user converted."""
    received = counted(len(lane.receipts), "receipt", sheet.locale)
    if lane.conversions:
        converted, events = len({each.letter for each in lane.conversions}), len(lane.letters)
        return f"{received}, converted{'' if events == 1 else f': {converted} of {events}'}"
    is_open = any(window.is_open for each in lane.receipts for window in each.windows)
    return f"{received}, {'still open' if is_open else 'no conversion'}"


def _row(lane: Lane, sheet: Sheet) -> Block:
    """Windows as bands, receipts as strokes at their left, conversions with a line from what they are credited to."""
    at = sheet.line.at
    bands = [
        (
            at(each.at),
            at(max(window.until for window in each.windows)),
            any(window.is_open for window in each.windows),
        )
        for each in lane.receipts
        if each.windows
    ]
    hatches = (shapes.hatch(start, end, 3, _ROW - 6, lines=80) for start, end, is_open in bands if is_open)
    causes = (f"M{_x(at(each.received_at))} 12H{_x(at(each.at))}" for each in lane.conversions)
    drawn = [
        _path("p-band", (_box(start, end) for start, end, is_open in bands if not is_open)),
        _path("p-band p-band-open", (_box(start, end) for start, end, is_open in bands if is_open)),
        _path("p-hatch", hatches),
        _path("p-receipt", (f"M{_x(at(each.at))} 1V{_ROW - 1}" for each in lane.receipts)),
        _path("p-cause", causes),
        *_conversions(lane, sheet),
    ]
    return Block(_ROW, join(*drawn))


def _x(share: float) -> str:
    return number(share * 1000)


def _box(start: float, end: float) -> str:
    return f"M{_x(start)} 3V{_ROW - 3}H{_x(end)}V3z"


def _path(kind: str, parts: Iterable[str]) -> Drawn:
    path = "".join(parts)
    return stretched(kind, path, 0, 1000, _ROW, _ROW) if path else join()


def _conversions(lane: Lane, sheet: Sheet) -> Iterator[Drawn]:
    """A disc with a tick; conversions at one place share it, and it has their number."""

    def place(each: Conversion) -> int:
        return int(sheet.line.at(each.at) * _PLACES / 4)

    for _, group in groupby(sorted(lane.conversions, key=lambda each: (place(each), each.letter)), place):
        found = list(group)
        parts = [
            element("title", describe_credit(lane, found, sheet)),
            element("rect", x=-8, y=-8, width=16, height=16, rx=8),
            element(
                "text", "\N{CHECK MARK}" if len(found) == 1 else str(len(found)), y=4, text_anchor="middle"
            ),
        ]
        at = across(sheet.line.at(found[0].at))
        yield element("svg", *parts, class_="p-conversion", x=at, y=12, overflow="visible")


def describe_credit(lane: Lane, found: Iterable[Conversion], sheet: Sheet) -> str:
    """When conversions were, and which receipts they are credited to."""
    zone = sheet.line.zone
    return "; ".join(
        f"{isolate(lane.name_event(each.letter))} on {moment(each.at, zone)}, "
        f"credited to the receipt of {moment(each.received_at, zone)}"
        for each in found
    )


def draw_legend(behaviours: Sequence[Behaviour], lanes: Sequence[Lane]) -> Block:
    """What the signs mean that are drawn, two on a line."""
    entries = list(_entries(behaviours, lanes))
    drawn = (
        element(
            "svg",
            sample,
            text(words, "0", 13, "p-note", dx=16),
            x=across(place % 2 * 0.5),
            y=place // 2 * _LABEL,
            overflow="visible",
        )
        for place, (sample, words) in enumerate(entries)
    )
    height = _LABEL * ((len(entries) + 1) // 2) + 4
    return Block(height, element("g", *drawn, transform="translate(8 4)"))


def _entries(behaviours: Sequence[Behaviour], lanes: Sequence[Lane]) -> Iterator[tuple[Drawn, str]]:
    for kind in Kind:
        if any(each.kind is kind for each in behaviours):
            yield sign(_style(kind), _SHAPES[kind], 0, 9), kind.value
    if any(each.is_voided for each in behaviours):
        yield sign("p-hollow", shapes.CIRCLE, 0, 9), "voided"
    windows = [window for lane in lanes for each in lane.receipts for window in each.windows]
    stroke = element("path", class_="p-receipt", d="M-6 2V16")
    if any(lane.receipts for lane in lanes):
        yield (
            join(*[_sample("p-band")] * any(not each.is_open for each in windows), stroke),
            "receipt, window",
        )
    if any(each.is_open for each in windows):
        lines = element("path", class_="p-hatch", d="M-5 14 1 4M0 14 6 4")
        yield join(_sample("p-band p-band-open"), lines), "window still open"
    if any(lane.conversions for lane in lanes):
        line = element("path", class_="p-cause", d="M-7 9H0")
        yield join(line, element("circle", class_="p-disc", cx=3, cy=9, r=5)), "conversion"


def _sample(kind: str) -> Drawn:
    return element("rect", class_=kind, x=-6, y=3, width=13, height=12)


def _style(kind: Kind) -> str:
    return f"p-kind-{kind.name.lower().replace('_', '-')}"
