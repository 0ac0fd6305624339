"""Servers in processes of their own, and load on them, for what is measured over HTTP."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from benchmarks.http_load import Asked, Told

_COMMAND = Path(sys.executable).with_name("conversions")


class Server(NamedTuple):
    """A server that answers at a port of this machine, and the process that it is, or that is above it."""

    port: int
    process_id: int

    def processor_seconds(self) -> float:
        """Seconds of processor time that its processes have used so far."""
        found = {each.process_id: each for each in _list_processes()}
        own = {self.process_id}
        while more := {each.process_id for each in found.values() if each.parent_id in own} - own:
            own |= more
        return sum(found[each].seconds for each in own)


class _Process(NamedTuple):
    process_id: int
    parent_id: int
    seconds: float


def _list_processes() -> Iterator[_Process]:
    """The processes of this machine, as /proc has them (proc(5))."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            ticks = int(fields[11]) + int(fields[12])
            yield _Process(int(stat.parent.name), int(fields[1]), ticks / os.sysconf("SC_CLK_TCK"))


def send(asked: Asked) -> Told:
    """Send load from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.http_load", json.dumps(asdict(asked))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    return Told(**json.loads(done.stdout))


@contextmanager
def serving(url: str, workers: int = 1, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """`conversions serve` on a ledger, once it answers."""
    port = _free_port()
    options = ["--port", str(port), "--workers", str(workers), "--database", url]
    with _process([str(_COMMAND), "serve", *options], port, settings) as server:
        yield server


@contextmanager
def peer(kind: str, url: str) -> Iterator[Server]:
    """A bare endpoint of benchmarks/http_peers.py, once it answers."""
    port = _free_port()
    with _process(
        [sys.executable, "-m", "benchmarks.http_peers", kind, url, str(port)], port, None
    ) as server:
        yield server


@contextmanager
def _process(command: list[str], port: int, settings: Mapping[str, str] | None) -> Iterator[Server]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | dict(settings or {}))  # noqa: S603
    try:
        while True:
            assert process.poll() is None, command
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz"):
                break
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                if "http_peers" in " ".join(command):
                    break
            time.sleep(0.05)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait(60)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
