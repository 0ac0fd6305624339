"""Reading conversions, page by page, and what had converted and been earned by an instant.

Whoever copies all rows of a campaign reads them from a generation in the order of their keys, from after a key on.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple, TypedDict, Unpack

from sqlalchemy import ColumnElement, Row, Select, Subquery, Table, false, func, or_, select, tuple_
from sqlalchemy.engine import Connection

from domain.campaigns.conversion_events import LETTERS
from domain.instants import printed
from projections import conversions as projection
from projections.conversions import tables
from projections.conversions.tables import conversions, counted_revenue, sale_lines
from projections.engine.generations import current
from projections.engine.projection import Definitions, Tables
from projections.engine.tables import (
    EXACT,
    find_journey,
    find_users,
    read_first_between,
    read_pages,
    read_pages_of_campaign,
    select_user_id,
    stream,
)

Span = tuple[datetime, datetime]
"""From an instant, up to but not including another."""


class BadKey(ValueError):
    """A key that no row of conversions has had."""


@dataclass(frozen=True)
class ConversionRow:
    """A conversion that stands; `user_id` is None where the user's identity was erased."""

    journey_id: str
    user_id: str | None
    conversion_event: int
    variant_id: str
    control: bool
    receipt_id: str
    received_at: datetime
    window_ends_at: datetime
    behaviour_id: str
    behaviour_at: datetime
    recorded_at: datetime
    restated: bool
    decided_at: datetime

    @property
    def key(self) -> str:
        """Where it stands among the campaign's conversions: what the next page comes after."""
        return f"{self.journey_id}.{self.conversion_event}"

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return {
            "user_id": self.user_id,
            "index": self.conversion_event,
            "letter": LETTERS[self.conversion_event],
            "variant_id": self.variant_id,
            "control": self.control,
            "receipt_id": self.receipt_id,
            "received_at": printed(self.received_at),
            "window_ends_at": printed(self.window_ends_at),
            "behaviour_id": self.behaviour_id,
            "behaviour_at": printed(self.behaviour_at),
            "recorded_at": printed(self.recorded_at),
            "restated": self.restated,
            "decided_at": printed(self.decided_at),
        }


_COLUMNS = [each.name for each in fields(ConversionRow) if each.name != "user_id"]


class Wanted(TypedDict, total=False):
    """Which conversions: on one conversion event, credited to one variant or any but control, of one user.

    `received` are spans of instants: the receipt that a conversion is credited to lies in one of them.
    """

    conversion_event: int | None
    variant_id: str | None
    without_control: bool
    user_id: str | None
    received: Sequence[Span] | None


def load_conversions(
    connection: Connection,
    definitions: Definitions,
    app_group: str,
    campaign_id: str,
    *,
    after: str | None = None,
    before: str | None = None,
    limit: int,
    ledger: Connection | None = None,
    **wanted: Unpack[Wanted],
) -> list[ConversionRow]:
    """A page of a campaign's conversions in the order of their keys; the last ones before a key.

    `ledger` is where users are found, if that is elsewhere. Raises UnknownCampaign, UnknownVariant, BadKey.
    """
    definition, table = definitions.definition(app_group, campaign_id), _table(connection, tables.conversions)
    ledger = ledger or connection
    query = _select_of_campaign(table, app_group, campaign_id)
    if (conversion_event := wanted.get("conversion_event")) is not None:
        query = query.where(table.c.conversion_event == conversion_event)
    if (variant_id := wanted.get("variant_id")) is not None:
        query = query.where(table.c.variant_id == definition.variant(variant_id))
    if (user_id := wanted.get("user_id")) is not None:
        query = query.where(table.c.journey_id == find_journey(ledger, app_group, user_id))
    if wanted.get("without_control"):
        query = query.where(~table.c.control)
    if (spans := wanted.get("received")) is not None:
        query = query.where(_is_received_in(table, spans))
    key = (table.c.journey_id, table.c.conversion_event)
    if after is not None:
        query = query.where(tuple_(*key) > _read_key(after))
    if before is not None:
        query = query.where(tuple_(*key) < _read_key(before))
    query = query.order_by(*(each.desc() if before is not None else each for each in key)).limit(limit)
    found = _find_rows(connection, ledger, query)
    return found[::-1] if before is not None else found


def _is_received_in(table: Table, spans: Sequence[Span]) -> ColumnElement[bool]:
    """Whether the receipt that something is credited to lies in one of the spans."""
    at = table.c.received_at
    return or_(false(), *((at >= start) & (at < end) for start, end in spans))


def select_converted(
    connection: Connection, stream_id: str, conversion_event: int, received: Sequence[Span]
) -> Subquery:
    """User and variant of each conversion of a campaign that is credited to a receipt in these spans."""
    table = _table(connection, tables.conversions)
    query = select(table.c.journey_id, table.c.variant_id).where(
        table.c.stream_id == stream_id,
        table.c.conversion_event == conversion_event,
        _is_received_in(table, received),
    )
    return query.subquery()


class CreditedToUsers(NamedTuple):
    """By user the variants that conversions are credited to, by index; and by user and currency what was earned."""

    conversions: defaultdict[str, dict[int, str]]
    revenue: defaultdict[str, dict[str, Decimal]]


def load_credited_to_users(
    connection: Connection,
    stream_id: str,
    journeys: Collection[str],
    received: Sequence[Span],
    *,
    variant_id: str | None = None,
    without_control: bool = False,
) -> CreditedToUsers:
    """What is credited to receipts in these spans, of one variant or of any but control, for a page of users."""
    found = CreditedToUsers(defaultdict(dict), defaultdict(dict))

    def rows(declared: Table, *names: str) -> Iterator[Any]:
        table = _table(connection, declared)
        query = select(table.c.journey_id, *(table.c[name] for name in names)).where(
            table.c.stream_id == stream_id,
            table.c.journey_id.in_(journeys),
            _is_received_in(table, received),
        )
        if variant_id is not None:
            query = query.where(table.c.variant_id == variant_id)
        if without_control:
            query = query.where(~table.c.control)
        yield from connection.execute(query)

    for journey_id, index, credited_to in rows(tables.conversions, "conversion_event", "variant_id"):
        found.conversions[journey_id][index] = credited_to
    for journey_id, currency, net in rows(tables.counted_revenue, "currency", "net"):
        amounts = found.revenue[journey_id]
        amounts[currency] = EXACT.add(amounts.get(currency, Decimal(0)), net)
    return found


def load_newest_conversions(
    connection: Connection,
    app_group: str,
    campaign_id: str,
    limit: int,
    *,
    ledger: Connection | None = None,
) -> list[ConversionRow]:
    """The conversions of a campaign that were decided last, the newest first; control is included."""
    table = _table(connection, tables.conversions)
    # The whole of an index, or a database sorts all that a long import decided at once.
    order = (table.c.stream_id, table.c.decided_at, table.c.journey_id, table.c.conversion_event)
    query = _select_of_campaign(table, app_group, campaign_id)
    query = query.order_by(*(each.desc() for each in order)).limit(limit)
    return _find_rows(connection, ledger or connection, query)


def _table(connection: Connection, declared: Table) -> Table:
    return current(connection, projection.CONVERSIONS)[declared]


def _select_of_campaign(table: Table, app_group: str, campaign_id: str) -> Select[Any]:
    columns = (table.c[name] for name in _COLUMNS)
    return select(*columns).where(table.c.stream_id == stream(app_group, campaign_id))


def _find_rows(connection: Connection, ledger: Connection, query: Select[Any]) -> list[ConversionRow]:
    rows = connection.execute(query).all()
    user_ids = find_users(ledger, (row.journey_id for row in rows))
    return [ConversionRow(row[0], user_ids.get(row[0]), *row[1:]) for row in rows]


def _read_key(key: str) -> ColumnElement[Any]:
    journey_id, _, conversion_event = key.rpartition(".")
    if conversion_event not in {str(index) for index in range(len(LETTERS))}:
        raise BadKey(f"no conversion has the key {key!r}")
    return tuple_(journey_id, int(conversion_event))


def count_conversions_until(
    connection: Connection, app_group: str, campaign_id: str, instant: datetime
) -> dict[tuple[str, int], int]:
    """How many conversions of each variant, on each conversion event, had happened by the instant, itself inside."""
    table = _table(connection, tables.conversions)
    what = (table.c.variant_id, table.c.conversion_event)
    query = (
        select(*what, func.count())
        .where(
            table.c.stream_id == stream(app_group, campaign_id),
            table.c.behaviour_at <= instant.astimezone(UTC),
        )
        .group_by(*what)
    )
    return {(variant_id, index): count for variant_id, index, count in connection.execute(query)}


def sum_revenue_until(
    connection: Connection, app_group: str, campaign_id: str, instant: datetime
) -> dict[tuple[str, str], tuple[int, Decimal]]:
    """How many purchases and orders counted for each variant in each currency by the instant, and their net."""
    table = _table(connection, tables.counted_revenue)
    what = (table.c.variant_id, table.c.currency, table.c.net)
    query = (
        select(*what, func.count())
        .where(
            table.c.stream_id == stream(app_group, campaign_id),
            table.c.occurred_at <= instant.astimezone(UTC),
        )
        .group_by(*what)
    )
    found: defaultdict[tuple[str, str], tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    # Purchases of the same net together: SQLite keeps money as text, and cannot add it up.
    for variant_id, currency, net, count in connection.execute(query):
        purchases, amount = found[variant_id, currency]
        amount = EXACT.add(amount, EXACT.multiply(net, Decimal(count)))
        found[variant_id, currency] = (purchases + count, amount)
    return dict(found)


def find_conversions_between(
    connection: Connection, app_group: str, campaign_id: str, span: tuple[datetime, datetime], limit: int
) -> tuple[Sequence[Row[Any]], int]:
    """The first conversions whose behaviour is after an instant, up to and including another; and how many."""
    table = _table(connection, tables.conversions)
    rows = select(table).where(table.c.stream_id == stream(app_group, campaign_id))
    return read_first_between(connection, rows, table, table.c.behaviour_at, span, limit)


def find_revenue_between(
    connection: Connection, app_group: str, campaign_id: str, span: tuple[datetime, datetime], limit: int
) -> tuple[Sequence[Row[Any]], int]:
    """The first purchases and orders that count, after an instant, up to and including another; and how many."""
    table = _table(connection, tables.counted_revenue)
    rows = select(table).where(table.c.stream_id == stream(app_group, campaign_id))
    return read_first_between(connection, rows, table, table.c.occurred_at, span, limit)


def read_conversion_rows(
    connection: Connection,
    tables: Tables,
    stream_id: str,
    columns: Sequence[str],
    after: tuple[str, int] | None,
) -> Iterator[Sequence[Any]]:
    """Journey, conversion event, user id, and then the columns."""
    key = ("journey_id", "conversion_event")
    return chain.from_iterable(
        read_pages_of_campaign(connection, tables[conversions], stream_id, key, columns, after)
    )


def read_revenue_rows(
    connection: Connection,
    tables: Tables,
    stream_id: str,
    columns: Sequence[str],
    after: Sequence[str] | None,
) -> Iterator[Sequence[Any]]:
    """Journey, id of the purchase or order, user id, and then the columns."""
    key = ("journey_id", "fact_id")
    return chain.from_iterable(
        read_pages_of_campaign(connection, tables[counted_revenue], stream_id, key, columns, after)
    )


def read_line_rows(
    connection: Connection, tables: Tables, stream_id: str, after: tuple[str, str, int] | None
) -> Iterator[Sequence[Any]]:
    """The lines of what counts: journey, fact, user id, line, product, quantity, currency and price.

    They are read page by page of what counts: a page of lines would look through all that counts for its begin.
    """
    revenue = tables[counted_revenue]
    key = (revenue.c.journey_id, revenue.c.fact_id)
    counted = select(*key).where(revenue.c.stream_id == stream_id)
    if after is not None:
        # The one whose line was read last may have more.
        counted = counted.where(tuple_(*key) >= tuple_(*after[:2]))
    for page in read_pages(connection, counted, key, None):
        for row in _lines_between(connection, tables, stream_id, page[0], page[-1]):
            if after is None or (row[0], row[1], row[3]) > after:
                yield row


def _lines_between(
    connection: Connection, tables: Tables, stream_id: str, first: Sequence[Any], last: Sequence[Any]
) -> Iterator[Sequence[Any]]:
    """The lines of what counts, from one purchase or order to another."""
    revenue, lines = tables[counted_revenue], tables[sale_lines]
    key = (revenue.c.journey_id, revenue.c.fact_id)
    same = (lines.c.journey_id == revenue.c.journey_id) & (lines.c.fact_id == revenue.c.fact_id)
    columns = (lines.c.line, lines.c.product_id, lines.c.quantity, revenue.c.currency, lines.c.price)
    yield from connection.execute(
        select(*key, select_user_id(revenue.c.journey_id), *columns)
        .select_from(revenue.join(lines, same))
        .where(
            revenue.c.stream_id == stream_id,
            tuple_(*key) >= tuple_(*first),
            tuple_(*key) <= tuple_(*last),
        )
        .order_by(*key, lines.c.line)
    )
