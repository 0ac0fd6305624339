"""Experiments as they stand: what was counted, the results that follow, and how both are told as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from math import isclose, isfinite
from typing import Any

import msgspec
from sqlalchemy.engine import Connection

from application.ports import Stamp
from domain.campaigns.campaign import Campaign
from domain.campaigns.conversion_events import LETTERS
from domain.campaigns.events import WinnerDeclared
from domain.campaigns.evidence import Count, DecidingTest, WinnerEvidence
from domain.errors import DomainError
from domain.experiment.comparing import results
from domain.experiment.means import Sums
from domain.experiment.proportions import Interval, Proportion
from domain.experiment.results import UPLIFT, Experiment, Observed, Results
from domain.experiment.winner import SIGNIFICANCE, Periods
from domain.instants import from_microseconds, microseconds, printed
from infrastructure.composition import Service
from projections.experiments.counted import Experiment as Counted
from projections.experiments.counted import experiment, experiment_at
from projections.experiments.weights import Period, count_shared, keep_closed, strata, weights_in_force


class NoWinnerDeclared(DomainError):
    """There is nothing to decide again."""

    code = "no_winner_declared"


@dataclass(frozen=True)
class Standing:
    """An experiment as it stands at a position of the log; windows are open or over as of a full hour."""

    campaign: Campaign
    position: int
    as_of: datetime
    experiment: Experiment


@dataclass(frozen=True)
class Told:
    """The results of an experiment, with what was declared of it before."""

    standing: Standing
    results: Results

    def as_json(self) -> dict[str, Any]:
        """As docs/statistics.md has it."""
        campaign, results = self.standing.campaign, plain(self.results)
        stated = [event.stated() for event in campaign.conversion_events]
        return {
            "app_group": campaign.app_group,
            "campaign_id": campaign.campaign_id,
            "position": str(self.standing.position),
            "as_of": printed(self.standing.as_of),
            "test": results["test"],
            "significance": SIGNIFICANCE,
            "against": results["against"],
            "uplift_asked": results["uplift"],
            "winner": self.decision(),
            "health": results["health"],
            "conversion_events": [
                {"index": index, "letter": LETTERS[index], "primary": index == 0, **event, **found}
                for index, (event, found) in enumerate(zip(stated, results["conversion_events"], strict=True))
            ],
            "revenue": results["revenue"],
        }

    def winner(self) -> dict[str, Any]:
        """The decision by itself, with what makes it not to be believed."""
        return {
            "campaign_id": self.standing.campaign.campaign_id,
            "position": str(self.standing.position),
            "test": self.results.test.value,
            **self.decision(),
            "health": plain(self.results.health),
        }

    def too_little(self) -> list[str]:
        """The winner and control, where their counts on the primary conversion event are too small to go by."""
        of = {self.results.decision.winner, self.standing.experiment.control}
        primary = self.results.conversion_events[:1]
        return [
            each.variant_id
            for event in primary
            for each in event.variants
            if self.results.decision.winner is not None and each.too_little and each.variant_id in of
        ]

    def decision(self) -> dict[str, Any]:
        """The winner by the test, and the one that was declared."""
        decision = self.results.decision
        return {
            "variant_id": decision.winner,
            "why": decision.why.value,
            "sentence": decision.sentence,
            "leader": decision.leader,
            "level": list(decision.level),
            "too_little": self.too_little(),
            "worse": list(decision.worse),
            "compared": decision.compared if decision.comparisons else None,
            "comparisons": msgspec.to_builtins(decision.comparisons),
            "declared": declared(self.standing.campaign),
        }

    def evidence(self) -> WinnerEvidence:
        """What the winner is declared on."""
        test = self.results.test
        return WinnerEvidence(
            position=self.standing.position,
            test=test.value,
            significance=SIGNIFICANCE,
            periods=tuple(tuple(period) for period in self.standing.experiment.counted(test)[0]),
            comparisons=self.results.decision.comparisons,
            as_of=microseconds(self.standing.as_of) if test is DecidingTest.ANYTIME else None,
        )


def told(
    service: Service,
    connection: Connection,
    app_group: str,
    campaign_id: str,
    test: DecidingTest,
    uplift: float = UPLIFT,
) -> Told:
    """The results of a campaign's experiment, as the read model has it; raises UnknownCampaign."""
    campaign = service.ledger.existing_campaign(app_group, campaign_id)
    known = service.projector.definitions
    found = experiment(connection, known, app_group, campaign_id, service.now())
    standing = _standing(service, connection, campaign, found)
    return Told(standing, results(standing.experiment, test, uplift))


def declare_winner(service: Service, found: Told, stamp: Stamp) -> Told:
    """Declare the winner that was found, with its evidence; raises DomainError."""
    campaign, winner = found.standing.campaign, found.results.decision.winner
    if winner is None:
        return found
    declaring = (campaign.app_group, campaign.campaign_id, winner, found.evidence(), stamp)
    return replace(found, standing=replace(found.standing, campaign=service.experiments.declare(*declaring)))


def decided_again(
    service: Service, app_group: str, campaign_id: str
) -> tuple[WinnerDeclared, WinnerDeclared | None]:
    """What was declared, and what the same test says of the log up to the same position, folded anew.

    Raises NoWinnerDeclared, and UnknownCampaign.
    """
    campaign = service.ledger.existing_campaign(app_group, campaign_id)
    if campaign.winner is None:
        raise NoWinnerDeclared(
            f"no winner of {campaign_id!r} was declared; `conversions winner --declare` does"
        )
    evidence = campaign.winner.evidence
    as_of = service.now() if evidence.as_of is None else from_microseconds(evidence.as_of)
    with service.database.reading() as connection:
        found = experiment_at(
            connection,
            service.log,
            service.projector.definitions,
            app_group,
            campaign_id,
            evidence.position,
            as_of,
        )
        standing = _standing(service, connection, campaign, found)
    again = Told(standing, results(standing.experiment, DecidingTest(evidence.test)))
    winner = again.results.decision.winner
    return campaign.winner, None if winner is None else WinnerDeclared(winner, again.evidence())


def _standing(service: Service, connection: Connection, campaign: Campaign, found: Counted) -> Standing:
    periods = weights_in_force(connection, service.log, found.app_group, found.campaign_id, found.position)
    users = count_shared(found, periods)
    observed = [
        Observed(
            each.variant_id,
            each.control,
            [Proportion(event.converted, each.recipients) for event in each.conversion_events],
            [Proportion(event.mature_converted, event.mature_recipients) for event in each.conversion_events],
            {of.currency: Sums(of.recipients, of.total, of.squares) for of in each.revenue},
            each.recipients,
            users[each.variant_id].first_receipts,
            users[each.variant_id].expected,
        )
        for each in found.variants
    ]
    events = list(enumerate(campaign.conversion_events))
    counts = [_by_period(found, periods, index) for index, _ in events]
    over = [_by_period(keep_closed(found, event.deadline), periods, index) for index, event in events]
    return Standing(
        campaign,
        found.position,
        found.as_of,
        Experiment(observed, counts, over, found.users_in_several_variants, found.with_control),
    )


def _by_period(found: Counted, periods: Sequence[Period], index: int) -> Periods:
    return [
        [
            Count(name, counted.recipients, counted.converted[index])
            for name, counted in stratum.variants.items()
        ]
        for stratum in strata(found, periods)
    ]


def declared(campaign: Campaign) -> dict[str, Any] | None:
    """The winner that was declared of a campaign, with its evidence."""
    if campaign.winner is None:
        return None
    evidence = msgspec.to_builtins(campaign.winner.evidence)
    evidence["position"] = str(evidence["position"])
    return {"variant_id": campaign.winner.variant_id, "evidence": evidence}


def alike(one: Any, other: Any) -> bool:  # noqa: ANN401
    """Whether two events say the same: all of it exactly, estimates to 1e-9, as far as any two machines agree."""
    one, other = msgspec.to_builtins(one), msgspec.to_builtins(other)
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(each, other[name]) for name, each in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)


def plain(value: Any) -> Any:  # noqa: ANN401
    """Results as JSON has them: an interval as its two ends, null where it has none; estimates as numbers."""
    if isinstance(value, Interval):
        return [end if isfinite(end) else None for end in value]
    if hasattr(value, "_asdict"):
        return {name: plain(each) for name, each in value._asdict().items()}
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value
