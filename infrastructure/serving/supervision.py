"""The processes of `conversions serve`: some answer, one projects and selects, one delivers; and this one over them.

They share a socket, made here. One that ends without being told to is begun anew; told to end, this one tells the
others, and waits until they have finished what they had begun. They end with it, however it ends.
"""

import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI
from prometheus_client.multiprocess import mark_process_dead

from infrastructure import logging
from infrastructure.http.protocol import BoundedProtocol
from infrastructure.http.settings import HttpSettings
from infrastructure.outbound.webhooks.settings import WebhookSettings, webhook_settings
from infrastructure.process.garbage import less_garbage_collection
from infrastructure.process.parent import follow
from infrastructure.settings import Settings

log = structlog.get_logger()

_SPAWN = get_context("spawn")
_PAUSE_SECONDS = 1.0
"""Before a process that ended is begun anew."""


class CannotListen(Exception):
    """The address is taken, or is none of this machine's."""


@dataclass
class _Child:
    """A process, and how it is begun."""

    name: str
    begin: Callable[[], SpawnProcess]
    process: SpawnProcess

    def again(self) -> None:
        """Begin it anew."""
        self.process = self.begin()


def serve(database_url: str, settings: HttpSettings, told: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; `told` hears the address once it is listened at."""
    with (
        tempfile.TemporaryDirectory(prefix="conversions-metrics-") as metrics,
        _listening(settings) as listening,
    ):
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
        _Supervision(database_url, settings, listening).run(told)


def _listening(settings: HttpSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(2_048)
    except OSError as error:
        listening.close()
        raise CannotListen(f"cannot listen at {settings.host}:{settings.port}: {error.strerror}") from error
    return listening


class _Supervision:
    """The processes, from the first to the last."""

    def __init__(self, database_url: str, settings: HttpSettings, listening: socket.socket) -> None:
        self._settings = settings
        self._listening = listening
        self._ending = threading.Event()
        self._database_url = database_url
        self._children: list[_Child] = []

    def run(self, told: Callable[[str], None]) -> None:
        """Watch until told to end; whatever ends it, the others end with it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        try:
            self._begin()
            host, port = self._listening.getsockname()[:2]
            told(f"http://{f'[{host}]' if ':' in host else host}:{port}")
            while not self._ending.is_set():
                wait([child.process.sentinel for child in self._children], timeout=0.2)
                self._look()
        finally:
            self._finish()

    def _begin(self) -> None:
        """Begin the processes: those that answer come last, and end first."""
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
                    child.again()
                except OSError as error:
                    log.error("process.not_begun", name=child.name, reason=str(error))  # noqa: TRY400 - no fault of ours

    def _finish(self) -> None:
        """Those that answer first; the others until the last of what they took is in the read models."""
        # Otherwise whoever comes now would be let in by nobody, and wait.
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
    def begin() -> SpawnProcess:
        process = _SPAWN.Process(target=target, args=arguments, name=name)
        process.start()
        return process

    return _Child(name, begin, begin())


def _begun(parent: int) -> None:
    """Prepare a process: it ends with the one that began it, which alone hears of Ctrl-C."""
    logging.configure(Settings())
    follow(parent)


def _project(database_url: str, settings: HttpSettings, parent: int) -> None:
    from infrastructure.composition import Service  # noqa: PLC0415
    from infrastructure.inbound.rejects import RejectSweep  # noqa: PLC0415
    from infrastructure.read_models.worker import ProjectionWorker  # noqa: PLC0415 - each process loads what it needs
    from infrastructure.serving.scheduling import Selecting  # noqa: PLC0415

    _begun(parent)
    with less_garbage_collection(), Service(database_url) as service:
        clock = service.projector.clock
        sweep = RejectSweep(service.database, settings.rejects_kept, settings.rejects_days, clock)
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

    _begun(parent)
    with Service(database_url) as service:
        feed = Feed(service.database, service.definitions)
        deliverer = Deliverer(service.database, feed, settings)
        signal.signal(signal.SIGTERM, lambda *_: deliverer.end())
        deliverer.run()


class _Server(uvicorn.Server):
    """A server whose streams hear that it is about to end."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._state = app.state

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if hasattr(self._state, "conversions"):
            self._state.conversions.ending.set()
        super().handle_exit(sig, frame)


def _answer(database_url: str, settings: HttpSettings, listening: socket.socket, parent: int) -> None:
    from infrastructure.http.app import create  # noqa: PLC0415 - as above

    _begun(parent)
    app = create(database_url, settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=int(settings.grace_seconds),
        # Not the queue of the socket, which is listened at already: what the protocol takes at a time.
        backlog=settings.connections,
        http=BoundedProtocol,
        lifespan="on",
        ws="none",
    )
    with less_garbage_collection():
        _Server(app, config).run(sockets=[listening])
