"""The event store: the library's own contract tests, and what the ledger asks beyond them."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import (
    AggregateRecorder,
    IntegrityError,
    OperationalError,
    PersistenceError,
    StoredEvent,
)
from eventsourcing.tests.persistence import AggregateRecorderTestCase, ApplicationRecorderTestCase
from sqlalchemy import select, text

from application.ports import Stamp
from infrastructure.database import Database
from infrastructure.database.schema import events as events_table
from infrastructure.event_store.reading import read_rows
from infrastructure.event_store.recorder import DecidedEvents, Recorder
from infrastructure.migrations import migrate
from tests.support.ledgers import databases, rows, take, url_of
from tests.support.ledgers import open_ledger as opened
from tests.support.servers import Server

CAMPAIGN = {"id": "spring", "conversion_events": [{"type": "makes_purchase", "deadline": "3d"}]}
RECEIPT = {
    "type": "received",
    "id": "r1",
    "user_id": "u1",
    "campaign_id": "spring",
    "at": "2024-03-01T09:00:00Z",
}


def recorder_in(directory: Path, kind: type[Recorder] = Recorder) -> Recorder:
    """A recorder over a new database."""
    database = Database(url_of(directory))
    migrate(database)
    return kind(database)


def events(*versions: int, topic: str = "t") -> list[StoredEvent]:
    """Events of one stream."""
    return [StoredEvent("s", version, topic, b"{}") for version in versions]


@pytest.fixture
def recorder(each_database: str, tmp_path: Path) -> Iterator[Recorder]:  # noqa: ARG001 - it chooses the database
    """A recorder over a new database of each kind."""
    made = recorder_in(tmp_path)
    yield made
    made.database.close()


class _Contract:
    """The library's tests are unittest's, which take no parameters: a class for each database."""

    _directory: Path
    _made: list[Recorder]

    @pytest.fixture(autouse=True)
    def _in_directory(self, tmp_path: Path) -> Iterator[None]:
        self._directory, self._made = tmp_path, []
        yield
        for recorder in self._made:
            recorder.database.close()

    def new_originator_id(self) -> str:
        return str(uuid4())

    def made(self, kind: type[Recorder]) -> Recorder:
        """A recorder over the database of the test."""
        self._made.append(recorder_in(self._directory, kind))
        return self._made[-1]


class _OnPostgreSQL:
    @pytest.fixture(autouse=True)
    def _on_server(self, postgresql: Server, template: str) -> Iterator[None]:
        with databases.on(postgresql, template):
            yield


class _StreamsOnly(Recorder):
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:
        super().insert_events(stored_events, **kwargs)


class TestApplicationRecorder(_Contract, ApplicationRecorderTestCase[Recorder]):
    """The library's contract for recorders with a log, on SQLite."""

    def create_recorder(self) -> Recorder:
        return self.made(Recorder)


class TestApplicationRecorderOnPostgreSQL(_OnPostgreSQL, TestApplicationRecorder):
    """The same on PostgreSQL."""


class TestAggregateRecorder(_Contract, AggregateRecorderTestCase):
    """The library's contract for recorders of streams, whose `insert_events` returns nothing, on SQLite."""

    def create_recorder(self) -> AggregateRecorder:
        return self.made(_StreamsOnly)


class TestAggregateRecorderOnPostgreSQL(_OnPostgreSQL, TestAggregateRecorder):
    """The same on PostgreSQL."""


def test_positions_have_no_gaps_after_a_conflict(recorder: Recorder) -> None:
    """A transaction that fails takes no position with it, and leaves nothing half done."""
    assert recorder.insert_events(events(1)) == [1]
    with pytest.raises(IntegrityError):
        recorder.insert_events(events(2, 1))
    assert recorder.insert_events(events(2)) == [2]


@pytest.mark.usefixtures("each_database")
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
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded time is never before the previous event's."""
    recorder.insert_events(events(1))
    monkeypatch.setattr("time.time_ns", lambda: 1_000)
    recorder.insert_events(events(2))
    with recorder.database.reading() as connection:
        before, after = (row.recorded_at for row in read_rows(connection, 0, 10))
    assert before == after


@pytest.mark.parametrize(
    "change", ["UPDATE events SET actor = 'me'", "DELETE FROM events", "TRUNCATE events"]
)
def test_the_database_itself_refuses_to_change_recorded_events(
    recorder: Recorder, each_database: str, change: str
) -> None:
    """R14: nothing recorded is ever edited or deleted."""
    recorder.insert_events(events(1))
    if change.startswith("TRUNCATE") and each_database == "sqlite":
        pytest.skip("SQLite knows no TRUNCATE")
    with pytest.raises(PersistenceError, match="never changed"), recorder.database.writing() as connection:
        connection.execute(text(change))
    assert recorder.max_notification_id() == 1


def test_an_error_in_a_transaction_leaves_nothing_behind(recorder: Recorder) -> None:
    """What was recorded before the error in the same transaction is gone with it."""
    unit = DecidedEvents(Stamp("c", "a"), [("shop", "s", 1, "t", "{}")])
    with suppress(ZeroDivisionError), recorder.writing() as writing:
        assert list(recorder.write(writing, [unit])) == [1]
        raise ZeroDivisionError
    assert recorder.max_notification_id() is None


def test_a_subscription_follows_the_log(recorder: Recorder) -> None:
    """A subscriber sees what was there and what comes, in order, of the topics it asked for."""
    recorder.insert_events([*events(1, topic="a"), *events(2, topic="b")])
    with recorder.subscribe(topics=["a"]) as subscription:
        assert next(subscription).id == 1
        recorder.insert_events(events(3, topic="a"))
        assert next(subscription).id == 3
    with pytest.raises(StopIteration):
        next(subscription)


def test_ids_compare_by_code_point(recorder: Recorder) -> None:
    """Docs/rules.md, Words: no collation of a language sorts or equates ids, in either database."""
    ids = ["a", "B", "\u00e9", "e\u0301", "z", "\uff5a", "\U0001f600"]
    for stream_id in reversed(ids):
        recorder.insert_events([StoredEvent(stream_id, 1, "t", b"{}")])
    with recorder.database.reading() as connection:
        query = select(events_table.c.originator_id).order_by(events_table.c.originator_id)
        assert list(connection.execute(query).scalars()) == sorted(ids)


def test_a_database_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    """Errors of the driver come under the library's names."""
    for url in (url_of(tmp_path / "nowhere"), "postgresql+psycopg://nobody@127.0.0.1:1/nothing"):
        with pytest.raises(OperationalError), Recorder(Database(url)).writing():
            pass
