"""Reading once a read model holds what was acknowledged."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Generic, TypeVar

from sqlalchemy.engine import Connection

from infrastructure.http.problems import Problem
from infrastructure.http.state import State
from projections.engine import generations
from projections.engine.projection import Projection, ProjectionStopped

T = TypeVar("T")

_LOOK_SECONDS = (0.002, 0.005, 0.01, 0.02)
"""Pauses between looks; the last one again and again."""


async def up_to_date(
    state: State, read: Callable[[Connection], T], *projections: Projection, wait_for: str | None = None
) -> T:
    """What is read once the read models hold every event up to a position, by default the newest acknowledged.

    Raises Problem: 400 for what is no position or beyond the log; 503 where it takes too long, or one has stopped.
    """
    give_up = time.monotonic() + state.settings.wait_seconds
    look = _Look(state, read, projections, wait_for)
    for pause in _pauses():
        if await asyncio.to_thread(look):
            return look.found
        if time.monotonic() + pause > give_up:
            detail = f"{look.behind} events are not in it yet; ask again"
            headers = {"Retry-After": "1"}
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "behind", detail, headers=headers)
        await asyncio.sleep(pause)
    raise AssertionError("unreachable: there is always another pause")


class _Look(Generic[T]):
    """Looks whether all is there, and reads it in the same transaction: `found`."""

    found: T
    behind = 0

    def __init__(
        self,
        state: State,
        read: Callable[[Connection], T],
        projections: Sequence[Projection],
        wait_for: str | None,
    ) -> None:
        self._service = state.service
        self._read = read
        self._projections = projections
        self._wait_for = wait_for
        self._wanted: int | None = None

    def __call__(self) -> bool:
        with self._service.database.reading() as connection:
            if self._wanted is None:
                newest = self._service.projector.log.last_position(connection)
                self._wanted = newest if self._wait_for is None else _position(self._wait_for, newest)
            self.behind = _behind(connection, self._projections, self._wanted)
            if self.behind:
                return False
            self.found = self._read(connection)
        return True


def _pauses() -> Iterator[float]:
    yield from _LOOK_SECONDS
    while True:
        yield _LOOK_SECONDS[-1]


def _position(wait_for: str, newest: int) -> int:
    if not (wait_for.isascii() and wait_for.isdigit() and len(wait_for) < 20):
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "bad_position",
            "wait_for is a position as it was answered",
            place="wait_for",
        )
    if int(wait_for) > newest:
        detail = "no event has this position yet: it is not of this ledger, or was not acknowledged"
        raise Problem(HTTPStatus.BAD_REQUEST, "position_beyond_log", detail, place="wait_for")
    return int(wait_for)


def _behind(connection: Connection, projections: Sequence[Projection], wanted: int) -> int:
    """How many events the read model that is furthest behind lacks."""
    most = 0
    for projection, generation in generations.find_currents(connection, projections).items():
        if generation is None:
            most = max(most, wanted)
            continue
        generations.refuse_other_code(projection, generation)
        if generation.position < wanted:
            if generation.problem:
                raise ProjectionStopped(projection.name, generation.position + 1, generation.problem)
            most = max(most, wanted - generation.position)
    return most
