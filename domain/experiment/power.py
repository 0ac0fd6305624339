"""How many recipients an experiment needs, before it is worth reading."""

from math import ceil, sqrt

from scipy import special

from domain.experiment.proportions import deviations


def recipients_needed(
    rate: float, uplift: float, power: float = 0.8, significance: float = 0.05
) -> int | None:
    """The recipients of each of two variants with which the z-test finds this relative uplift this often.

    n = (z_{1 - significance/2} sqrt(2 p (1 - p)) + z_power sqrt(p1 (1 - p1) + p2 (1 - p2)))^2 / (p1 - p2)^2, with
    p1 = rate, p2 = rate (1 + uplift) and p their mean, rounded up; none where there is no uplift to find, p1 is 0 or 1,
    or p2 is no rate. Source: Fleiss (1981), "Statistical methods for rates and proportions", without his correction.
    """
    aim = rate * (1 + uplift)
    if not (0 < rate < 1 and 0 <= aim <= 1) or aim == rate:
        return None
    middle = (rate + aim) / 2
    by_chance = deviations(1 - significance) * sqrt(2 * middle * (1 - middle))
    by_effect = float(special.ndtri(power)) * sqrt(rate * (1 - rate) + aim * (1 - aim))
    return ceil(((by_chance + by_effect) / (aim - rate)) ** 2)
