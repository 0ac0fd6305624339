"""The counts of an experiment's variants by period of weights, found by variant."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from domain.campaigns.evidence import Count
from domain.experiment.proportions import Proportion
from domain.experiment.strata import Stratum, lead

Periods = Sequence[Sequence[Count]]
"""The counts of every variant, by period of weights."""

_NOBODY = Proportion(0, 0)
# Sums of floats are off by less than this part of what is summed, and products up to this are exact.
_UNSURE = 1e-12
_EXACT = 2.0**53


class Tallies:
    """What each variant counted in each period: in its order, and 0 of 0 where it is not named."""

    def __init__(self, periods: Periods) -> None:
        variants = dict.fromkeys(count.variant_id for period in periods for count in period)
        self._counts: dict[str, list[Proportion]] = {each: [_NOBODY] * len(periods) for each in variants}
        for place, period in enumerate(periods):
            for count in period:
                self._counts[count.variant_id][place] = Proportion(count.converted, count.recipients)

    @property
    def variants(self) -> list[str]:
        """The variants, in the order in which they are named."""
        return list(self._counts)

    def pool(self, variant_id: str) -> Proportion:
        """A variant over all periods."""
        counts = self._counts.get(variant_id, [])
        return Proportion(sum(each.converted for each in counts), sum(each.recipients for each in counts))

    def strata(self, variant_id: str, against: str) -> list[Stratum]:
        """Both variants by period: within one, users were shared by the same weights."""
        return list(map(Stratum, self._counts.get(variant_id, []), self._counts.get(against, [])))

    def is_ahead(self, variant_id: str, against: str) -> bool:
        """Whether a variant converts more than another, when compared within each period."""
        return lead(self.strata(variant_id, against)) > 0

    def count_behind(self, variant_id: str) -> int:
        """How many of the other variants it is ahead of.

        Floats tell most of them apart; where a sum is too near to 0 for that, fractions do.
        """
        x, n = self._arrays
        ours, recipients = self._arrays[:, self.variants.index(variant_id)]
        products = ours * n, x * recipients
        both = np.where((n > 0) & (recipients > 0), n + recipients, np.inf)
        leads = ((products[0] - products[1]) / both).sum(axis=1)
        is_unsure = abs(leads) <= _UNSURE * (ours + x).sum(axis=1)
        is_level = (products[0] == products[1]).all(axis=1) & (np.maximum(*products) < _EXACT).all(axis=1)
        found = int((leads[~is_unsure] > 0).sum())
        for place in np.flatnonzero(is_unsure & ~is_level):
            found += self.is_ahead(variant_id, self.variants[place])
        return found

    @cached_property
    def _arrays(self) -> np.ndarray:
        """Converted, and recipients, by variant and period."""
        return np.array(list(self._counts.values()), dtype=float).transpose(2, 0, 1)
