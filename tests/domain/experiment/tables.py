"""Made-up experiments, drawn so that the corners come up often: none, all, one recipient, none at all."""

from decimal import Decimal, localcontext

from hypothesis import strategies as st

from domain.experiment.means import Sums
from domain.experiment.proportions import Proportion


def proportions(least: int = 1, most: int = 5_000) -> st.SearchStrategy[Proportion]:
    """Any count of converted of so many recipients, often none or all of them."""
    return st.integers(least, most).flatmap(
        lambda n: st.builds(Proportion, st.sampled_from([0, n]) | st.integers(0, n), st.just(n))
    )


def undecided(most: int = 5_000) -> st.SearchStrategy[Proportion]:
    """At least one recipient converted, and at least one did not."""
    return st.integers(2, most).flatmap(lambda n: st.builds(Proportion, st.integers(1, n - 1), st.just(n)))


def amounts() -> st.SearchStrategy[list[Decimal]]:
    """Revenue of each of some recipients, most of whom buy nothing."""
    bought = st.decimals(0, 10_000, places=2)
    return st.lists(st.just(Decimal(0)) | bought, min_size=2, max_size=40)


def sums(amounts: list[Decimal]) -> Sums:
    """What is kept of these amounts, with all their digits."""
    with localcontext(prec=100):
        squares = sum((each * each for each in amounts), Decimal(0))
        return Sums(len(amounts), sum(amounts, Decimal(0)), squares)
