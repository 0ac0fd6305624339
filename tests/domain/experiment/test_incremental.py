"""What a campaign caused: the differences, scaled to its recipients."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.experiment import means, proportions
from domain.experiment.incremental import caused_by_campaign, incremental_conversions, incremental_revenue
from domain.experiment.means import Sums
from domain.experiment.proportions import Interval, Proportion
from tests.domain.experiment.tables import amounts, sums
from tests.domain.experiment.tables import proportions as any_proportions

NOBODY = Sums(0, Decimal(0), Decimal(0))


def test_conversions_beyond_controls_are_the_campaigns() -> None:
    """90 of 900 where control's rate would have made 45; the ends are Newcombe's, times 900."""
    caused = incremental_conversions(Proportion(90, 900), Proportion(5, 100))
    between = proportions.difference(Proportion(90, 900), Proportion(5, 100))
    assert caused is not None
    assert between is not None
    assert caused.conversions == pytest.approx(45)
    assert caused.interval == pytest.approx((between.low * 900, between.high * 900))


def test_r11_revenue_beyond_controls_is_exact() -> None:
    """R11: 0.10 a recipient beyond control's 0.20, of ten recipients: a whole unit, through no float."""
    caused = incremental_revenue(sums([Decimal("0.3")] * 10), sums([Decimal("0.2")] * 7))
    assert caused is not None
    assert (caused.revenue, caused.interval) == (Decimal(1), None)


@given(amounts(), amounts())
def test_an_interval_of_revenue_is_welchs_scaled(ours: list[Decimal], theirs: list[Decimal]) -> None:
    """None where the spread is unknown."""
    variant, against = sums(ours), sums(theirs)
    caused, between = incremental_revenue(variant, against), means.difference(variant, against)
    assert caused is not None
    n = variant.recipients
    scaled = None if between is None else Interval(between.low * n, between.high * n)
    assert caused.interval == scaled
    assert scaled is None or scaled.low <= caused.revenue <= scaled.high


@given(any_proportions(), any_proportions())
def test_what_a_campaign_caused_lies_within_its_interval(variant: Proportion, against: Proportion) -> None:
    """None, all and one recipient too."""
    caused = incremental_conversions(variant, against)
    assert caused is not None
    assert caused.interval.low <= caused.conversions <= caused.interval.high


def test_without_recipients_nothing_was_caused_that_could_be_told() -> None:
    """R18: no control, or a variant nobody received."""
    some, nobody = Proportion(1, 2), Proportion(0, 0)
    assert [incremental_conversions(some, nobody), incremental_conversions(nobody, some)] == [None, None]
    one = sums([Decimal(1)])
    assert [incremental_revenue(one, NOBODY), incremental_revenue(NOBODY, one)] == [None, None]


@given(st.lists(any_proportions(), max_size=4), any_proportions())
def test_what_variants_caused_together_is_the_sum_of_what_each_caused(
    variants: list[Proportion], control: Proportion
) -> None:
    together = caused_by_campaign(variants, control)
    each = [
        found for found in (incremental_conversions(one, control) for one in variants) if found is not None
    ]
    if together is None:
        assert not each
        return
    assert together.conversions == pytest.approx(sum(found.conversions for found in each), abs=1e-6)
    assert together.interval.low <= together.conversions + 1e-9
    assert together.conversions <= together.interval.high + 1e-9
