"""Idempotency-Key: a command that was sent twice is carried out once, and both requests get the same answer."""

import hashlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from sqlalchemy import Row

from application.commands.properties import canonical
from domain.errors import DomainError
from infrastructure.http.idempotency_store import IdempotencyKeys
from infrastructure.http.problems import Problem
from infrastructure.http.state import new_command_id

Answer = tuple[int, dict[str, Any]]
"""A status and a value."""


def once(
    keys: IdempotencyKeys,
    app_group: str,
    key: str | None,
    asked: Mapping[str, Any],
    command: Callable[[str], Answer],
) -> Answer:
    """Carry out a command, given its id, once for a key; raises Problem for a key that came with another request.

    Two requests are the same if `asked`, what was read of them, is equal as JSON. The key is claimed before the
    command is carried out, and the answer is stored after it. If the process ends in between, the next request
    gives the same command id, and the command recognizes it. A refusal changes nothing, and frees the key.
    """
    if key is None:
        return command(new_command_id())
    claim = _claim(keys, app_group, key, asked)
    if claim.answer is not None:
        return claim.status, orjson.loads(claim.answer)
    try:
        status, value = command(claim.command_id)
    except (DomainError, Problem):
        keys.free(claim)
        raise
    keys.store(claim, int(status), orjson.dumps(value))
    return status, value


def _claim(keys: IdempotencyKeys, app_group: str, key: str, asked: Mapping[str, Any]) -> Row[Any]:
    """Claim a key for a request; the claim is an earlier one if the same request was sent before. Raises Problem."""
    if not 1 <= len(key) <= 255 or not key.isprintable():
        detail = "an idempotency key has 1 to 255 characters"
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_idempotency_key", detail, place="Idempotency-Key")
    request = hashlib.sha256(canonical(asked).encode()).digest()
    claim = keys.claim(app_group, key, request, new_command_id())
    if claim.request != request:
        detail = "another request was sent with this idempotency key before; use a new key"
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail, place="Idempotency-Key"
        )
    return claim
