"""The campaign report (R18, R19): receipts, unique recipients, conversions and revenue of each campaign and variant.

tables.py: what it owns. fold.py, campaigns.py: how events change it. reading.py: the report.
"""

from sqlalchemy.engine import Connection

from domain.campaigns.events import CampaignDrafted
from domain.facts import Received
from domain.journey import decisions
from projections.campaign_report import campaigns, fold
from projections.campaign_report.tables import (
    report_campaigns,
    report_conversions,
    report_revenue,
    report_variants,
)
from projections.engine import row_counts
from projections.engine.projection import Projection, Tables, Tally


def _expected(tally: Tally) -> dict[str, int]:
    return {
        "campaigns": tally.of(CampaignDrafted),
        "receipts": row_counts.receipts(tally),
        "recipients of campaigns": row_counts.recipients_of_campaigns(tally),
        "recipients of variants": row_counts.recipients_of_variants(tally),
        "conversions": row_counts.conversions(tally),
        "purchases": row_counts.purchases(tally),
    }


def _held(connection: Connection, tables: Tables) -> dict[str, int]:
    return {
        "campaigns": row_counts.total(connection, tables[report_campaigns]),
        "receipts": row_counts.total(connection, tables[report_variants], "receipts"),
        "recipients of campaigns": row_counts.total(
            connection, tables[report_campaigns], "unique_recipients"
        ),
        "recipients of variants": row_counts.total(connection, tables[report_variants], "unique_recipients"),
        "conversions": row_counts.total(connection, tables[report_conversions], "conversions"),
        "purchases": row_counts.total(connection, tables[report_revenue], "purchases"),
    }


CAMPAIGN_REPORT = Projection(
    name="campaign_report",
    version=3,
    tables=(report_campaigns, report_variants, report_conversions, report_revenue),
    fold=fold.ReportFold,
    handlers={
        **dict.fromkeys(campaigns.EVENTS, fold.of_campaign),
        Received: fold.received,
        decisions.FactDisregarded: fold.disregarded,
        decisions.RecipientCounted: fold.recipient_counted,
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
