"""All rows of a campaign, in the order of their keys: for whoever copies them elsewhere.

`tables` is the generation to read.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal

from sqlalchemy import Table, select, tuple_
from sqlalchemy.engine import Connection

from projections.engine.paging import read_pages
from projections.engine.projection import Tables
from projections.series.tables import series_conversions, series_receipts, series_revenue

Part = Literal["receipts", "conversions", "revenue"]

_PARTS: Mapping[Part, tuple[Table, str | None]] = {
    "receipts": (series_receipts, None),
    "conversions": (series_conversions, "conversion_event"),
    "revenue": (series_revenue, "currency"),
}
"""By part its table, and what its rows are by beside day and variant."""

_FIGURES = {"receipts", "unique_recipients", "conversions", "purchases", "amount"}


def read_day_rows(
    connection: Connection,
    tables: Tables,
    stream_id: str,
    part: Part,
    begin: tuple[str, date] | None,
) -> Iterator[tuple[str, date, str, Any, tuple[Any, ...]]]:
    """Clock, day, variant, conversion event or currency, and the figures, from a clock and day on.

    Receipts are the same under both clocks, and are of no conversion event or currency: both are empty for them.
    """
    declared, by = _PARTS[part]
    table = tables[declared]
    key = [
        table.c[name] for name in ("clock", "day", "variant_id", by) if name is not None and name in table.c
    ]
    figures = [each for each in table.c if each.name in _FIGURES]
    query = select(*key, *figures).where(table.c.stream_id == stream_id)
    if begin is not None:
        edge = begin if by else begin[1:]
        query = query.where(tuple_(*key[: len(edge)]) >= tuple_(*edge))
    for page in read_pages(connection, query, key, None):
        for row in page:
            clock, day, variant_id, of, *values = row if by else ("", *row[:2], "", *row[2:])
            yield clock, day, variant_id, of, tuple(values)
