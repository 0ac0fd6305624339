"""The results of an experiment: what was counted, what follows from it, and the JSON of both (R21)."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from math import inf, isclose, isfinite
from threading import Lock
from typing import Any

import msgspec
from sqlalchemy.engine import Connection

from application.commands.experiments import Experiments
from application.ports import Stamp
from application.queries.reads import AskedCampaign, BadQuestion, Reads
from domain.campaigns.campaign import Campaign
from domain.campaigns.conversion_events import LETTERS
from domain.campaigns.events import WinnerDeclared
from domain.campaigns.evidence import Count, DecidingTest, WinnerEvidence
from domain.errors import DomainError
from domain.experiment.comparing import differ, results
from domain.experiment.incremental import IncrementalConversions, caused_by_campaign
from domain.experiment.means import Sums
from domain.experiment.proportions import Interval, Proportion
from domain.experiment.results import UPLIFT, Experiment, Observed, Results
from domain.experiment.tallies import Periods, Tallies
from domain.experiment.winner import SIGNIFICANCE
from domain.instants import from_microseconds, microseconds, printed
from projections.experiments.counted import Experiment as Counted
from projections.experiments.counted import load_experiment, load_experiment_at
from projections.experiments.weights import Stratum, count_shared, keep_closed, load_weights, stratify
from projections.recipients import RECIPIENTS


class NoWinnerDeclared(DomainError):
    """The campaign has no declared winner to check."""

    code = "no_winner_declared"


@dataclass(frozen=True)
class ExperimentSnapshot:
    """An experiment at a position of the log; windows are open or over as of a full hour."""

    campaign: Campaign
    position: int
    as_of: datetime
    experiment: Experiment
    counted: Counted
    """What the experiment was made of: by hour, by currency, and how long conversions took."""


@dataclass(frozen=True)
class ExperimentResults:
    """The results of an experiment, and the snapshot that they follow from."""

    snapshot: ExperimentSnapshot
    results: Results

    def as_json(self) -> dict[str, Any]:
        """As docs/statistics.md has it."""
        campaign, results = self.snapshot.campaign, as_plain(self.results)
        stated = [event.stated() for event in campaign.conversion_events]
        return {
            "app_group": campaign.app_group,
            "campaign_id": campaign.campaign_id,
            "position": str(self.snapshot.position),
            "as_of": printed(self.snapshot.as_of),
            "test": results["test"],
            "significance": SIGNIFICANCE,
            "against": results["against"],
            "uplift_asked": results["uplift"],
            "winner": self.decision(),
            "health": results["health"],
            "conversion_events": [
                {"index": index, "letter": LETTERS[index], "primary": index == 0, **event, **found}
                | {"caused": as_plain(self.caused(index))}
                for index, (event, found) in enumerate(zip(stated, results["conversion_events"], strict=True))
            ],
            "revenue": results["revenue"],
            "left_out": results["left_out"],
        }

    def caused(self, index: int) -> IncrementalConversions | None:
        """What the campaign caused on a conversion event, all variants together; None without a control group."""
        experiment = self.snapshot.experiment
        if experiment.control is None:
            return None
        rates = {each.variant_id: each.conversion_events[index] for each in experiment.variants}
        control = rates.pop(experiment.control)
        return caused_by_campaign(rates.values(), control)

    def winner(self) -> dict[str, Any]:
        """The decision by itself, with the health of the experiment."""
        return {
            "campaign_id": self.snapshot.campaign.campaign_id,
            "position": str(self.snapshot.position),
            "test": self.results.test.value,
            **self.decision(),
            "health": as_plain(self.results.health),
        }

    def too_little(self) -> list[str]:
        """The winner and control, if their counts on the primary conversion event are too small to rely on."""
        of = {self.results.decision.winner, self.snapshot.experiment.control}
        return [
            each.variant_id
            for event in self.results.conversion_events[:1]
            for each in event.variants
            if self.results.decision.winner is not None and each.too_little and each.variant_id in of
        ]

    def decision(self) -> dict[str, Any]:
        """The winner by the test, and the declared one."""
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
            "declared": _find_declared(self.snapshot.campaign),
        }

    def leads(self) -> list[dict[str, Any]]:
        """How far the variant that the decision compares is above each other one, with the decision's p.

        Differences are of all recipients, as those against control in the results are.
        """
        decision, found = self.results.decision, []
        if decision.compared is None:
            return []
        tallies = Tallies(self.snapshot.experiment.periods[0])
        leader = tallies.pool(decision.compared)
        for each in decision.comparisons:
            difference = differ(leader, tallies.pool(each.against))
            found.append(
                {
                    "variant_id": decision.compared,
                    "against": each.against,
                    "p": each.p,
                    "adjusted": each.adjusted,
                    "difference": difference.value,
                    "difference_interval": as_plain(difference.interval),
                }
            )
        return found

    def evidence(self) -> WinnerEvidence:
        """The evidence for a declaration."""
        test = self.results.test
        return WinnerEvidence(
            position=self.snapshot.position,
            test=test.value,
            significance=SIGNIFICANCE,
            periods=tuple(tuple(period) for period in self.snapshot.experiment.counted(test)[0]),
            comparisons=self.results.decision.comparisons,
            as_of=microseconds(self.snapshot.as_of) if test is DecidingTest.ANYTIME else None,
        )


def check_uplift(uplift: float) -> None:
    """Check an uplift to look for; raises BadQuestion."""
    if not -1 < uplift < inf or uplift == 0:
        raise BadQuestion(
            f"{uplift} is no uplift to look for: it is a share above -1 and not 0; 0.1 is 10 % more",
            code="bad_uplift",
            place="uplift",
        )


def read_results(asked: AskedCampaign, test: DecidingTest, uplift: float = UPLIFT) -> ExperimentResults:
    """The results of a campaign's experiment; `uplift` is the one for which recipients needed are computed.

    Raises UnknownCampaign, and BadQuestion for an impossible uplift.
    """
    check_uplift(uplift)
    return work_out(read_snapshot(asked), test, uplift)


def read_snapshot(asked: AskedCampaign) -> ExperimentSnapshot:
    """What the results of a campaign's experiment are worked out from; raises UnknownCampaign."""
    reads = asked.reads
    asked.definition()
    with reads.up_to_date(RECIPIENTS) as (connection, _):
        counted = load_experiment(connection, reads.definitions, *asked.key, reads.now())
        with reads.beside(connection) as recorded:
            return _snapshot(reads, recorded, asked.campaign(), counted)


def work_out(snapshot: ExperimentSnapshot, test: DecidingTest, uplift: float = UPLIFT) -> ExperimentResults:
    """The results of an experiment; it may take long, and reads nothing."""
    return ExperimentResults(snapshot, _results_of(snapshot.experiment, test, uplift))


_MOST_KEPT = 1_000
_kept: OrderedDict[bytes, Future[Results]] = OrderedDict()
_keeping = Lock()


def _results_of(experiment: Experiment, test: DecidingTest, uplift: float) -> Results:
    """The results of an experiment, which follow from its counts alone: those of the same counts are kept.

    Intervals that are valid on any day take a tenth of a second, and a campaign whose windows are over never changes.
    Whoever asks for the same while they are computed waits for them.
    """
    key = hashlib.sha256(repr((experiment, test, uplift)).encode()).digest()
    with _keeping:
        is_first = key not in _kept
        found = _kept.setdefault(key, Future())
        _kept.move_to_end(key)
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    if is_first:
        try:
            found.set_result(results(experiment, test, uplift))
        except BaseException as error:
            # Whoever waits learns it, and whoever asks next tries again.
            with _keeping:
                _kept.pop(key, None)
            found.set_exception(error)
            raise
    return found.result()


def declare_winner(experiments: Experiments, found: ExperimentResults, stamp: Stamp) -> ExperimentResults:
    """Declare the winner that was found, with its evidence; raises DomainError."""
    campaign, winner = found.snapshot.campaign, found.results.decision.winner
    if winner is None:
        return found
    declared = experiments.declare(campaign.app_group, campaign.campaign_id, winner, found.evidence(), stamp)
    return replace(found, snapshot=replace(found.snapshot, campaign=declared))


@dataclass(frozen=True)
class DeclarationCheck:
    """A declared winner, and what the same test says of the log up to the same position."""

    campaign_id: str
    declared: WinnerDeclared
    again: WinnerDeclared | None

    @property
    def is_same(self) -> bool:
        """Whether both name the same winner, counts and p."""
        return is_alike(self.declared, self.again)

    def as_json(self) -> dict[str, Any]:
        """As docs/statistics.md has it."""
        return {
            "campaign_id": self.campaign_id,
            "position": str(self.declared.evidence.position),
            "same": self.is_same,
        }


def check_declaration(asked: AskedCampaign) -> DeclarationCheck:
    """Decide a declared winner again, from the log up to the same position.

    Raises NoWinnerDeclared, UnknownCampaign and UnreadableLog.
    """
    reads, campaign = asked.reads, asked.campaign()
    if campaign.winner is None:
        raise NoWinnerDeclared(
            f"no winner of {asked.campaign_id!r} was declared; `conversions winner --declare` does"
        )
    evidence = campaign.winner.evidence
    as_of = reads.now() if evidence.as_of is None else from_microseconds(evidence.as_of)
    at = (*asked.key, evidence.position, as_of)
    with reads.recorded() as connection:
        snapshot = _snapshot(
            reads, connection, campaign, load_experiment_at(connection, reads.log, reads.definitions, *at)
        )
    again = ExperimentResults(snapshot, results(snapshot.experiment, DecidingTest(evidence.test)))
    winner = again.results.decision.winner
    now = None if winner is None else WinnerDeclared(winner, again.evidence())
    return DeclarationCheck(asked.campaign_id, campaign.winner, now)


def _snapshot(reads: Reads, connection: Connection, campaign: Campaign, found: Counted) -> ExperimentSnapshot:
    periods = load_weights(connection, reads.log, found.app_group, found.campaign_id, found.position)
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
    deadlines = [event.deadline for event in campaign.conversion_events]
    strata = stratify(found, periods)
    closed = {each: stratify(keep_closed(found, each), periods) for each in set(deadlines)}
    counts = [_count_event(strata, index) for index, _ in enumerate(deadlines)]
    over = [_count_event(closed[deadline], index) for index, deadline in enumerate(deadlines)]
    return ExperimentSnapshot(
        campaign,
        found.position,
        found.as_of,
        Experiment(observed, counts, over, found.users_in_several_variants, found.with_control),
        found,
    )


def _count_event(strata: Sequence[Stratum], index: int) -> Periods:
    return [
        [
            Count(name, counted.recipients, counted.converted[index])
            for name, counted in stratum.variants.items()
        ]
        for stratum in strata
    ]


def _find_declared(campaign: Campaign) -> dict[str, Any] | None:
    """The declared winner of a campaign, with its evidence."""
    if campaign.winner is None:
        return None
    evidence = msgspec.to_builtins(campaign.winner.evidence)
    evidence["position"] = str(evidence["position"])
    return {"variant_id": campaign.winner.variant_id, "evidence": evidence}


def is_alike(one: Any, other: Any) -> bool:  # noqa: ANN401
    """Whether two events say the same: exactly, but for estimates, on which machines agree to 1e-9 (relative)."""
    one, other = msgspec.to_builtins(one), msgspec.to_builtins(other)
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_alike(each, other[name]) for name, each in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(is_alike, one, other))
    return bool(one == other)


def as_plain(value: Any) -> Any:  # noqa: ANN401
    """Results as JSON has them: an interval as its two ends, null for an end at infinity; estimates as numbers."""
    if isinstance(value, Interval):
        return [end if isfinite(end) else None for end in value]
    if hasattr(value, "_asdict"):
        return {name: as_plain(each) for name, each in value._asdict().items()}
    if is_dataclass(value):
        return {field.name: as_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list | tuple):
        return [as_plain(each) for each in value]
    return value
