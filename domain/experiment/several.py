"""Several comparisons at once: the more there are, the more of them chance alone would let through."""

from collections.abc import Sequence


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
