"""Links that log in once, for a key, or for nobody while the ledger has no app group."""

from dataclasses import dataclass

from sqlalchemy import delete, insert
from sqlalchemy.engine import Connection

from infrastructure.access import keys
from infrastructure.access.keys import Scope
from infrastructure.access.sessions import hash_of, make_token
from infrastructure.database.schema import login_links

MINUTES = 15
"""For how many minutes a link may be used."""

_LASTING = MINUTES * 60 * 1_000_000

PATH = "/login/once/"
"""The path of a link, without its token."""


@dataclass(frozen=True)
class LoginLink:
    """A link that was used; without a key it is the first link."""

    key_id: str | None


def make(connection: Connection, key_id: str | None, now: int) -> str:
    """Make a link for a key, or the first link, which ends the first links before it; returns its token."""
    connection.execute(delete(login_links).where(login_links.c.expires_at <= now))
    if key_id is None:
        connection.execute(delete(login_links).where(login_links.c.key_id.is_(None)))
    token = make_token()
    row = {"hash": hash_of(token), "key_id": key_id, "expires_at": now + _LASTING}
    connection.execute(insert(login_links), row)
    return token


def invite(connection: Connection, app_group: str, now: int, lasting: int) -> str:
    """Make a key that may read and manage an app group for so many microseconds, and a link for it; returns the token.

    Nobody gets to see the key itself.
    """
    key, _ = keys.create(connection, app_group, (Scope.READ, Scope.MANAGE), now, expires_at=now + lasting)
    return make(connection, key.key_id, now)


def use(connection: Connection, token: str, now: int) -> LoginLink | None:
    """Use a link, which then cannot be used again, not even by a request at the same time; None if it is not good."""
    taken = delete(login_links).where(login_links.c.hash == hash_of(token)).returning(*login_links.c)
    row = connection.execute(taken).one_or_none()
    return None if row is None or row.expires_at <= now else LoginLink(row.key_id)
