"""How many recipients are needed: by hand, against statsmodels, and the exact power of the test."""

from math import ceil

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import (
    power_proportions_2indep,
    proportion_effectsize,
    samplesize_proportions_2indep_onetail,
)

from domain.experiment.power import recipients_needed

RATES, UPLIFTS = st.floats(0.005, 0.6), st.floats(0.05, 0.5) | st.floats(-0.5, -0.05)
OTHERS = st.sampled_from([1.0, 0.1, 0.5, 9.0])
POWERS, LEVELS = st.sampled_from([0.8, 0.9]), st.sampled_from([0.01, 0.05])


@given(RATES, UPLIFTS, OTHERS, POWERS, LEVELS)
def test_recipients_needed_are_statsmodels(
    rate: float, uplift: float, others: float, power: float, level: float
) -> None:
    """The pooled test's formula, to the recipient, however many the other variant has for each of this one."""
    expected = samplesize_proportions_2indep_onetail(
        rate * uplift, rate, power, ratio=others, alpha=level, alternative="two-sided"
    )
    found = recipients_needed(rate, uplift, others, power, level)
    assert found is not None
    assert abs(found - ceil(expected)) <= 1


@given(RATES, UPLIFTS, POWERS, LEVELS)
def test_recipients_needed_are_nearly_those_of_a_normal_effect(
    rate: float, uplift: float, power: float, level: float
) -> None:
    """NormalIndPower on Cohen's h, which stretches rates instead of pooling them: within 5 % where counts are not small."""
    effect = proportion_effectsize(rate * (1 + uplift), rate)
    expected = NormalIndPower().solve_power(abs(effect), power=power, alpha=level)
    found = recipients_needed(rate, uplift, 1, power, level)
    assert found is not None
    assume(expected > 100)
    assert found == pytest.approx(expected, rel=0.05, abs=2)


@given(RATES, UPLIFTS, OTHERS)
def test_so_many_recipients_give_the_power_asked_for(rate: float, uplift: float, others: float) -> None:
    """And one less does not, whether control has as many, or a tenth."""
    found = recipients_needed(rate, uplift, others)
    assert found is not None
    power = [
        power_proportions_2indep(rate * uplift, rate, each, ratio=others).power for each in (found - 1, found)
    ]
    assert power[0] < 0.8 + 1e-4
    assert power[1] > 0.8 - 1e-4


def test_recipients_needed_are_those_computed_by_hand() -> None:
    """From 60 to 75 %: (1.95996 sqrt(2 0.675 0.325) + 0.84162 sqrt(0.24 + 0.1875))^2 / 0.15^2 = 151.9."""
    assert recipients_needed(0.6, 0.25) == 152


def test_a_small_uplift_of_a_small_rate_takes_very_many() -> None:
    """A tenth more of 0.5 %."""
    assert recipients_needed(0.005, 0.1) == pytest.approx(327_600, rel=0.01)


@pytest.mark.parametrize(("rate", "uplift"), [(0.0, 0.1), (1.0, -0.1), (0.1, 0.0), (0.6, 0.8), (0.5, -1.5)])
def test_what_cannot_be_seen_needs_no_number(rate: float, uplift: float) -> None:
    """No rate, no uplift, or one beyond all recipients."""
    assert recipients_needed(rate, uplift) is None


def test_a_rate_may_rise_to_all_or_fall_to_none() -> None:
    """Few are needed to see that."""
    assert recipients_needed(0.5, 1.0) == recipients_needed(0.5, -1.0) == 11
