"""The write side: units of work are decided while those before them are being committed, and committed in groups.

Decisions are optimistic. They rest on journeys in memory and on one consistent read, which takes no lock. The versions
of a stream are unique in the database, so a commit fails if another process was faster. Then memory is dropped, and
every unit that was decided on it is decided again, alone: all other writers are held off, so it cannot fail for that
reason twice.

**Threads.** Whoever calls `submit` decides in its own thread. One thread of ours, the writer's, commits all units that
are in flight, in one transaction, and decides again what could not be committed.

**Locks**, always taken in this order:

1. `_deciding`, of this process. It guards the journeys in memory (`JourneyStore`, each history and its layers), `_wary`
   and `_has_undecided`. `submit` holds it while it decides. The writer's thread holds it only while it decides again,
   so a commit never holds up decisions.
2. The turn to write, of the database (`Recorder.writing`). In SQLite it is a lock of the process, then the file's. In
   PostgreSQL it is an advisory lock: shared, or exclusive for whoever writes alone.
3. The log's lock (`Recorder.write`): the last one before COMMIT, which frees both.

Commands of campaigns (`alone`) take 2 and 3 and never 1: they leave the journeys in memory as they are.
The deques need no lock. `_flying` is filled under `_deciding` and emptied by the writer's thread; `_own` and `_landed`
are filled by the writer's thread and emptied under `_deciding`.

**One unit in flight** instead of several was tried on SQLite, in eight interleaved pairs. An import, and calls for one
app group, stayed as fast within the noise. Calls for eight app groups took 148 commits instead of 77, and as medians
1.26 times the processor's time and 1.4 times the clock's: they share a commit only if several units are in flight.
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
from infrastructure.event_store.recorder import Recorder, WriteTransaction
from infrastructure.journeys.store import JourneyStore, Range
from infrastructure.journeys.unit_of_work import JourneyUnitOfWork, RowWriter, UnitOfWork
from infrastructure.process.retrying import PASSING, patiently

log = structlog.get_logger()

WARY_UNITS = 16
"""Units that are decided alone at once after another process was faster: it wants the same users, and will again."""

_AGAIN = (IntegrityError, *PASSING)
"""Failures that may not happen again when everything is decided again."""

T = TypeVar("T")


class LedgerWriter:
    """The write side of a database, for all threads of a process: the application's port."""

    def __init__(self, database: Database, recorder: Recorder, journeys: JourneyStore) -> None:
        self._database = database
        self._recorder = recorder
        self._journeys = journeys
        self._rows = RowWriter(database.dialect, journeys.index)
        self._deciding = threading.RLock()
        self._wary = 0
        """Units that are still to be decided alone."""
        self._has_undecided = False
        """Whether a unit waits to be decided by the writer's thread: those that come after it wait, too."""
        self._flying: deque[JourneyUnitOfWork] = deque()
        """Units that nobody commits yet, in the order given."""
        self._own: deque[Range] = deque()
        """Positions that this process has taken, and that no decision has come across yet."""
        self._landed: deque[JourneyUnitOfWork] = deque()
        """Units that are durable, and whose layers are still on the journeys in memory."""
        self._recorded = 0
        """The last position that is known to be durable; of the writer's thread alone."""
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recording")

    def submit(self, stamp: Stamp, decide: Decide[T]) -> Future[T]:
        """Decide now and record soon, in the order given.

        An error in deciding is raised here or by the future; then nothing is recorded.
        """
        with self._deciding:
            unit = JourneyUnitOfWork(stamp, store=self._journeys, decide=decide)
            if self._wary or self._has_undecided:
                self._has_undecided = True
            else:
                unit = self._decide_optimistically(unit)
            # It cannot be taken back any more.
            unit.future.set_running_or_notify_cancel()
            # Within the lock: units fly in the order in which they were decided.
            self._flying.append(unit)
        self._executor.submit(self._write_flying)
        return unit.future

    @contextmanager
    def alone(self, stamp: Stamp) -> Iterator[UnitOfWork]:
        """Decide while nobody else writes; if the block ends with an error, nothing is recorded."""
        unit = UnitOfWork(stamp)
        with self._recorder.writing(alone=True) as transaction:
            unit.begin(self._recorder, transaction.connection)
            yield unit
            self._recorder.write(transaction, [unit])

    def close(self) -> None:
        """Wait until all that was submitted is recorded."""
        self._executor.shutdown()

    # From here on: by whoever holds `_deciding`

    def _decide_optimistically(self, unit: JourneyUnitOfWork) -> JourneyUnitOfWork:
        """The unit, decided on one consistent read; tried again if the database goes away meanwhile."""

        def attempt() -> JourneyUnitOfWork:
            fresh = unit.again()
            # Before the read begins: only then does it surely see the rows of what has landed.
            self._settle()
            with self._forgetting(fresh), self._database.reading() as connection:
                self._decide(fresh, connection)
            return fresh

        return patiently("decision.retried", attempt)

    @contextmanager
    def _forgetting(self, unit: JourneyUnitOfWork) -> Iterator[None]:
        """Drop everything from memory if the unit fails after it may have changed it."""
        try:
            yield
        except BaseException:
            if unit.has_touched:
                self._forget()
            raise

    def _decide(self, unit: JourneyUnitOfWork, connection: Connection) -> None:
        unit.position = last_position(connection)
        # A look that fails half-way leaves memory half up to date.
        unit.has_touched = True
        self._journeys.catch_up(connection, unit.position, self._take_own(unit.position))
        unit.has_touched = False
        unit.begin(self._recorder, connection)
        unit.make_answer = unit.decide(unit)
        unit.end()
        unit.is_decided = True
        self._journeys.shrink()

    def _take_own(self, newest: int) -> list[Range]:
        """The ranges of positions, up to the newest, that this process has taken since it was asked last."""
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

    def _forget(self) -> None:
        self._journeys.forget()
        self._landed.clear()
        self._own.clear()

    # From here on: the writer's thread

    def _write_flying(self) -> None:
        """Record all units in flight, the decided ones in one transaction; what is submitted meanwhile comes next."""
        units = self._take_flying()
        if not units:
            return
        try:
            self._write_all(units)
        except BaseException as failure:  # noqa: BLE001 - nobody waits for ever
            _fail(units, failure)

    def _take_flying(self) -> list[JourneyUnitOfWork]:
        """The units in flight, which are thereby the caller's."""
        units = []
        while self._flying:
            units.append(self._flying.popleft())
        return units

    def _write_all(self, units: list[JourneyUnitOfWork]) -> None:
        try:
            self._write_decided([unit for unit in units if unit.is_decided])
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to those who wait for the answers
            self._write_again(units, error)
            return
        if undecided := [unit for unit in units if not unit.is_decided]:
            with self._deciding:
                self._write_each_alone(undecided)

    def _write_decided(self, units: list[JourneyUnitOfWork]) -> None:
        if any(unit.payloads for unit in units):
            # Without `_deciding`: the next unit is decided meanwhile.
            with self._recorder.writing() as transaction:
                self._put(transaction, units)
            self._recorded = max(self._recorded, transaction.last)
        for unit in units:
            self._answer(unit)

    def _put(self, transaction: WriteTransaction, units: list[JourneyUnitOfWork]) -> None:
        for unit in units:
            self._rows.write(transaction.connection, unit.rows)
        # Last: from here to COMMIT nobody else can append to the log.
        self._recorder.write(transaction, units)
        if transaction.last:
            # Before the commit: a read that sees these positions has to know whose they are.
            self._own.append((transaction.first, transaction.last))

    def _answer(self, unit: JourneyUnitOfWork) -> None:
        """Give the answer to a unit that is durable."""
        self._recorded = max(self._recorded, unit.position)
        self._landed.append(unit)
        try:
            unit.future.set_result(unit.make_answer(self._recorded))
        except Exception as error:  # noqa: BLE001 - recorded all the same
            unit.future.set_exception(error)

    def _write_again(self, units: list[JourneyUnitOfWork], error: BaseException) -> None:
        """Decide every unit again, each alone: so that one bad unit spoils no other.

        A unit whose outcome is unknown is not tried again: it may be recorded. `units` takes in what was submitted
        meanwhile, as it was decided on memory that is dropped here.
        """
        with self._deciding:
            self._forget()
            log.warning("units.decided_again", units=len(units), reason=str(error))
            if isinstance(error, IntegrityError):
                self._wary = WARY_UNITS
            sent = [unit for unit in units if unit.is_decided]
            if isinstance(error, OutcomeUnknown) or (len(sent) == 1 and not isinstance(error, _AGAIN)):
                _fail(sent, error)
            units.extend(self._take_flying())
            if isinstance(error, OutcomeUnknown):
                _fail(units, _not_sent(error))
            self._write_each_alone([unit for unit in units if not unit.future.done()])

    def _write_each_alone(self, units: list[JourneyUnitOfWork]) -> None:
        """Decide and record the units one by one; the caller holds `_deciding`, so that nobody decides between them."""
        for place, unit in enumerate(units):
            try:
                self._answer(self._write_alone(unit))
                self._wary = max(0, self._wary - 1)
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the answer
                _fail([unit], error)
                if isinstance(error, (OutcomeUnknown, *PASSING)):
                    # The budget was spent on this one; those behind it do not wait as long again.
                    _fail(units[place:], _not_sent(error))
                    break
        # Nothing is added meanwhile: what flies now was submitted before, behind these.
        self._has_undecided = any(not unit.is_decided for unit in self._flying)

    def _write_alone(self, unit: JourneyUnitOfWork) -> JourneyUnitOfWork:
        def attempt() -> JourneyUnitOfWork:
            fresh = unit.again()
            self._settle()
            # The turn comes first: what is decided in it, nobody can overtake.
            with self._forgetting(fresh), self._recorder.writing(alone=True) as transaction:
                self._decide(fresh, transaction.connection)
                self._put(transaction, [fresh])
            self._recorded = max(self._recorded, transaction.last)
            return fresh

        return patiently("unit.retried", attempt, passing=_AGAIN)


def _not_sent(error: BaseException) -> ConnectionLost:
    return ConnectionLost(f"it was not sent, as the database is away: {error}")


def _fail(units: list[JourneyUnitOfWork], error: BaseException) -> None:
    """Give the error to whoever still waits for one of the units."""
    for unit in units:
        if not unit.future.done():
            unit.future.set_exception(error)
