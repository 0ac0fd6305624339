"""Commands about experiments: declare a winner (R21), and adjust weights by what variants converted (R5)."""

import structlog

from application.ports import Stamp, Writer
from domain.campaigns.campaign import Campaign
from domain.campaigns.definition import Weights
from domain.campaigns.evidence import SelectionEvidence, WinnerEvidence

log = structlog.get_logger()


class Experiments:
    """Handles the commands about experiments; what they are decided on was read and judged before."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def declare(
        self, app_group: str, campaign_id: str, variant_id: str, evidence: WinnerEvidence, stamp: Stamp
    ) -> Campaign:
        """Declare the winner with its evidence; again the same one changes nothing. Raises DomainError."""
        with self._writer.alone(stamp) as unit:
            campaign = unit.aggregates.existing_campaign(app_group, campaign_id)
            campaign.declare_winner(variant_id, evidence)
            unit.record(app_group, campaign)
        log.info(
            "campaign.winner_declared", app_group=app_group, campaign_id=campaign_id, variant_id=variant_id
        )
        return campaign

    def adjust(
        self,
        app_group: str,
        campaign_id: str,
        weights: Weights,
        evidence: SelectionEvidence,
        before: Weights,
        stamp: Stamp,
        *,
        last: bool,
    ) -> bool:
        """Adjust weights where it is time to, and tell whether it was; whoever comes second changes nothing.

        `before` are the weights that these follow from.
        """
        with self._writer.alone(stamp) as unit:
            campaign = unit.aggregates.existing_campaign(app_group, campaign_id)
            adjusted = campaign.adjust(weights, evidence, before, last=last)
            unit.record(app_group, campaign)
        if adjusted:
            log.info(
                "campaign.weights_adjusted",
                app_group=app_group,
                campaign_id=campaign_id,
                weights=weights,
                last=last,
            )
        return adjusted
