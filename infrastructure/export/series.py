"""The rows of an export of the series: the figures of each variant and of the campaign by day, under both clocks (R20).

The read model has the campaign's receipts. Its other figures are the sums of all variants but control (R9), and are
computed here, one day at a time.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from domain import money
from domain.campaigns.conversion_events import LETTERS
from infrastructure.export.manifest import Column, Key, Row
from infrastructure.export.of_campaigns import Campaign, Rows
from projections.engine.tables import CAMPAIGN, EXACT
from projections.series import SERIES
from projections.series.reading import Part, read_day_rows

COLUMNS = (
    Column("campaign_id"),
    Column("clock"),
    Column("day", "day"),
    Column("variant_id"),
    Column("figure"),
    Column("conversion_event"),
    Column("currency"),
    Column("value", "decimal"),
)
"""`clock` is empty for receipts, which are the same under both; `variant_id` is empty for the campaign."""

_FIGURES = ("receipts", "unique_recipients", "conversions", "purchases", "revenue")

_Cell = tuple[str, Any, tuple[Any, ...]]
"""A variant, a conversion event or currency, and its figures."""


class _Stage(NamedTuple):
    """A part of the series, and its figures."""

    part: Part
    figures: tuple[str, ...]
    printed: Callable[[str, Any], tuple[str, str, str]]
    """Conversion event, currency and value of a figure."""


def _of_currency(currency: str, value: Any) -> tuple[str, str, str]:  # noqa: ANN401 - a count or an amount
    return "", currency, money.printed(value, currency) if isinstance(value, Decimal) else str(value)


_STAGES = (
    _Stage("receipts", _FIGURES[:2], lambda _, value: ("", "", str(value))),
    _Stage(
        "conversions",
        _FIGURES[2:3],
        lambda index, value: (LETTERS[int(index)], "", str(value)),
    ),
    _Stage("revenue", _FIGURES[3:], _of_currency),
)
_STAGE_OF = {figure: number for number, stage in enumerate(_STAGES) for figure in stage.figures}


def _key(row: Row) -> Key:
    return [str(each) for each in row[:-1]]


def _order(key: Sequence[str]) -> tuple[Any, ...]:
    """What keys are sorted by: the part, and then the order of its rows."""
    campaign_id, clock, day, variant_id, figure, conversion_event, currency = key
    of = (clock, day, variant_id, conversion_event, currency, _FIGURES.index(figure))
    return campaign_id, _STAGE_OF[figure], *of


def _read(campaign: Campaign, after: Sequence[str] | None) -> Iterator[Row]:
    begun = after is not None and after[0] == campaign.campaign_id
    first = _STAGE_OF[after[4]] if after is not None and begun else 0
    for number, stage in enumerate(_STAGES[first:], first):
        continues = after is not None and begun and number == first
        rows = _rows(campaign, stage, (after[1], after[2]) if after is not None and continues else None)
        if after is not None and continues:
            # The day is read again from its beginning, for the campaign's sums.
            done = _order(after)
            rows = (row for row in rows if _order([str(each) for each in row[:-1]]) > done)
        yield from rows


def _rows(campaign: Campaign, stage: _Stage, begin: tuple[str, str] | None) -> Iterator[Row]:
    """The rows of a part, from a clock and day on."""
    since = None if begin is None else (begin[0], date.fromisoformat(begin[1]))
    cells = read_day_rows(campaign.connection, campaign.tables, campaign.stream_id, stage.part, since)
    for (clock, day), of_day in groupby(cells, lambda cell: cell[:2]):
        for variant_id, of, values in _with_campaign(campaign, stage, [cell[2:] for cell in of_day]):
            for figure, value in zip(stage.figures, values, strict=True):
                yield (campaign.campaign_id, clock, day, variant_id, figure, *stage.printed(of, value))


def _with_campaign(campaign: Campaign, stage: _Stage, cells: list[_Cell]) -> list[_Cell]:
    """The cells of a day, after those of the campaign if they are sums."""
    if stage.part == "receipts":
        return cells
    control = campaign.known.definition(campaign.app_group, campaign.campaign_id).control
    sums: defaultdict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    for variant_id, of, values in cells:
        if variant_id != control:
            sums[of].append(values)
    total = [(CAMPAIGN, of, tuple(map(_sum, zip(*each, strict=True)))) for of, each in sorted(sums.items())]
    return [*total, *cells]


def _sum(values: Sequence[Any]) -> Any:  # noqa: ANN401 - counts or amounts
    if not isinstance(values[0], Decimal):
        return sum(values)
    total = Decimal(0)
    for value in values:
        total = EXACT.add(total, value)
    return total


ROWS = Rows(SERIES, COLUMNS, _key, _read)
