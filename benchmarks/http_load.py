"""Load on a server over HTTP, run as a program: some connections, each of which sends one call after the other.

Requests are made beforehand, and an answer is looked at no more than to know that it is 200: what is measured is the
server. Paced, calls are due by the clock, and one that is late is measured from when it was due.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice

from application.commands.facts import read_fact
from benchmarks.crowd import BUSY_FEW
from benchmarks.garbage import less_collection


@dataclass(frozen=True)
class Asked:
    """What to send where: calls of so many facts (0: a GET of the path), `rate` calls a second or as many as go.

    Without a key, `headers` say who asks.
    """

    port: int
    path: str
    key: str
    facts: int
    connections: int
    seconds: float
    first: int
    rate: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Told:
    """What was answered: calls, those that were not 200, seconds, milliseconds of each call, bytes of all bodies."""

    calls: int
    failed: int
    seconds: float
    milliseconds: list[float]
    bytes: int = 0


def requests(asked: Asked) -> Iterator[bytes]:
    """The calls, each with facts of its own."""
    headers = {"Host": f"127.0.0.1:{asked.port}"} | asked.headers
    if asked.key:
        headers["Authorization"] = f"Bearer {asked.key}"
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if not asked.facts:
        while True:
            yield f"GET {asked.path} HTTP/1.1\r\n{head}\r\n".encode()
    facts = BUSY_FEW.facts(10_000_000, asked.first)
    while batch := list(islice(facts, asked.facts)):
        for fact in batch:
            read_fact(fact)
        body = json.dumps({"facts": batch}, separators=(",", ":")).encode()
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        yield f"POST {asked.path} HTTP/1.1\r\n{head}{kind}\r\n".encode() + body


class Load:
    """The connections, and what they found."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._told = Told(0, 0, 0.0, [])
        # Enough for twice the speed that anyone reaches here; made before the clock starts.
        most = asked.rate or 40_000 / max(asked.facts, 10)
        self._requests = list(islice(requests(asked), int(most * asked.seconds) + asked.connections))
        self._number = 0

    async def run(self) -> Told:
        """Send until the time is over."""
        started = time.perf_counter()
        await asyncio.gather(*(self._connection(started) for _ in range(self._asked.connections)))
        self._told.seconds = time.perf_counter() - started
        return self._told

    async def _connection(self, started: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._asked.port)
        end = started + self._asked.seconds
        while time.perf_counter() < end and self._number < len(self._requests):
            number, self._number = self._number, self._number + 1
            due = time.perf_counter()
            if self._asked.rate:
                due = started + number / self._asked.rate
                await asyncio.sleep(max(due - time.perf_counter(), 0))
            writer.write(self._requests[number])
            status, size = await _answered(reader)
            self._told.milliseconds.append(1e3 * (time.perf_counter() - due))
            self._told.calls += 1
            self._told.failed += status != b"200"
            self._told.bytes += size
        writer.close()


async def _answered(reader: asyncio.StreamReader) -> tuple[bytes, int]:
    """The status, and the bytes of the body."""
    head, size = await reader.readuntil(b"\r\n\r\n"), 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            size = int(value)
            await reader.readexactly(size)
    return head[9:12], size


if __name__ == "__main__":
    with less_collection():
        print(json.dumps(asdict(asyncio.run(Load(Asked(**json.loads(sys.argv[1]))).run()))))
