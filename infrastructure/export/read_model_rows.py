"""The rows of exports that come from read models: conversions, revenue, lines, recipients, and the series by day.

Each is sorted by a key that begins with the campaign. `variant_id` is empty in a row of a recipient for the campaign,
which means any variant but control.

The series has the figures of each variant and of the campaign by day, under both clocks (R20). Its read model has the
campaign's receipts. Its other figures are the sums of all variants but control (R9), and are computed here, one day
at a time.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from domain import money
from domain.campaigns.conversion_events import LETTERS
from infrastructure.export.manifest import Column, Key, Row
from infrastructure.export.of_campaigns import Campaign, Rows
from projections.conversions import CONVERSIONS
from projections.conversions.reading import read_conversion_rows, read_line_rows, read_revenue_rows
from projections.engine.tables import CAMPAIGN, EXACT
from projections.recipients import RECIPIENTS
from projections.recipients.reading import read_recipient_rows
from projections.series import SERIES
from projections.series.reading import Part, read_day_rows

_OF_SERIES = (
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


def _series_key(row: Row) -> Key:
    return [str(each) for each in row[:-1]]


def _order(key: Sequence[str]) -> tuple[Any, ...]:
    """What keys are sorted by: the part, and then the order of its rows."""
    campaign_id, clock, day, variant_id, figure, conversion_event, currency = key
    of = (clock, day, variant_id, conversion_event, currency, _FIGURES.index(figure))
    return campaign_id, _STAGE_OF[figure], *of


def _read_series(campaign: Campaign, after: Sequence[str] | None) -> Iterator[Row]:
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


_USER = (Column("campaign_id"), Column("journey_id"), Column("user_id"))

_OF_CONVERSION = (
    Column("variant_id"),
    Column("control", "boolean"),
    Column("receipt_id"),
    Column("received_at", "instant"),
    Column("window_ends_at", "instant"),
    Column("behaviour_id"),
    Column("behaviour_at", "instant"),
    Column("recorded_at", "instant"),
    Column("restated", "boolean"),
    Column("decided_at", "instant"),
)
_OF_REVENUE = (
    Column("fact_type"),
    Column("variant_id"),
    Column("control", "boolean"),
    Column("receipt_id"),
    Column("received_at", "instant"),
    Column("occurred_at", "instant"),
    Column("currency"),
)
_OF_RECIPIENT = (
    Column("receipts", "whole"),
    Column("first_receipt_id"),
    Column("first_received_at", "instant"),
    Column("last_receipt_id"),
    Column("last_received_at", "instant"),
    Column("converted_a", "boolean"),
    Column("converted_b", "boolean"),
    Column("converted_c", "boolean"),
    Column("converted_d", "boolean"),
)
_OF_LINE = (
    Column("line", "whole"),
    Column("product_id"),
    Column("quantity", "whole"),
    Column("currency"),
    Column("price", "decimal"),
)


def _read_conversions(campaign: Campaign, after: Sequence[str] | None) -> Iterator[Row]:
    begin = None if after is None else (after[1], LETTERS.index(after[2]))
    columns = [each.name for each in _OF_CONVERSION]
    rows = read_conversion_rows(campaign.connection, campaign.tables, campaign.stream_id, columns, begin)
    for journey_id, index, user, *rest in rows:
        yield (campaign.campaign_id, journey_id, user, LETTERS[index], *rest)


def _read_revenue(campaign: Campaign, after: Sequence[str] | None) -> Iterator[Row]:
    begin = None if after is None else after[1:]
    columns = [*(each.name for each in _OF_REVENUE), "net"]
    rows = read_revenue_rows(campaign.connection, campaign.tables, campaign.stream_id, columns, begin)
    for journey_id, fact_id, user, *others, currency, net in rows:
        printed = money.printed(net, currency)
        yield (campaign.campaign_id, journey_id, user, fact_id, *others, currency, printed)


def _read_lines(campaign: Campaign, after: Sequence[str] | None) -> Iterator[Row]:
    """The products of what counts, for joins by product (R27); the net is the whole order's: `revenue` has it once."""
    begin = None if after is None else (after[1], after[2], int(after[3]))
    rows = read_line_rows(campaign.connection, campaign.tables, campaign.stream_id, begin)
    for journey_id, fact_id, user, *line, currency, price in rows:
        printed = None if price is None else money.printed(price, currency)
        yield (campaign.campaign_id, journey_id, user, fact_id, *line, currency, printed)


def _read_recipients(campaign: Campaign, after: Sequence[str] | None) -> Iterator[Row]:
    begin = None if after is None else after[1:]
    columns = [each.name for each in _OF_RECIPIENT]
    rows = read_recipient_rows(campaign.connection, campaign.tables, campaign.stream_id, columns, begin)
    for (journey_id, variant_id, user, *rest), earned in rows:
        revenue = {currency: money.printed(amount, currency) for currency, amount in earned.items()}
        encoded = msgspec.json.encode(revenue).decode()
        yield (campaign.campaign_id, journey_id, user, variant_id, *rest, encoded)


READ_MODEL_ROWS = {
    "conversions": Rows(
        CONVERSIONS,
        (*_USER, Column("conversion_event"), *_OF_CONVERSION),
        lambda row: [row[0], row[1], row[3]],
        _read_conversions,
    ),
    "revenue": Rows(
        CONVERSIONS,
        (*_USER, Column("fact_id"), *_OF_REVENUE, Column("net", "decimal")),
        lambda row: [row[0], row[1], row[3]],
        _read_revenue,
    ),
    "lines": Rows(
        CONVERSIONS,
        (*_USER, Column("fact_id"), *_OF_LINE),
        lambda row: [row[0], row[1], row[3], str(row[4])],
        _read_lines,
    ),
    "recipients": Rows(
        RECIPIENTS,
        (*_USER, Column("variant_id"), *_OF_RECIPIENT, Column("revenue", "json")),
        lambda row: [row[0], row[1], row[3]],
        _read_recipients,
    ),
    "series": Rows(SERIES, _OF_SERIES, _series_key, _read_series),
}
