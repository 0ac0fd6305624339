"""A proxy before a PostgreSQL server that cuts a client off at a chosen moment, above all around its COMMIT.

It reads version 3 of the protocol as far as that takes:
https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import re
import socket
import struct
import threading
from contextlib import suppress
from enum import Enum
from typing import Self

from sqlalchemy import make_url

from tests.support.servers import LOOPBACK

_CHUNK = 65_536
_ENCRYPTION_REQUESTS = {80_877_103, 80_877_104}
_COMMIT = re.compile(rb"\s*COMMIT\b|.*;\s*COMMIT\s*;?\s*\Z", re.IGNORECASE | re.DOTALL)
_AT_ONCE = struct.pack("ii", 1, 0)  # with no time to linger, a close is a reset


class Moment(Enum):
    """When a client is cut off."""

    BEFORE_COMMIT = "the server never sees the COMMIT"
    ON_COMMIT = "the COMMIT is on its way, and what becomes of it is open"
    AFTER_COMMIT = "the server has answered the COMMIT"


class Proxy:
    """Listens while it is entered; whoever comes is connected to the target.

    Attributes:
        port: where it listens, on the loopback interface.
        refuse: whether those who come are turned away at once.
        commits: how many COMMITs went on to the server.
        cuts: how many clients were cut off.
    """

    def __init__(self, target_host: str, target_port: int) -> None:
        self.port = 0
        self.refuse = False
        self.commits = 0
        self.cuts = 0
        self._target = (target_host, target_port)
        self._lock = threading.Lock()
        self._armed: Moment | None = None
        self._skip = 0
        self._links: list[_Link] = []
        self._leaving = False

    def __enter__(self) -> Self:
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving = True
        with suppress(OSError):
            socket.create_connection((LOOPBACK, self.port)).close()  # wakes the thread that accepts
        self._accepting.join()
        self._listener.close()
        for link in self._present():
            link.end()

    def through(self, url: str) -> str:
        """SQLAlchemy's URL of a database of the target, reached through the proxy."""
        return str(make_url(url).difference_update_query(["host", "port"]).set(host=LOOPBACK, port=self.port))

    def cut_before_commit(self, skip: int = 0) -> None:
        """Cut off, once, whoever sends the next COMMIT after `skip` others, and keep it from the server."""
        self._arm(Moment.BEFORE_COMMIT, skip)

    def cut_after_commit(self, skip: int = 0, *, answered: bool = True) -> None:
        """Cut off, once, whoever sends the next COMMIT after `skip` others, and withhold the server's answer.

        The server has answered by then, unless `answered` is false: then the cut comes as soon as the COMMIT is sent.
        """
        self._arm(Moment.AFTER_COMMIT if answered else Moment.ON_COMMIT, skip)

    def cut_all(self) -> None:
        """Cut off everybody."""
        for link in self._present():
            link.cut()

    def meet_commit(self) -> Moment | None:
        """Count a COMMIT, and say whether and when its client is to be cut off."""
        with self._lock:
            struck = self._armed if self._skip == 0 else None
            if struck:
                self._armed = None
            self._skip = max(self._skip - 1, 0)
            self.commits += struck is not Moment.BEFORE_COMMIT
            return struck

    def count_cut(self) -> None:
        """Count a client that is about to notice that it is cut off."""
        with self._lock:
            self.cuts += 1

    def forget(self, link: "_Link") -> None:
        """Take a link that is over off the list."""
        with self._lock:
            self._links.remove(link)

    def _arm(self, moment: Moment, skip: int) -> None:
        with self._lock:
            self._armed, self._skip = moment, skip

    def _present(self) -> list["_Link"]:
        with self._lock:
            return list(self._links)

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            if self._leaving:
                client.close()
                return
            self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            if self.refuse:
                raise ConnectionRefusedError
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return
        link = _Link(self, client, server)
        with self._lock:
            self._links.append(link)
        link.start()


class _Link:
    """A client and its connection to the server, with a thread for what goes either way."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._lock = threading.Lock()
        self._cut = False
        self._withholding = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self) -> None:
        self._thread.start()

    def cut(self) -> None:
        """Cut the client off; the server still gets what was on its way, and then the end of it."""
        with self._lock:
            first, self._cut = not self._cut, True
        if first:
            self._proxy.count_cut()
        _shut(self._client, socket.SHUT_RDWR)
        _shut(self._server, socket.SHUT_WR)

    def end(self) -> None:
        """End the link, whatever is going on, and wait until it is over."""
        _shut(self._client, socket.SHUT_RDWR)
        _shut(self._server, socket.SHUT_RDWR)
        self._thread.join()

    def _run(self) -> None:
        answers = threading.Thread(target=self._pass_answers, daemon=True)
        # A socket is closed when neither thread uses it any more: only then is its number free for another.
        with self._client, self._server:
            with suppress(OSError):
                self._greet()
                answers.start()
                self._pass_requests()
            _shut(self._server, socket.SHUT_WR)
            if answers.is_alive():
                answers.join()
            if self._cut:
                self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._proxy.forget(self)

    def _greet(self) -> None:
        """Pass the first packet on, which has no type; before it, decline encryption in the server's stead."""
        while True:
            size = _exactly(self._client, 4)
            packet = _exactly(self._client, int.from_bytes(size) - 4)
            if int.from_bytes(packet[:4]) not in _ENCRYPTION_REQUESTS:
                self._server.sendall(size + packet)
                return
            self._client.sendall(b"N")

    def _pass_requests(self) -> None:
        messages, statements = _Messages(), _Statements()
        while chunk := self._client.recv(_CHUNK):
            passed, moment = bytearray(), None
            for message in messages.of(chunk):
                if statements.commits(message):
                    moment = self._proxy.meet_commit() or moment
                    # On its way too: an answer quicker than the cut would be no cut.
                    self._withholding |= moment in {Moment.AFTER_COMMIT, Moment.ON_COMMIT}
                if moment is Moment.BEFORE_COMMIT:
                    break
                passed += message
            self._server.sendall(passed)
            if moment in {Moment.BEFORE_COMMIT, Moment.ON_COMMIT}:
                self.cut()

    def _pass_answers(self) -> None:
        messages = _Messages()
        with suppress(OSError):
            while chunk := self._server.recv(_CHUNK):
                whole = messages.of(chunk)
                if self._withholding and any(map(_tells_outcome, whole)):
                    self.cut()
                if not self._withholding and not self._cut:
                    self._client.sendall(b"".join(whole))
        if self._withholding:
            self.cut()
        _shut(self._client, socket.SHUT_RD)  # wakes the other thread


class _Messages:
    """Finds the messages, each a type, a size and a body, in what arrives in pieces."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def of(self, chunk: bytes) -> list[bytes]:
        """The messages that the chunk completes."""
        self._rest += chunk
        found, start = [], 0
        while len(self._rest) - start >= 5:
            end = start + 1 + int.from_bytes(self._rest[start + 1 : start + 5])
            if end > len(self._rest):
                break
            found.append(bytes(self._rest[start:end]))
            start = end
        del self._rest[:start]
        return found


class _Statements:
    """Knows which message of a client commits, also where the COMMIT was prepared before."""

    def __init__(self) -> None:
        self._prepared: dict[bytes, bool] = {}
        self._bound: dict[bytes, bool] = {}

    def commits(self, message: bytes) -> bool:
        """Whether the server commits when it gets this message: a Query, or the Execute after Parse and Bind."""
        first, second, *_ = [*message[5:].split(b"\0", 2), b""]
        match message[:1]:
            case b"Q":
                return _COMMIT.match(first) is not None
            case b"P":
                self._prepared[first] = _COMMIT.match(second) is not None
            case b"B":
                self._bound[first] = self._prepared.get(second, False)
            case b"E":
                return self._bound.get(first, False)
        return False


def _tells_outcome(message: bytes) -> bool:
    return message[:1] == b"E" or message[5:] in {b"COMMIT\0", b"ROLLBACK\0"}


def _exactly(source: socket.socket, size: int) -> bytes:
    data = source.recv(size, socket.MSG_WAITALL)
    if len(data) < size:
        raise ConnectionAbortedError
    return data


def _shut(end: socket.socket, how: int) -> None:
    with suppress(OSError):
        end.shutdown(how)
