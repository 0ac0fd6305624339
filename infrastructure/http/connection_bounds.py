"""Bounds on connections: their number, and the time and the bytes that the head of a request may take.

The server itself has no bounds before the head of a request is complete. A connection that exceeds one is closed.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from infrastructure.http.problems import Problem, respond

HEAD_SECONDS = 10.0
"""How long a head may take, from the start of the connection, or from its first byte after an answer."""

HEAD_BYTES = 64 * 1024


async def _refuse(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - as the server calls it
    await respond(
        Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "too_many_connections",
            "this process has the most connections that it may have; try again later",
            headers={"Retry-After": "1", "Connection": "close"},
        )
    )(scope, receive, send)


class BoundedProtocol(HttpToolsProtocol):
    """The HTTP protocol of the server, with bounds."""

    _deadline: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time for a head."""
        super().connection_made(transport)
        most = self.config.backlog
        if len(self.connections) > 2 * most:
            transport.abort()
            return
        if len(self.connections) > most:
            # It gets an answer to its first request: without one, the client would see a broken network.
            self.app = _refuse
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Start to count the bytes of a head."""
        super().on_message_begin()
        self._head = 0
        if self._deadline is None:
            self._wait()

    def on_url(self, url: bytes) -> None:
        """Count a part of the head."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a part of the head."""
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """Stop the time: from here on, the route has its own bounds."""
        self._stop_waiting()
        super().on_headers_complete()

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > HEAD_BYTES:
            self._abort()

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _abort(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.abort()
