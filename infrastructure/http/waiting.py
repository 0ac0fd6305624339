"""Waiting until a read model holds what was acknowledged."""

import asyncio
import time
from collections.abc import Iterator
from http import HTTPStatus

from infrastructure.http.problems import Problem
from infrastructure.http.state import State
from projections import generations
from projections.projection import Projection, ProjectionStopped

_LOOK_SECONDS = (0.002, 0.005, 0.01, 0.02)
"""Pauses between looks; the last one again and again."""


async def up_to_date(state: State, *projections: Projection, wait_for: str | None = None) -> None:
    """Return once the read models hold every event up to a position, by default the newest acknowledged.

    Raises Problem: 400 for what is no position or beyond the log; 503 where it takes too long, or one has stopped.
    """
    give_up = time.monotonic() + state.settings.wait_seconds
    wanted = await asyncio.to_thread(_wanted, state, wait_for)
    for pause in _pauses():
        behind = await asyncio.to_thread(_behind, state, projections, wanted)
        if behind is None:
            return
        if time.monotonic() + pause > give_up:
            detail = f"{behind} events are not in it yet; ask again"
            headers = {"Retry-After": "1"}
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "behind", detail, headers=headers)
        await asyncio.sleep(pause)


def _pauses() -> Iterator[float]:
    yield from _LOOK_SECONDS
    while True:
        yield _LOOK_SECONDS[-1]


def _wanted(state: State, wait_for: str | None) -> int:
    with state.service.database.reading() as connection:
        newest = state.service.projector.log.last_position(connection)
    if wait_for is None:
        return newest
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


def _behind(state: State, projections: tuple[Projection, ...], wanted: int) -> int | None:
    """How many events the read model that is furthest behind lacks; None where all hold them."""
    with state.service.database.reading() as connection:
        found = generations.currents(connection, projections)
    most = 0
    for projection, generation in found.items():
        if generation is None:
            most = max(most, wanted)
            continue
        generations.refuse_other_code(projection, generation)
        if generation.position < wanted:
            if generation.problem:
                raise ProjectionStopped(projection.name, generation.position + 1, generation.problem)
            most = max(most, wanted - generation.position)
    return most or None
