"""Rejected facts that came over HTTP. They are kept for a while, as most clients never send them again.

Each is kept as it was sent, with the reason for the rejection; of a fact that is too long, only its names and size. A
sweep each minute removes what exceeds a number in an app group, and what is too old.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from domain.instants import from_microseconds, printed
from infrastructure.database import Database
from infrastructure.database.schema import rejects

LONGEST_FACT = 64 * 1024
"""The most characters of a fact that is kept whole: a longer one cannot be tried again."""

_AT_ONCE = 10_000
"""The most rows that one step of a sweep looks at or removes."""

_DAY = 24 * 60 * 60 * 1_000_000


@dataclass(frozen=True)
class Reject:
    """A rejected fact, as JSON; `source` is the interface that it came by.

    `rejected_at` is when it was rejected last, in microseconds since 1970; `code` and `message` say why.
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
    """A rejection to be kept: the reason, and the fact as JSON of at most LONGEST_FACT characters."""

    code: str
    message: str
    fact: str


def keep(connection: Connection, app_group: str, source: str, refused: Sequence[Refusal], now: int) -> None:
    """Keep what was refused at an instant, in microseconds since 1970."""
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
    connection.execute(insert(rejects), rows)


class RejectSweep:
    """Keeps the table within its bounds, one small step at a time, so that no step delays its caller for long.

    It goes from one app group to the next and removes what exceeds `number`. Then it looks at the next _AT_ONCE rows by
    id and removes what is older than `days`: a row that is too old stays at most a minute for each _AT_ONCE rows kept.
    """

    def __init__(self, database: Database, number: int, days: int, clock: Callable[[], int]) -> None:
        """`clock` gives microseconds since 1970."""
        self._database = database
        self._number = number
        self._age = days * _DAY
        self._clock = clock
        self._app_group = ""
        """The group that was trimmed last; empty before the first."""
        self._looked_at = 0
        """The last row whose age was looked at; 0 before the first."""

    def __call__(self) -> bool:
        """Do one step; whether there is more to do at once."""
        with self._database.reading() as connection:
            app_group = self._find_next_group(connection)
            found = (
                self._find_old(connection) if app_group is None else self._find_excess(connection, app_group)
            )
        if found:
            with self._database.writing() as connection:
                _remove(connection, found)
        return app_group is not None or bool(found)

    def _find_next_group(self, connection: Connection) -> str | None:
        following = select(func.min(rejects.c.app_group)).where(rejects.c.app_group > self._app_group)
        return connection.execute(following).scalar()

    def _find_excess(self, connection: Connection, app_group: str) -> list[int]:
        """The oldest rows of a group beyond its number."""
        of_group = select(rejects.c.reject_id).where(rejects.c.app_group == app_group)
        newest = of_group.order_by(rejects.c.reject_id.desc()).limit(1).offset(self._number).scalar_subquery()
        excess = of_group.where(rejects.c.reject_id <= newest).order_by(rejects.c.reject_id).limit(_AT_ONCE)
        found = list(connection.execute(excess).scalars())
        if len(found) < _AT_ONCE:
            self._app_group = app_group
        return found

    def _find_old(self, connection: Connection) -> list[int]:
        """The rows that are too old among the next by id; after the last row, it begins with the first again."""
        self._app_group = ""
        columns = select(rejects.c.reject_id, rejects.c.rejected_at).where(
            rejects.c.reject_id > self._looked_at
        )
        rows = connection.execute(columns.order_by(rejects.c.reject_id).limit(_AT_ONCE)).all()
        self._looked_at = rows[-1].reject_id if len(rows) == _AT_ONCE else 0
        oldest = self._clock() - self._age
        return [row.reject_id for row in rows if row.rejected_at < oldest]


def _remove(connection: Connection, reject_ids: list[int]) -> None:
    # Two services may sweep one database: neither waits for the other, which could end in a deadlock.
    free = (
        select(rejects.c.reject_id)
        .where(rejects.c.reject_id.in_(reject_ids))
        .with_for_update(skip_locked=True)
    )
    connection.execute(delete(rejects).where(rejects.c.reject_id.in_(free)))


def read_page(
    connection: Connection,
    app_group: str,
    *,
    code: str | None = None,
    after: int = 0,
    limit: int = 1_000,
) -> list[Reject]:
    """A page of an app group's rejects after an id, the oldest first."""
    query = select(rejects).where(rejects.c.app_group == app_group, rejects.c.reject_id > after)
    if code is not None:
        query = query.where(rejects.c.code == code)
    return [_reject(row) for row in connection.execute(query.order_by(rejects.c.reject_id).limit(limit))]


def read_newest(
    connection: Connection, app_group: str, *, code: str | None = None, limit: int = 100
) -> list[Reject]:
    """The rejects of an app group that came last, the newest first."""
    query = select(rejects).where(rejects.c.app_group == app_group)
    if code is not None:
        query = query.where(rejects.c.code == code)
    return [
        _reject(row) for row in connection.execute(query.order_by(rejects.c.reject_id.desc()).limit(limit))
    ]


def count_since(connection: Connection, app_group: str, since: int, among: int) -> dict[str, int]:
    """By code how many of the newest `among` rejects of an app group were rejected since an instant."""
    newest = (
        select(rejects.c.code, rejects.c.rejected_at)
        .where(rejects.c.app_group == app_group)
        .order_by(rejects.c.reject_id.desc())
        .limit(among)
        .subquery()
    )
    query = select(newest.c.code, func.count()).where(newest.c.rejected_at >= since).group_by(newest.c.code)
    return {row[0]: row[1] for row in connection.execute(query)}


def count(connection: Connection, app_group: str | None = None) -> dict[tuple[str, str], int]:
    """How many are kept by source and code, of an app group or of all. It reads every row."""
    columns = (rejects.c.source, rejects.c.code)
    query = select(*columns, func.count()).group_by(*columns)
    if app_group is not None:
        query = query.where(rejects.c.app_group == app_group)
    return {(source, code): number for source, code, number in connection.execute(query)}


def refuse_again(connection: Connection, refused: Mapping[int, tuple[str, str]], now: int) -> None:
    """Replace the code, the message and the instant of facts that were rejected again."""
    rows = [{"id": each, "newest": code, "why": why} for each, (code, why) in sorted(refused.items())]
    if rows:
        newest = {"code": bindparam("newest"), "message": bindparam("why"), "rejected_at": now}
        connection.execute(update(rejects).where(rejects.c.reject_id == bindparam("id")).values(newest), rows)


def forget(connection: Connection, reject_ids: Iterable[int]) -> None:
    """Remove some."""
    connection.execute(delete(rejects).where(rejects.c.reject_id.in_(list(reject_ids))))


def forget_matching(
    connection: Connection,
    app_group: str,
    *,
    code: str | None = None,
    before: int | None = None,
    reject_ids: Collection[int] = (),
) -> int:
    """Remove the rejects of an app group that match every condition given; returns how many they were.

    `before` is in microseconds since 1970, and compared with when they were rejected last.
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
