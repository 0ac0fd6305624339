"""Ranges of journeys, by id: what is judged at a time, so that memory is bounded and an audit can go on."""

from typing import NamedTuple

_SIGNS = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
"""What ids of journeys are made of, at random, by code point."""

EVENTS = 4_000_000
"""Events of the journeys that are judged at a time, about."""


class Range(NamedTuple):
    """The journeys from an id on, up to and without another; None where there is no end."""

    first: str | None
    end: str | None

    def of(self, column: str) -> str:
        """The condition, in SQL, that a column's journey lies in it."""
        within = [f"{column} >= '{self.first}'"] if self.first is not None else []
        within += [f"{column} < '{self.end}'"] if self.end is not None else []
        return " AND ".join(within) or "TRUE"


def cut_ranges(events: int) -> list[Range]:
    """Ranges that are about equally large: the same for the same number of events."""
    number = max(1, min(-(-events // EVENTS), len(_SIGNS) ** 2))
    cells = [one + other for one in _SIGNS for other in _SIGNS]
    cuts = [cells[len(cells) * place // number] for place in range(1, number)]
    return [Range(first, end) for first, end in zip([None, *cuts], [*cuts, None], strict=True)]
