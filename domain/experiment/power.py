"""How many recipients an experiment needs, before it is worth reading."""

from math import ceil, sqrt

from scipy import special

from domain.experiment.proportions import deviations


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
