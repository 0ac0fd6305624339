"""The winning variant: by a named test on the primary conversion event, and only when that says so (R21)."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from domain.evidence import Comparison, Count, DecidingTest
from domain.experiment import sequential
from domain.experiment.proportions import Proportion, fisher, small, z_test
from domain.experiment.sequential import Stratum
from domain.experiment.several import holm

SIGNIFICANCE: Final = 0.05

Periods = Sequence[Sequence[Count]]
"""The counts of every variant, by period of weights."""


class Why(StrEnum):
    """Why there is a winner, or none yet."""

    TEST_SAYS_SO = "test_says_so"
    NO_CONVERSION_EVENT = "no_conversion_event"
    NOTHING_TO_COMPARE = "nothing_to_compare"
    NO_VARIANT_BEATS_CONTROL = "no_variant_beats_control"
    TOO_CLOSE = "too_close"


class Decision(NamedTuple):
    """The winner or None, why, who leads, and what the test says of the leader against each other variant."""

    winner: str | None
    why: Why
    leader: str | None = None
    comparisons: tuple[Comparison, ...] = ()

    @property
    def as_good(self) -> list[str]:
        """The variants that the leader is not told apart from."""
        return [each.against for each in self.comparisons if each.adjusted > SIGNIFICANCE]

    @property
    def sentence(self) -> str:
        """For people."""
        match self.why:
            case Why.TEST_SAYS_SO:
                if self.as_good:
                    others = ", ".join(self.as_good)
                    return f"{self.winner} is the winner: it beats control. It is not told apart from {others} yet."
                return f"{self.winner} is the winner: it is better than every other variant."
            case Why.NO_CONVERSION_EVENT:
                return "None: the campaign has no conversion event to decide on."
            case Why.NOTHING_TO_COMPARE:
                return "None yet: fewer than two variants have recipients."
            case Why.NO_VARIANT_BEATS_CONTROL:
                return "None yet: no variant beats control."
            case Why.TOO_CLOSE:  # pragma: no branch
                return f"None yet: {self.leader} leads, and is not told apart from {', '.join(self.as_good)}."


def decide(periods: Periods, control: str | None, test: DecidingTest) -> Decision:
    """The variant that leads, where the test finds it better than control, or without control than each other (R21).

    At a significance of 0.05, each p adjusted for as many comparisons as there are other variants. Source: Holm (1979).
    """
    totals = {each: pooled(periods, each) for each in _variants(periods)}
    rates = {variant_id: each.rate for variant_id, each in totals.items() if each.rate is not None}
    if len(rates) < 2:
        return Decision(None, Why.NOTHING_TO_COMPARE)
    leader = _leader(periods, rates, control, test)
    if leader == control:
        return Decision(None, Why.NO_VARIANT_BEATS_CONTROL, leader)
    others = [variant_id for variant_id in rates if variant_id != leader]
    ps = [_or_one(p_value(periods, leader, other, test)) for other in others]
    comparisons = tuple(map(Comparison, others, ps, holm(ps)))
    to_beat = [each for each in comparisons if control not in rates or each.against == control]
    if all(each.adjusted <= SIGNIFICANCE and _ahead(periods, leader, each.against, test) for each in to_beat):
        return Decision(leader, Why.TEST_SAYS_SO, leader, comparisons)
    why = Why.NO_VARIANT_BEATS_CONTROL if control in rates else Why.TOO_CLOSE
    return Decision(None, why, leader, comparisons)


def _leader(periods: Periods, rates: Mapping[str, float], control: str | None, test: DecidingTest) -> str:
    """Who is ahead of most others, and of how many; of equals the one of the highest rate, and control last."""

    def ahead_of(variant_id: str) -> int:
        return sum(_ahead(periods, variant_id, other, test) for other in rates if other != variant_id)

    return max(rates, key=lambda each: (ahead_of(each), rates[each], each != control))


def _ahead(periods: Periods, variant_id: str, other: str, test: DecidingTest) -> bool:
    """Whether a variant converts more than another, as the test sees it: by period, or in all of them together."""
    if test is DecidingTest.SEQUENTIAL:
        return sequential.ahead(strata(periods, variant_id, other))
    return (pooled(periods, variant_id).rate or 0) > (pooled(periods, other).rate or 0)


def p_value(periods: Periods, variant_id: str, against: str, test: DecidingTest) -> float | None:
    """The p of a variant against another, two-sided; none where there is nothing to tell them apart by.

    Sequential: by period of weights (domain.experiment.sequential). Fixed: Fisher's where an expected count is below 5,
    the pooled z-test where none is, both over all periods together.
    """
    if test is DecidingTest.SEQUENTIAL:
        return sequential.p_value(strata(periods, variant_id, against))
    variant, other = pooled(periods, variant_id), pooled(periods, against)
    if small(variant, other):
        return fisher(variant, other)
    tested = z_test(variant, other)
    return None if tested is None else tested.p


def strata(periods: Periods, variant_id: str, against: str) -> list[Stratum]:
    """Both variants by period: within one, users were shared by the same weights."""
    return [Stratum(_proportion(each, variant_id), _proportion(each, against)) for each in periods]


def pooled(periods: Periods, variant_id: str) -> Proportion:
    """A variant over all periods."""
    return _proportion([count for period in periods for count in period], variant_id)


def _or_one(p: float | None) -> float:
    return 1.0 if p is None else p


def _variants(periods: Periods) -> list[str]:
    return list(dict.fromkeys(count.variant_id for period in periods for count in period))


def _proportion(counts: Sequence[Count], variant_id: str) -> Proportion:
    found = [each for each in counts if each.variant_id == variant_id]
    return Proportion(sum(each.converted for each in found), sum(each.recipients for each in found))
