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

from benchmarks.http_load import Asked, Told

_COMMAND = Path(sys.executable).with_name("conversions")


def send(asked: Asked) -> Told:
    """Send load from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.http_load", json.dumps(asdict(asked))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    return Told(**json.loads(done.stdout))


@contextmanager
def serving(url: str, workers: int = 1, settings: Mapping[str, str] | None = None) -> Iterator[int]:
    """`conversions serve` on a ledger; gives its port once it answers."""
    port = _free_port()
    options = ["--port", str(port), "--workers", str(workers), "--database", url]
    with _process([str(_COMMAND), "serve", *options], port, settings):
        yield port


@contextmanager
def peer(kind: str, url: str) -> Iterator[int]:
    """A bare endpoint of benchmarks/http_peers.py; gives its port once it answers."""
    port = _free_port()
    with _process([sys.executable, "-m", "benchmarks.http_peers", kind, url, str(port)], port, None):
        yield port


@contextmanager
def _process(command: list[str], port: int, settings: Mapping[str, str] | None) -> Iterator[None]:
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
        yield
    finally:
        process.terminate()
        process.wait(60)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
