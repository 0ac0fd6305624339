"""Connections: each has so long to say what it wants, in so many bytes, and there are so many of them.

The server has no bounds of its own before the head of a request is complete. Whoever is over one is let go.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
"""How long a connection may take from its beginning, or from its first byte after an answer, to a whole head."""

HEAD_BYTES = 64 * 1024

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\n"
    b'connection: close\r\n\r\n{"type":"urn:conversion-ledger:problem:too_many_connections","title":"Service '
    b'Unavailable","status":503,"detail":"this process has as many connections as it may","code":'
    b'"too_many_connections","place":""}'
)


class BoundedProtocol(HttpToolsProtocol):
    """HTTP as the server speaks it, within bounds."""

    _deadline: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head, unless there are too many that do."""
        super().connection_made(transport)
        if len(self.connections) > self.config.backlog:
            transport.write(_FULL)
            transport.close()
            return
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
