"""The processes of `conversions serve`: some answer requests, one projects and selects, one delivers webhooks.

The process here supervises them. It makes the socket that they share, and starts a process again that ended by itself.
When it is told to end, it tells the others, and waits until they have finished what they had started. If it is killed,
they end too.
"""

import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from multiprocessing.resource_tracker import ensure_running
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI
from prometheus_client.multiprocess import mark_process_dead

from infrastructure import logging
from infrastructure.http.connection_bounds import BoundedProtocol
from infrastructure.http.settings import HttpSettings
from infrastructure.outbound.webhooks.settings import WebhookSettings, webhook_settings
from infrastructure.process.garbage import less_garbage_collection
from infrastructure.process.parent import follow
from infrastructure.settings import read_settings

log = structlog.get_logger()

_SPAWN = get_context("spawn")
_PAUSE_SECONDS = 1.0
"""Between the end of a process and its new start."""


class CannotListen(Exception):
    """The address is in use, or does not belong to this machine."""


@dataclass
class _Child:
    """A process, and how to start it."""

    name: str
    start: Callable[[], SpawnProcess]
    process: SpawnProcess

    def restart(self) -> None:
        """Start it again."""
        self.process = self.start()


def serve(database_url: str, settings: HttpSettings, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; `announce` is called with the URL once connections are accepted."""
    with (
        tempfile.TemporaryDirectory(prefix="conversions-metrics-") as metrics,
        _listen(settings) as listening,
    ):
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
        _Supervision(database_url, settings, listening).run(announce)


def _listen(settings: HttpSettings) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(2_048)
    except OSError as error:
        listening.close()
        raise CannotListen(f"cannot listen at {settings.host}:{settings.port}: {error.strerror}") from error
    return listening


class _Supervision:
    """Starts the processes, watches them, and ends them."""

    def __init__(self, database_url: str, settings: HttpSettings, listening: socket.socket) -> None:
        self._settings = settings
        self._listening = listening
        self._ending = threading.Event()
        self._database_url = database_url
        self._children: list[_Child] = []

    def run(self, announce: Callable[[str], None]) -> None:
        """Watch the processes until SIGTERM or SIGINT, then end them; an error here ends them too."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        try:
            self._start()
            host, port = self._listening.getsockname()[:2]
            announce(f"http://{f'[{host}]' if ':' in host else host}:{port}")
            while not self._ending.is_set():
                wait([child.process.sentinel for child in self._children], timeout=0.2)
                self._look()
        finally:
            self._finish()

    def _start(self) -> None:
        """Start the processes. Those that answer come last here, and end first in `_finish`."""
        url, own = self._database_url, os.getpid()
        self._children.append(_child("projector", _project, url, self._settings, own))
        self._children.append(_child("deliverer", _deliver, url, webhook_settings(), own))
        for number in range(1, self._settings.workers + 1):
            self._children.append(
                _child(f"worker {number}", _answer, url, self._settings, self._listening, own)
            )

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending.set()

    def _look(self) -> None:
        for child in self._children:
            if child.process.exitcode is not None and not self._ending.is_set():
                log.error("process.ended", name=child.name, status=child.process.exitcode)
                mark_process_dead(child.process.pid)  # type: ignore[no-untyped-call]
                time.sleep(_PAUSE_SECONDS)
                try:
                    child.restart()
                except OSError as error:
                    log.error("process.not_begun", name=child.name, reason=str(error))  # noqa: TRY400 - no fault of ours

    def _finish(self) -> None:
        """End the processes that answer, then the others, so that all facts taken get into the read models."""
        # An open socket would let new clients connect and then wait, because no process accepts them any more.
        self._listening.close()
        others, workers = self._children[:2], self._children[2:]
        for children, patience in ((workers, self._settings.grace_seconds + 10), (others, 10.0)):
            for child in children:
                child.process.terminate()
            give_up = time.monotonic() + patience
            for child in children:
                child.process.join(max(give_up - time.monotonic(), 0.1))
                if child.process.exitcode is None:
                    log.error("process.killed", name=child.name)
                    child.process.kill()
                    child.process.join()


def _child(name: str, target: Callable[..., None], *arguments: object) -> _Child:
    def start() -> SpawnProcess:
        process = _SPAWN.Process(target=target, args=arguments, name=name)
        with _holding_ctrl_c():
            process.start()
        return process

    return _Child(name, start, start())


@contextmanager
def _holding_ctrl_c() -> Iterator[None]:
    """Hold Ctrl-C back: a process that starts meanwhile never gets it, and this one gets it afterwards."""
    # When multiprocessing starts its tracker, it lets Ctrl-C through again, so the tracker has to run before.
    ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare(parent: int) -> None:
    """Prepare a process: it ends when its parent ends, and leaves Ctrl-C to it."""
    logging.configure(read_settings())
    follow(parent)


def _project(database_url: str, settings: HttpSettings, parent: int) -> None:
    from infrastructure.composition import Service  # noqa: PLC0415
    from infrastructure.inbound.rejects import RejectSweep  # noqa: PLC0415
    from infrastructure.read_models.worker import ProjectionWorker  # noqa: PLC0415 - each process loads what it needs
    from infrastructure.serving.scheduling import Selecting  # noqa: PLC0415

    _prepare(parent)
    with less_garbage_collection(), Service(database_url) as service:
        sweep = RejectSweep(
            service.database, settings.rejects_kept, settings.rejects_days, service.projector.clock
        )
        projecting = ProjectionWorker(service.database, service.projector, sweep)
        signal.signal(signal.SIGTERM, lambda *_: projecting.end())
        selecting = Selecting(service.reads_waiting, service.experiments)
        selecting.start()
        projecting.run()
        selecting.end()


def _deliver(database_url: str, settings: WebhookSettings, parent: int) -> None:
    from infrastructure.composition import Service  # noqa: PLC0415 - as above
    from infrastructure.outbound.feed import Feed  # noqa: PLC0415
    from infrastructure.outbound.webhooks.delivery import Deliverer  # noqa: PLC0415

    _prepare(parent)
    with Service(database_url) as service:
        deliverer = Deliverer(service.database, Feed(service.database, service.definitions), settings)
        signal.signal(signal.SIGTERM, lambda *_: deliverer.end())
        deliverer.run()


class _Server(uvicorn.Server):
    """A server that tells its streams when it is about to end."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._state = app.state

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if hasattr(self._state, "conversions"):
            self._state.conversions.ending.set()
        super().handle_exit(sig, frame)


def _answer(database_url: str, settings: HttpSettings, listening: socket.socket, parent: int) -> None:
    from infrastructure.http.app import create  # noqa: PLC0415 - as above

    _prepare(parent)
    app = create(database_url, settings)
    if settings.web.is_on:
        from infrastructure.web.pages import attach  # noqa: PLC0415 - no templates where there are no pages

        attach(app)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=int(settings.grace_seconds),
        # Uvicorn does not listen by itself here: BoundedProtocol reads this as its bound on connections.
        backlog=settings.connections,
        http=BoundedProtocol,
        lifespan="on",
        ws="none",
    )
    with less_garbage_collection():
        _Server(app, config).run(sockets=[listening])
