"""The winning variant: by a named test on the primary conversion event, and only when that says so (R21)."""

from collections.abc import Iterable, Mapping, Sequence
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
    """The winner or None, why, who leads, and what the test says of the leader against each other variant.

    `beaten` are those that the leader is found better than.
    """

    winner: str | None
    why: Why
    leader: str | None = None
    comparisons: tuple[Comparison, ...] = ()
    beaten: frozenset[str] = frozenset()

    @property
    def as_good(self) -> list[str]:
        """The variants that the leader is not found better than."""
        return [each.against for each in self.comparisons if each.against not in self.beaten]

    @property
    def sentence(self) -> str:
        """For people."""
        match self.why:
            case Why.TEST_SAYS_SO:
                if self.as_good:
                    others = ", ".join(self.as_good)
                    return f"{self.winner} is the winner: it beats control. It is not found better than {others} yet."
                return (
                    f"{self.winner} is the winner: it is better than every other variant that was received."
                )
            case Why.NO_CONVERSION_EVENT:
                return "None: the campaign has no conversion event to decide on."
            case Why.NOTHING_TO_COMPARE:
                return "None yet: fewer than two variants have recipients."
            case Why.NO_VARIANT_BEATS_CONTROL:
                if not self.comparisons:
                    return "None yet: no variant beats control, which leads."
                return (
                    f"None yet: no variant beats control. {self.leader} leads, and is not found better yet."
                )
            case Why.TOO_CLOSE:  # pragma: no branch
                return (
                    f"None yet: {self.leader} leads, and is not found better than {', '.join(self.as_good)}."
                )


def decide(periods: Periods, control: str | None, test: DecidingTest) -> Decision:
    """The best of the variants that the test finds better than control; without control, who is better than each other.

    At a significance of 0.05 (R21). With control, each p against it is adjusted for as many variants as there are; the
    leader's against the others, for as many as these are. Source: Holm (1979).
    """
    rates = _rates(periods)
    if len(rates) < 2:
        return Decision(None, Why.NOTHING_TO_COMPARE)
    compared = _Compared(periods, rates, test)
    if control is None or control not in rates:
        leader = compared.leader(rates)
        told = compared.with_others(leader, [each for each in rates if each != leader])
        beaten = compared.beaten(leader, told)
        all_beaten = len(beaten) == len(told)
        why, winner = (Why.TEST_SAYS_SO, leader) if all_beaten else (Why.TOO_CLOSE, None)
        return Decision(winner, why, leader, tuple(told), beaten)
    return _beyond(control, compared)


def _beyond(control: str, compared: "_Compared") -> Decision:
    """The decision where there is a control group."""
    variants = [each for each in compared.rates if each != control]
    ps = [compared.p(each, control) for each in variants]
    against = {
        each: Comparison(control, p, least) for each, p, least in zip(variants, ps, holm(ps), strict=True)
    }
    better = [each for each in variants if compared.beaten(each, [against[each]])]
    leader = compared.leader(better or [*variants, control])
    if leader == control:
        return Decision(None, Why.NO_VARIANT_BEATS_CONTROL, leader)
    told = [*compared.with_others(leader, [each for each in variants if each != leader]), against[leader]]
    beaten = compared.beaten(leader, told)
    if better:
        return Decision(leader, Why.TEST_SAYS_SO, leader, tuple(told), beaten)
    return Decision(None, Why.NO_VARIANT_BEATS_CONTROL, leader, tuple(told), beaten)


class _Compared(NamedTuple):
    """Variants that have recipients, and what a test says of them."""

    periods: Periods
    rates: Mapping[str, float]
    test: DecidingTest

    def p(self, variant_id: str, other: str) -> float:
        """The p of two variants: 1 where there is nothing to tell them apart by."""
        found = p_value(self.periods, variant_id, other, self.test)
        return 1.0 if found is None else found

    def with_others(self, variant_id: str, others: Sequence[str]) -> list[Comparison]:
        """A variant against others, adjusted for as many."""
        ps = [self.p(variant_id, other) for other in others]
        return list(map(Comparison, others, ps, holm(ps)))

    def beaten(self, variant_id: str, comparisons: Sequence[Comparison]) -> frozenset[str]:
        """Whom the test finds the variant better than."""
        return frozenset(
            each.against
            for each in comparisons
            if each.adjusted <= SIGNIFICANCE and _ahead(self.periods, variant_id, each.against, self.test)
        )

    def leader(self, among: Iterable[str]) -> str:
        """Who is ahead of most others; of equals the one of the highest rate, and then the first one."""

        def ahead_of(variant_id: str) -> int:
            others = [each for each in self.rates if each != variant_id]
            return sum(_ahead(self.periods, variant_id, other, self.test) for other in others)

        return max(among, key=lambda each: (ahead_of(each), self.rates[each]))


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


def _rates(periods: Periods) -> dict[str, float]:
    """The rates of the variants that have recipients."""
    totals = {each: pooled(periods, each) for each in _variants(periods)}
    return {variant_id: each.rate for variant_id, each in totals.items() if each.rate is not None}


def _variants(periods: Periods) -> list[str]:
    return list(dict.fromkeys(count.variant_id for period in periods for count in period))


def _proportion(counts: Sequence[Count], variant_id: str) -> Proportion:
    found = [each for each in counts if each.variant_id == variant_id]
    return Proportion(sum(each.converted for each in found), sum(each.recipients for each in found))
