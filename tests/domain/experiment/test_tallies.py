"""Counts of variants by period: found by variant, and who is ahead of how many as pairs say one by one."""

from hypothesis import given
from hypothesis import strategies as st

from domain.campaigns.evidence import Count
from domain.experiment.proportions import Proportion
from domain.experiment.strata import Stratum, lead
from domain.experiment.tallies import Tallies

# Few different counts, so that many are level; large ones, whose products no float holds.
NUMBERS = st.sampled_from([0, 1, 2, 3, 7, 100, 3 * 10**12])
COUNTS = st.tuples(NUMBERS, NUMBERS).map(lambda each: (max(each), min(each)))


def test_counts_are_found_by_variant_and_period() -> None:
    """A variant that a period does not name has nobody in it; one that no period names has no period."""
    told = Tallies([[Count("A", 9, 3), Count("B", 8, 2)], [Count("B", 7, 1)]])
    assert told.variants == ["A", "B"]
    assert (told.pool("B"), told.pool("C")) == (Proportion(3, 15), Proportion(0, 0))
    assert told.strata("A", "B") == [
        Stratum(Proportion(3, 9), Proportion(2, 8)),
        Stratum(Proportion(0, 0), Proportion(1, 7)),
    ]
    assert told.strata("C", "A") == []


@given(st.lists(st.lists(COUNTS, min_size=4, max_size=4), min_size=1, max_size=4))
def test_a_variant_is_ahead_of_as_many_as_pairs_say_one_by_one(counts: list[list[tuple[int, int]]]) -> None:
    """Exactly: a tie is a tie, however large the counts are."""
    told = Tallies(
        [[Count(name, *each) for name, each in zip("ABCD", period, strict=True)] for period in counts]
    )
    for each in told.variants:
        ahead = [lead(told.strata(each, other)) > 0 for other in told.variants]
        assert told.count_behind(each) == sum(ahead)
