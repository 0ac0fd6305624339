"""Conversions that stand (R7, R9), and purchases and orders that count (R11, R27), one by one and with their lines.

tables.py: what it owns. fold.py: how events change it. reading.py: a campaign's conversions, and its figures so far.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, select
from sqlalchemy.engine import Connection

from domain import facts
from domain.journey import decisions
from projections.conversions import fold
from projections.conversions.tables import conversions, counted_revenue, sale_lines
from projections.engine import row_counts
from projections.engine.projection import Projection, Tables, Tally
from projections.engine.tables import users


def _expected(tally: Tally) -> dict[str, int]:
    return {
        "conversions": row_counts.conversions(tally),
        "counted_revenue": row_counts.purchases(tally),
        "sales_with_lines": _sales_with_lines(tally),
    }


def _sales_with_lines(tally: Tally) -> int:
    """Purchases, which have one line, and orders that say what was bought (R27)."""
    gone = (tally.of(decisions.FactDisregarded, mark) for mark in ("purchase", "with lines"))
    return tally.of(facts.Purchase) + tally.of(facts.Order, "with lines") - sum(gone)


def _held(connection: Connection, tables: Tables) -> dict[str, int]:
    lines = tables[sale_lines]
    return {
        "conversions": row_counts.total(connection, tables[conversions]),
        "counted_revenue": row_counts.total(connection, tables[counted_revenue]),
        "sales_with_lines": row_counts.total(connection, lines, where=lines.c.line == 0),
    }


def _with_users(declared: Table) -> Callable[[Tables], Select[Any]]:
    """The table with the user's id beside the journey's."""

    def view(tables: Tables) -> Select[Any]:
        table = tables[declared]
        whose = table.outerjoin(users, users.c.journey_id == table.c.journey_id)
        return select(*_beside_journey(table.c)).select_from(whose)

    return view


def _beside_journey(columns: Iterable[ColumnElement[Any]]) -> Iterator[ColumnElement[Any]]:
    """The columns, and the user's id beside the journey's."""
    for column in columns:
        yield column
        if column.key == "journey_id":
            yield users.c.user_id


def _counted_lines(tables: Tables) -> Select[Any]:
    """The lines of what counts. Without its net, which is of the whole order: a sum over lines would be too much."""
    revenue, lines = tables[counted_revenue], tables[sale_lines]
    own = [each for each in revenue.c if each.key != "net"]
    of_line = [each for each in lines.c if each.key not in revenue.c]
    same = (lines.c.journey_id == revenue.c.journey_id) & (lines.c.fact_id == revenue.c.fact_id)
    joined = revenue.join(lines, same).outerjoin(users, users.c.journey_id == revenue.c.journey_id)
    return select(*_beside_journey([*own, *of_line])).select_from(joined)


CONVERSIONS = Projection(
    name="conversions",
    version=2,
    tables=(conversions, counted_revenue, sale_lines),
    fold=fold.ConversionsFold,
    handlers={
        decisions.ConversionRecorded: fold.recorded,
        decisions.ConversionRestated: fold.restated,
        decisions.ConversionWithdrawn: fold.withdrawn,
        decisions.RevenueAttributed: fold.revenue_stands,
        decisions.RevenueRestated: fold.revenue_stands,
        decisions.RevenueWithdrawn: fold.revenue_withdrawn,
        decisions.FactDisregarded: fold.disregarded,
        facts.Purchase: fold.purchased,
        facts.Order: fold.ordered,
    },
    write=fold.write,
    expected=_expected,
    held=_held,
    views={each.name: _with_users(each) for each in (conversions, counted_revenue, sale_lines)}
    | {"counted_lines": _counted_lines},
    former=("counted_purchases",),
)
