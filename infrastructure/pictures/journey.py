"""A user's journey: what the user did, and a lane for each campaign with its windows and conversions."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Final

from infrastructure.pictures.formatting import counted, moment, whole
from infrastructure.pictures.journey_facts import Behaviour, Density, Kind, Lane
from infrastructure.pictures.journey_rows import (
    Sheet,
    count_lane,
    describe_credit,
    draw_behaviours,
    draw_lane,
    draw_legend,
)
from infrastructure.pictures.lettering import isolate
from infrastructure.pictures.picture import PHONE, Block, Picture, stack
from infrastructure.pictures.svg import join, rule, text
from infrastructure.pictures.timeline import Timeline, choose_ticks, draw_ticks

MOST_LANES: Final = 50
MOST_FACTS: Final = 2_000

_GAP: Final = 10
_NOTE: Final = 20
_NOTHING: Final = "Nothing is known yet."


def journey(
    lanes: Sequence[Lane],
    behaviours: Sequence[Behaviour],
    *,
    zone: tzinfo,
    density: Density = Density.COMPACT,
    locale: str = "en",
    room: float = PHONE,
) -> Picture:
    """All of it on one axis of time; of very many, the newest facts and the first lanes, which is said."""
    shown, kept = _cut(lanes[:MOST_LANES], behaviours)
    instants = list(_instants(shown, kept))
    if not instants:
        return Picture("journey", "Journey", _NOTHING, 24, text(_NOTHING, "0", 16, "p-note"))
    sheet = Sheet(Timeline(min(instants), max(instants), zone), density, locale, room)
    notes = list(_notes(lanes, behaviours, shown, kept, locale))
    body = _draw(shown, kept, sheet, notes)
    description = " ".join([_describe(sheet, kept), *(_say(each, sheet) for each in shown), *notes])
    return Picture("journey", "Journey", description, body.height, body.drawn)


def _draw(
    lanes: Sequence[Lane], behaviours: Sequence[Behaviour], sheet: Sheet, notes: Sequence[str]
) -> Block:
    ticks = choose_ticks(sheet.line, sheet.room)
    rows = stack([*draw_behaviours(behaviours, sheet), *(draw_lane(each, sheet) for each in lanes)], gap=_GAP)
    body = stack(
        [
            rows,
            draw_ticks(sheet.line, ticks),
            draw_legend(behaviours, lanes),
            *(Block(_NOTE, text(each, "0", 14, "p-note")) for each in notes),
        ]
    )
    places = [sheet.line.at(instant) for instant, _ in ticks]
    return Block(body.height, join(*(rule("p-grid", at, at, 0, rows.height) for at in places), body.drawn))


def _cut(lanes: Sequence[Lane], behaviours: Sequence[Behaviour]) -> tuple[list[Lane], list[Behaviour]]:
    """The newest facts, so many as are drawn; conversions stay, and so do lanes."""
    instants = [each.at for lane in lanes for each in lane.receipts] + [each.at for each in behaviours]
    if len(instants) <= MOST_FACTS:
        return list(lanes), sorted(behaviours)
    oldest = sorted(instants)[-MOST_FACTS]
    kept = [
        lane._replace(
            receipts=[each for each in lane.receipts if each.at >= oldest],
            conversions=[each for each in lane.conversions if each.received_at >= oldest],
        )
        for lane in lanes
    ]
    return kept, sorted(each for each in behaviours if each.at >= oldest)


def _instants(lanes: Iterable[Lane], behaviours: Iterable[Behaviour]) -> Iterator[datetime]:
    yield from (each.at for each in behaviours)
    for lane in lanes:
        for receipt in lane.receipts:
            yield receipt.at
            yield from (window.until for window in receipt.windows)
        yield from (each.at for each in lane.conversions)


def _notes(
    lanes: Sequence[Lane],
    behaviours: Sequence[Behaviour],
    shown: Sequence[Lane],
    kept: Sequence[Behaviour],
    locale: str,
) -> Iterator[str]:
    drawn = len(kept) + sum(len(each.receipts) for each in shown)
    facts = len(behaviours) + sum(len(each.receipts) for each in lanes[: len(shown)])
    if facts > drawn:
        yield f"{counted(facts - drawn, 'older fact', locale)}: see the list below."
    if len(lanes) > len(shown):
        yield f"{counted(len(lanes) - len(shown), 'further campaign', locale)}: see the list below."


def _describe(sheet: Sheet, behaviours: Sequence[Behaviour]) -> str:
    line = sheet.line
    kinds = (
        f"{kind}: {whole(count, sheet.locale)}"
        for kind in Kind
        if (count := sum(each.kind is kind for each in behaviours))
    )
    counts = f" {', '.join(kinds)}." if behaviours else ""
    return f"{moment(line.first, line.zone)} to {moment(line.last, line.zone)} in {isolate(str(line.zone))}.{counts}"


def _say(lane: Lane, sheet: Sheet) -> str:
    said = f"{isolate(lane.name)}: {count_lane(lane, sheet)}"
    return f"{said} ({describe_credit(lane, lane.conversions, sheet)})." if lane.conversions else f"{said}."
