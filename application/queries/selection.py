"""Intelligent selection: which campaigns are due, and the weights that follow from their conversions.

It is safe to run twice and at the same time, by hand and by the service. A campaign refuses a second adjustment within
twelve hours, and one that follows from weights which are no longer in force, in the transaction that would record it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy.engine import Connection

from application.commands.experiments import Experiments
from application.ports import Stamp
from application.queries.reads import AskedCampaign, Reads
from domain.campaigns.campaign import Campaign
from domain.campaigns.definition import Weights
from domain.campaigns.events import WeightsAdjusted
from domain.campaigns.evidence import SelectionEvidence, Share
from domain.errors import DomainError
from domain.instants import from_microseconds, full_hour, microseconds
from projections.campaign_report import CAMPAIGN_REPORT
from projections.campaign_report.reading import find_launched_campaigns
from projections.engine.tables import stream
from projections.experiments.counted import Delay, Experiment, load_experiment, load_experiment_at
from projections.recipients import RECIPIENTS

if TYPE_CHECKING:
    from domain.experiment.selection import Chosen

_HOUR = timedelta(hours=1)


class NotSelected(DomainError):
    """The campaign's weights do not follow conversions."""

    code = "not_selected"


@dataclass(frozen=True)
class Adjustment:
    """New weights of a campaign, and the evidence that they follow from."""

    app_group: str
    campaign_id: str
    weights: Weights
    evidence: SelectionEvidence
    before: Weights
    """The weights that are in force."""
    last: bool

    def as_json(self) -> dict[str, Any]:
        """As docs/statistics.md has it."""
        evidence = msgspec.to_builtins(self.evidence)
        evidence["position"] = str(evidence["position"])
        return {
            "app_group": self.app_group,
            "campaign_id": self.campaign_id,
            "weights": self.weights,
            "last": self.last,
            "evidence": evidence,
        }


@dataclass(frozen=True)
class SelectionCheck:
    """The recorded adjustments of a campaign, each beside what is chosen now from the same part of the log."""

    campaign_id: str
    adjustments: list[tuple[WeightsAdjusted, WeightsAdjusted]]
    """Recorded, and chosen again."""

    def different_at(self) -> list[str]:
        """The positions of the adjustments that are chosen differently now."""
        from application.queries.results import is_alike  # noqa: PLC0415 - scipy takes long to load

        return [
            str(recorded.evidence.position)
            for recorded, again in self.adjustments
            if not is_alike(recorded, again)
        ]

    def as_json(self) -> dict[str, Any]:
        """As docs/statistics.md has it."""
        return {
            "campaign_id": self.campaign_id,
            "adjustments": len(self.adjustments),
            "different_at": self.different_at(),
        }


def find_due(reads: Reads, connection: Connection) -> Iterator[Campaign]:
    """The campaigns that are launched, follow conversions, and were not adjusted within twelve hours."""
    as_of = microseconds(full_hour(reads.now()))
    for app_group, campaign_id in find_launched_campaigns(connection):
        campaign = reads.ledger.existing_campaign(app_group, campaign_id)
        if campaign.adjustable(as_of):
            yield campaign


def adjust_due(reads: Reads, experiments: Experiments, make_stamp: Callable[[], Stamp]) -> list[Adjustment]:
    """Adjust every campaign that is due, each by its own command, and return what was adjusted."""
    with reads.up_to_date(CAMPAIGN_REPORT, RECIPIENTS) as (connection, _):
        found = [_choose_now(reads, connection, campaign) for campaign in find_due(reads, connection)]
    return [each for each in found if adjust(experiments, each, make_stamp())]


def choose_weights(reads: Reads, campaign: Campaign) -> Adjustment:
    """The weights that follow from a campaign's conversions now; nothing is recorded. Raises NotSelected."""
    _refuse_unselected(campaign)
    with reads.up_to_date(RECIPIENTS) as (connection, _):
        return _choose_now(reads, connection, campaign)


def adjust(experiments: Experiments, found: Adjustment, stamp: Stamp) -> bool:
    """Adjust weights, and say whether it was time to."""
    of = (found.app_group, found.campaign_id)
    return experiments.adjust(*of, found.weights, found.evidence, found.before, stamp, last=found.last)


def check_adjustments(asked: AskedCampaign) -> SelectionCheck:
    """Choose every recorded adjustment again, from the log up to its position.

    Raises UnknownCampaign and UnreadableLog.
    """
    reads, campaign, found = asked.reads, asked.campaign(), []
    with reads.recorded() as connection:
        last = reads.log.last_position(connection)
        before: Weights = {}
        for logged in list(reads.log.of_stream(connection, stream(*asked.key), last)):
            event = logged.event
            if isinstance(event, WeightsAdjusted):
                evidence = event.evidence
                at = (*asked.key, evidence.position, from_microseconds(evidence.as_of))
                again = _choose(
                    campaign,
                    load_experiment_at(connection, reads.log, reads.definitions, *at),
                    before,
                    evidence.floor,
                )
                found.append((event, WeightsAdjusted(again.weights, again.evidence)))
            before = getattr(event, "weights", before)
    return SelectionCheck(asked.campaign_id, found)


def _refuse_unselected(campaign: Campaign) -> None:
    if campaign.selection is not None:
        return
    if campaign.floor_applied is not None:
        raise NotSelected(
            f"intelligent selection of {campaign.campaign_id!r} has ended: going on would hardly improve the rate",
            code="selection_ended",
        )
    raise NotSelected(
        f"{campaign.campaign_id!r} does not follow conversions; `intelligent_selection: true` in its file does"
    )


def _choose_now(reads: Reads, connection: Connection, campaign: Campaign) -> Adjustment:
    found = load_experiment(
        connection, reads.definitions, campaign.app_group, campaign.campaign_id, reads.now()
    )
    return _choose(campaign, found, campaign.weights)


def _choose(campaign: Campaign, found: Experiment, before: Weights, floor: float | None = None) -> Adjustment:
    # Imported here, because scipy takes long to load and mostly nothing is due when the service looks.
    from domain.experiment.selection import Cohort, choose, weights  # noqa: PLC0415

    if floor is None:
        floor = 0.0 if campaign.selection is None else campaign.selection.floor
    cohorts = {
        variant.variant_id: [
            Cohort(max(0, (found.as_of - each.hour) // _HOUR - 1), each.recipients, each.converted[0])
            for each in variant.by_hour
        ]
        for variant in found.variants
        if not variant.control
    }
    delays = {
        variant.variant_id: _by_hour(variant.delays[0]) for variant in found.variants if not variant.control
    }
    chosen = choose(cohorts, delays, campaign.conversion_events[0].deadline_seconds, floor)
    return Adjustment(
        campaign.app_group,
        campaign.campaign_id,
        weights(chosen.shares, before, campaign.definition.control),
        _evidence(chosen, found, floor),
        before,
        chosen.done,
    )


def _by_hour(delays: Sequence[Delay]) -> list[int]:
    """Conversions by full hours after their receipt."""
    counts = {each.hours: each.conversions for each in delays}
    return [counts.get(hour, 0) for hour in range(max(counts, default=-1) + 1)]


def _evidence(chosen: "Chosen", found: Experiment, floor: float) -> SelectionEvidence:
    shares = tuple(
        Share(name, chosen.recipients[name], chosen.counted[name], chosen.converted[name], chosen.best[name])
        for name in chosen.shares
    )
    return SelectionEvidence(found.position, microseconds(found.as_of), floor, shares, chosen.better)
