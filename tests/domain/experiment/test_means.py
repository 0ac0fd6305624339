"""Revenue per recipient: against statsmodels and scipy, exact where floats are not (R11)."""

from decimal import Decimal
from math import sqrt
from statistics import variance

import numpy as np
import pytest
from hypothesis import assume, given
from scipy import stats
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from domain.experiment.means import Sums, difference, mean_interval, welch
from tests.domain.experiment.tables import amounts, sums

ONE = sums([Decimal(5)])
NOBODY = sums([])


@given(amounts(), amounts())
def test_welchs_test_and_its_interval_are_statsmodels(ours: list[Decimal], theirs: list[Decimal]) -> None:
    """Unequal variances, two-sided."""
    assume(variance(ours) > Decimal("0.01") and variance(theirs) > Decimal("0.01"))
    expected = CompareMeans(DescrStatsW(np.array(ours, float)), DescrStatsW(np.array(theirs, float)))
    statistic, p, degrees = expected.ttest_ind(usevar="unequal")
    assert welch(sums(ours), sums(theirs)) == pytest.approx((statistic, degrees, p), rel=1e-6, abs=1e-9)
    ends = expected.tconfint_diff(usevar="unequal")
    assert difference(sums(ours), sums(theirs)) == pytest.approx(ends, rel=1e-6, abs=1e-6)


@given(amounts(), amounts())
def test_welchs_test_is_scipys(ours: list[Decimal], theirs: list[Decimal]) -> None:
    """But for variants that all spent the same: scipy takes their spread for 0, and nothing tells how large it is."""
    assume(variance(ours) > Decimal("0.01"))
    assume(variance(theirs) > Decimal("0.01"))
    expected = stats.ttest_ind(np.array(ours, float), np.array(theirs, float), equal_var=False)
    found = welch(sums(ours), sums(theirs))
    assert found == pytest.approx((expected.statistic, expected.df, expected.pvalue), rel=1e-6, abs=1e-9)
    assert welch(sums(ours), sums([Decimal(0)] * len(theirs))) is None


@given(amounts())
def test_an_interval_of_revenue_per_recipient_is_statsmodels(ours: list[Decimal]) -> None:
    """Student's t."""
    assume(variance(ours) > Decimal("0.01"))
    expected = DescrStatsW(np.array(ours, float)).tconfint_mean(alpha=0.1)
    assert mean_interval(sums(ours), 0.9) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(amounts())
def test_r11_mean_and_variance_are_exact(ours: list[Decimal]) -> None:
    """R11: through no float; to more digits than Python's own statistics keep."""
    found = sums(ours)
    assert found.mean == pytest.approx(sum(ours) / len(ours), rel=Decimal("1e-20"))
    assert found.variance == pytest.approx(variance(ours), rel=Decimal("1e-20"), abs=Decimal("1e-20"))


def test_r11_large_amounts_alike_keep_their_variance() -> None:
    """R11: the sums of squares agree in 34 digits, of which a float has 16."""
    amount, tick = Decimal("999999999999.999998"), Decimal("0.000001")
    found = sums([amount, amount + tick] * 500_000)
    assert found.variance == pytest.approx(Decimal("0.25e-12") * 1_000_000 / 999_999, rel=Decimal("1e-20"))


def test_large_amounts_alike_are_told_apart() -> None:
    """A difference of a millionth in 10^12 is one of many standard errors."""
    amount, tick = Decimal("999999999999.999990"), Decimal("0.000001")
    found = welch(sums([amount, amount + tick] * 50), sums([amount - tick, amount] * 50))
    assert found is not None
    assert found.statistic == pytest.approx(1 / sqrt(2 * 0.25 / 99))


def test_an_example_of_unequal_variances() -> None:
    """By hand, from Welch's formula.

    Means 10 and 12, variances 4 and 9, of 16 and 25: t = -2 / sqrt(0.25 + 0.36), 0.61^2 / (0.25^2/15 + 0.36^2/24) degrees.
    """
    ours = Sums(16, Decimal(160), Decimal(4 * 15 + 1600))
    theirs = Sums(25, Decimal(300), Decimal(9 * 24 + 3600))
    found = welch(ours, theirs)
    assert found is not None
    assert (found.statistic, found.degrees) == pytest.approx((-2.5607, 38.8955), abs=5e-5)


@pytest.mark.parametrize("few", [NOBODY, ONE])
def test_below_two_recipients_the_spread_is_unknown(few: Sums) -> None:
    """One amount says nothing of how far another may be."""
    many = sums([Decimal(1), Decimal(2)])
    assert (few.variance, mean_interval(few)) == (None, None)
    assert [ask(*pair) for ask in (welch, difference) for pair in ((few, many), (many, few))] == [None] * 4


def test_where_nobody_received_there_is_no_mean() -> None:
    """R18: no recipients, no rate."""
    assert NOBODY.mean is None
    assert ONE.mean == Decimal(5)


def test_where_all_spent_the_same_nothing_is_tested() -> None:
    """No purchases at all, most of the time: the spread is 0 by chance, not in truth."""
    same = sums([Decimal(0)] * 4)
    assert (mean_interval(same), welch(same, same), difference(same, same)) == (None, None, None)
