"""Two variants by period of weights: who is ahead, where users of each period were shared alike."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from domain.experiment.proportions import Proportion


class Stratum(NamedTuple):
    """Recipients of two variants while the same weights were in force, and how many of them have converted so far."""

    variant: Proportion
    against: Proportion


def keep_comparable(strata: Sequence[Stratum]) -> list[Stratum]:
    """The strata that compare anything: in the others, conversions could have been no other variant's."""
    return [each for each in strata if each.variant.recipients and each.against.recipients]


def lead(strata: Sequence[Stratum]) -> Fraction:
    """Conversions of the variant beyond its share, each stratum by itself: exactly 0 where the two are level.

    sum over strata of b - (a + b) t: b conversions of the variant, a of the other, t the variant's share of the
    recipients of both. Source: Mantel and Haenszel (1959), "Statistical aspects of the analysis of data from
    retrospective studies of disease".
    """
    beyond = Fraction(0)
    for (b, n), (a, m) in keep_comparable(strata):
        beyond += Fraction(b * m - a * n, n + m)
    return beyond
