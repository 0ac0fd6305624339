"""Frozen reads over HTTP: the parameter `at`, and folding for each position once, however many ask."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import Depends, Query

from application.queries.frozen import At, read_at
from infrastructure.http.problems import Problem
from infrastructure.http.state import State
from infrastructure.read_models.frozen import Frozen, Key, NotFolded

T = TypeVar("T")


async def _read_at(
    at: Annotated[
        str | None,
        Query(
            description="As it was at a position, for ever the same: `POSITION`, or `POSITION,INSTANT` to judge open "
            "windows as of an instant; without one, as of when the position was recorded."
        ),
    ] = None,
) -> At | None:
    return None if at is None else read_at(at)


AtAsked = Annotated[At | None, Depends(_read_at)]


async def ask_frozen(
    state: State,
    app_group: str,
    question: Callable[[Frozen], T],
    at: At,
    campaign_id: str | None = None,
    *,
    reads_log: bool = False,
) -> T:
    """Answer a question about a campaign or a user of an app group as it was at a position.

    What is folded for it once is kept, so that a question that comes too early can be sent again. Raises Problem (503)
    if folding takes too long or has to wait too long for its turn, and BadQuestion for a bad `at`.
    """
    give_up = time.monotonic() + state.settings.wait_seconds
    campaign = None if campaign_id is None else (app_group, campaign_id)
    reads = await asyncio.to_thread(state.reads_at, at, campaign)
    run = state.turns.run_reading_log if reads_log else state.turns.run
    while True:
        try:
            return await run(app_group, partial(question, reads))
        except NotFolded as missing:
            await _fold_once(state, app_group, reads, missing.key, give_up)


async def _fold_once(state: State, app_group: str, reads: Frozen, key: Key, give_up: float) -> None:
    """Wait until somebody has folded what is missing; whoever comes first begins it."""
    task = state.folding.get(key)
    if task is None:
        task = state.folding[key] = asyncio.create_task(_fold(state, app_group, reads, key))
        task.add_done_callback(partial(_forget, state, key))
    await asyncio.wait({task}, timeout=max(0.0, give_up - time.monotonic()))
    if not task.done():
        raise _ask_again()
    await task


def _forget(state: State, key: Key, done: asyncio.Task[None]) -> None:
    """What was folded is kept elsewhere; whoever waited has gone by now, or sees the error himself."""
    state.folding.pop(key, None)
    if not done.cancelled():
        done.exception()


def _ask_again() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "folding",
        "the figures at this position are being worked out from the log; send the request again",
        headers={"Retry-After": "2"},
    )


async def _fold(state: State, app_group: str, reads: Frozen, key: Key) -> None:
    def check() -> None:
        if state.ending.is_set():
            raise _ask_again()

    await state.turns.fold(app_group, partial(reads.fold, key, check))
