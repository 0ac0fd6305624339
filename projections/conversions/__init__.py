"""Conversions that stand (R7, R9), and purchases that count (R11), one by one.

tables.py: what it owns. fold.py: how events change it. reading.py: a campaign's conversions, and its figures so far.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Select, Table, select
from sqlalchemy.engine import Connection

from domain.journey import decisions
from projections import verifying
from projections.conversions import fold
from projections.conversions.tables import conversions, counted_purchases
from projections.projection import Projection, Tables, Tally
from projections.users import users


def _expected(tally: Tally) -> dict[str, int]:
    return {"conversions": verifying.conversions(tally), "purchases": verifying.purchases(tally)}


def _held(connection: Connection, tables: Tables) -> dict[str, int]:
    return {
        "conversions": verifying.total(connection, tables[conversions]),
        "purchases": verifying.total(connection, tables[counted_purchases]),
    }


def _with_users(declared: Table) -> Callable[[Tables], Select[Any]]:
    """The table with the user's id beside the journey's."""

    def view(tables: Tables) -> Select[Any]:
        table = tables[declared]
        stream_id, journey_id, *others = table.c
        whose = table.outerjoin(users, users.c.journey_id == journey_id)
        return select(stream_id, journey_id, users.c.user_id, *others).select_from(whose)

    return view


CONVERSIONS = Projection(
    name="conversions",
    version=1,
    tables=(conversions, counted_purchases),
    fold=fold.ConversionsFold,
    handlers={
        decisions.ConversionRecorded: fold.recorded,
        decisions.ConversionRestated: fold.restated,
        decisions.ConversionWithdrawn: fold.withdrawn,
        decisions.RevenueAttributed: fold.revenue_stands,
        decisions.RevenueRestated: fold.revenue_stands,
        decisions.RevenueWithdrawn: fold.revenue_withdrawn,
    },
    write=fold.write,
    expected=_expected,
    held=_held,
    views={each.name: _with_users(each) for each in (conversions, counted_purchases)},
)
