"""Turns: how many questions of one app group a process answers at a time, so that none takes the threads of others."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

from infrastructure.http.problems import Problem

T = TypeVar("T")

MOST = 8
"""Questions of one app group that are answered at a time; the others wait for their turn, and hold no thread."""


@dataclass
class _Group:
    free: asyncio.Semaphore
    users: int = 0
    """Questions that are answered, or that wait."""


@dataclass
class Turns:
    """Turns of all app groups; what is kept of one is gone with its last question."""

    wait_seconds: float
    most: int = MOST
    _groups: dict[str, _Group] = field(default_factory=dict)

    async def run(self, app_group: str, question: Callable[[], T]) -> T:
        """Answer a question in a thread, when it is its turn; raises Problem (503) if that takes too long."""
        group = self._groups.setdefault(app_group, _Group(asyncio.Semaphore(self.most)))
        group.users += 1
        try:
            await self._wait(group)
            try:
                return await asyncio.to_thread(question)
            finally:
                group.free.release()
        finally:
            group.users -= 1
            if not group.users:
                del self._groups[app_group]

    async def _wait(self, group: _Group) -> None:
        try:
            async with asyncio.timeout(self.wait_seconds):
                await group.free.acquire()
        except TimeoutError:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too_busy",
                "this process answers as many questions of this app group as it may; try again later",
                headers={"Retry-After": "1"},
            ) from None
