"""Connections: each has so long to say what it wants, in so many bytes, and there are so many of them.

The server has no bounds of its own before the head of a request is complete. Whoever is over one is let go.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from infrastructure.http.problems import Problem, respond

HEAD_SECONDS = 10.0
"""How long a connection may take from its beginning, or from its first byte after an answer, to a whole head."""

HEAD_BYTES = 64 * 1024


async def _full(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - as the server calls it
    detail = "this process has as many connections as it may"
    headers = {"Retry-After": "1", "Connection": "close"}
    problem = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_connections", detail, headers=headers)
    await respond(problem)(scope, receive, send)


class BoundedProtocol(HttpToolsProtocol):
    """HTTP as the server speaks it, within bounds."""

    _deadline: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        most = self.config.backlog
        if len(self.connections) > 2 * most:
            transport.abort()
            return
        if len(self.connections) > most:
            # It is told so once it has asked: an end before that would look like a broken network.
            self.app = _full
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._wait_no_more()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._head = 0
        if self._deadline is None:
            self._wait()

    def on_url(self, url: bytes) -> None:
        """A part of the head."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A part of the head."""
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """The head is whole: what it asks for has bounds of its own."""
        self._wait_no_more()
        super().on_headers_complete()

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > HEAD_BYTES:
            self._let_go()

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._let_go)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _let_go(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.abort()
