"""Who asks from a browser: the session of a request's cookie, how it begins, and how it ends."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import structlog
from sqlalchemy.engine import Connection
from starlette.requests import HTTPConnection
from structlog.contextvars import bind_contextvars

from infrastructure.access import keys, login_links, sessions
from infrastructure.access.keys import Key
from infrastructure.access.login_links import LoginLink
from infrastructure.access.sessions import Lifetimes, Session
from infrastructure.database import Database
from infrastructure.http import access
from infrastructure.http.memory import Memory
from infrastructure.http.origins import find_origin
from infrastructure.http.problems import FAILURES
from infrastructure.http.settings import WebSettings

log = structlog.get_logger()

_HOUR = 3_600 * 1_000_000
_LONGEST_TOKEN = 100


class Begun(NamedTuple):
    """A session that a link began: its token for the cookie, and its key, if it has one."""

    token: str
    key: Key | None


class Sessions:
    """The sessions of all app groups, as one process knows them."""

    def __init__(self, database: Database, clock: Callable[[], int], settings: WebSettings) -> None:
        """`clock` gives microseconds since 1970."""
        self._database = database
        self._clock = clock
        self._settings = settings
        self._lifetimes = Lifetimes(
            idle=round(settings.idle_hours * _HOUR), absolute=round(settings.session_hours * _HOUR)
        )
        self._remembered: Memory[bytes, Session] = Memory(lambda: access.REMEMBERED_SECONDS)
        self._touching: set[bytes] = set()
        """The sessions whose last use is being noted."""

    async def find(self, request: HTTPConnection, *, is_use: bool = True) -> Session | None:
        """Find the valid session of a request's cookie; `is_use` says that a person is there, so that it lasts on."""
        token = self._read_token(request)
        if token is None:
            return None
        hashed = sessions.hash_of(token)
        session = self._recall(hashed) or await asyncio.to_thread(self._look_up, hashed)
        if session is None:
            return None
        if session.key is not None:
            bind_contextvars(app_group=session.key.app_group, key_id=session.key.key_id)
        if is_use and session.is_to_be_touched(self._clock()) and hashed not in self._touching:
            # A page does not wait for the note, which may have to wait for those who write facts.
            self._touching.add(hashed)
            asyncio.get_running_loop().run_in_executor(None, self._touch, hashed)
        return session

    async def begin(self, request: HTTPConnection, key: Key) -> str:
        """Begin a session of a key, and end the one that the browser had; returns the token for the cookie."""
        return await asyncio.to_thread(self._begin, self._read_token(request), key)

    async def end(self, request: HTTPConnection) -> None:
        """End the session of a request, if it has one."""
        token = self._read_token(request)
        if token is not None:
            await asyncio.to_thread(self._end, token)

    async def adopt(self, session: Session, key: Key) -> bool:
        """Bind a session without a key to the key of the first app group; says whether it was without one."""
        return await asyncio.to_thread(self._adopt, session, key)

    async def find_key(self, text: str) -> Key | None:
        """Find the valid key that somebody gives to log in."""
        return await asyncio.to_thread(self._find_key, text)

    async def begin_by_link(self, request: HTTPConnection, token: str) -> Begun | None:
        """Use a link that logs in once, and begin a session; None if the link is not good, or no longer."""
        return await asyncio.to_thread(self._begin_by_link, self._read_token(request), token)

    def _read_token(self, request: HTTPConnection) -> str | None:
        origin = find_origin(request, self._settings.origin) if self._settings.is_on else None
        token = None if origin is None else request.cookies.get(origin.cookie)
        return token if token and len(token) <= _LONGEST_TOKEN else None

    def _recall(self, hashed: bytes) -> Session | None:
        session = self._remembered.recall(hashed)
        if session is None:
            return None
        return session if session.is_valid(self._clock(), self._lifetimes) else None

    def _look_up(self, hashed: bytes) -> Session | None:
        with self._database.reading() as connection:
            session = sessions.find_valid(connection, hashed, self._clock(), self._lifetimes)
        # A session without a key is over as soon as there is an app group.
        if session is not None and session.key is not None:
            self._remembered.remember(hashed, session)
        return session

    def _touch(self, hashed: bytes) -> None:
        try:
            with self._database.writing() as connection:
                sessions.touch(connection, hashed, self._clock())
        except FAILURES as error:
            log.warning("session.not_touched", reason=type(error).__name__)
        finally:
            self._remembered.forget(hashed)
            self._touching.discard(hashed)

    def _begin(self, former: str | None, key: Key) -> str:
        with self._database.writing() as connection:
            token = self._replace(connection, former, key)
        self._forget(former)
        return token

    def _begin_by_link(self, former: str | None, link: str) -> Begun | None:
        begun = None
        with self._database.writing() as connection:
            used = login_links.use(connection, link, self._clock())
            if used is not None:
                key = None if used.key_id is None else keys.find(connection, used.key_id)
                if self._may_begin(connection, used, key):
                    begun = Begun(self._replace(connection, former, key), key)
        self._forget(former)
        return begun

    def _may_begin(self, connection: Connection, used: LoginLink, key: Key | None) -> bool:
        if used.key_id is None:
            return sessions.is_empty(connection)
        return key is not None and key.state(self._clock()) == "valid" and sessions.may_log_in(key)

    def _replace(self, connection: Connection, former: str | None, key: Key | None) -> str:
        """Begin a session with a token of its own, whatever token the browser sent."""
        if former is not None:
            sessions.end(connection, sessions.hash_of(former))
        return sessions.begin(connection, None if key is None else key.key_id, self._clock(), self._lifetimes)

    def _forget(self, token: str | None) -> None:
        if token is not None:
            self._remembered.forget(sessions.hash_of(token))

    def _end(self, token: str) -> None:
        with self._database.writing() as connection:
            sessions.end(connection, sessions.hash_of(token))
        self._forget(token)

    def _adopt(self, session: Session, key: Key) -> bool:
        with self._database.writing() as connection:
            return sessions.adopt(connection, session.hash, key.key_id)

    def _find_key(self, text: str) -> Key | None:
        with self._database.reading() as connection:
            return keys.find_valid(connection, text, self._clock())
