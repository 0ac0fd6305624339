"""Whether an experiment's shares of recipients are those that its weights promised."""

from collections.abc import Sequence

from scipy import special

SUSPICIOUS = 0.001
"""Below this, results are not to be believed before the cause is found (Fabijan and others 2019)."""


def sample_ratio(first_receipts: Sequence[int], expected: Sequence[float]) -> float:
    """How often chance alone would share users among variants as unlike their weights as they are.

    Pearson's p of sum (n_i - e_i)^2 / e_i on (variants with a weight - 1) degrees of freedom, n_i users having
    received the variant first of all, and e_i being the sum of its shares of the weights in force at each user's first
    receipt. A variant without a weight that was received first gives 0; nothing to compare gives 1.
    Source: Fabijan and others (2019), "Diagnosing sample ratio mismatch in online controlled experiments".
    """
    pairs = list(zip(first_receipts, expected, strict=True))
    if any(number and not share for number, share in pairs):
        return 0.0
    weighted = [(number, share) for number, share in pairs if share]
    total, promised = sum(first_receipts), sum(expected)
    if len(weighted) < 2 or not total:
        return 1.0
    scaled = [(number, share * total / promised) for number, share in weighted]
    statistic = sum((number - share) ** 2 / share for number, share in scaled)
    return float(special.chdtrc(len(weighted) - 1, statistic))
