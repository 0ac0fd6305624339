"""Intelligent selection: weights follow the primary conversion event by Thompson sampling.

A variant's share is the probability that its rate is the highest, by Beta posteriors. Nothing is drawn: probabilities
are integrals, so that the same counts always give the same weights.

Feedback is delayed: a recipient whose window is open may convert yet, and counts as a part of a recipient: by the share
of conversions that are usually seen by that age. Conversions count in full. Selection ends on what holds at every look,
however many there are. Source: Thompson (1933); Scott (2010); Chapelle (2014), "Modeling delayed feedback in
display advertising"; Lindon and Malek (2022), "Anytime-valid inference for multinomial count data".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from domain.campaigns.definition import Weights
from domain.experiment.bayes import improvement, probability_best
from domain.experiment.proportions import Proportion
from domain.experiment.sequential import interval
from domain.experiment.strata import Stratum

HOUR: Final = 3_600
WORTH: Final = 0.01
"""Going on is worth it as long as the rate may be improved by more than this part of itself,"""
SURE: Final = 0.05
"""with more than this probability: the potential value remaining (Scott 2010)."""

AS_GOOD_AS: Final = 10
"""So many conversions of a variant's own tell as much of its delays as those of all variants do.

Of 3, 5, 10, 20 and 60, tried by simulation: 3 lost about a sixth more where all convert over a week alike; where the
best variant converts late, 20 lost a sixth more than 10, and 60 two fifths. 5 was much the same as 10.
"""

SCALE: Final = 10_000
"""The sum of adjusted weights, or some more where control's share asks for it."""


@dataclass(frozen=True)
class Cohort:
    """The recipients of a variant by full hours since their first receipt, and how many of them converted so far."""

    age: int
    recipients: int
    converted: int


Delays = Sequence[int] | Mapping[str, Sequence[int]]
"""Conversions by full hours after their receipt: by variant, or of all together where no more is known."""


@dataclass(frozen=True)
class Chosen:
    """The shares of variants, with what they follow from; `better` is how likely some other is better by 1 %."""

    shares: dict[str, float]
    counted: dict[str, float]
    converted: dict[str, int]
    recipients: dict[str, int]
    best: dict[str, float]
    better: float
    done: bool
    """Whether going on would hardly improve the rate, however often that is asked; then the best has all the share."""


def choose(cohorts: Mapping[str, Sequence[Cohort]], delays: Delays, deadline: int, floor: float) -> Chosen:
    """The shares of the variants, control left out.

    `deadline` is in seconds, and `floor` the least share of each until selection is done.
    """
    seen = _see(cohorts, delays, deadline)
    counted = {name: _count_seen(each, seen[name]) for name, each in cohorts.items()}
    converted = {name: _count_converted(each) for name, each in cohorts.items()}
    # More conversions than recipients that count come of a guess that was too low.
    rates = [(float(converted[name]), max(counted[name], float(converted[name]))) for name in cohorts]
    likely = probability_best(rates)
    best = dict(zip(cohorts, likely, strict=True))
    better = improvement(rates, WORTH, likely)
    done = better <= SURE and _are_apart(cohorts, deadline, sorted(best, key=best.__getitem__, reverse=True))
    return Chosen(
        shares=dict(
            zip(cohorts, _all_to_best(likely) if done else lift_to_floor(likely, floor), strict=True)
        ),
        counted=counted,
        converted=converted,
        recipients={name: sum(cohort.recipients for cohort in each) for name, each in cohorts.items()},
        best=best,
        better=better,
        done=done,
    )


def _are_apart(cohorts: Mapping[str, Sequence[Cohort]], deadline: int, names: Sequence[str]) -> bool:
    """Whether none is better than the first by what is worth it, as sure as that on all looks taken together.

    A posterior that is looked at twice a day falls below any level by chance, sooner or later; an always-valid interval
    of the uplift does not. Bonferroni's inequality shares its error among the others. Recipients of an hour are a
    stratum, so that rates may drift while weights change; open windows are left out, so that variants may convert late.
    Source: Lindon and Malek (2022), "Anytime-valid inference for multinomial count data".
    """
    best, *others = (_over(cohorts[name], deadline) for name in names)
    confidence = 1 - SURE / max(1, len(others))
    # The likeliest comes first: most often it cannot be told apart from the best.
    for other in others:
        strata = [Stratum(other[age], best[age]) for age in sorted(best.keys() & other.keys())]
        uplift = interval(strata, confidence)
        if uplift is None or uplift.high > WORTH:
            return False
    return True


def _over(cohorts: Sequence[Cohort], deadline: int) -> dict[int, Proportion]:
    """By age, the recipients whose window is over."""
    hours = -(-deadline // HOUR)
    return {each.age: Proportion(each.converted, each.recipients) for each in cohorts if each.age >= hours}


def _all_to_best(likely: Sequence[float]) -> list[float]:
    best = likely.index(max(likely))
    return [float(place == best) for place in range(len(likely))]


def _see(cohorts: Mapping[str, Sequence[Cohort]], delays: Delays, deadline: int) -> dict[str, list[float]]:
    """What is usually seen of each variant: by its own delays as far as it has conversions, else by those of all.

    A variant that converts later than the others would be taken for a worse one by theirs. Both are averaged, that of
    all weighing as much as some conversions of its own (Buehlmann's credibility, 1967).
    """
    if not isinstance(delays, Mapping):
        return dict.fromkeys(cohorts, usually_seen(cohorts, delays, deadline))
    together = [sum(each) for each in zip_longest(*delays.values(), fillvalue=0)]
    of_all = usually_seen(cohorts, together, deadline)
    found = {}
    for name, each in cohorts.items():
        own = usually_seen({name: each}, delays.get(name, ()), deadline)
        weight = _count_converted(each) / (_count_converted(each) + AS_GOOD_AS)
        found[name] = [weight * mine + (1 - weight) * all_ for mine, all_ in zip(own, of_all, strict=True)]
    return found


def _count_converted(cohorts: Sequence[Cohort]) -> int:
    return sum(each.converted for each in cohorts)


def usually_seen(
    cohorts: Mapping[str, Sequence[Cohort]], delays: Sequence[int], deadline: int
) -> list[float]:
    """By full hours of age the share of conversions that are seen by then, 1 from the deadline on.

    The chance to convert in the n-th hour is taken from those who are old enough, all variants together (an
    actuarial estimate: Kaplan and Meier 1958). Beyond the oldest, it is that of the last quarter of ages known.
    """
    hours = -(-deadline // HOUR)
    came = [0] * (hours + 2)
    for cohort in (each for of_variant in cohorts.values() for each in of_variant):
        came[min(cohort.age, hours + 1)] += cohort.recipients
    chances, old_enough, oldest = [0.0] * (hours + 1), came[hours + 1], 0
    for hour in range(hours, -1, -1):
        # Who is in the n-th hour has been watched for a part of it.
        watched = old_enough + came[hour] / 2
        old_enough += came[hour]
        if watched:
            oldest = max(oldest, hour)
            chances[hour] = (delays[hour] if hour < len(delays) else 0) / watched
    tail = chances[oldest - oldest // 4 : oldest + 1]
    chances[oldest + 1 :] = [sum(tail) / len(tail)] * (hours - oldest)
    return _add_up(chances)


def _add_up(chances: Sequence[float]) -> list[float]:
    total, so_far, found = sum(chances), 0.0, []
    for place, chance in enumerate(chances, start=1):
        so_far += chance
        # Where nobody converted yet, as if conversions came evenly.
        found.append(so_far / total if total else place / len(chances))
    return found


def _count_seen(cohorts: Sequence[Cohort], seen: Sequence[float]) -> float:
    """Recipients, each by the share that is seen at their age: none before the first full hour, all at last."""
    shares = [0.0, *seen]
    return sum(each.recipients * shares[min(each.age, len(seen))] for each in cohorts)


def lift_to_floor(shares: Sequence[float], floor: float) -> list[float]:
    """The shares with none below the floor: what is left beyond the floors is shared as they were."""
    left = 1 - floor * len(shares)
    return [floor + left * share for share in shares]


def weights(shares: Mapping[str, float], before: Weights, control: str | None) -> Weights:
    """Whole weights of these shares: control keeps exactly its share of the whole, the others share the rest.

    Rounded by largest remainders, so that they add up.
    """
    whole = sum(before.values())
    times = -(-SCALE // whole)
    of_control = before[control] * times if control is not None else 0
    rest = whole * times - of_control
    found = {name: int(share * rest) for name, share in shares.items()}
    remainders = sorted(shares, key=lambda name: (found[name] - shares[name] * rest, name))
    for name in remainders[: rest - sum(found.values())]:
        found[name] += 1
    return {name: of_control if name == control else found[name] for name in before}
