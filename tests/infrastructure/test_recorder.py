"""The event store: the library's own contract tests, and what the ledger asks beyond them."""

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import AggregateRecorder, IntegrityError, OperationalError, StoredEvent
from eventsourcing.tests.persistence import AggregateRecorderTestCase, ApplicationRecorderTestCase
from sqlalchemy import text

from application.ports import Stamp
from infrastructure.database import Database
from infrastructure.migrations import migrate
from infrastructure.recorder import Recorder, Unit
from tests.ledgers import open_ledger as opened
from tests.ledgers import rows, take, url_of

CAMPAIGN = {"id": "spring", "conversion_events": [{"type": "makes_purchase", "deadline": "3d"}]}
RECEIPT = {
    "type": "received",
    "id": "r1",
    "user_id": "u1",
    "campaign_id": "spring",
    "at": "2024-03-01T09:00:00Z",
}


def recorder_in(directory: Path) -> Recorder:
    """A recorder over a new database."""
    database = Database(url_of(directory))
    migrate(database)
    return Recorder(database)


class _InDirectory:
    def setUp(self) -> None:
        self._directory = tempfile.TemporaryDirectory()

    def tearDown(self) -> None:
        self._directory.cleanup()

    def new_originator_id(self) -> str:
        return str(uuid4())


class TestApplicationRecorder(_InDirectory, ApplicationRecorderTestCase[Recorder]):
    """The library's contract for recorders with a log."""

    def create_recorder(self) -> Recorder:
        return recorder_in(Path(self._directory.name))


class TestAggregateRecorder(_InDirectory, AggregateRecorderTestCase):
    """The library's contract for recorders of streams, whose `insert_events` returns nothing."""

    def create_recorder(self) -> AggregateRecorder:
        class StreamsOnly(Recorder):
            def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
                super().insert_events(stored_events, **kwargs)

        database = Database(url_of(Path(self._directory.name)))
        migrate(database)
        return StreamsOnly(database)


def test_positions_have_no_gaps_after_a_conflict(tmp_path: Path) -> None:
    """A transaction that fails takes no position with it, and leaves nothing half done."""
    recorder = recorder_in(tmp_path)
    first, second = (StoredEvent("s", version, "t", b"{}") for version in (1, 2))
    assert recorder.insert_events([first]) == [1]
    with pytest.raises(IntegrityError):
        recorder.insert_events([second, first])
    assert recorder.insert_events([second]) == [2]


def test_every_event_says_who_and_by_which_command(tmp_path: Path) -> None:
    """All events of a command carry its id and its actor, and the time never runs backwards."""
    with opened(tmp_path, [CAMPAIGN]) as service:
        take(service, [RECEIPT])
        log = rows(service)
    assert [row.position for row in log] == list(range(1, len(log) + 1))
    assert all(row.command_id and row.actor.startswith("os:") for row in log)
    assert len({row.command_id for row in log}) == 2
    assert [row.recorded_at for row in log] == sorted(row.recorded_at for row in log)


def test_a_clock_that_steps_back_does_not_move_recorded_time_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded time is never before the previous event's."""
    recorder = recorder_in(tmp_path)
    recorder.insert_events([StoredEvent("s", 1, "t", b"{}")])
    monkeypatch.setattr("time.time_ns", lambda: 1_000)
    recorder.insert_events([StoredEvent("s", 2, "t", b"{}")])
    with recorder.database.reading() as connection:
        before, after = (row.recorded_at for row in recorder.rows(connection, 0, 10))
    assert before == after


@pytest.mark.parametrize("change", ["UPDATE events SET actor = 'me'", "DELETE FROM events"])
def test_the_database_itself_refuses_to_change_recorded_events(tmp_path: Path, change: str) -> None:
    """R14: nothing recorded is ever edited or deleted."""
    recorder = recorder_in(tmp_path)
    recorder.insert_events([StoredEvent("s", 1, "t", b"{}")])
    with pytest.raises(Exception, match="never changed"), recorder.database.writing() as connection:
        connection.execute(text(change))


def test_an_error_in_a_transaction_leaves_nothing_behind(tmp_path: Path) -> None:
    """What was recorded before the error in the same transaction is gone with it."""
    recorder = recorder_in(tmp_path)
    unit = Unit(Stamp("c", "a"), [("shop", "s", 1, "t", "{}")])
    with suppress(ZeroDivisionError), recorder.writing() as writing:
        assert list(recorder.write(writing, [unit])) == [1]
        raise ZeroDivisionError
    assert recorder.max_notification_id() is None


def test_acknowledged_means_durable(tmp_path: Path) -> None:
    """Every connection writes ahead, and waits for the disk at each commit."""
    recorder = recorder_in(tmp_path)
    with recorder.database.writing() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        version = connection.execute(text("SELECT sqlite_version()")).scalar()
    assert tuple(map(int, str(version).split("."))) > (3, 51, 2)


def test_a_subscription_follows_the_log(tmp_path: Path) -> None:
    """A subscriber sees what was there and what comes, in order, of the topics it asked for."""
    recorder = recorder_in(tmp_path)
    recorder.insert_events([StoredEvent("s", 1, "a", b"{}"), StoredEvent("s", 2, "b", b"{}")])
    with recorder.subscribe(topics=["a"]) as subscription:
        assert next(subscription).id == 1
        recorder.insert_events([StoredEvent("s", 3, "a", b"{}")])
        assert next(subscription).id == 3
    with pytest.raises(StopIteration):
        next(subscription)


def test_a_database_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    """Errors of the driver come under the library's names."""
    database = Database(url_of(tmp_path / "nowhere"))
    with pytest.raises(OperationalError), Recorder(database).writing():
        pass
