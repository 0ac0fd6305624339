"""What the requests of one process share: the ledger's database, who may ask, and how questions are answered."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from http import HTTPStatus
from itertools import chain, repeat
from typing import Annotated, TypeVar, cast
from urllib.parse import unquote

from fastapi import Depends, Request

from application.commands.campaigns import Campaigns
from application.commands.experiments import Experiments
from application.ledger import Ledger
from application.queries.arrivals import Arrivals
from application.queries.assignments import Assignments
from application.queries.explanation import Explanations
from application.queries.frozen import At
from infrastructure.access.keys import Scope
from infrastructure.database import Database
from infrastructure.event_store.log import EventLog
from infrastructure.http.access import Access, Caller
from infrastructure.http.idempotency_store import IdempotencyKeys
from infrastructure.http.problems import Problem
from infrastructure.http.session_access import Sessions
from infrastructure.http.settings import HttpSettings
from infrastructure.http.turns import Turns
from infrastructure.inbound.earlier_version import Earlier
from infrastructure.inbound.queue import FactQueue
from infrastructure.outbound.feed import Feed
from infrastructure.outbound.webhooks.administration import Webhooks
from infrastructure.read_models.definitions import StoredDefinitions
from infrastructure.read_models.frozen import Frozen, Key
from infrastructure.read_models.reads import Behind, Waiting

T = TypeVar("T")


@dataclass
class State:
    """One process of the service; http/app.py fills it."""

    settings: HttpSettings
    access: Access
    sessions: Sessions
    now: Callable[[], datetime]
    database: Database
    log: EventLog
    ledger: Ledger
    definitions: StoredDefinitions
    """Time zones, variants and conversion events: they never change once facts refer to them."""
    idempotency_keys: IdempotencyKeys
    queue: FactQueue
    earlier: Earlier
    campaigns: Campaigns
    experiments: Experiments
    explanations: Explanations
    assignments: Assignments
    arrivals: Arrivals
    feed: Feed
    webhooks: Callable[[str], Webhooks]
    """The webhooks of an app group."""
    reads: Callable[[str | None], Waiting]
    """What questions are answered from, once read models hold a position, or everything if it is None."""
    reads_at: Callable[[At, tuple[str, str] | None], Frozen]
    """What questions about a campaign, of an app group, are answered from as it was at a position; without one, those
    about a journey."""
    gauges: Callable[[], list[str]]
    """How the ledger is now, as lines for Prometheus."""
    turns: Turns
    """When a question of an app group may hold a thread."""
    folding: dict[Key, asyncio.Task[None]] = field(default_factory=dict)
    """What is being folded for frozen reads: whoever needs the same waits for it."""
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    """It is set when the process is about to end. Whoever holds a connection open then closes it."""


def get_state(request: Request) -> State:
    """The state of the process that received a request."""
    return cast(State, request.app.state.conversions)


async def _shared(request: Request) -> State:
    # FastAPI would call a function that is not `async` in another thread, for every request.
    return get_state(request)


def _holder_of(*scopes: Scope) -> Callable[[Request], Awaitable[Caller]]:
    async def find(request: Request) -> Caller:
        return await get_state(request).access.bearer(request, *scopes)

    return find


Shared = Annotated[State, Depends(_shared)]
Reader = Annotated[Caller, Depends(_holder_of(Scope.READ, Scope.MANAGE))]
Sender = Annotated[Caller, Depends(_holder_of(Scope.INGEST))]
Manager = Annotated[Caller, Depends(_holder_of(Scope.MANAGE))]


_LOOK_SECONDS = (0.002, 0.005, 0.01)
"""Pauses between the first looks; all later ones are longer."""
_LATER_SECONDS = 0.02


async def ask(
    state: State,
    app_group: str,
    question: Callable[[Waiting], T],
    wait_for: str | None = None,
    *,
    reads_log: bool = False,
) -> T:
    """Answer a question of an app group once its read models hold every event up to a position, by default the newest.

    The question is asked again until they do; no thread is held between two attempts. One that `reads_log` itself waits
    for a turn of these too. Raises Problem (503) if that takes too long, and BadQuestion for a bad `wait_for`.
    """
    give_up = time.monotonic() + state.settings.wait_seconds
    reads = state.reads(wait_for)
    run = state.turns.run_reading_log if reads_log else state.turns.run
    for pause in chain(_LOOK_SECONDS, repeat(_LATER_SECONDS)):
        try:
            return await run(app_group, partial(question, reads))
        except Behind as behind:
            if time.monotonic() + pause > give_up:
                raise Problem(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "behind",
                    f"the read models lack {behind.missing} events; send the request again",
                    headers={"Retry-After": "1"},
                ) from None
        await asyncio.sleep(pause)
    raise AssertionError("unreachable: there is always another pause")


def check_id(text: str) -> str:
    """Check an id that a query names; raises ValueError."""
    if "\0" in text or len(text) > 255:
        raise ValueError("an id has 1 to 255 characters, and no U+0000")
    return text


def unquote_id(text: str) -> str:
    """Decode an id of a path: it arrives percent-encoded, because it may contain a slash. Raises ValueError."""
    return check_id(unquote(text, errors="strict"))


def new_command_id() -> str:
    """Make an id for a command."""
    return uuid.uuid4().hex
