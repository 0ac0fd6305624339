"""`conversions serve` under load and under attack: what it has acknowledged is there, once, and it stays responsive."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from application.commands.definitions import read_campaigns
from domain.facts import Fact
from domain.instants import microseconds
from infrastructure.access import keys
from infrastructure.access.keys import Scope
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.event_store.integrity import verify
from tests.support.commands import COMMAND, environment
from tests.support.ledgers import GROUP, reported, streams, url_of
from tests.support.servers import running
from tests.support.strategies import APP_GROUP

pytestmark = pytest.mark.slow

CAMPAIGN = {"id": "spring", "variants": [{"id": "A"}, {"id": "B"}]}
PATIENCE = 60.0
SENDERS = 6
BATCH = 20


class Serving:
    """`conversions serve` in processes of its own, begun again where it is gone."""

    def __init__(self, directory: Path, url: str, **settings: Any) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.database_url = url
        own = {f"CONVERSIONS_HTTP_{name.upper()}": str(value) for name, value in settings.items()}
        self._environment = environment(directory, own | {"CONVERSIONS_DATABASE_URL": url})
        self._said = directory / "said"
        self._directory = directory
        with Service(url) as service:
            service.campaigns.apply(read_campaigns(APP_GROUP | {"campaigns": [CAMPAIGN]}), stamp())
            with service.database.writing() as connection:
                _, self.key = keys.create(connection, GROUP, list(Scope), microseconds(service.now()))

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """Start it, and wait until it is ready."""
        with self._said.open("ab") as said:
            process = subprocess.Popen(
                [*COMMAND, "serve", "--port", str(self.port), *options],
                cwd=self._directory,
                env=self._environment,
                stderr=said,
            )
        give_up = time.monotonic() + PATIENCE
        while True:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == HTTPStatus.OK:
                    return process
            assert time.monotonic() < give_up, self._said.read_text()
            assert process.poll() is None, self._said.read_text()
            time.sleep(0.05)

    def client(self) -> httpx.Client:
        """A caller."""
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=httpx.Timeout(20)
        )


@contextmanager
def begun(serving: Serving, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """The service, ended afterwards however it is."""
    process = serving.start(*options)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(PATIENCE)


def receipt(sender: int, number: int) -> dict[str, Any]:
    """A receipt, which no other has the id of."""
    return {
        "type": "received",
        "id": f"r-{sender}-{number}",
        "user_id": f"u{sender}-{number % 50}",
        "campaign_id": "spring",
        "variant_id": "AB"[number % 2],
        "at": "2024-03-01T09:00:00Z",
    }


@dataclass
class Load:
    """Callers that send one batch after the other, and note what was acknowledged and what was refused."""

    serving: Serving
    acknowledged: list[list[dict[str, Any]]] = field(default_factory=list)
    unanswered: list[list[dict[str, Any]]] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    slowest: float = 0.0

    @contextmanager
    def going(self, senders: int = SENDERS) -> Iterator[None]:
        """Send from the beginning to the end of the block."""
        ending = threading.Event()
        threads = [threading.Thread(target=self._send, args=(n, ending)) for n in range(senders)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ending.set()
            for thread in threads:
                thread.join()

    def _send(self, sender: int, ending: threading.Event) -> None:
        numbers = count()
        with self.serving.client() as client:
            while not ending.is_set():
                batch = [receipt(sender, next(numbers)) for _ in range(BATCH)]
                started = time.monotonic()
                try:
                    answer = client.post("/v1/facts", json={"facts": batch})
                except httpx.HTTPError:
                    self.unanswered.append(batch)
                    time.sleep(0.02)
                    continue
                self.slowest = max(self.slowest, time.monotonic() - started)
                self.statuses.add(answer.status_code)
                if answer.status_code == HTTPStatus.OK:
                    assert answer.json()["accepted"] + answer.json()["duplicates"] == BATCH
                    self.acknowledged.append(batch)
                else:
                    self.unanswered.append(batch)
                    time.sleep(0.02)

    def eventually(self, batches: int) -> None:
        """Wait until so many more are acknowledged."""
        wanted, give_up = len(self.acknowledged) + batches, time.monotonic() + PATIENCE
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < give_up
            time.sleep(0.01)


def check(load: Load) -> None:
    """Everything acknowledged is there once, every call whole or not at all, and the report counts just that."""
    with Service(load.serving.database_url) as service:
        told = [event for events in streams(service).values() for event in events]
        recorded = [event.id for event in told if isinstance(event, Fact)]
        there = set(recorded)
        assert len(recorded) == len(there)
        for batch in load.acknowledged:
            assert {fact["id"] for fact in batch} <= there
        for batch in load.unanswered:
            assert len({fact["id"] for fact in batch} & there) in {0, BATCH}
        service.projector.catch_up()
        assert reported(service, "spring")["totals"]["receipts"] == len(there)
        assert verify(service.database, lambda *_: None).first_bad_position is None


@pytest.mark.usefixtures("each_database")
def test_sigterm_under_load_finishes_what_was_taken(tmp_path: Path) -> None:
    """Exit status 0, twice; what was answered is there, and nobody is left over."""
    serving = Serving(tmp_path, url_of(tmp_path))
    load = Load(serving)
    for _ in range(2):
        with begun(serving) as process, load.going():
            load.eventually(30)
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
    check(load)
    assert not left_over(serving)


@pytest.mark.usefixtures("each_database")
def test_sigkill_under_load_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """A worker, the projector, and the one that watches over them; the service goes on, or is begun again."""
    serving = Serving(tmp_path, url_of(tmp_path))
    load = Load(serving)
    with begun(serving) as process, load.going():
        for child in children(process.pid):
            load.eventually(20)
            os.kill(child, signal.SIGKILL)
        load.eventually(20)
        process.kill()
    eventually(lambda: not left_over(serving))
    with begun(serving), load.going():
        load.eventually(20)
    check(load)


def test_the_database_restarts_under_load(tmp_path: Path) -> None:
    """Callers wait, or are told to send again; with two workers; afterwards everything acknowledged is there."""
    with running() as server:
        serving = Serving(tmp_path, server.fresh_database())
        load = Load(serving)
        with begun(serving, "--workers", "2"), load.going():
            for way in (server.kill, lambda: server.stop("immediate"), lambda: server.stop("fast")):
                load.eventually(20)
                way()
                time.sleep(0.3)
                server.start()
            load.eventually(20)
        assert load.statuses <= {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}
        check(load)


@pytest.mark.usefixtures("each_database")
def test_two_hundred_slow_connections_hold_nobody_up(tmp_path: Path) -> None:
    """Heads and bodies that never end, while others are answered as ever."""
    serving = Serving(tmp_path, url_of(tmp_path))
    load = Load(serving)
    head = f"POST /v1/facts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {serving.key}\r\n"
    with begun(serving), ExitStack() as slow:
        for number in range(200):
            held = slow.enter_context(socket.create_connection(("127.0.0.1", serving.port)))
            held.sendall(head.encode() + (b"Content-Length: 1000\r\n\r\n{" if number % 2 else b"X-More: "))
        with load.going(2):
            load.eventually(30)
        assert load.slowest < 5
        assert load.statuses == {HTTPStatus.OK}
    check(load)


def test_a_flood_stays_answered_and_lets_nothing_in_half(tmp_path: Path) -> None:
    """Far more callers than can be served: some are told to come again, whole calls all of them; operators are heard."""
    serving = Serving(tmp_path, url_of(tmp_path), waiting_facts=100)
    load = Load(serving)
    with begun(serving), load.going(60):
        give_up = time.monotonic() + PATIENCE
        while HTTPStatus.SERVICE_UNAVAILABLE not in load.statuses:
            assert time.monotonic() < give_up
            time.sleep(0.01)
        load.eventually(20)
        assert httpx.get(f"{serving.url}/healthz", timeout=10).status_code == HTTPStatus.OK
    assert load.statuses == {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}
    check(load)


def test_what_cannot_be_listened_at_is_said(tmp_path: Path) -> None:
    """A port that is taken, several workers on SQLite, a setting that is none: a code, and exit status."""
    serving = Serving(tmp_path, url_of(tmp_path))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for options, code in (
            (["--port", port], "cannot_listen"),
            (["--workers", "2"], "bad_option"),
            (["--port", "70000"], "bad_setting"),
        ):
            done = subprocess.run(
                [*COMMAND, "serve", *options],
                env=environment(tmp_path),
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            assert done.returncode in {1, 2}
            assert code in done.stderr
            assert serving.key not in done.stderr


def children(process: int) -> list[int]:
    """The processes that one has begun, but for the tracker of resources."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            command = (status.parent / "cmdline").read_bytes().decode()
            if int(fields[1]) == process and "spawn_main" in command:
                found.append(int(status.parent.name))
    return sorted(found)


def left_over(serving: Serving) -> list[str]:
    """Who still listens at the port."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", serving.port), timeout=1):
        return [str(serving.port)]
    return []


def eventually(condition: Any) -> None:
    """Wait until it holds."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)
