"""Asking questions that are answered once the read models hold what was acknowledged."""

import asyncio
import time
from collections.abc import Callable
from http import HTTPStatus
from itertools import chain, repeat
from typing import TypeVar

from infrastructure.http.problems import Problem
from infrastructure.http.state import State
from infrastructure.read_models.reads import Behind, Waiting

T = TypeVar("T")

_LOOK_SECONDS = (0.002, 0.005, 0.01)
"""Pauses between the first looks; all later ones are longer."""
_LATER_SECONDS = 0.02


async def ask(state: State, question: Callable[[Waiting], T], wait_for: str | None = None) -> T:
    """Answer a question once its read models hold every event up to a position, by default the newest.

    The question is asked again until they do; no thread is held between two attempts. Raises Problem (503) if that
    takes too long, and BadQuestion for a bad `wait_for`.
    """
    give_up = time.monotonic() + state.settings.wait_seconds
    reads = state.reads(wait_for)
    for pause in chain(_LOOK_SECONDS, repeat(_LATER_SECONDS)):
        try:
            return await asyncio.to_thread(question, reads)
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
