"""Periods that people ask for often, as days of the app group's time zone."""

from datetime import date, timedelta
from typing import NamedTuple


class Period(NamedTuple):
    """Days from the first to the last, both included."""

    label: str
    first: date
    last: date


def list_periods(today: date) -> list[Period]:
    """The periods that a page offers; a week begins on a Monday."""
    monday = today - timedelta(days=today.weekday())
    return [
        Period("Last 7 days", today - timedelta(days=6), today),
        Period("Last week", monday - timedelta(days=7), monday - timedelta(days=1)),
        Period("Last 30 days", today - timedelta(days=29), today),
    ]
