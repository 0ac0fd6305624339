"""Who asks: the key of a request, what it may be used for, and how often."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from structlog.contextvars import bind_contextvars

from application.ports import Stamp
from infrastructure.access import keys
from infrastructure.access.keys import Key, Scope
from infrastructure.database import Database
from infrastructure.http.buckets import Buckets
from infrastructure.http.memory import Memory
from infrastructure.http.problems import Problem

REMEMBERED_SECONDS = 2.0
"""How long a key is used without being looked up again. A revoked key may still be used for that long."""


@dataclass(frozen=True)
class Caller:
    """Who sent a request: the holder of a key."""

    key: Key

    @property
    def app_group(self) -> str:
        """The app group of the key. A request has no way to name another."""
        return self.key.app_group

    def stamp(self, command_id: str) -> Stamp:
        """The stamp of a command of this caller, which its events carry."""
        return Stamp(command_id, f"key:{self.key.key_id}")


class Access:
    """Identifies callers by their keys, and limits how often each key may be used."""

    def __init__(self, database: Database, clock: Callable[[], int], calls_a_second: float) -> None:
        """`clock` gives microseconds since 1970; with 0 calls a second there is no limit."""
        self._database = database
        self._clock = clock
        self._rate = calls_a_second
        self._buckets = Buckets(calls_a_second, max(2 * calls_a_second, 1))
        self._keys: Memory[str, Key] = Memory(lambda: REMEMBERED_SECONDS)

    async def bearer(self, request: HTTPConnection, *scopes: Scope) -> Caller:
        """Find the caller by the header `Authorization: Bearer KEY`; raises Problem."""
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not text.strip():
            raise _unauthorized("send the header Authorization: Bearer KEY", "Bearer")
        return await self._caller(text.strip(), "Bearer", scopes)

    async def basic(self, request: HTTPConnection, *scopes: Scope) -> Caller:
        """Find the caller by a key as the user of basic authorization, as Segment's clients send it; raises Problem."""
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        try:
            user = base64.b64decode(text.strip(), validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            user = ""
        if kind.lower() != "basic" or not user:
            raise _unauthorized("send the write key as the user of basic authorization", "Basic")
        return await self._caller(user, "Basic", scopes)

    async def of_write_key(self, text: str, *scopes: Scope) -> Caller:
        """Find the caller by a key in the body, as Segment's browsers send it; raises Problem."""
        return await self._caller(text, "Basic", scopes)

    def take_turn(self, key: Key) -> None:
        """Count a call of a key; raises Problem (429) if it is used too often."""
        wait = self._buckets.take(key.key_id) if self._rate else 0.0
        if wait:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many_requests",
                f"this key may be used {self._rate:g} times a second",
                headers={"Retry-After": str(ceil(wait))},
            )

    async def _caller(self, text: str, scheme: str, scopes: tuple[Scope, ...]) -> Caller:
        key = self._recall(text) or await run_in_threadpool(self._look_up, text)
        if key is None:
            raise _unauthorized("this key is unknown, revoked or expired", scheme)
        bind_contextvars(app_group=key.app_group, key_id=key.key_id)
        self.take_turn(key)
        if not key.scopes.intersection(scopes):
            needed = " or ".join(scopes)
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "missing_scope",
                f"this needs a key with the scope {needed}; this one has {', '.join(sorted(key.scopes))}",
            )
        return Caller(key)

    def _recall(self, text: str) -> Key | None:
        key = self._keys.recall(text)
        return None if key is None or key.state(self._clock()) != "valid" else key

    def _look_up(self, text: str) -> Key | None:
        with self._database.reading() as connection:
            key = keys.find_valid(connection, text, self._clock())
        if key is not None:
            self._keys.remember(text, key)
        return key


def _unauthorized(detail: str, scheme: str) -> Problem:
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "unauthorized",
        detail,
        headers={"WWW-Authenticate": f'{scheme} realm="conversion-ledger"'},
    )
