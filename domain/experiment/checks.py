"""Checks of an experiment as a whole: shares as promised, enough recipients, and several comparisons at once."""

from collections.abc import Sequence
from math import ceil, sqrt

from scipy import special

from domain.experiment.proportions import deviations

SUSPICIOUS = 0.001
"""Below this, results are not to be believed before the cause is found (Fabijan and others 2019)."""


def sample_ratio(first_receipts: Sequence[int], expected: Sequence[float]) -> float:
    """How often chance alone would share users among variants as unlike their weights as they are.

    Pearson's p of sum (n_i - e_i)^2 / e_i on (variants with a weight - 1) degrees of freedom, n_i users having
    received the variant first of all, and e_i being the sum of its shares of the weights in force at each user's first
    receipt. A variant without a weight that was received first gives 0; nothing to compare gives 1.
    Source: Fabijan and others (2019), "Diagnosing sample ratio mismatch in online controlled experiments".
    """
    pairs = list(zip(first_receipts, expected, strict=True))
    if any(number and not share for number, share in pairs):
        return 0.0
    weighted = [(number, share) for number, share in pairs if share]
    total, promised = sum(first_receipts), sum(expected)
    if len(weighted) < 2 or not total:
        return 1.0
    scaled = [(number, share * total / promised) for number, share in weighted]
    statistic = sum((number - share) ** 2 / share for number, share in scaled)
    return float(special.chdtrc(len(weighted) - 1, statistic))


def recipients_needed(
    rate: float, uplift: float, others: float = 1.0, power: float = 0.8, significance: float = 0.05
) -> int | None:
    """The recipients of a variant with which the z-test, at one look, finds this relative uplift this often.

    n = (z_{1 - significance/2} sqrt(p (1 - p) (1 + 1/k)) + z_power sqrt(p1 (1 - p1) + p2 (1 - p2) / k))^2
    / (p1 - p2)^2, rounded up: p2 = rate, that of the variant it is compared with; p1 = rate (1 + uplift); k = `others`,
    the recipients of the other for each of this one; p = (p1 + k p2) / (1 + k). None where there is no uplift to find,
    p2 is 0 or 1, or p1 is no rate. Source: Fleiss (1981), "Statistical methods for rates and proportions", without his
    correction.
    """
    aim = rate * (1 + uplift)
    if not (0 < rate < 1 and 0 <= aim <= 1) or aim == rate:
        return None
    middle = (aim + others * rate) / (1 + others)
    by_chance = deviations(1 - significance) * sqrt(middle * (1 - middle) * (1 + 1 / others))
    by_effect = float(special.ndtri(power)) * sqrt(aim * (1 - aim) + rate * (1 - rate) / others)
    return ceil(((by_chance + by_effect) / (aim - rate)) ** 2)


def holm(ps: Sequence[float]) -> list[float]:
    """Each p as it counts beside the others: below 0.05 for any that chance gave, in at most 5 % of experiments.

    Of m in rising order, max over j <= i of min(1, (m - j + 1) p_j), handed back in the order given.
    Source: Holm (1979), "A simple sequentially rejective multiple test procedure".
    """
    adjusted, highest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = highest
    return adjusted
