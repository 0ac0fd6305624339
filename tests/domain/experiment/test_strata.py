"""Who is ahead by period of weights: exactly, so that a tie is a tie (B29)."""

from fractions import Fraction

import pytest

from domain.experiment.proportions import Proportion
from domain.experiment.strata import Stratum, lead


def test_a_lead_is_the_conversions_beyond_the_share() -> None:
    """Of 30 conversions 15 would be the variant's; periods add up, and one without the other says nothing."""
    told = Stratum(Proportion(20, 100), Proportion(10, 100))
    assert lead([told]) == Fraction(5)
    assert lead([told, Stratum(Proportion(5, 10), Proportion(0, 0))]) == Fraction(5)
    assert lead([told, Stratum(told.against, told.variant)]) == 0
    assert lead([]) == 0


@pytest.mark.parametrize(("recipients", "others"), [(4_500, 500), (3, 7), (10**12, 3 * 10**11)])
def test_b29_equal_rates_are_level_however_users_are_shared(recipients: int, others: int) -> None:
    """No rounding makes a lead of them."""
    for parts in (1, 2, 5):
        told = Stratum(Proportion(recipients * parts, recipients * 7), Proportion(others * parts, others * 7))
        assert lead([told, told]) == 0
