"""Rejected facts that came over HTTP, kept for a while: most of the clients that send them never send again.

Bounded by number and by age for each app group. What is kept is what was sent, with the reason it was not taken.
"""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, func, insert, select
from sqlalchemy.engine import Connection

from domain.instants import from_microseconds, printed
from infrastructure.schema import rejects

LONGEST_FACT = 64 * 1024
"""Characters of a fact that are kept: one that is longer cannot be tried again."""

_TRIM_SHARE = 0.01
"""Of the calls with rejected facts, how many look for what is too old or too much: the bound is met about."""


@dataclass(frozen=True)
class Reject:
    """A fact that was not taken, as JSON; `source` is the interface it came by, `rejected_at` in microseconds."""

    reject_id: int
    app_group: str
    source: str
    rejected_at: int
    code: str
    message: str
    fact: str

    def as_json(self) -> dict[str, Any]:
        """As docs/http.md has it."""
        return {
            "reject_id": str(self.reject_id),
            "app_group": self.app_group,
            "source": self.source,
            "rejected_at": printed(from_microseconds(self.rejected_at)),
            "code": self.code,
            "message": self.message,
            "fact": json.loads(self.fact),
        }


@dataclass(frozen=True)
class Refusal:
    """What is about to be kept: a reason and the fact as it was sent, made into JSON by the caller."""

    code: str
    message: str
    fact: str


@dataclass(frozen=True)
class Bounds:
    """How many are kept of each app group, and for how many microseconds."""

    number: int
    age: int


def keep(
    connection: Connection, app_group: str, source: str, refused: Sequence[Refusal], now: int, bounds: Bounds
) -> None:
    """Keep what was refused, and let go of what is too old or too much."""
    rows = [
        {
            "app_group": app_group,
            "source": source,
            "rejected_at": now,
            "code": each.code,
            "message": each.message,
            "fact": each.fact,
        }
        for each in refused
        if len(each.fact) <= LONGEST_FACT
    ]
    if not rows or not bounds.number:
        return
    connection.execute(insert(rejects), rows)
    if random.random() < _TRIM_SHARE:  # noqa: S311 - no secret
        _trim(connection, app_group, now, bounds)


def _trim(connection: Connection, app_group: str, now: int, bounds: Bounds) -> None:
    """Let go of what is too old or too much; now and then, as it reads all that is kept."""
    of_group = rejects.c.app_group == app_group
    oldest = (
        select(rejects.c.reject_id)
        .where(of_group)
        .order_by(rejects.c.reject_id.desc())
        .limit(1)
        .offset(bounds.number)
        .scalar_subquery()
    )
    connection.execute(delete(rejects).where(of_group, rejects.c.reject_id <= oldest))
    connection.execute(delete(rejects).where(of_group, rejects.c.rejected_at < now - bounds.age))


def listed(
    connection: Connection,
    app_group: str,
    *,
    code: str | None = None,
    after: int = 0,
    limit: int = 1_000,
) -> list[Reject]:
    """Those of an app group, the oldest first, by pages."""
    query = select(rejects).where(rejects.c.app_group == app_group, rejects.c.reject_id > after)
    if code is not None:
        query = query.where(rejects.c.code == code)
    return [_reject(row) for row in connection.execute(query.order_by(rejects.c.reject_id).limit(limit))]


def counted(connection: Connection) -> dict[tuple[str, str, str], int]:
    """How many are kept, by app group, source and code."""
    columns = (rejects.c.app_group, rejects.c.source, rejects.c.code)
    query = select(*columns, func.count()).group_by(*columns)
    return {(row[0], row[1], row[2]): row[3] for row in connection.execute(query)}


def forget(connection: Connection, reject_ids: Iterable[int]) -> None:
    """Let go of some."""
    connection.execute(delete(rejects).where(rejects.c.reject_id.in_(list(reject_ids))))


def _reject(row: Row[Any]) -> Reject:
    return Reject(row.reject_id, row.app_group, row.source, row.rejected_at, row.code, row.message, row.fact)
