"""Reading the series of a campaign: a row for each day, with nothing left out between the first and the last.

Whoever copies all rows of a campaign reads them from a generation, in the order of their keys.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from sqlalchemy import Table, func, select, tuple_
from sqlalchemy.engine import Connection, Row

from domain import money
from domain.campaigns.definition import Definition
from domain.errors import DomainError
from projections.engine.generations import Generation, current
from projections.engine.projection import Definitions, Tables
from projections.engine.tables import CAMPAIGN, EXACT, read_pages, stream
from projections.series import SERIES
from projections.series.clock import Clock
from projections.series.tables import series_conversions, series_receipts, series_revenue


@dataclass(frozen=True)
class DayFigures:
    """The figures of a variant, or of a campaign, on a day; revenue exact, by currency."""

    receipts: int
    unique_recipients: int
    conversions: list[int]
    revenue: dict[str, Decimal]

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has them."""
        return {
            "receipts": self.receipts,
            "unique_recipients": self.unique_recipients,
            "conversions": self.conversions,
            "revenue": {
                currency: money.printed(amount, currency) for currency, amount in sorted(self.revenue.items())
            },
        }


@dataclass(frozen=True)
class VariantDay:
    """A variant and its figures of the day."""

    variant_id: str
    control: bool
    figures: DayFigures

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return {"variant_id": self.variant_id, "control": self.control} | self.figures.as_json()


@dataclass(frozen=True)
class Day:
    """A calendar date in the group's time zone; the totals are those of any variant but control (R9, R18)."""

    date: date
    totals: DayFigures
    variants: list[VariantDay]

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return {
            "date": self.date.isoformat(),
            "totals": self.totals.as_json(),
            "variants": [variant.as_json() for variant in self.variants],
        }


@dataclass(frozen=True)
class Series:
    """A campaign's days under a clock; it holds every event up to `position`. Without a first day there are none."""

    app_group: str
    campaign_id: str
    clock: Clock
    time_zone: str
    first: date | None
    last: date | None
    position: int
    conversion_events: int
    days: list[Day]

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return {
            "app_group": self.app_group,
            "campaign_id": self.campaign_id,
            "clock": self.clock,
            "time_zone": self.time_zone,
            "from": None if self.first is None else self.first.isoformat(),
            "to": None if self.last is None else self.last.isoformat(),
            "position": str(self.position),
            "days": [day.as_json() for day in self.days],
        }


class TooManyDays(DomainError):
    """A series would have more days than one answer may have."""

    code = "too_many_days"


_Figures = dict[tuple[date, str], DayFigures]
"""By day and variant, the campaign being one of them: where there is anything."""


def load_series(
    connection: Connection,
    definitions: Definitions,
    app_group: str,
    campaign_id: str,
    clock: Clock,
    first: date | None = None,
    last: date | None = None,
    *,
    most: int | None = None,
) -> Series:
    """The days from the first to the last, both inside; by default those with anything.

    Raises UnknownCampaign, and TooManyDays where there would be more than `most`.
    """
    definition, zone = definitions.definition(app_group, campaign_id), definitions.zone(app_group)
    tables = current(connection, SERIES)
    rows = _Rows(connection, tables, stream(app_group, campaign_id), clock, first, last)
    figures = _figures(rows, definition)
    with_anything = sorted({day for day, _ in figures})
    if with_anything:
        first, last = first or with_anything[0], last or with_anything[-1]
    if most is not None and first is not None and last is not None and (last - first).days >= most:
        raise TooManyDays(f"a series has at most {most:,} days: name the first and the last", place="from")
    days = [_day(day, figures, definition) for day in _days(first, last)]
    conversion_events, position = len(definition.conversion_events), tables.position
    return Series(app_group, campaign_id, clock, zone.key, first, last, position, conversion_events, days)


@dataclass(frozen=True)
class _Rows:
    """The rows of a campaign between two days, of any of the tables."""

    connection: Connection
    tables: Generation
    stream_id: str
    clock: Clock
    first: date | None
    last: date | None

    def of(self, declared: Table) -> Sequence[Row[Any]]:
        table = self.tables[declared]
        query = select(table).where(table.c.stream_id == self.stream_id)
        if "clock" in table.c:
            query = query.where(table.c.clock == self.clock)
        if self.first is not None:
            query = query.where(table.c.day >= self.first)
        if self.last is not None:
            query = query.where(table.c.day <= self.last)
        return self.connection.execute(query).all()


class Credited(NamedTuple):
    """Conversions by variant and index, and revenue by variant and currency, where a purchase counted."""

    conversions: Counter[tuple[str, int]]
    revenue: dict[tuple[str, str], Decimal]


def load_credited_to_receipts(
    connection: Connection, app_group: str, campaign_id: str, first: date | None, last: date | None
) -> Credited:
    """What is credited to the receipts of some days, both inside; without a first or last one, of all on that side."""
    tables = current(connection, SERIES)
    rows = _Rows(connection, tables, stream(app_group, campaign_id), "receipt", first, last)
    found = Credited(Counter(), {})
    for row in rows.of(series_conversions):
        found.conversions[row.variant_id, row.conversion_event] += row.conversions
    for row in rows.of(series_revenue):
        key = (row.variant_id, row.currency)
        found.revenue[key] = EXACT.add(found.revenue.get(key, Decimal(0)), row.amount)
    return found


def find_days_with_receipts(
    connection: Connection, app_group: str, campaign_id: str
) -> tuple[date | None, date | None]:
    """The first and the last day with a receipt of any variant but control; they cost the same however far apart."""
    table = current(connection, SERIES)[series_receipts]
    query = select(func.min(table.c.day), func.max(table.c.day)).where(
        table.c.stream_id == stream(app_group, campaign_id),
        table.c.variant_id == CAMPAIGN,
        # All of a day's may have been voided (R17).
        table.c.receipts > 0,
    )
    first, last = connection.execute(query).one()
    return first, last


def _figures(rows: _Rows, definition: Definition) -> _Figures:
    found: _Figures = defaultdict(lambda: _figures_of(definition))
    for row in rows.of(series_receipts):
        found[row.day, row.variant_id] = _figures_of(definition, row.receipts, row.unique_recipients)
    for row in rows.of(series_conversions):
        for variant_id in _counts_in(row.variant_id, definition):
            found[row.day, variant_id].conversions[row.conversion_event] += row.conversions
    for row in rows.of(series_revenue):
        for variant_id in _counts_in(row.variant_id, definition):
            revenue = found[row.day, variant_id].revenue
            revenue[row.currency] = EXACT.add(revenue.get(row.currency, Decimal(0)), row.amount)
    return dict(found)


def _counts_in(variant_id: str, definition: Definition) -> tuple[str, ...]:
    """The rows that a variant's figures stand in: its own, and the campaign's unless it is control (R9)."""
    return (variant_id,) if variant_id == definition.control else (variant_id, CAMPAIGN)


def _figures_of(definition: Definition, receipts: int = 0, unique_recipients: int = 0) -> DayFigures:
    """Figures in which nothing has converted or earned yet."""
    return DayFigures(receipts, unique_recipients, [0] * len(definition.conversion_events), {})


def _days(first: date | None, last: date | None) -> Iterator[date]:
    if first is not None and last is not None:
        for count in range((last - first).days + 1):
            yield first + timedelta(days=count)


def _day(day: date, figures: _Figures, definition: Definition) -> Day:
    def of(variant_id: str) -> DayFigures:
        return figures.get((day, variant_id)) or _figures_of(definition)

    variants = [VariantDay(each.id, each.control, of(each.id)) for each in definition.variants.values()]
    return Day(day, of(CAMPAIGN), variants)


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
