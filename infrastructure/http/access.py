"""Who asks: the key of a request, what it may be used for, and how often."""

import base64
import binascii
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from threading import Lock

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from structlog.contextvars import bind_contextvars

from application.ports import Stamp
from infrastructure.access import keys
from infrastructure.access.keys import Key, Scope
from infrastructure.database import Database
from infrastructure.http.problems import Problem

REMEMBERED_SECONDS = 2.0
"""How long a key is used without being looked up again. A revoked key may still be used for that long."""

_MOST_REMEMBERED = 10_000


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
        self._remembered: OrderedDict[str, tuple[float, Key]] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = Lock()

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

    async def _caller(self, text: str, scheme: str, scopes: tuple[Scope, ...]) -> Caller:
        key = self._recall(text) or await run_in_threadpool(self._look_up, text)
        if key is None:
            raise _unauthorized("this key is unknown, revoked or expired", scheme)
        bind_contextvars(app_group=key.app_group, key_id=key.key_id)
        self._take_turn(key)
        if not key.scopes.intersection(scopes):
            needed = " or ".join(scopes)
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "missing_scope",
                f"this needs a key with the scope {needed}; this one has {', '.join(sorted(key.scopes))}",
            )
        return Caller(key)

    def _recall(self, text: str) -> Key | None:
        with self._lock:
            until, key = self._remembered.get(text, (0.0, None))
        expired = key is not None and key.expires_at is not None and key.expires_at <= self._clock()
        return None if expired or until < time.monotonic() else key

    def _look_up(self, text: str) -> Key | None:
        with self._database.reading() as connection:
            key = keys.find_valid(connection, text, self._clock())
        if key is not None:
            with self._lock:
                self._remembered[text] = (time.monotonic() + REMEMBERED_SECONDS, key)
                self._remembered.move_to_end(text)
                while len(self._remembered) > _MOST_REMEMBERED:
                    self._remembered.popitem(last=False)
        return key

    def _take_turn(self, key: Key) -> None:
        if not self._rate:
            return
        with self._lock:
            bucket = self._buckets.setdefault(key.key_id, _Bucket(self._rate))
            self._buckets.move_to_end(key.key_id)
            while len(self._buckets) > _MOST_REMEMBERED:
                self._buckets.popitem(last=False)
            wait = bucket.wait(time.monotonic(), self._rate)
        if wait:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many_requests",
                f"this key may be used {self._rate:g} times a second",
                headers={"Retry-After": str(ceil(wait))},
            )


class _Bucket:
    """A token bucket: the calls that a key may make now, at most those of two seconds."""

    def __init__(self, rate: float) -> None:
        self._calls = max(2 * rate, 1)
        self._at = time.monotonic()

    def wait(self, now: float, rate: float) -> float:
        """Take one call; returns 0, or the seconds until the key may make one."""
        self._calls = min(self._calls + (now - self._at) * rate, max(2 * rate, 1))
        self._at = now
        if self._calls < 1:
            return (1 - self._calls) / rate
        self._calls -= 1
        return 0.0


def _unauthorized(detail: str, scheme: str) -> Problem:
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "unauthorized",
        detail,
        headers={"WWW-Authenticate": f'{scheme} realm="conversion-ledger"'},
    )
