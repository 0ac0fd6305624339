"""The differences that evidence is averaged over, fixed beforehand, and how much each weighs."""

import numpy as np

LEAST = 0.001
DOUBLINGS, TO_A_DOUBLING = 12, 3
USUAL = 0.05
"""The differences averaged over, as logarithms of odds ratios, up and down: from 0.001 to 4.1, three to a doubling.

From 0.05 on all weigh the same, below that less, as the root of their size: 0.05 is an uplift of 5 % where rates are
low. The smallest are there for intervals of millions of recipients.
"""


def _differences() -> tuple[np.ndarray, np.ndarray]:
    sizes = LEAST * 2.0 ** (np.arange(DOUBLINGS * TO_A_DOUBLING + 1) / TO_A_DOUBLING)
    weights = np.minimum(1, (sizes / USUAL) ** 0.5)
    both = np.concatenate([weights, weights]) / (2 * weights.sum())
    return np.concatenate([sizes, -sizes]), np.log(both)


DIFFERENCES, LOG_WEIGHTS = _differences()
