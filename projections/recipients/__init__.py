"""Recipients: who received a campaign when and in which variants, and what they did for it (R7, R11, R18).

From these rows follow mature rates, which leave out those whose windows are open (R6), and reports over a period of
receipt with exact unique recipients. Experiments (R21) are counted from its sums over users of exactly one variant.

tables.py: what it owns. fold.py: what events say. changes.py, one_variant.py, writing.py: what that makes of
the tables. choosing.py, reading.py: the list of users, and all rows for exports. maturity.py: mature rates. periods.py,
days.py: reports over days.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Select, Table, select
from sqlalchemy.engine import Connection

from domain.facts import Received
from domain.journey import decisions
from projections.engine import row_counts
from projections.engine.projection import Projection, Tables, Tally
from projections.engine.tables import CAMPAIGN, users
from projections.recipients import fold, writing
from projections.recipients.tables import (
    experiment_delays,
    experiment_first_receipts,
    experiment_recipients,
    experiment_revenue,
    experiment_several_variants,
    recipient_hours,
    recipient_receipts,
    recipient_revenue,
    recipients,
)


def _expected(tally: Tally) -> dict[str, int]:
    return {
        "receipts": row_counts.receipts(tally),
        "recipients of campaigns": row_counts.recipients_of_campaigns(tally),
        "recipients of variants": row_counts.recipients_of_variants(tally),
        "conversions": row_counts.conversions(tally),
    }


def _held(connection: Connection, tables: Tables) -> dict[str, int]:
    everyone = tables[recipients]
    of_campaigns = everyone.c.variant_id == CAMPAIGN
    return {
        "receipts": row_counts.total(connection, tables[recipient_receipts]),
        "recipients of campaigns": row_counts.total(connection, everyone, where=of_campaigns),
        "recipients of variants": row_counts.total(connection, everyone, where=~of_campaigns),
        "conversions": row_counts.total(connection, tables[experiment_delays], "conversions"),
    }


def _with_users(declared: Table) -> Callable[[Tables], Select[Any]]:
    """A view of the table with the user's id beside the journey's."""

    def view(tables: Tables) -> Select[Any]:
        stream_id, journey_id, *others = tables[declared].c
        whose = tables[declared].outerjoin(users, users.c.journey_id == journey_id)
        return select(stream_id, journey_id, users.c.user_id, *others).select_from(whose)

    return view


RECIPIENTS = Projection(
    name="recipients",
    version=3,
    tables=(
        recipients,
        recipient_receipts,
        recipient_revenue,
        recipient_hours,
        experiment_recipients,
        experiment_first_receipts,
        experiment_revenue,
        experiment_several_variants,
        experiment_delays,
    ),
    fold=fold.RecipientsFold,
    handlers={
        Received: fold.received,
        decisions.FactDisregarded: fold.disregarded,
        decisions.ConversionRecorded: fold.conversion_recorded,
        decisions.ConversionRestated: fold.conversion_restated,
        decisions.ConversionWithdrawn: fold.conversion_withdrawn,
        decisions.RevenueAttributed: fold.revenue_attributed,
        decisions.RevenueRestated: fold.revenue_restated,
        decisions.RevenueWithdrawn: fold.revenue_withdrawn,
    },
    write=writing.write,
    expected=_expected,
    held=_held,
    views={each.name: _with_users(each) for each in (recipients, recipient_receipts, recipient_revenue)},
)
