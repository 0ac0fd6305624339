"""Sessions of the dashboard: who is logged in, by which key. Only the hashes of their tokens are stored."""

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection

from infrastructure.access.keys import Key, Scope, key_of
from infrastructure.database.schema import events, keys, sessions

TOUCHED_EVERY = 60 * 1_000_000
"""Microseconds between two notes of a session's last use."""

_MOST_OF_A_KEY = 100


@dataclass(frozen=True)
class Lifetimes:
    """How long sessions last, in microseconds: unused, and at most."""

    idle: int
    absolute: int


@dataclass(frozen=True)
class Session:
    """A session, and the key it is of; without a key, it may only make the ledger's first app group."""

    hash: bytes
    key: Key | None
    created_at: int
    used_at: int

    def is_valid(self, now: int, lifetimes: Lifetimes) -> bool:
        """Whether neither it nor its key has ended by now, and the key may see pages."""
        if now - self.created_at >= lifetimes.absolute or now - self.used_at >= lifetimes.idle:
            return False
        return self.key is None or (self.key.state(now) == "valid" and may_log_in(self.key))

    def is_to_be_touched(self, now: int) -> bool:
        """Whether its last use is to be noted again."""
        return self.used_at <= now - TOUCHED_EVERY


def hash_of(token: str) -> bytes:
    """The hash of a token, by which it is stored."""
    # 256 random bits: a slow hash would protect nothing more, and cost every page.
    return hashlib.sha256(token.encode()).digest()


def make_token() -> str:
    """Make a token of 256 random bits."""
    return secrets.token_urlsafe(32)


def may_log_in(key: Key) -> bool:
    """Whether a key may see pages; one that only sends or collects facts may not."""
    return not key.scopes.isdisjoint({Scope.READ, Scope.MANAGE})


def begin(connection: Connection, key_id: str | None, now: int, lifetimes: Lifetimes) -> str:
    """Begin a session of a key, or of nobody while there is no app group; returns its token, which is not stored."""
    _sweep(connection, key_id, now, lifetimes)
    token = make_token()
    row = {"hash": hash_of(token), "key_id": key_id, "created_at": now, "used_at": now}
    connection.execute(insert(sessions), row)
    return token


def find_valid(connection: Connection, hashed: bytes, now: int, lifetimes: Lifetimes) -> Session | None:
    """Find a session that has not ended, expired, or lost its key."""
    row = connection.execute(_BY_HASH, {"hash": hashed}).one_or_none()
    if row is None or (row.session_key_id is None and not is_empty(connection)):
        return None
    # The join finds each key, because keys are never deleted; without this check a lost one would be no key.
    if row.key_id != row.session_key_id:
        return None
    session = Session(hashed, None if row.key_id is None else key_of(row), row.began_at, row.used_at)
    return session if session.is_valid(now, lifetimes) else None


def touch(connection: Connection, hashed: bytes, now: int) -> None:
    """Note that a session is used, unless that was noted less than a minute ago."""
    old = and_(sessions.c.hash == hashed, sessions.c.used_at <= now - TOUCHED_EVERY)
    connection.execute(update(sessions).where(old).values(used_at=now))


def adopt(connection: Connection, hashed: bytes, key_id: str) -> bool:
    """Give a session without a key the key of the first app group; says whether there was such a session."""
    free = and_(sessions.c.hash == hashed, sessions.c.key_id.is_(None))
    return bool(connection.execute(update(sessions).where(free).values(key_id=key_id)).rowcount)


def end(connection: Connection, hashed: bytes) -> None:
    """End a session."""
    connection.execute(delete(sessions).where(sessions.c.hash == hashed))


def is_empty(connection: Connection) -> bool:
    """Whether the ledger has no app group: the first event of a log makes one."""
    return connection.execute(select(events.c.position).limit(1)).first() is None


_BY_HASH = (
    select(
        sessions.c.key_id.label("session_key_id"),
        sessions.c.created_at.label("began_at"),
        sessions.c.used_at,
        *keys.c,
    )
    .join_from(sessions, keys, sessions.c.key_id == keys.c.key_id, isouter=True)
    .where(sessions.c.hash == bindparam("hash"))
)


def _sweep(connection: Connection, key_id: str | None, now: int, lifetimes: Lifetimes) -> None:
    """Remove what has expired, and the oldest sessions of a key that has very many."""
    expired = (sessions.c.created_at <= now - lifetimes.absolute) | (
        sessions.c.used_at <= now - lifetimes.idle
    )
    connection.execute(delete(sessions).where(expired))
    same = sessions.c.key_id.is_(None) if key_id is None else sessions.c.key_id == key_id
    newest = select(sessions.c.hash).where(same).order_by(sessions.c.created_at.desc())
    surplus = connection.execute(newest.offset(_MOST_OF_A_KEY - 1)).scalars().all()
    if surplus:
        connection.execute(delete(sessions).where(sessions.c.hash.in_(surplus)))
