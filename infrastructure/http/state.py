"""What requests share in a process: the ledger, who may ask, and the line of facts to be recorded."""

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Annotated, cast
from urllib.parse import unquote

from fastapi import Depends, Request

from infrastructure.access.keys import Scope
from infrastructure.composition import Service
from infrastructure.http.access import Access, Caller
from infrastructure.http.settings import HttpSettings
from infrastructure.inbound.queue import FactQueue


@dataclass
class State:
    """One process of the service."""

    service: Service
    settings: HttpSettings
    access: Access
    queue: FactQueue
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is about to end: who holds a connection open lets go of it."""


def state_of(request: Request) -> State:
    """The state of the process that a request came to."""
    return cast(State, request.app.state.conversions)


async def _shared(request: Request) -> State:
    # A function that is not `async` would be called in another thread, for every request.
    return state_of(request)


async def _reader(request: Request) -> Caller:
    return await state_of(request).access.bearer(request, Scope.READ, Scope.MANAGE)


async def _sender(request: Request) -> Caller:
    return await state_of(request).access.bearer(request, Scope.INGEST)


async def _manager(request: Request) -> Caller:
    return await state_of(request).access.bearer(request, Scope.MANAGE)


Shared = Annotated[State, Depends(_shared)]
Reader = Annotated[Caller, Depends(_reader)]
Sender = Annotated[Caller, Depends(_sender)]
Manager = Annotated[Caller, Depends(_manager)]


def unquoted(text: str) -> str:
    """An id of a path, which reaches routes as it was sent: there may be a slash in it. Raises ValueError."""
    plain = unquote(text, errors="strict")
    if "\0" in plain or len(plain) > 255:
        raise ValueError("an id has 1 to 255 characters, and no U+0000")
    return plain


def new_command_id() -> str:
    """The id of a command."""
    return uuid.uuid4().hex
