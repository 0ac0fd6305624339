"""Turns: how many questions of one app group a process answers at a time, so that none takes the threads of others."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

from infrastructure.http.problems import Problem

T = TypeVar("T")

MOST = 8
"""Questions of one app group that are answered at a time; the others wait for their turn, and hold no thread."""
LOG_READERS = 4
"""Questions that read much of the log, which are answered at a time: they take long in a large ledger."""
LOG_READERS_OF_GROUP = 2
"""Of these, those of one app group."""


@dataclass
class _Group:
    free: asyncio.Semaphore
    free_to_read_log: asyncio.Semaphore
    users: int = 0
    """Questions that are answered, or that wait."""


@dataclass
class Turns:
    """Turns of all app groups; what is kept of one is gone with its last question."""

    wait_seconds: float
    most: int = MOST
    log_readers: int = LOG_READERS
    log_readers_of_group: int = LOG_READERS_OF_GROUP
    _groups: dict[str, _Group] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._free_to_read_log = asyncio.Semaphore(self.log_readers)

    async def run(self, app_group: str, question: Callable[[], T]) -> T:
        """Answer a question in a thread, when it is its turn; raises Problem (503) if that takes too long."""
        return await self._run(app_group, question, lambda group: [group.free], "questions of this app group")

    async def run_reading_log(self, app_group: str, question: Callable[[], T]) -> T:
        """Answer a question that reads much of the log: it waits for a turn of these too; raises Problem (503)."""
        return await self._run(
            app_group,
            question,
            lambda group: [group.free_to_read_log, self._free_to_read_log, group.free],
            "questions about other times",
        )

    async def fold(self, app_group: str, work: Callable[[], T]) -> T:
        """Read much of the log for questions that wait meanwhile without a turn; raises Problem (503)."""
        return await self._run(
            app_group,
            work,
            lambda group: [group.free_to_read_log, self._free_to_read_log],
            "questions about other times",
        )

    async def _run(
        self,
        app_group: str,
        question: Callable[[], T],
        choose: Callable[[_Group], Sequence[asyncio.Semaphore]],
        what: str,
    ) -> T:
        group = self._groups.setdefault(app_group, self._new_group())
        group.users += 1
        turn = _Turn()
        try:
            await self._wait(turn, choose(group), what)
            answer = asyncio.get_running_loop().run_in_executor(
                None, copy_context().run, turn.unless_given_up(question)
            )
        except BaseException:
            self._end(turn, app_group)
            raise
        # A request that is cancelled leaves its thread behind, which holds the turn until it ends.
        answer.add_done_callback(lambda _: self._end(turn, app_group))
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            turn.is_given_up = True
            raise

    def _new_group(self) -> _Group:
        return _Group(asyncio.Semaphore(self.most), asyncio.Semaphore(self.log_readers_of_group))

    async def _wait(self, turn: "_Turn", wanted: Sequence[asyncio.Semaphore], what: str) -> None:
        try:
            async with asyncio.timeout(self.wait_seconds):
                for each in wanted:
                    await each.acquire()
                    turn.held.append(each)
        except TimeoutError:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too_busy",
                f"this process answers as many {what} as it may; try again later",
                headers={"Retry-After": "1"},
            ) from None

    def _end(self, turn: "_Turn", app_group: str) -> None:
        for each in turn.held:
            each.release()
        group = self._groups[app_group]
        group.users -= 1
        if not group.users:
            del self._groups[app_group]


@dataclass
class _Turn:
    """What a question holds, and whether anybody still waits for its answer."""

    held: list[asyncio.Semaphore] = field(default_factory=list)
    is_given_up: bool = False

    def unless_given_up(self, question: Callable[[], T]) -> Callable[[], T]:
        """The question, which is not asked if it was given up before a thread was free."""

        def ask() -> T:
            if self.is_given_up:
                raise asyncio.CancelledError
            return question()

        return ask
