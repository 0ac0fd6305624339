"""R6 and R9 over receipts, to be read beside the rulebook."""

from datetime import datetime, timedelta

from domain.journey.decisions import Receipt


def holds(receipt: Receipt, at: datetime, deadline: timedelta) -> bool:
    """R6: whether the receipt's window holds the instant; both ends are inside."""
    return receipt.at <= at <= receipt.at + deadline


def credit(reigning: Receipt | None, at: datetime, deadline: timedelta) -> Receipt | None:
    """R9: the receipt an instant is credited to, given the latest one at or before it.

    Deadlines within a conversion event are equal, so where the latest receipt's window does not hold the instant, no
    earlier one's does (R7).
    """
    return reigning if reigning is not None and holds(reigning, at, deadline) else None
