"""Gathering: facts of many small calls, decided and recorded together, so that they are as fast as few large ones.

Calls wait in a line of bounded length. One thread takes all that wait, up to a round's worth, and hands those of the
same app group and key to the intake as one; each call has its own part of the answer. Those that come while a round is
decided and recorded gather for the next.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Self

from application.commands.facts import FactCommand
from application.commands.intake import Intake, Outcome
from application.ports import Stamp

ROUND = 4_000
"""Facts decided together."""


class Full(Exception):
    """So many facts wait to be recorded that no more are taken; `seconds` until it is worth to try again."""

    def __init__(self, seconds: int = 1) -> None:
        super().__init__("too many facts wait to be recorded")
        self.seconds = seconds


class Closed(Exception):
    """No more facts are taken: the service is about to end."""


@dataclass(frozen=True)
class _Call:
    app_group: str
    commands: Sequence[FactCommand]
    stamp: Stamp
    future: Future[Outcome] = field(default_factory=Future)


class Gathering:
    """Records facts for many callers at once; `limit` is how many may wait."""

    def __init__(self, intake: Intake, limit: int) -> None:
        self._intake = intake
        self._limit = limit
        self._line: deque[_Call] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self.waiting = 0
        """Facts in the line."""
        self._thread = threading.Thread(target=self._run, name="gathering", daemon=True)
        self._thread.start()

    def submit(self, app_group: str, commands: Sequence[FactCommand], stamp: Stamp) -> Future[Outcome]:
        """Let facts be recorded, all of one call together and in order; raises Full or Closed at once.

        The future holds the outcome once it is durable; its `conversions` are those of all that were recorded together.
        """
        call = _Call(app_group, commands, stamp)
        # It cannot be taken back any more: a caller that goes away leaves the others their answers.
        call.future.set_running_or_notify_cancel()
        with self._changed:
            if self._closed:
                raise Closed
            if self._line and self.waiting + len(commands) > self._limit:
                raise Full
            self._line.append(call)
            self.waiting += len(commands)
            self._changed.notify()
        return call.future

    def close(self) -> None:
        """Take no more, and wait until all that was taken is decided."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while calls := self._taken():
            _record(self._intake, calls)

    def _taken(self) -> list[_Call]:
        """The first calls in the line, one at least; none once all is done and no more come."""
        with self._changed:
            self._changed.wait_for(lambda: self._line or self._closed)
            taken: list[_Call] = []
            facts = 0
            while self._line and (not taken or facts + len(self._line[0].commands) <= ROUND):
                taken.append(self._line.popleft())
                facts += len(taken[-1].commands)
            self.waiting -= facts
        return taken


def _record(intake: Intake, calls: list[_Call]) -> None:
    """Record calls, and give each its answer once it is durable; what is decided meanwhile shares a transaction."""
    alike: defaultdict[tuple[str, str], list[_Call]] = defaultdict(list)
    for call in calls:
        alike[call.app_group, call.stamp.actor].append(call)
    recording = [(together, _submitted(intake, together)) for together in alike.values()]
    for together, outcome in recording:
        _answer(together, outcome)


def _submitted(intake: Intake, calls: list[_Call]) -> Future[Outcome]:
    commands = [command for call in calls for command in call.commands]
    try:
        return intake.submit(calls[0].app_group, commands, calls[0].stamp)
    except BaseException as error:  # noqa: BLE001 - it belongs to those who wait for the answer
        failed: Future[Outcome] = Future()
        failed.set_exception(error)
        return failed


def _answer(calls: list[_Call], recording: Future[Outcome]) -> None:
    if (error := recording.exception()) is not None:
        for call in calls:
            call.future.set_exception(error)
        return
    outcome, start = recording.result(), 0
    for call in calls:
        end = start + len(call.commands)
        call.future.set_result(Outcome(outcome.answers[start:end], outcome.position, outcome.conversions))
        start = end
