"""The store of idempotency keys: which request claimed a key first, and the answer that it got."""

from collections.abc import Callable
from typing import Any

from eventsourcing.persistence import IntegrityError
from sqlalchemy import ColumnElement, Row, delete, insert, select, update
from sqlalchemy.engine import Connection

from infrastructure.database import Database
from infrastructure.database.schema import idempotency_keys

STORED = 24 * 3_600_000_000
"""Microseconds for which a key and its answer are stored."""

_at = idempotency_keys.c


class IdempotencyKeys:
    """The keys of all app groups; a claim is a row of the table, and its `answer` is None until there is one."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """`clock` gives microseconds since 1970."""
        self._database = database
        self._clock = clock

    def claim(self, app_group: str, key: str, request: bytes, command_id: str) -> Row[Any]:
        """Claim a key for a request, or find the earlier claim of it."""
        now = self._clock()
        row = {
            "app_group": app_group,
            "idempotency_key": key,
            "request": request,
            "command_id": command_id,
            "created_at": now,
        }
        try:
            with self._database.writing() as connection:
                connection.execute(delete(idempotency_keys).where(_at.created_at < now - STORED))
                if (found := _find(connection, app_group, key)) is not None:
                    return found
                connection.execute(insert(idempotency_keys), row)
                return _find_existing(connection, app_group, key)
        except IntegrityError:
            # Another request with the same key was faster.
            with self._database.reading() as connection:
                return _find_existing(connection, app_group, key)

    def free(self, claim: Row[Any]) -> None:
        """Free a key whose request was refused."""
        # The condition leaves two rows alone: one that another request claimed in the meantime, and one whose answer
        # was stored because the same request, sent at the same time, was not refused.
        with self._database.writing() as connection:
            connection.execute(delete(idempotency_keys).where(*_is_same(claim), _at.answer.is_(None)))

    def store(self, claim: Row[Any], status: int, answer: bytes) -> None:
        """Store the answer to the request that claimed a key."""
        answered = {"status": status, "answer": answer}
        try:
            with self._database.writing() as connection:
                done = connection.execute(update(idempotency_keys).where(*_is_same(claim)).values(answered))
                if not done.rowcount:
                    # The same request, sent at the same time, was refused and freed the key.
                    connection.execute(insert(idempotency_keys), claim._asdict() | answered)
        except IntegrityError:
            # Another request has the key by now, and the answer to that one is stored.
            return


def _is_same(claim: Row[Any]) -> tuple[ColumnElement[bool], ...]:
    return (
        _at.app_group == claim.app_group,
        _at.idempotency_key == claim.idempotency_key,
        _at.command_id == claim.command_id,
    )


def _find(connection: Connection, app_group: str, key: str) -> Row[Any] | None:
    return connection.execute(
        select(idempotency_keys).where(_at.app_group == app_group, _at.idempotency_key == key)
    ).one_or_none()


def _find_existing(connection: Connection, app_group: str, key: str) -> Row[Any]:
    found = _find(connection, app_group, key)
    assert found is not None, "it was claimed"  # noqa: S101
    return found
