"""API keys: who may call over HTTP, for which app group and what for. Only their hashes are stored."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.engine import Connection

from infrastructure.database.schema import keys


class Scope(StrEnum):
    """What a key may be used for."""

    INGEST = "ingest"
    READ = "read"
    MANAGE = "manage"


@dataclass(frozen=True)
class Key:
    """A key without its secret; instants in microseconds since 1970. `app_id` is the app that sends its facts."""

    key_id: str
    app_group: str
    scopes: frozenset[Scope]
    app_id: str | None
    created_at: int
    expires_at: int | None
    revoked_at: int | None

    def state(self, now: int) -> str:
        """Whether it is `valid`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "valid"


_FORM = re.compile(r"cl_([a-z2-7]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def create(
    connection: Connection,
    app_group: str,
    scopes: Iterable[Scope],
    now: int,
    *,
    app_id: str | None = None,
    expires_at: int | None = None,
) -> tuple[Key, str]:
    """Make a key; returns what is stored of it, and its text, which nobody can read again later."""
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    # 256 random bits: a slow hash would protect nothing more, and cost every call.
    text = f"cl_{key_id}_{secrets.token_urlsafe(32)}"
    made = Key(key_id, app_group, frozenset(scopes), app_id, now, expires_at, None)
    connection.execute(
        insert(keys).values(
            key_id=key_id,
            app_group=app_group,
            scopes=" ".join(sorted(made.scopes)),
            app_id=app_id,
            hash=_hash(text),
            created_at=now,
            expires_at=expires_at,
        )
    )
    return made, text


def read_key_id(text: str) -> str | None:
    """The id in the text of a key, which is no secret; None for a text that is no key."""
    form = _FORM.fullmatch(text)
    return None if form is None else form[1]


def find(connection: Connection, key_id: str) -> Key | None:
    """Find a key by its id, valid or not."""
    row = connection.execute(_BY_ID, {"key_id": key_id}).one_or_none()
    return None if row is None else key_of(row)


def find_valid(connection: Connection, text: str, now: int) -> Key | None:
    """Find the key of a text if it is valid; the hashes are compared in constant time."""
    key_id = read_key_id(text)
    row = None if key_id is None else connection.execute(_BY_ID, {"key_id": key_id}).one_or_none()
    if row is None or not hmac.compare_digest(row.hash, _hash(text)):
        return None
    key = key_of(row)
    return key if key.state(now) == "valid" else None


def list_all(connection: Connection, app_group: str | None = None) -> list[Key]:
    """List all keys or those of an app group, the oldest first."""
    query = select(keys).order_by(keys.c.created_at, keys.c.key_id)
    if app_group is not None:
        query = query.where(keys.c.app_group == app_group)
    return [key_of(row) for row in connection.execute(query)]


def revoke(connection: Connection, key_id: str, now: int) -> Key | None:
    """Revoke a key; returns None if there is no such key."""
    row = connection.execute(_BY_ID, {"key_id": key_id}).one_or_none()
    if row is None:
        return None
    if row.revoked_at is None:
        connection.execute(update(keys).where(keys.c.key_id == key_id).values(revoked_at=now))
    return key_of(connection.execute(_BY_ID, {"key_id": key_id}).one())


_BY_ID = select(keys).where(keys.c.key_id == bindparam("key_id"))


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def key_of(row: Row[Any]) -> Key:
    """The key in a row that has the columns of the table."""
    scopes = frozenset(Scope(each) for each in row.scopes.split())
    return Key(row.key_id, row.app_group, scopes, row.app_id, row.created_at, row.expires_at, row.revoked_at)
