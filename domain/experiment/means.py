"""Revenue per recipient and how it differs, from sums that are exact (R11)."""

from decimal import Context, Decimal, Inexact
from math import sqrt
from typing import NamedTuple

from scipy import special

from domain.experiment.proportions import Interval

# Squares of sums of 10^12 recipients with 10^12 each, at 6 decimals, have 72 digits: no digit is ever lost unseen.
_EXACT = Context(prec=200, traps=[Inexact])
_DIVIDING = Context(prec=50)


class Sums(NamedTuple):
    """What is kept of a variant's revenue in one currency: over its unique recipients, buyers or not.

    Both sums are exact: squares have up to 24 digits and 12 decimals, more than Python's decimals keep unasked.
    """

    recipients: int
    total: Decimal
    squares: Decimal

    @property
    def mean(self) -> Decimal | None:
        """Revenue per recipient: total / recipients, in the currency; none without recipients."""
        return _DIVIDING.divide(self.total, Decimal(self.recipients)) if self.recipients else None

    @property
    def variance(self) -> Decimal | None:
        """(n squares - total^2) / (n (n - 1)) of revenue per recipient, in the currency's square; none below two.

        The difference is taken in exact decimals: in floats, large and like amounts would leave nothing of it.
        """
        if self.recipients < 2:
            return None
        number = Decimal(self.recipients)
        spread = _EXACT.subtract(
            _EXACT.multiply(number, self.squares), _EXACT.multiply(self.total, self.total)
        )
        return _DIVIDING.divide(spread, _EXACT.multiply(number, number - 1))


class Welch(NamedTuple):
    """Welch's t, its degrees of freedom, and how often chance alone would give one as far off."""

    statistic: float
    degrees: float
    p: float


class _Compared(NamedTuple):
    """A difference of means, its standard error, and the degrees of freedom that error has."""

    difference: float
    error: float
    degrees: float


def mean_interval(sums: Sums, confidence: float = 0.95) -> Interval | None:
    """The interval of revenue per recipient, in the currency; rough where few recipients buy.

    mean -+ t sqrt(variance / n), t of n - 1 degrees of freedom; none below two recipients, or where all spent the same,
    which says nothing of the spread. Source: Student (1908).
    """
    mean, variance = sums.mean, sums.variance
    if mean is None or not variance:
        return None
    return _around(float(mean), sqrt(variance / sums.recipients), sums.recipients - 1, confidence)


def difference(variant: Sums, against: Sums, confidence: float = 0.95) -> Interval | None:
    """The interval of the difference of revenue per recipient, in the currency, whatever the two variances.

    m1 - m2 -+ t sqrt(v1/n1 + v2/n2), t of (v1/n1 + v2/n2)^2 / ((v1/n1)^2 / (n1 - 1) + (v2/n2)^2 / (n2 - 1)) degrees of
    freedom; none below two recipients in either, or where either spent all the same: that says nothing of the spread.
    Source: Welch (1947), Satterthwaite (1946).
    """
    compared = _compare(variant, against)
    return None if compared is None else _around(*compared, confidence)


def welch(variant: Sums, against: Sums) -> Welch | None:
    """Whether revenue per recipient differs, two-sided, whatever the two variances.

    t = (m1 - m2) / sqrt(v1/n1 + v2/n2), with the degrees of freedom of `difference`; none where that is none.
    Source: Welch (1947), "The generalization of Student's problem when several different population variances are
    involved".
    """
    compared = _compare(variant, against)
    if compared is None:
        return None
    t = compared.difference / compared.error
    return Welch(t, compared.degrees, float(2 * special.stdtr(compared.degrees, -abs(t))))


def _compare(variant: Sums, against: Sums) -> _Compared | None:
    mean, other, ours, theirs = variant.mean, against.mean, variant.variance, against.variance
    if mean is None or other is None or ours is None or not (ours and theirs):
        return None
    # Ratios of the two squared errors: amounts near 10^12 or 10^-6 neither overflow nor vanish.
    ours, theirs = ours / variant.recipients, theirs / against.recipients
    share = float(ours / (ours + theirs))
    degrees = 1 / (share**2 / (variant.recipients - 1) + (1 - share) ** 2 / (against.recipients - 1))
    return _Compared(float(mean - other), sqrt(ours + theirs), degrees)


def _around(middle: float, error: float, degrees: float, confidence: float) -> Interval:
    reach = float(special.stdtrit(degrees, (1 + confidence) / 2)) * error
    return Interval(middle - reach, middle + reach)
