"""The series by day (R20): receipts, unique recipients, conversions and revenue of each day, under two clocks.

tables.py: what it owns. clock.py: its two clocks. fold.py: how events change it. reading.py: the series of a campaign.
"""

from typing import get_args

from sqlalchemy.engine import Connection

from domain.facts import Received
from domain.journey import decisions
from projections.engine import row_counts
from projections.engine.projection import Projection, Tables, Tally
from projections.engine.tables import CAMPAIGN
from projections.series import fold
from projections.series.clock import Clock
from projections.series.tables import series_conversions, series_receipts, series_revenue


def _expected(tally: Tally) -> dict[str, int]:
    conversions, purchases = row_counts.conversions(tally), row_counts.purchases(tally)
    return {
        "receipts": row_counts.receipts(tally),
        "recipients of campaigns": row_counts.recipients_of_campaigns(tally),
        "recipients of variants": row_counts.recipients_of_variants(tally),
        **{f"conversions by day of {clock}": conversions for clock in get_args(Clock)},
        **{f"purchases by day of {clock}": purchases for clock in get_args(Clock)},
    }


def _held(connection: Connection, tables: Tables) -> dict[str, int]:
    receipts, conversions, revenue = (tables[each] for each in SERIES.tables)
    of_campaigns, of_variants = receipts.c.variant_id == CAMPAIGN, receipts.c.variant_id != CAMPAIGN
    held = {
        "receipts": row_counts.total(connection, receipts, "receipts", of_variants),
        "recipients of campaigns": row_counts.total(connection, receipts, "unique_recipients", of_campaigns),
        "recipients of variants": row_counts.total(connection, receipts, "unique_recipients", of_variants),
    }
    for clock in get_args(Clock):
        held[f"conversions by day of {clock}"] = row_counts.total(
            connection, conversions, "conversions", conversions.c.clock == clock
        )
        held[f"purchases by day of {clock}"] = row_counts.total(
            connection, revenue, "purchases", revenue.c.clock == clock
        )
    return held


SERIES = Projection(
    name="series",
    version=1,
    tables=(series_receipts, series_conversions, series_revenue),
    fold=fold.SeriesFold,
    handlers={
        Received: fold.received,
        decisions.FactDisregarded: fold.disregarded,
        decisions.RecipientCounted: fold.recipient_counted,
        decisions.RecipientRestated: fold.recipient_restated,
        decisions.RecipientWithdrawn: fold.recipient_withdrawn,
        decisions.ConversionRecorded: fold.conversion_recorded,
        decisions.ConversionRestated: fold.conversion_restated,
        decisions.ConversionWithdrawn: fold.conversion_withdrawn,
        decisions.RevenueAttributed: fold.revenue_attributed,
        decisions.RevenueRestated: fold.revenue_restated,
        decisions.RevenueWithdrawn: fold.revenue_withdrawn,
    },
    write=fold.write,
    expected=_expected,
    held=_held,
)
