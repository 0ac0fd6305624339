"""Idempotency-Key: a command that was sent twice is carried out once, and answered twice alike."""

import hashlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from eventsourcing.persistence import IntegrityError
from sqlalchemy import ColumnElement, Row, delete, insert, select, update
from sqlalchemy.engine import Connection

from application.commands.properties import canonical
from domain.errors import DomainError
from domain.instants import microseconds
from infrastructure.composition import Service
from infrastructure.database.schema import idempotency_keys
from infrastructure.http.problems import Problem
from infrastructure.http.state import new_command_id

KEPT = 24 * 3_600_000_000
"""Microseconds for which an answer is kept."""

Answer = tuple[int, dict[str, Any]]
"""A status and a value."""

_at = idempotency_keys.c


def once(
    service: Service,
    app_group: str,
    key: str | None,
    asked: Mapping[str, Any],
    command: Callable[[str], Answer],
) -> Answer:
    """Carry out a command, given its id, once for a key; raises Problem for a key that came with another request.

    Requests are the same where `asked`, what was read of them, is equal as JSON. The key is claimed before the
    command is carried out, and the answer kept after it. Where the process ended in between, the command is given
    again with the same id, by which it is known. What is refused changed nothing, and leaves the key free.
    """
    if key is None:
        return command(new_command_id())
    claimed = _of_request(service, app_group, key, asked)
    if claimed.answer is not None:
        return claimed.status, orjson.loads(claimed.answer)
    try:
        status, value = command(claimed.command_id)
    except (DomainError, Problem):
        _set_free(service, claimed)
        raise
    _keep(service, claimed, int(status), orjson.dumps(value))
    return status, value


def _of_request(service: Service, app_group: str, key: str, asked: Mapping[str, Any]) -> Row[Any]:
    """The claim of a key by a request, its own or one that was the same; raises Problem."""
    if not 1 <= len(key) <= 255 or not key.isprintable():
        detail = "an idempotency key has 1 to 255 characters"
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_idempotency_key", detail, place="Idempotency-Key")
    request = hashlib.sha256(canonical(asked).encode()).digest()
    claimed = _claimed(service, app_group, key, request)
    if claimed.request != request:
        detail = "this idempotency key came with another request before"
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail, place="Idempotency-Key"
        )
    return claimed


def _set_free(service: Service, claimed: Row[Any]) -> None:
    # Unless it was claimed again meanwhile, or the same request sent at the same time was not refused.
    with service.database.writing() as connection:
        connection.execute(delete(idempotency_keys).where(*_same(claimed), _at.answer.is_(None)))


def _keep(service: Service, claimed: Row[Any], status: int, answer: bytes) -> None:
    kept = {"status": status, "answer": answer}
    try:
        with service.database.writing() as connection:
            done = connection.execute(update(idempotency_keys).where(*_same(claimed)).values(kept))
            if not done.rowcount:
                # The same request, sent at the same time, was refused and set the key free.
                connection.execute(insert(idempotency_keys), claimed._asdict() | kept)
    except IntegrityError:
        # Another request has the key by now, and its answer is what is to be kept.
        return


def _same(claimed: Row[Any]) -> tuple[ColumnElement[bool], ...]:
    return (
        _at.app_group == claimed.app_group,
        _at.idempotency_key == claimed.idempotency_key,
        _at.command_id == claimed.command_id,
    )


def _claimed(service: Service, app_group: str, key: str, request: bytes) -> Row[Any]:
    now = microseconds(service.now())
    row = {
        "app_group": app_group,
        "idempotency_key": key,
        "request": request,
        "command_id": new_command_id(),
        "created_at": now,
    }
    try:
        with service.database.writing() as connection:
            connection.execute(delete(idempotency_keys).where(_at.created_at < now - KEPT))
            if (found := _found(connection, app_group, key)) is not None:
                return found
            connection.execute(insert(idempotency_keys), row)
            return _existing(connection, app_group, key)
    except IntegrityError:
        # Another request with the same key was faster.
        with service.database.reading() as connection:
            return _existing(connection, app_group, key)


def _found(connection: Connection, app_group: str, key: str) -> Row[Any] | None:
    query = select(idempotency_keys).where(_at.app_group == app_group, _at.idempotency_key == key)
    return connection.execute(query).one_or_none()


def _existing(connection: Connection, app_group: str, key: str) -> Row[Any]:
    found = _found(connection, app_group, key)
    assert found is not None, "it was claimed"  # noqa: S101
    return found
