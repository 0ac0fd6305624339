"""The service over HTTP as its callers meet it: a real server in a thread, over a ledger of the test's own."""

import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import APIRouter, FastAPI

from domain.instants import microseconds
from infrastructure.access import keys
from infrastructure.access.keys import Scope
from infrastructure.composition import Service
from infrastructure.http.app import create
from infrastructure.http.connection_bounds import BoundedProtocol
from infrastructure.http.settings import HttpSettings
from infrastructure.read_models.worker import ProjectionWorker
from infrastructure.web.pages import attach
from tests.support.ledgers import GROUP, open_ledger


@dataclass
class Api:
    """A server, and the ledger behind it."""

    url: str
    service: Service
    clients: list[httpx.Client] = field(default_factory=list)

    def key(self, *scopes: Scope, app_group: str = GROUP, app_id: str | None = None) -> str:
        """A new key."""
        now = microseconds(self.service.now())
        with self.service.database.writing() as connection:
            return keys.create(connection, app_group, scopes, now, app_id=app_id)[1]

    def client(
        self, *scopes: Scope, app_group: str = GROUP, headers: Mapping[str, str] | None = None
    ) -> httpx.Client:
        """A caller with a key of its own, of all scopes where none is named."""
        key = self.key(*(scopes or Scope), app_group=app_group)
        made = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {key}"} | dict(headers or {}), timeout=30
        )
        self.clients.append(made)
        return made

    def browser(self, **headers: str) -> httpx.Client:
        """A browser that is not logged in; it says that its requests come from the service's own pages."""
        made = httpx.Client(
            base_url=self.url, headers={"Sec-Fetch-Site": "same-origin"} | headers, timeout=30
        )
        self.clients.append(made)
        return made

    def logged_in(self, *scopes: Scope, app_group: str = GROUP) -> httpx.Client:
        """A browser that is logged in with a key of its own, of all scopes where none is named."""
        made = self.browser()
        given = made.post("/login", data={"key": self.key(*(scopes or Scope), app_group=app_group)})
        assert given.status_code == HTTPStatus.SEE_OTHER, given.text
        return made


@contextmanager
def serving(
    directory: Path,
    campaigns: Sequence[dict[str, Any]] = (),
    *,
    projecting: bool = True,
    more_routes: Sequence[APIRouter] = (),
    **settings: Any,
) -> Iterator[Api]:
    """A server over a ledger with these campaigns, whose read models are kept current."""
    with open_ledger(directory, campaigns) as service, _listening() as listening:
        http = HttpSettings(**settings)
        server = uvicorn.Server(
            uvicorn.Config(
                _make_app(service, http, more_routes),
                http=BoundedProtocol,
                backlog=http.connections,
                log_config=None,
                access_log=False,
                lifespan="on",
                ws="none",
                timeout_graceful_shutdown=5,
            )
        )
        projector = ProjectionWorker(service.database, service.projector)
        threads = [threading.Thread(target=server.run, kwargs={"sockets": [listening]})]
        if projecting:
            threads.append(threading.Thread(target=projector.run))
        for thread in threads:
            thread.start()
        api = Api(f"http://127.0.0.1:{listening.getsockname()[1]}", service)
        try:
            while not server.started:
                time.sleep(0.005)
            yield api
        finally:
            for client in api.clients:
                client.close()
            server.should_exit = True
            projector.end()
            for thread in threads:
                thread.join()


def _make_app(service: Service, settings: HttpSettings, more_routes: Sequence[APIRouter]) -> FastAPI:
    app = create("", settings, service=service)
    if settings.web.is_on:
        attach(app)
    for routes in more_routes:
        app.include_router(routes)
    return app


def _listening() -> socket.socket:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    return listening
