"""Rejected facts that came over HTTP, kept for a while: most of the clients that send them never send again.

Bounded by number and by age for each app group. What is kept is what was sent, with the reason it was not taken; of
what is too long for that, what it was.
"""

import json
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from domain.instants import from_microseconds, printed
from infrastructure.database.schema import rejects

LONGEST_FACT = 64 * 1024
"""Characters of a fact that are kept: one that is longer cannot be tried again."""

_ROWS_A_TRIM = 100
"""Once in so many rows, about, it is looked for what is too old or too much: by so many the bound is exceeded."""

_OLD_AT_ONCE = 10_000
"""The most of what is too old that is let go of at a time: no call waits for a whole month's."""


@dataclass(frozen=True)
class Reject:
    """A fact that was not taken, as JSON; `source` is the interface it came by.

    `rejected_at` is in microseconds, of the last time; `code` and `message` are the reason given then.
    """

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
    """What is about to be kept: a reason and the fact, made into JSON of at most LONGEST_FACT by the caller."""

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
    ]
    if bounds.number:
        connection.execute(insert(rejects), rows)
    # Also where none is to be kept: there may be some of before.
    if random.random() < len(rows) / _ROWS_A_TRIM:  # noqa: S311 - no secret
        _trim(connection, app_group, now, bounds)


def _trim(connection: Connection, app_group: str, now: int, bounds: Bounds) -> None:
    """Let go of what is too much of a group, and of what is too old of any: others may never be rejected again."""
    ids = select(rejects.c.reject_id)
    of_group = rejects.c.app_group == app_group
    newest = ids.where(of_group).order_by(rejects.c.reject_id.desc())
    _let_go(
        connection,
        ids.where(of_group, rejects.c.reject_id <= newest.limit(1).offset(bounds.number).scalar_subquery()),
    )
    # Ids rise with time, and no index of instants is needed: what is too old is among the first. Only what was tried
    # again is newer than what follows it: so that it hides nothing for ever, it is looked at some other place, too.
    last = connection.execute(select(func.max(rejects.c.reject_id))).scalar() or 0
    for place in (0, random.randrange(last + 1)):  # noqa: S311 - no secret
        some = ids.where(rejects.c.reject_id >= place).order_by(rejects.c.reject_id).limit(_OLD_AT_ONCE)
        old = rejects.c.rejected_at < now - bounds.age
        _let_go(connection, ids.where(rejects.c.reject_id.in_(some), old))


def _let_go(connection: Connection, ids: Select[Any]) -> None:
    # Calls that trim at once do not wait for each other, which would end in a deadlock.
    connection.execute(delete(rejects).where(rejects.c.reject_id.in_(ids.with_for_update(skip_locked=True))))


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


def counted(connection: Connection, app_group: str | None = None) -> dict[tuple[str, str], int]:
    """How many are kept by source and code, of an app group or of all; reads every row of them."""
    columns = (rejects.c.source, rejects.c.code)
    query = select(*columns, func.count()).group_by(*columns)
    if app_group is not None:
        query = query.where(rejects.c.app_group == app_group)
    return {(source, code): number for source, code, number in connection.execute(query)}


def refuse_again(connection: Connection, refused: Mapping[int, tuple[str, str]], now: int) -> None:
    """Put the newest code and message, and when that was, in place of those that were kept."""
    rows = [{"id": each, "newest": code, "why": why} for each, (code, why) in sorted(refused.items())]
    if rows:
        newest = {"code": bindparam("newest"), "message": bindparam("why"), "rejected_at": now}
        connection.execute(update(rejects).where(rejects.c.reject_id == bindparam("id")).values(newest), rows)


def forget(connection: Connection, reject_ids: Iterable[int]) -> None:
    """Let go of some."""
    connection.execute(delete(rejects).where(rejects.c.reject_id.in_(list(reject_ids))))


def forget_those(
    connection: Connection,
    app_group: str,
    *,
    code: str | None = None,
    before: int | None = None,
    reject_ids: Collection[int] = (),
) -> int:
    """Let go of those of an app group that are all that is stated, of all where nothing is; how many they were.

    `before` is in microseconds, and of the instant at which they were rejected last.
    """
    query = delete(rejects).where(rejects.c.app_group == app_group)
    if code is not None:
        query = query.where(rejects.c.code == code)
    if before is not None:
        query = query.where(rejects.c.rejected_at < before)
    if reject_ids:
        query = query.where(rejects.c.reject_id.in_(list(reject_ids)))
    return connection.execute(query).rowcount


def _reject(row: Row[Any]) -> Reject:
    return Reject(row.reject_id, row.app_group, row.source, row.rejected_at, row.code, row.message, row.fact)
