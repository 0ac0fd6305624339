"""Frozen reads: what a question was answered at a position of the log, judged as of an instant, for ever the same."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from application.queries.reads import BadQuestion
from application.reading_instants import read_instant
from domain.instants import printed

_EARLIEST, _LATEST = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)
_POSITION = re.compile("[0-9]{1,19}", re.ASCII)


@dataclass(frozen=True)
class At:
    """A position of the log, and the instant of the clock; without one it is when the position was recorded."""

    position: int
    instant: datetime | None = None

    def __str__(self) -> str:
        """As a link has it."""
        return f"{self.position}" if self.instant is None else f"{self.position},{printed(self.instant)}"


def read_at(text: str) -> At:
    """Read `POSITION` or `POSITION,INSTANT`; raises BadQuestion and BadTime."""
    position, comma, instant = text.partition(",")
    asked = At(read_position(position, "at"), read_instant(instant) if comma else None)
    if asked.instant is not None and not _EARLIEST <= asked.instant <= _LATEST:
        raise BadQuestion(
            "the instant of at is of the years 2 to 9998: every time zone has it, and windows end after it",
            code="bad_time",
            place="at",
        )
    return asked


def read_position(text: str, place: str) -> int:
    """Read a position as an answer gave it; raises BadQuestion."""
    if _POSITION.fullmatch(text) is None:
        raise BadQuestion(f"{place} is a position as an answer gave it", code="bad_position", place=place)
    return int(text)


def refuse_beyond_log(position: int, newest: int, place: str) -> None:
    """Raise BadQuestion for a position that no event has yet."""
    if position > newest:
        raise BadQuestion(
            "no event has this position yet: it is of another ledger, or was not acknowledged",
            code="position_beyond_log",
            place=place,
        )


def refuse_with_at(at: object | None, **others: object | None) -> None:
    """Raise BadQuestion if another parameter says as of when, too."""
    for name, value in others.items():
        if at is not None and value is not None:
            raise BadQuestion(
                f"at and {name} both say as of when: leave one of them out", code="bad_question", place="at"
            )
