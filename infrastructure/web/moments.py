"""Times that a reader types into a page: a day, a time of the page's zone, an instant, or a position of the log."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from application.queries.reads import BadQuestion
from application.reading_instants import BadTime, read_instant
from domain.instants import EPOCH, printed

_POSITION: Final = re.compile(r"[0-9]{1,18}(,.*)?", re.ASCII)
_LAST: Final = timedelta(days=1, microseconds=-1)


@dataclass(frozen=True)
class Moment:
    """A time as it was typed: an instant, or a position of the log with the instant of its link, if there is one."""

    text: str
    instant: datetime | None
    position: int | None = None

    @property
    def whole_instant(self) -> datetime:
        """The instant of a time that is not a position."""
        if self.instant is None:
            raise TypeError("a moment has an instant or a position")
        return self.instant


def read_moment(name: str, text: str, zone: ZoneInfo) -> Moment:
    """Read the time of a parameter; `to` a day means to its end. Raises BadQuestion."""
    text = text.strip()
    try:
        if _POSITION.fullmatch(text):
            position, _, instant = text.partition(",")
            return Moment(text, read_instant(instant) if instant else None, int(position))
        return Moment(text, _read_local(name, text, zone) or read_instant(text))
    except (BadTime, ValueError, OverflowError):
        raise BadQuestion(
            f"{name} is a day such as 2026-03-01, a time such as 2026-03-01 09:00, or a position of the log",
            code="bad_time",
            place=name,
        ) from None


def _read_local(name: str, text: str, zone: ZoneInfo) -> datetime | None:
    """The instant of a day or time without an offset, None for a text that has one; raises ValueError."""
    if len(text) == len("2026-03-01"):
        day = datetime.combine(date.fromisoformat(text), time())
        found = day + _LAST if name == "to" else day
    else:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return None
    instant = found.replace(tzinfo=zone).astimezone(UTC)
    if instant < EPOCH:
        raise ValueError(printed(instant))
    return instant
