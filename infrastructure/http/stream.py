"""`GET /v1/stream`: decisions as server-sent events, after a position and as they are made (docs/webhooks.md)."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Any, Literal

import structlog
from eventsourcing.persistence import PersistenceError
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from infrastructure.access.keys import Scope
from infrastructure.event_store.tail import Tail
from infrastructure.http import metrics, problems, schemas
from infrastructure.http.access import Caller
from infrastructure.http.problems import Problem
from infrastructure.http.state import Shared, State
from infrastructure.outbound.feed import Page, Wanted, read_types
from projections.engine.projection import UnreadableLog

log = structlog.get_logger()

routes = APIRouter(tags=["stream"])

HEARTBEAT_SECONDS = 15.0
"""How often a stream sends a comment and its position, and checks that its key may still be used."""

LOOK_SECONDS = 2.0
"""How often a stream checks that its session goes on: whoever logged out, or whose key was revoked, sees no more."""

WRITE_SECONDS = 20.0
"""How long a client may take to read what was sent; after that its connection is closed."""

_CHUNK_BYTES = 32 * 1024
_RETRY_MILLISECONDS = 2_000
_AWAY_SECONDS = 1.0
_LEAST_BETWEEN_MOVES = 1.0
_THREADS = 2
"""Threads that read pages for all streams; requests have other threads."""

_FAILURES = (PersistenceError, SQLAlchemyError, UnreadableLog)

_DESCRIBED: dict[int | str, Any] = {
    HTTPStatus.OK.value: {
        "description": "Server-sent events, each with a CloudEvents 1.0 envelope as its data.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


async def _find_follower(request: Request, state: Shared) -> Caller:
    """Find who follows: by a key in the header Authorization, else by the session of a browser; raises Problem."""
    if "authorization" not in request.headers:
        # A page that is open and unwatched keeps no session alive.
        session = await state.sessions.find(request, is_use=False)
        if session is not None and session.key is not None and _is_from_page(request):
            return Caller(session.key)
    return await state.access.bearer(request, Scope.READ, Scope.MANAGE)


def _is_from_page(request: Request) -> bool:
    # A page of another site could not read the stream, but it could take the places of those who can.
    return request.headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}


Follower = Annotated[Caller, Depends(_find_follower)]


@routes.get(
    "/v1/stream",
    summary="Follow decisions",
    response_class=Response,
    responses=schemas.describe_answers(None, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND) | _DESCRIBED,
    openapi_extra={"security": [{"key": []}, {"session": []}]},
)
async def follow(
    request: Request,
    state: Shared,
    caller: Follower,
    after: Annotated[str | None, Query(description="A position; from now on if left out.")] = None,
    types: Annotated[
        str | None, Query(description="Types of events, separated by commas; all if left out.")
    ] = None,
    campaign_id: Annotated[str | None, Query(description="Only of this campaign.")] = None,
    only: Annotated[
        Literal["positions"] | None,
        Query(
            description="`positions`: no decisions, but events `moved`, each with the position of the log."
        ),
    ] = None,
    last_event_id: Annotated[
        str | None, Header(description="Used instead of `after` if both are given.")
    ] = None,
) -> Response:
    """Send conversions, restatements, withdrawals and revenue as they are decided, in the order of the log.

    The id of an event is its position. To go on where a stream ended, send the id of its last event. With
    `only=positions`, the stream says at most once a second that the log has moved, by whatever was recorded.
    """
    wanted = Wanted(caller.app_group, read_types((types or "").split(",")), campaign_id)
    if campaign_id is not None:
        await asyncio.to_thread(state.ledger.existing_campaign, caller.app_group, campaign_id)
    hub = _find_hub(request, state)
    newest = await asyncio.to_thread(hub.feed.newest)
    place = "after" if last_event_id is None else "Last-Event-ID"
    asked = after if last_event_id is None else last_event_id
    begin = newest if asked is None else read_position(asked, newest, place)
    kind = EventStream if only is None else PositionStream
    return kind(request, state, hub, wanted, begin)


def read_position(text: str, newest: int, place: str) -> int:
    """Read the position of an existing event; raises Problem."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        detail = f"{place} is a position from an answer of this ledger"
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_position", detail, place=place)
    if int(text) > newest:
        detail = "no event has this position yet: it is not of this ledger, or was not acknowledged"
        raise Problem(HTTPStatus.BAD_REQUEST, "position_beyond_log", detail, place=place)
    return int(text)


class _Hub:
    """What the streams of a process share: one task that watches the end of the log, and threads that read it."""

    def __init__(self, state: State) -> None:
        self.feed = state.feed
        self._state = state
        self._open = 0
        self._newest = 0
        self._moved = asyncio.Event()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for a stream; raises Problem if all places are taken."""
        if self._open >= self._state.settings.streams:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too_many_streams",
                "as many streams are open as this process serves; try again later",
                headers={"Retry-After": "10"},
            )
        self._open += 1
        metrics.STREAMS.inc()
        if self._open == 1:
            self._start()
        try:
            yield
        finally:
            self._open -= 1
            metrics.STREAMS.dec()
            if not self._open:
                self._stop()

    def _start(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, "streams")
        self._tail, self._tailing = Tail(self._state.database), ThreadPoolExecutor(1, "tail")
        self._following = asyncio.create_task(self._follow(self._tail, self._tailing))

    def _stop(self) -> None:
        self._following.cancel()
        # The pool has one thread, so that the tail is closed after the wait that may be going on.
        self._tailing.submit(self._tail.close)
        for pool in (self._tailing, self._pool):
            pool.shutdown(wait=False)

    async def _follow(self, tail: Tail, pool: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await loop.run_in_executor(pool, tail.wait)
                newest = await loop.run_in_executor(pool, self.feed.newest)
            except _FAILURES as error:
                log.warning("stream.waits", reason=type(error).__name__)
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            if newest > self._newest:
                self._newest = newest
                self._moved.set()
                self._moved = asyncio.Event()

    async def page(self, wanted: Wanted, after: int) -> tuple[Page, list[bytes]]:
        """Read a page of the wanted events after a position; returns also the bytes to send."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, wanted, after)

    def _read(self, wanted: Wanted, after: int) -> tuple[Page, list[bytes]]:
        page = self.feed.page(wanted, after)
        parts = [bytearray()]
        for each in page.events:
            if len(parts[-1]) >= _CHUNK_BYTES:
                parts.append(bytearray())
            parts[-1] += b"id: %d\ndata: %s\n\n" % (each.position, self.feed.envelope(each))
        return page, [bytes(part) for part in parts if part]

    @property
    def newest(self) -> int:
        """The position of the log as it was last seen; 0 before that."""
        return self._newest

    async def wait_beyond(self, position: int, seconds: float) -> None:
        """Wait until the log goes beyond a position, the process is about to end, or the time is over."""
        if self._newest <= position:
            await _run_until_first(seconds, self._moved.wait(), self._state.ending.wait())


def _find_hub(request: Request, state: State) -> _Hub:
    found = getattr(request.app.state, "streams", None)
    if found is None:
        found = request.app.state.streams = _Hub(state)
    return found


Receive = Callable[[], Any]
Send = Callable[[MutableMapping[str, Any]], Any]


class EventStream(Response):
    """Sends page after page, each after the client has read the one before; a client that is too slow is cut off."""

    def __init__(self, request: Request, state: State, hub: _Hub, wanted: Wanted, begin: int) -> None:
        # Without these headers, proxies that buffer would hold events back.
        super().__init__(
            headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"},
            media_type="text/event-stream",
        )
        del self.headers["content-length"]
        self._request = request
        self._state = state
        self._hub = hub
        self._wanted = wanted
        self._position = begin
        self._look_at = 0.0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Stream until the client goes or the process ends. HEAD gets the headers only, and takes no place."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        if scope.get("head"):
            await send(start)
            return
        try:
            with self._hub.place():
                await send(start)
                await _run_until_first(None, self._write(receive, send), _wait_until_gone(receive))
        except Problem as problem:
            await problems.respond(problem)(scope, receive, send)

    async def _write(self, receive: Receive, send: Send) -> None:
        async for part in self._parts():
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            except TimeoutError:
                log.warning("stream.let_go", app_group=self._wanted.app_group, position=self._position)
                await _break_off(receive)
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _parts(self) -> AsyncIterator[bytes]:
        sent = self._position
        yield b"retry: %d\n%s" % (_RETRY_MILLISECONDS, _at(sent))
        beat = self._begin_to_look() + HEARTBEAT_SECONDS
        while not self._state.ending.is_set():
            try:
                page, parts = await self._hub.page(self._wanted, self._position)
            except _FAILURES as error:
                log.warning("stream.failed", position=self._position, reason=type(error).__name__)
                break
            for part in parts:
                yield part
            self._position = page.position
            sent = page.events[-1].position if page.events else sent
            if page.position >= page.newest:
                await self._hub.wait_beyond(page.position, min(beat, self._look_at) - time.monotonic())
            if not await self._may_go_on():
                break
            if time.monotonic() >= beat:
                yield b": heartbeat\n" + (_at(self._position) if self._position > sent else b"\n")
                sent, beat = self._position, time.monotonic() + HEARTBEAT_SECONDS
        yield self._end()

    def _end(self) -> bytes:
        return b": the stream ends here\nretry: %d\n%s" % (_RETRY_MILLISECONDS, _at(self._position))

    def _begin_to_look(self) -> float:
        """Set when the key or the session is looked at next; returns the time now."""
        now = time.monotonic()
        # To look at a key is a call of that key, of which it has so many a second.
        is_of_key = "authorization" in self._request.headers
        self._look_at = now + (HEARTBEAT_SECONDS if is_of_key else min(LOOK_SECONDS, HEARTBEAT_SECONDS))
        return now

    async def _may_go_on(self) -> bool:
        """Whether the key or the session may still be used, as far as it is time to look again.

        Yes if nobody can say now, because it is asked again.
        """
        if time.monotonic() < self._look_at:
            return True
        self._begin_to_look()
        try:
            await _find_follower(self._request, self._state)
        except Problem as problem:
            return problem.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        except _FAILURES:
            return True
        return True


class PositionStream(EventStream):
    """Says that the log has moved, to pages that then ask again; what was recorded is not said."""

    async def _parts(self) -> AsyncIterator[bytes]:
        yield b"retry: %d\n%s" % (_RETRY_MILLISECONDS, _at(self._position))
        beat = self._begin_to_look() + HEARTBEAT_SECONDS
        while not self._state.ending.is_set():
            await self._hub.wait_beyond(self._position, min(beat, self._look_at) - time.monotonic())
            if self._hub.newest > self._position:
                self._position = self._hub.newest
                yield b"event: moved\nid: %d\ndata: %d\n\n" % (self._position, self._position)
                await _run_until_first(_LEAST_BETWEEN_MOVES, self._state.ending.wait())
            if not await self._may_go_on():
                break
            if time.monotonic() >= beat:
                yield b": heartbeat\n\n"
                beat = time.monotonic() + HEARTBEAT_SECONDS
        yield self._end()


def _at(position: int) -> bytes:
    """An event without data: it moves the client's last event id to a position, and the client ignores it otherwise."""
    return b"event: position\nid: %d\n\n" % position


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _break_off(receive: Receive) -> None:
    """Drop a connection and what the client has not read: a normal close would wait for the client to read it."""
    # ASGI cannot say this; the server's own object behind `receive` has the connection.
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
        await _wait_until_gone(receive)


async def _run_until_first(seconds: float | None, *coroutines: Any) -> None:
    """Run coroutines at once until the first ends, whose error is raised, or the time is over; cancel the others."""
    tasks = [asyncio.ensure_future(each) for each in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
