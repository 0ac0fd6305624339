"""The campaign report (R18, R19): receipts, unique recipients, conversions and revenue of each campaign and variant.

tables.py: what it owns. fold.py, campaigns.py: how events change it. reading.py: the report.
"""

from domain import campaign
from domain.journey import decisions
from domain.journey.facts import Received
from projections.campaign_report import campaigns, fold
from projections.campaign_report.tables import (
    report_campaigns,
    report_conversions,
    report_revenue,
    report_variants,
)
from projections.projection import Projection

CAMPAIGN_REPORT = Projection(
    name="campaign_report",
    version=1,
    tables=(report_campaigns, report_variants, report_conversions, report_revenue),
    fold=fold.Fold,
    handlers={
        campaign.CampaignDrafted: campaigns.drafted,
        campaign.CampaignRenamed: campaigns.renamed,
        campaign.ChannelChanged: campaigns.channel_changed,
        campaign.VariantsChanged: campaigns.variants_changed,
        campaign.VariantsRenamed: campaigns.variants_renamed,
        campaign.ConversionEventsChanged: campaigns.conversion_events_changed,
        campaign.WeightsSet: campaigns.weights_set,
        campaign.CampaignLaunched: campaigns.launched,
        campaign.CampaignStopped: campaigns.stopped,
        campaign.CampaignArchived: campaigns.archived,
        Received: fold.received,
        decisions.FactDisregarded: fold.disregarded,
        decisions.RecipientCounted: fold.recipient_counted,
        decisions.RecipientWithdrawn: fold.recipient_withdrawn,
        decisions.ConversionRecorded: fold.conversion,
        decisions.ConversionRestated: fold.conversion,
        decisions.ConversionWithdrawn: fold.conversion,
        decisions.RevenueAttributed: fold.revenue,
        decisions.RevenueRestated: fold.revenue,
        decisions.RevenueWithdrawn: fold.revenue,
    },
    write=fold.write,
)
