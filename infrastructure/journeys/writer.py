"""Deciding and recording units of work: one is decided while those before it are being committed.

Decisions are optimistic. They rest on journeys in memory and on one consistent read, taken without a lock; the streams'
versions, unique in the database, tell whether someone else was faster. Then memory is dropped, and every unit that was
decided on it is decided again, alone: with all other writers held off, which cannot fail for that reason twice.
"""

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import structlog
from eventsourcing.persistence import IntegrityError
from sqlalchemy import Connection

from application.ports import Decide, Stamp
from infrastructure.database import Database
from infrastructure.database.failures import ConnectionLost, OutcomeUnknown
from infrastructure.event_store.reading import last_position
from infrastructure.event_store.recorder import Recorder, Unit, Writing
from infrastructure.journeys.store import JourneyStore, Range
from infrastructure.journeys.unit_of_work import JourneyTransaction, RowWriter, UnitOfWork
from infrastructure.process.retrying import PASSING, patiently

log = structlog.get_logger()

FLYING_EVENTS = 30_000
"""Events decided and not yet durable, beyond which nothing more is decided: memory stays bounded."""

WARY_UNITS = 16
"""Units that are decided alone at once after someone else was faster: they race for the same users, and will again."""

_AGAIN = (IntegrityError, *PASSING)
"""What may go well when everything is decided again."""

T = TypeVar("T")


class StoredLedgers:
    """The write side of a database, for all threads of a process: the application's port."""

    def __init__(self, database: Database, recorder: Recorder, journeys: JourneyStore) -> None:
        self._database = database
        self._recorder = recorder
        self._journeys = journeys
        self._rows = RowWriter(database.dialect, journeys.index)
        self._deciding = threading.RLock()
        """Held by whoever uses the journeys in memory."""
        self._room = threading.Condition()
        self._flying: deque[UnitOfWork] = deque()
        self._flying_events = 0
        self._flying_undecided = 0
        self._wary = 0
        self._landed: deque[UnitOfWork] = deque()
        self._own: deque[Range] = deque()
        self._recorded = 0
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recording")

    def submit(self, stamp: Stamp, decide: Decide[T]) -> Future[T]:
        """Decide now and record soon, in the order given; what deciding raises is raised here or by the future.

        Then nothing is recorded.
        """
        with self._room:
            self._room.wait_for(self._has_room)
        with self._deciding:
            unit = UnitOfWork(stamp, decide=decide)
            if not self._wary and not self._flying_undecided:
                unit = self._decided(unit)
            # It cannot be taken back any more.
            unit.future.set_running_or_notify_cancel()
            with self._room:
                self._flying.append(unit)
                self._flying_events += len(unit.payloads)
                self._flying_undecided += not unit.decided
        self._writer.submit(self._write_flying)
        return unit.future

    def _has_room(self) -> bool:
        return self._flying_events <= FLYING_EVENTS and self._flying_undecided <= 1

    @contextmanager
    def writing(self, stamp: Stamp) -> Iterator[None]:
        """Decide while no one else writes; left with an error, nothing is recorded."""
        unit = Unit(stamp)
        with self._recorder.writing(alone=True) as writing:
            with self._recorder.collecting(unit, writing.connection):
                yield
            self._recorder.write(writing, [unit])

    def close(self) -> None:
        """Wait until all that was submitted is recorded."""
        self._writer.shutdown()

    def _decided(self, unit: UnitOfWork) -> UnitOfWork:
        """The unit, decided on one consistent read; tried again where the database went away meanwhile."""

        def attempt() -> UnitOfWork:
            fresh = unit.again()
            # Before the read begins: it is sure to see what has landed.
            self._settle()
            with self._forgetting(fresh), self._database.reading() as connection:
                self._decide(fresh, connection)
            return fresh

        return patiently("decision.retried", attempt)

    @contextmanager
    def _forgetting(self, unit: UnitOfWork) -> Iterator[None]:
        """Drop everything from memory where a unit fails that may have changed it."""
        try:
            yield
        except BaseException:
            if unit.touched:
                self._forget()
            raise

    def _decide(self, unit: UnitOfWork, connection: Connection) -> None:
        unit.position = last_position(connection)
        unit.touched = True
        self._journeys.catch_up(connection, unit.position, self._own_up_to(unit.position))
        unit.touched = False
        transaction = JourneyTransaction(self._journeys, unit, connection)
        with self._recorder.collecting(unit, connection):
            unit.answer = unit.decide(transaction)
        transaction.end()
        unit.decided = True
        self._journeys.shrink()

    def _own_up_to(self, newest: int) -> list[Range]:
        """The ranges of positions that this process has taken since it was asked last."""
        own = []
        while self._own and self._own[0][1] <= newest:
            own.append(self._own.popleft())
        return own

    def _settle(self) -> None:
        """Take the layers of units that have landed off the journeys in memory."""
        while self._landed:
            unit = self._landed.popleft()
            for entry in unit.entries:
                entry.history.settle(unit)

    # From here on: the writer's thread

    def _write_flying(self) -> None:
        """Record all units in flight, the decided ones in one transaction; what is submitted meanwhile comes next."""
        units = self._taken()
        if not units:
            return
        try:
            self._write_all(units)
        except BaseException as failure:  # noqa: BLE001 - nobody waits for ever
            _fail(units, failure)
        finally:
            with self._room:
                self._flying_events = sum(len(unit.payloads) for unit in self._flying)
                self._flying_undecided = sum(not unit.decided for unit in self._flying)
                self._room.notify_all()

    def _write_all(self, units: list[UnitOfWork]) -> None:
        try:
            self._write([unit for unit in units if unit.decided])
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to those who wait for the answers
            self._write_again(units, error)
            return
        if undecided := [unit for unit in units if not unit.decided]:
            with self._deciding:
                self._write_each_alone(undecided)

    def _write(self, units: list[UnitOfWork]) -> None:
        if any(unit.payloads for unit in units):
            with self._recorder.writing() as writing:
                self._put(writing, units)
            self._recorded = max(self._recorded, writing.last)
        for unit in units:
            self._answer(unit)

    def _put(self, writing: Writing, units: list[UnitOfWork]) -> None:
        for unit in units:
            self._rows.write(writing.connection, unit.rows)
        self._recorder.write(writing, units)
        if writing.last:
            # Before the commit: a read that sees these positions has to know whose they are.
            self._own.append((writing.first, writing.last))

    def _answer(self, unit: UnitOfWork) -> None:
        """Give the answer to a unit that is durable."""
        self._recorded = max(self._recorded, unit.position)
        self._landed.append(unit)
        try:
            unit.future.set_result(unit.answer(self._recorded))
        except Exception as error:  # noqa: BLE001 - recorded all the same
            unit.future.set_exception(error)

    def _taken(self) -> list[UnitOfWork]:
        """The units in flight, which are thereby the caller's."""
        with self._room:
            units = list(self._flying)
            self._flying.clear()
        return units

    def _write_again(self, units: list[UnitOfWork], error: BaseException) -> None:
        """Decide all that was decided so far again, each alone: so that one bad unit spoils no other.

        An unknown outcome is told, and not tried again. `units` takes in what was submitted meanwhile.
        """
        with self._deciding:
            self._forget()
            log.warning("units.decided_again", units=len(units), reason=str(error))
            if isinstance(error, IntegrityError):
                self._wary = WARY_UNITS
            sent = [unit for unit in units if unit.decided]
            if isinstance(error, OutcomeUnknown) or (len(sent) == 1 and not isinstance(error, _AGAIN)):
                _fail(sent, error)
            units.extend(self._taken())
            if isinstance(error, OutcomeUnknown):
                _fail(units, ConnectionLost(f"it was not sent, as the database is away: {error}"))
            self._write_each_alone([unit for unit in units if not unit.future.done()])

    def _write_each_alone(self, units: list[UnitOfWork]) -> None:
        for place, unit in enumerate(units):
            try:
                self._answer(self._write_alone(unit))
                self._wary = max(0, self._wary - 1)
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the answer
                _fail([unit], error)
                if isinstance(error, (OutcomeUnknown, *PASSING)):
                    # The budget was spent on this one; those behind it do not wait as long again.
                    _fail(units[place:], ConnectionLost(f"it was not sent, as the database is away: {error}"))
                    return

    def _write_alone(self, unit: UnitOfWork) -> UnitOfWork:
        def attempt() -> UnitOfWork:
            fresh = unit.again()
            self._settle()
            with self._forgetting(fresh), self._recorder.writing(alone=True) as writing:
                self._decide(fresh, writing.connection)
                self._put(writing, [fresh])
            self._recorded = max(self._recorded, writing.last)
            return fresh

        return patiently("unit.retried", attempt, passing=_AGAIN)

    def _forget(self) -> None:
        self._journeys.forget()
        self._landed.clear()
        self._own.clear()


def _fail(units: list[UnitOfWork], error: BaseException) -> None:
    """Tell the error to whoever still waits for one of the units."""
    for unit in units:
        if not unit.future.done():
            unit.future.set_exception(error)
