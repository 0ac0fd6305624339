"""The results of an experiment: each variant beside what it is compared with, on each conversion event and in revenue.

Counted are users who received exactly one variant. Variants are compared with control, or with the first variant where
there is no control. Rates are shares of 1, differences too; an uplift of 0.1 is 10 % more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from domain.campaigns.evidence import DecidingTest
from domain.experiment.incremental import IncrementalConversions, IncrementalRevenue
from domain.experiment.means import Sums, Welch
from domain.experiment.proportions import Interval, Proportion, Tested
from domain.experiment.tallies import Periods
from domain.experiment.winner import Decision

ENOUGH: Final = 50
"""Fewer conversions, or fewer others, of a variant are said to be too little to go by."""

UPLIFT: Final = 0.1
"""The relative uplift that is to be seen, unless another is said."""


MOST_VARIANTS: Final = 50
"""Of more variants, beliefs are left out, because they compare each with each, and intervals for any day.

All figures of so many variants, on four conversion events, take about a second of processor time.
"""

MOST_TABLES: Final = 10_000
"""Of more tables, intervals for any day are left out: a table is a variant, a conversion event and a period of weights.

Each step of the search looks at all of them, so that so many take three or four seconds.
"""


class LeftOut(StrEnum):
    """Figures that are not computed, named as they are in comparisons and variants."""

    PROBABILITY_BEST = "probability_best"
    EXPECTED_LOSS = "expected_loss"
    ANYTIME_INTERVAL = "anytime_interval"
    SEQUENTIAL = "sequential"
    SEQUENTIAL_INTERVAL = "sequential_interval"


BELIEFS: Final = (LeftOut.PROBABILITY_BEST, LeftOut.EXPECTED_LOSS)
INTERVALS: Final = (LeftOut.ANYTIME_INTERVAL, LeftOut.SEQUENTIAL, LeftOut.SEQUENTIAL_INTERVAL)


@dataclass(frozen=True)
class Observed:
    """A variant as it was counted: for each conversion event who converted, of all and of mature recipients."""

    variant_id: str
    control: bool
    conversion_events: Sequence[Proportion]
    mature: Sequence[Proportion]
    revenue: Mapping[str, Sums]
    recipients: int
    first_receipts: int
    expected: float
    """Users who received this variant first of all, those in several variants too; and the weights' share of all."""


@dataclass(frozen=True)
class Experiment:
    """All that results follow from; `periods` has for each conversion event the counts by period of weights.

    `closed` has the same of those recipients alone whose first receipt's window is over. Of the users in several
    variants, `with_control` had control among them.
    """

    variants: Sequence[Observed]
    periods: Sequence[Periods]
    closed: Sequence[Periods]
    users_in_several_variants: int
    with_control: int

    def counted(self, test: DecidingTest) -> Sequence[Periods]:
        """What a test decides on: `anytime` on windows that are over, the others on all recipients."""
        return self.closed if test is DecidingTest.ANYTIME else self.periods

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What would take too long to compute: each variant's p, by the test that decides, is never left out."""
        if len(self.variants) > MOST_VARIANTS:
            return (*BELIEFS, *INTERVALS)
        tables = sum(len(periods) for periods in self.periods) * (len(self.variants) - 1)
        return INTERVALS if tables > MOST_TABLES else ()

    @property
    def control(self) -> str | None:
        """The id of the control group, if there is one."""
        return next((each.variant_id for each in self.variants if each.control), None)

    @property
    def against(self) -> str:
        """The variant that the others are compared with: control, or the first."""
        return self.control or self.variants[0].variant_id


class Difference(NamedTuple):
    """How far a variant's rate is above another's, all recipients counted, with the 95 % interval at one look."""

    value: float | None
    interval: Interval | None


@dataclass(frozen=True)
class VariantRate:
    """A variant's rate on a conversion event; `open` are recipients who may convert yet."""

    variant_id: str
    control: bool
    recipients: int
    converted: int
    rate: float | None
    interval: Interval | None
    mature_recipients: int
    mature_converted: int
    mature_rate: float | None
    mature_interval: Interval | None
    open: int
    too_little: bool
    probability_best: float | None
    expected_loss: float | None
    """Among the variants that have recipients; None for one that has none."""


@dataclass(frozen=True)
class ComparedRates:
    """A variant's rate against another's; `p` is the deciding test's, `adjusted` the same by Holm for all variants."""

    variant_id: str
    against: str
    difference: float | None
    difference_interval: Interval | None
    uplift: float | None
    uplift_interval: Interval | None
    z_test: Tested | None
    fisher: float | None
    anytime: float | None
    anytime_interval: Interval | None
    sequential: float | None
    sequential_interval: Interval | None
    p: float | None
    adjusted: float | None
    incremental: IncrementalConversions | None
    recipients_needed: int | None
    """Of this variant, still, to see the uplift asked about at one look; the other's grow alike.

    None where the deciding test has found a difference already, where either has no recipients, or where the other's
    rate leaves nothing to tell it from.
    """


@dataclass(frozen=True)
class EventResults:
    """The results on one conversion event; `chi_squared` asks of all variants at once whether any differs."""

    index: int
    variants: Sequence[VariantRate]
    comparisons: Sequence[ComparedRates]
    chi_squared: Tested | None


@dataclass(frozen=True)
class VariantRevenue:
    """A variant's revenue per recipient, buyers or not, in one currency."""

    variant_id: str
    recipients: int
    mean: float | None
    interval: Interval | None


@dataclass(frozen=True)
class ComparedRevenue:
    """A variant's revenue per recipient against another's."""

    variant_id: str
    against: str
    difference: float | None
    difference_interval: Interval | None
    uplift: float | None
    welch: Welch | None
    adjusted: float | None
    incremental: IncrementalRevenue | None


@dataclass(frozen=True)
class RevenueResults:
    """The results in one currency."""

    currency: str
    variants: Sequence[VariantRevenue]
    comparisons: Sequence[ComparedRevenue]


@dataclass(frozen=True)
class SharedUsers:
    """The users who received a variant first of all, and as many as the weights in force let one expect."""

    variant_id: str
    first_receipts: int
    expected: float


@dataclass(frozen=True)
class Health:
    """Whether results can be believed: are recipients shared as the weights say, and was anyone left out."""

    sample_ratio_p: float | None
    suspicious: bool
    shared: Sequence[SharedUsers]
    users_in_several_variants: int
    with_control: int


@dataclass(frozen=True)
class Results:
    """All of it; `test` is the one that decides, `uplift` the one that recipients needed are computed for.

    What is `left_out` is None of every variant and comparison.
    """

    test: DecidingTest
    against: str
    uplift: float
    decision: Decision
    health: Health
    conversion_events: Sequence[EventResults]
    revenue: Sequence[RevenueResults]
    left_out: Sequence[LeftOut] = ()
