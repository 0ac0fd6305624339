"""What came in lately for an app group: the last fact that was taken, and what was rejected and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from domain.instants import from_microseconds, microseconds, printed

LOOKED_AT = 10_000
"""How far back is looked for the last fact, in events of the ledger; and how many rejected facts are counted."""
LATELY = timedelta(days=1)


@dataclass(frozen=True)
class RejectedFact:
    """A fact that was rejected, as it was sent; `source` is the interface that it came by."""

    rejected_at: datetime
    code: str
    message: str
    source: str
    fact: Any

    def as_json(self) -> dict[str, Any]:
        """As docs/http.md has it."""
        return {
            "rejected_at": printed(self.rejected_at),
            "code": self.code,
            "message": self.message,
            "source": self.source,
            "fact": self.fact,
        }


class Arrivals(Protocol):
    """Knows what came in, taken or rejected; instants in microseconds since 1970."""

    def find_last_fact(self, app_group: str, among: int) -> int | None:
        """When the last fact of the app group was recorded; None if none is among so many last events."""

    def count_rejected(self, app_group: str, since: int, among: int) -> Mapping[str, int]:
        """By code how many facts were rejected since an instant, of so many newest ones."""

    def list_rejected(self, app_group: str, code: str | None, limit: int) -> Sequence[RejectedFact]:
        """The newest rejected facts, of one code or of all."""


def find_last_fact_at(arrivals: Arrivals, app_group: str) -> datetime | None:
    """When the last fact of an app group was recorded; None if none is among the last events of the ledger."""
    last = arrivals.find_last_fact(app_group, LOOKED_AT)
    return None if last is None else from_microseconds(last)


@dataclass(frozen=True)
class RejectedLately:
    """How many facts of an app group were rejected in the last day, by code, the most first."""

    codes: list[tuple[str, int]]

    @property
    def number(self) -> int:
        """How many were counted."""
        return sum(number for _, number in self.codes)

    @property
    def has_more(self) -> bool:
        """Whether there may be more of them than were counted."""
        return self.number >= LOOKED_AT


def count_rejected_lately(arrivals: Arrivals, app_group: str, now: datetime) -> RejectedLately:
    """Count the facts of an app group that were rejected in the last day."""
    counted = arrivals.count_rejected(app_group, microseconds(now - LATELY), LOOKED_AT)
    return RejectedLately(sorted(counted.items(), key=lambda each: (-each[1], each[0])))
