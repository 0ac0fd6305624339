"""Ranges of journeys by id. One is judged at a time, which bounds memory and lets an audit continue."""

from typing import NamedTuple

_SIGNS = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
"""The characters of the random ids of journeys, by code point."""

EVENTS = 4_000_000
"""About how many events a range has."""


class Range(NamedTuple):
    """The journeys from one id up to another, which is outside; None is no limit."""

    first: str | None
    end: str | None

    def condition(self, column: str) -> str:
        """The condition in SQL that a column's journey is in the range."""
        within = [f"{column} >= '{self.first}'"] if self.first is not None else []
        within += [f"{column} < '{self.end}'"] if self.end is not None else []
        return " AND ".join(within) or "TRUE"


def cut_ranges(events: int) -> list[Range]:
    """Ranges of about equal size, always the same for a number of events."""
    number = max(1, min(-(-events // EVENTS), len(_SIGNS) ** 2))
    cells = [one + other for one in _SIGNS for other in _SIGNS]
    cuts = [cells[len(cells) * place // number] for place in range(1, number)]
    return [Range(first, end) for first, end in zip([None, *cuts], [*cuts, None], strict=True)]
