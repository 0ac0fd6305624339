"""The winning variant: by a named test on the primary conversion event, and only when that says so (R21)."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from domain.campaigns.evidence import Comparison, DecidingTest
from domain.experiment import anytime, sequential
from domain.experiment.checks import holm
from domain.experiment.proportions import fisher, small, z_test
from domain.experiment.tallies import Periods, Tallies

SIGNIFICANCE: Final = 0.05


class Why(StrEnum):
    """Why there is a winner, or none yet."""

    TEST_SAYS_SO = "test_says_so"
    NO_CONVERSION_EVENT = "no_conversion_event"
    NOTHING_TO_COMPARE = "nothing_to_compare"
    NO_VARIANT_BEATS_CONTROL = "no_variant_beats_control"
    TOO_CLOSE = "too_close"


class Decision(NamedTuple):
    """The winner or None, why, who leads, and what the test says of the leader against each other variant.

    `beaten` are those that the leader is found better than. `level` are those that are level with the winner; without
    one, those that are level with each other in front, so that nobody leads: comparisons are of the first of these.
    `worse` are variants that the test finds worse than control, where there is no winner; `unsure` the others then.
    `by_period` says that those who are level are so by period of weights, not by the rates of all together; `waiting`
    that there is nothing to compare because windows are open.
    """

    winner: str | None
    why: Why
    leader: str | None = None
    comparisons: tuple[Comparison, ...] = ()
    beaten: frozenset[str] = frozenset()
    level: tuple[str, ...] = ()
    worse: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    by_period: bool = False
    waiting: bool = False

    @property
    def compared(self) -> str | None:
        """Whose the comparisons are: the leader's, or those of the first of several that are level."""
        return self.leader or next(iter(self.level), None)

    @property
    def as_good(self) -> list[str]:
        """The variants that the leader is not found better than."""
        return [each.against for each in self.comparisons if each.against not in self.beaten]

    @property
    def sentence(self) -> str:
        """For people."""
        match self.why:
            case Why.TEST_SAYS_SO:
                return f"{self.winner} is the winner: {self._how_good}"
            case Why.NO_CONVERSION_EVENT:
                return "None: the campaign has no conversion event to decide on."
            case Why.NOTHING_TO_COMPARE:
                if self.waiting:
                    return "None yet: fewer than two variants have recipients whose window is over."
                return "None yet: fewer than two variants have recipients."
            case Why.NO_VARIANT_BEATS_CONTROL:
                return self._not_above_control
            case Why.TOO_CLOSE:  # pragma: no branch
                ahead = f"{self.leader} leads, and is not found better than {', '.join(self.as_good)}."
                return f"None yet: {self._nobody_leads or ahead}"

    @property
    def _how_good(self) -> str:
        if not self.as_good:
            return "it is better than every other variant that was received."
        unsure = [each for each in self.as_good if each not in self.level]
        said = ["it beats control."]
        if self.level:
            said = [f"{_and([str(self.winner), *self.level])} beat control, and are {self._level}."]
        found = self.winner if self.level else "It"
        said += [f"{found} is not found better than {', '.join(unsure)} yet."] if unsure else []
        return " ".join(said)

    @property
    def _not_above_control(self) -> str:
        """Who leads is said, but for control where it is found better than a variant: that says it."""
        control_leads = self.leader is not None and self.leader not in (*self.worse, *self.unsure)
        ahead = self._nobody_leads or f"{'Control' if control_leads else self.leader} leads."
        if not self.worse:
            return f"None yet: not shown yet to beat control. {ahead}"
        are = f"{_and(self.worse)} {'is' if len(self.worse) == 1 else 'are'} worse than control"
        if not self.unsure:
            return f"None: {are}."
        not_shown = (
            f"{_and(self.unsure)} {'is' if len(self.unsure) == 1 else 'are'} not shown yet to beat it."
        )
        return f"None yet: {are}, {not_shown}{'' if control_leads else f' {ahead}'}"

    @property
    def _nobody_leads(self) -> str:
        return f"{_and(self.level)} are {self._level}: nobody leads." if self.level else ""

    @property
    def _level(self) -> str:
        return "level when compared within each period of weights" if self.by_period else "level"


def _and(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def decide(periods: Periods, control: str | None, test: DecidingTest) -> Decision:
    """The best of the variants that the test finds better than control; without control, who is better than each other.

    At a significance of 0.05 (R21). With control, each p against it is adjusted for as many variants as there are; the
    leader's against the others, for as many as these are. Source: Holm (1979).
    """
    tallies = Tallies(periods)
    rates = _rates(tallies)
    if len(rates) < 2:
        return Decision(None, Why.NOTHING_TO_COMPARE)
    compared = _Compared(tallies, rates, test)
    found = _among(compared) if control is None or control not in rates else _beyond(control, compared)
    in_front = {rates[each] for each in (found.winner, *found.level) if each is not None}
    return found._replace(by_period=bool(found.level) and len(in_front) > 1)


def _among(compared: "_Compared") -> Decision:
    """The decision where there is no control group."""
    leader, *level = compared.front(compared.rates)
    comparisons = compared.with_others(leader, [each for each in compared.rates if each != leader])
    beaten = compared.beaten(leader, comparisons)
    if level:
        return Decision(None, Why.TOO_CLOSE, None, tuple(comparisons), beaten, (leader, *level))
    all_beaten = len(beaten) == len(comparisons)
    why, winner = (Why.TEST_SAYS_SO, leader) if all_beaten else (Why.TOO_CLOSE, None)
    return Decision(winner, why, leader, tuple(comparisons), beaten)


def _beyond(control: str, compared: "_Compared") -> Decision:
    """The decision where there is a control group."""
    variants = [each for each in compared.rates if each != control]
    ps = [compared.p(each, control) for each in variants]
    against = {
        each: Comparison(control, p, least) for each, p, least in zip(variants, ps, holm(ps), strict=True)
    }
    better = [each for each in variants if compared.beaten(each, [against[each]])]
    leader, *level = compared.front(better or [*variants, control])
    if leader == control:
        comparisons = _turn_round(against)
    else:
        comparisons = [
            *compared.with_others(leader, [each for each in variants if each != leader]),
            against[leader],
        ]
    beaten = compared.beaten(leader, comparisons)
    if better:
        return Decision(leader, Why.TEST_SAYS_SO, leader, tuple(comparisons), beaten, tuple(level))
    worse = compared.beaten(control, _turn_round(against))
    return Decision(
        None,
        Why.NO_VARIANT_BEATS_CONTROL,
        None if level else leader,
        tuple(comparisons),
        beaten,
        (leader, *level) if level else (),
        tuple(each for each in variants if each in worse),
        tuple(each for each in variants if each not in worse),
    )


def _turn_round(against: Mapping[str, Comparison]) -> list[Comparison]:
    """Comparisons of variants with control as those of control with each of them: the same p."""
    return [Comparison(name, each.p, each.adjusted) for name, each in against.items()]


class _Compared(NamedTuple):
    """Variants that have recipients, and what a test says of them."""

    tallies: Tallies
    rates: Mapping[str, float]
    test: DecidingTest

    def p(self, variant_id: str, other: str) -> float:
        """The p of two variants: 1 where there is nothing to tell them apart by."""
        found = p_value(self.tallies, variant_id, other, self.test)
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
            if each.adjusted <= SIGNIFICANCE and self.is_ahead(variant_id, each.against)
        )

    def front(self, among: Iterable[str]) -> list[str]:
        """Who is ahead of most others: one, or several that are level, the highest rate first.

        Where each of several is behind another of them, those of the highest rate.
        """
        ahead_of = {each: self.count_behind(each) for each in among}
        most = max(ahead_of.values())
        found = [each for each in ahead_of if ahead_of[each] == most]
        found.sort(key=self.rates.__getitem__, reverse=True)
        if any(self.is_ahead(one, other) for one in found for other in found):
            return [each for each in found if self.rates[each] == self.rates[found[0]]]
        return found

    def is_ahead(self, variant_id: str, other: str) -> bool:
        """Whether a variant converts more than another, as the test sees it: by period, or in all of them together."""
        if self.test is DecidingTest.FIXED:
            return self.rates[variant_id] > self.rates[other]
        return self.tallies.is_ahead(variant_id, other)

    def count_behind(self, variant_id: str) -> int:
        """How many others a variant is ahead of."""
        if self.test is DecidingTest.FIXED:
            return sum(rate < self.rates[variant_id] for rate in self.rates.values())
        return self.tallies.count_behind(variant_id)


def p_value(tallies: Tallies, variant_id: str, against: str, test: DecidingTest) -> float | None:
    """The p of a variant against another, two-sided; none where there is nothing to tell them apart by.

    Anytime and sequential: by period of weights (the modules of these names). Fixed: Fisher's where an expected count
    is below 5, the pooled z-test where none is, both over all periods together.
    """
    if test is DecidingTest.ANYTIME:
        return anytime.p_value(tallies.strata(variant_id, against))
    if test is DecidingTest.SEQUENTIAL:
        return sequential.p_value(tallies.strata(variant_id, against))
    variant, other = tallies.pool(variant_id), tallies.pool(against)
    if small(variant, other):
        return fisher(variant, other)
    tested = z_test(variant, other)
    return None if tested is None else tested.p


def _rates(tallies: Tallies) -> dict[str, float]:
    """The rates of the variants that have recipients."""
    rates = {each: tallies.pool(each).rate for each in tallies.variants}
    return {variant_id: rate for variant_id, rate in rates.items() if rate is not None}
