"""The queue of facts: many small calls are decided and recorded together, so that they are as fast as few large ones.

Calls wait in a queue of bounded length. One thread takes all that wait, up to a round's worth. It gives the intake
those of the same app group and key as one batch, and each call gets its own part of the answer. Calls that come while a
round is decided and recorded wait for the next. The lock of `_changed` guards the queue, `waiting` and `_is_closed`.
Nobody holds it while facts are decided, so it is never held together with a lock of journeys/writer.py.

This queue and the writer's group commit are two on purpose (docs/decisions/0009). Merging saves decisions, which cost
several look-ups each; the commit is shared by what cannot be merged: other app groups, other keys, imports.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from application.commands.facts import FactCommand
from application.commands.intake import Intake, Outcome
from application.ports import Stamp

ROUND = 4_000
"""Facts decided together."""


class Full(Exception):
    """So many facts wait to be recorded that no more are taken; `seconds` until it is worth trying again."""

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


class FactQueue:
    """Records facts for many callers at once; `limit` is how many may wait."""

    def __init__(self, intake: Intake, limit: int) -> None:
        self._intake = intake
        self._limit = limit
        self._calls: deque[_Call] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self.waiting = 0
        """Facts in the queue."""
        self._thread = threading.Thread(target=self._run, name="fact-queue", daemon=True)
        self._thread.start()

    def submit(self, app_group: str, commands: Sequence[FactCommand], stamp: Stamp) -> Future[Outcome]:
        """Let facts be recorded, all of one call together and in order; raises Full or Closed at once.

        The future holds the outcome once it is durable; its `conversions` are those of all that were recorded together.
        """
        call = _Call(app_group, commands, stamp)
        # It cannot be taken back any more: a caller that goes away leaves the others their answers.
        call.future.set_running_or_notify_cancel()
        with self._changed:
            if self._is_closed:
                raise Closed
            # A call that is larger than the limit is taken if nothing waits: it could never be taken otherwise.
            if self._calls and self.waiting + len(commands) > self._limit:
                raise Full
            self._calls.append(call)
            self.waiting += len(commands)
            self._changed.notify()
        return call.future

    def close(self) -> None:
        """Take no more, and wait until all that was taken is decided."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while calls := self._take_round():
            _record(self._intake, calls)

    def _take_round(self) -> list[_Call]:
        """The first calls in the queue, at least one; none once the queue is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._calls or self._is_closed)
            taken: list[_Call] = []
            facts = 0
            while self._calls and (not taken or facts + len(self._calls[0].commands) <= ROUND):
                taken.append(self._calls.popleft())
                facts += len(taken[-1].commands)
            self.waiting -= facts
        return taken


def _record(intake: Intake, calls: list[_Call]) -> None:
    """Record calls, and give each its answer once it is durable."""
    alike: defaultdict[tuple[str, str], list[_Call]] = defaultdict(list)
    for call in calls:
        alike[call.app_group, call.stamp.actor].append(call)
    # All batches are submitted before one is waited for: they share a transaction.
    recording = [(together, _submit(intake, together)) for together in alike.values()]
    # The round is waited for: the next one, decided meanwhile, would be half as large (docs/decisions/0009).
    for together, outcome in recording:
        _answer(together, outcome)


def _submit(intake: Intake, calls: list[_Call]) -> Future[Outcome]:
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
