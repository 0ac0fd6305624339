"""The weights that shared a campaign's users (R5), and what an experiment comes to in each period of them.

Results are looked at by period: where weights follow conversions, users of different periods are not alike, and counts
that are summed over them would tell of the periods more than of the variants.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from sqlalchemy.engine import Connection

from domain.campaign_events import CampaignLaunched
from domain.definition import Weights
from domain.instants import from_microseconds
from projections.projection import Log, Logged
from projections.recipients.experiment import Experiment, FirstReceived
from projections.sums import stream


@dataclass(frozen=True)
class Period:
    """Weights, and the instant from which they were in force: when they were recorded."""

    since: datetime
    weights: Weights

    def share(self, variant_id: str) -> Fraction:
        """The part of the users that the variant gets, exact."""
        return Fraction(self.weights.get(variant_id, 0), sum(self.weights.values()))


@dataclass(frozen=True)
class Counted:
    """Recipients of a variant, and by conversion event how many of them converted."""

    recipients: int
    converted: list[int]


@dataclass(frozen=True)
class Stratum:
    """A period, and by variant the recipients whose first receipt lies in its hours."""

    period: Period
    variants: dict[str, Counted]


def weights_in_force(
    connection: Connection, log: Log, app_group: str, campaign_id: str, position: int
) -> list[Period]:
    """The periods of a campaign's weights as the log up to a position has them; raises UnreadableLog.

    None where the campaign was not drafted yet.
    """
    return periods(log.of_stream(connection, stream(app_group, campaign_id), position))


def periods(events: Iterable[Logged]) -> list[Period]:
    """The periods that the events of a campaign's stream make, in order; whatever came before is of the first one's.

    Weights of a draft shared no one (R4): the first period is the launch's. The same weights again begin none.
    """
    found: list[Period] = []
    launched = False
    for logged in events:
        launched = launched or isinstance(logged.event, CampaignLaunched)
        weights: Weights | None = getattr(logged.event, "weights", None)
        if weights is not None and not (found and found[-1].weights == weights):
            begun = Period(from_microseconds(logged.recorded_at), weights)
            found = [*found, begun] if launched else [begun]
    return found


def strata(experiment: Experiment, periods: Sequence[Period]) -> list[Stratum]:
    """The experiment by period of weights, in order; a period in which no one received it first is left out.

    An hour of first receipts belongs to the period in force at its start: the last one that began by then, else the
    first of all.
    """
    width = len(experiment.variants[0].conversion_events)
    found = []
    for place, hours in sorted(_hours(experiment, periods).items()):
        counted = {
            variant.variant_id: _counted(hours[variant.variant_id], width) for variant in experiment.variants
        }
        found.append(Stratum(periods[place], counted))
    return found


def expected_first_receipts(experiment: Experiment, periods: Sequence[Period]) -> dict[str, float]:
    """By variant the users whose first receipt the weights let one expect of it, for a test of sample ratio mismatch.

    The sum over hours of that hour's first receipts, users in several variants included, times the variant's share of
    the weights in force (see `strata`).
    """
    since = [period.since for period in periods]
    users: Counter[int] = Counter()
    for variant in experiment.variants:
        for each in variant.first_receipts:
            users[_place(since, each.hour)] += each.users
    return {
        variant.variant_id: float(sum(n * periods[at].share(variant.variant_id) for at, n in users.items()))
        for variant in experiment.variants
    }


def _hours(
    experiment: Experiment, periods: Sequence[Period]
) -> dict[int, defaultdict[str, list[FirstReceived]]]:
    """By place of a period, and variant, the hours of first receipts in it."""
    since = [period.since for period in periods]
    found: defaultdict[int, Any] = defaultdict(lambda: defaultdict(list))
    for variant in experiment.variants:
        for each in variant.by_hour:
            found[_place(since, each.hour)][variant.variant_id].append(each)
    return found


def _place(since: Sequence[datetime], hour: datetime) -> int:
    """The period in force at an hour's start; the first where none had begun."""
    return max(bisect_right(since, hour) - 1, 0)


def _counted(hours: Sequence[FirstReceived], width: int) -> Counted:
    converted = [sum(each.converted[index] for each in hours) for index in range(width)]
    return Counted(sum(each.recipients for each in hours), converted)
