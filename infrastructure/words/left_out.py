"""What is not computed of an experiment, because it would take too long."""

from collections.abc import Collection
from typing import Final

from domain.experiment.results import BELIEFS, MOST_TABLES, MOST_VARIANTS

_ALWAYS: Final = "The test that decides is computed for every variant all the same."


def explain_left_out(left_out: Collection[str]) -> str | None:
    """Explain what `left_out` of `results --json` leaves out, and why; None where that is nothing."""
    if not left_out:
        return None
    if set(BELIEFS) <= set(left_out):
        return (
            f"The campaign has more than {MOST_VARIANTS} variants. So the ledger does not compute which is most likely "
            f"the best, nor intervals that are valid on any day: that would take too long. {_ALWAYS}"
        )
    return (
        f"Variants, conversion events and periods of weights make more than {MOST_TABLES:,} tables. So the ledger does "
        f"not compute intervals that are valid on any day: that would take too long. {_ALWAYS}"
    )
