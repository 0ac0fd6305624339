"""Intelligent selection at work: weights of campaigns that are due, chosen and recorded with their evidence.

Whoever comes second changes nothing: the campaign refuses a second adjustment within twelve hours, and one that
follows from weights which are no longer in force, in the same transaction that would record it. So it is safe to run at
the same time, by hand and by the service.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy.engine import Connection

from application.ports import Stamp
from domain.campaigns.campaign import Campaign
from domain.campaigns.definition import Weights
from domain.campaigns.events import WeightsAdjusted
from domain.campaigns.evidence import SelectionEvidence, Share
from domain.experiment.selection import Chosen, Cohort, choose, weights
from domain.instants import from_microseconds, microseconds
from infrastructure.composition import Service
from infrastructure.serving.scheduling import due
from projections.engine.sums import stream
from projections.experiments.counted import Delay, Experiment, experiment, experiment_at

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Adjustment:
    """What intelligent selection makes of a campaign: its weights from now on, and on what evidence."""

    app_group: str
    campaign_id: str
    weights: Weights
    evidence: SelectionEvidence
    before: Weights
    """The weights that were in force."""
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


Reading = Callable[[], AbstractContextManager[tuple[Connection, int]]]
"""A read transaction in which the campaign report and recipients are up to date."""


def run_due(service: Service, stamp: Callable[[], Stamp], reading: Reading) -> list[Adjustment]:
    """Adjust every campaign that is due, and tell what was adjusted; each is a command of its own."""
    with reading() as (connection, _):
        found = [
            adjustment(service, connection, campaign) for campaign in due(service, connection, service.now())
        ]
    return [each for each in found if record(service, each, stamp())]


def adjustment(service: Service, connection: Connection, campaign: Campaign) -> Adjustment:
    """What the read model makes of a campaign's weights now; nothing is recorded."""
    known = service.projector.definitions
    found = experiment(connection, known, campaign.app_group, campaign.campaign_id, service.now())
    return _chosen(campaign, found, campaign.weights)


def record(service: Service, found: Adjustment, stamp: Stamp) -> bool:
    """Adjust, and tell whether it was time to."""
    of = (found.app_group, found.campaign_id)
    return service.experiments.adjust(
        *of, found.weights, found.evidence, found.before, stamp, last=found.last
    )


def adjusted_again(
    service: Service, app_group: str, campaign_id: str
) -> list[tuple[WeightsAdjusted, WeightsAdjusted]]:
    """Every adjustment that was recorded, and what the log up to its position says anew; raises UnknownCampaign."""
    campaign = service.ledger.existing_campaign(app_group, campaign_id)
    found = []
    with service.database.reading() as connection:
        log, last = service.log, service.log.last_position(connection)
        before: Weights = {}
        for logged in list(log.of_stream(connection, stream(app_group, campaign_id), last)):
            event = logged.event
            if isinstance(event, WeightsAdjusted):
                of, evidence = (app_group, campaign_id), event.evidence
                counted = experiment_at(
                    connection,
                    log,
                    service.projector.definitions,
                    *of,
                    evidence.position,
                    from_microseconds(evidence.as_of),
                )
                again = _chosen(campaign, counted, before, evidence.floor)
                found.append((event, WeightsAdjusted(again.weights, again.evidence)))
            before = getattr(event, "weights", before)
    return found


def _chosen(campaign: Campaign, found: Experiment, before: Weights, floor: float | None = None) -> Adjustment:
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
    deadline = campaign.conversion_events[0].deadline_seconds
    chosen = choose(cohorts, delays, deadline, floor)
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


def _evidence(chosen: Chosen, found: Experiment, floor: float) -> SelectionEvidence:
    shares = tuple(
        Share(name, chosen.recipients[name], chosen.counted[name], chosen.converted[name], chosen.best[name])
        for name in chosen.shares
    )
    return SelectionEvidence(found.position, microseconds(found.as_of), floor, shares, chosen.better)
