"""The weights that shared a campaign's users (R5), and what an experiment comes to in each period of them.

Results are computed by period. Where weights follow conversions, users of different periods are not alike: counts
summed over periods would show how the periods differ, and not how the variants do.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from sqlalchemy.engine import Connection

from domain.campaigns.definition import Weights
from domain.campaigns.events import CampaignLaunched
from domain.instants import from_microseconds
from projections.engine.projection import Log, Logged
from projections.engine.tables import stream
from projections.experiments.counted import Experiment, FirstReceived

_HOUR = timedelta(hours=1)


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
    """By variant the recipients whose first receipt lies in the hours of a period.

    Or in an hour in which weights changed. It has no period: which weights shared which of its users is not known.
    """

    period: Period | None
    variants: dict[str, Counted]


@dataclass(frozen=True)
class Shared:
    """Users who received a variant first of all, and as many as the weights in force let one expect."""

    first_receipts: int
    expected: float


def load_weights(
    connection: Connection, log: Log, app_group: str, campaign_id: str, position: int
) -> list[Period]:
    """The periods of a campaign's weights as the log up to a position has them; raises UnreadableLog.

    None where the campaign was not drafted yet.
    """
    return find_periods(log.of_stream(connection, stream(app_group, campaign_id), position))


def find_periods(events: Iterable[Logged]) -> list[Period]:
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


def stratify(experiment: Experiment, periods: Sequence[Period]) -> list[Stratum]:
    """The experiment by period of weights, in order; a period in which no one received it first is left out.

    An hour of first receipts belongs to the period in force during all of it; one in which weights changed is a stratum
    of its own. Whatever comes before the first period is of the first.
    """
    width = len(experiment.variants[0].conversion_events)
    found = []
    for (before, after), hours in sorted(_hours(experiment, periods).items()):
        counted = {
            variant.variant_id: _count(hours[variant.variant_id], width) for variant in experiment.variants
        }
        found.append(Stratum(periods[before] if before == after else None, counted))
    return found


def keep_closed(experiment: Experiment, deadline: timedelta) -> Experiment:
    """Keep of `by_hour` the recipients alone whose first receipt's window, of this deadline, is over.

    As of a full hour, and by full hours of first receipts: the whole hour's windows are over, both ends inside (R6).
    """
    last = experiment.as_of - deadline - _HOUR
    variants = [
        replace(variant, by_hour=[each for each in variant.by_hour if each.hour <= last])
        for variant in experiment.variants
    ]
    return replace(experiment, variants=variants)


def count_shared(experiment: Experiment, periods: Sequence[Period]) -> dict[str, Shared]:
    """By variant who received it first of all, and the weights' share of them, for a test of sample ratio mismatch.

    Users in several variants are included. Hours in which weights changed are left out on both sides: which
    weights shared which of their users is not known.
    """
    users: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for variant in experiment.variants:
        for each in variant.first_receipts:
            before, after = _place(periods, each.hour)
            if before == after:
                users[variant.variant_id][before] += each.users
    everyone = sum(users.values(), Counter[int]())
    return {
        variant.variant_id: Shared(
            users[variant.variant_id].total(),
            float(sum(n * periods[at].share(variant.variant_id) for at, n in everyone.items())),
        )
        for variant in experiment.variants
    }


def _hours(
    experiment: Experiment, periods: Sequence[Period]
) -> dict[tuple[int, int], defaultdict[str, list[FirstReceived]]]:
    """By place of an hour (see `_place`), and variant, the hours of first receipts in it."""
    found: defaultdict[tuple[int, int], Any] = defaultdict(lambda: defaultdict(list))
    for variant in experiment.variants:
        for each in variant.by_hour:
            found[_place(periods, each.hour)][variant.variant_id].append(each)
    return found


def _place(periods: Sequence[Period], hour: datetime) -> tuple[int, int]:
    """The periods in force at an hour's start and at its end: two, where weights changed within."""
    if len(periods) == 1:
        return 0, 0
    before = bisect_right(periods, hour, key=_since) - 1
    after = bisect_left(periods, hour + _HOUR, key=_since) - 1
    return max(before, 0), max(after, 0)


def _since(period: Period) -> datetime:
    return period.since


def _count(hours: Sequence[FirstReceived], width: int) -> Counted:
    converted = [sum(each.converted[index] for each in hours) for index in range(width)]
    return Counted(sum(each.recipients for each in hours), converted)
