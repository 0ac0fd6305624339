"""A reader that follows the log sees every event, once and in order, whatever the writers do meanwhile."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent
from sqlalchemy import text

from application.ports import Stamp
from infrastructure.event_store.reading import event_hash
from infrastructure.event_store.recorder import DecidedEvents, Recorder, WriteTransaction
from tests.infrastructure.event_store.test_recorder import recorder_in
from tests.support.ledgers import databases
from tests.support.servers import Server

WRITERS = 4
SECONDS = 4.0
STAMP = Stamp("c", "a")


class GivenUp(Exception):
    """A writer changed its mind."""


class Naive(Recorder):
    """Draws positions from a sequence while it inserts, as a table with a serial key does."""

    def write(self, writing: WriteTransaction, units: Sequence[DecidedEvents]) -> range:
        """Append without a lock."""
        rows = []
        for payload in units[0].payloads:
            position = writing.connection.execute(text("SELECT nextval('naive')")).scalar_one()
            row = (position, *payload, 0, "", "")
            rows.append((*row, event_hash(*row)))
        self._fill(writing.connection, rows)
        return range(rows[0][0], rows[-1][0] + 1)


class Writers:
    """Writers that append a few events at a time, dawdle before they commit, and now and then give up."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._until = time.monotonic() + SECONDS
        self.committed: list[int] = []
        self.gave_up = 0

    def run(self) -> None:
        """Write until the time is up."""
        threads = [threading.Thread(target=self._write, args=(number,)) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _write(self, number: int) -> None:
        draw, version = random.Random(number), 0
        while time.monotonic() < self._until:
            size = draw.randint(1, 4)
            payloads = [("shop", f"s{number}", version + n, "t", "{}") for n in range(1, size + 1)]
            with suppress(GivenUp), self._recorder.writing() as writing:
                positions = self._recorder.write(writing, [DecidedEvents(STAMP, payloads)])
                time.sleep(draw.random() * 0.005)
                if draw.random() < 0.2:
                    self.gave_up += 1
                    raise GivenUp
                version += size
                self.committed.extend(positions)


def missed(recorder: Recorder) -> tuple[Writers, list[int]]:
    """What writers committed and a tailing reader did not see, after both have run."""
    writers = Writers(recorder)
    seen: list[int] = []
    with recorder.subscribe() as subscription:

        def read() -> None:
            seen.extend(notification.id for notification in subscription)

        reader = threading.Thread(target=read)
        reader.start()
        writers.run()
        deadline = time.monotonic() + 20
        while (not seen or seen[-1] < max(writers.committed)) and time.monotonic() < deadline:
            time.sleep(0.01)
        subscription.stop()
        reader.join()
    assert seen == sorted(set(seen))
    return writers, sorted(set(writers.committed) - set(seen))


@pytest.fixture
def recorder(each_database: str, tmp_path: Path) -> Iterator[Recorder]:  # noqa: ARG001 - it chooses the database
    """A recorder over a new database of each kind."""
    made = recorder_in(tmp_path)
    yield made
    made.database.close()


@pytest.mark.slow
def test_a_tailing_reader_misses_nothing_and_positions_have_no_gaps(recorder: Recorder) -> None:
    """Four writers with delays before commit, and rollbacks: none of it is missed."""
    writers, lost = missed(recorder)
    assert len(writers.committed) > 100
    assert writers.gave_up > 10
    assert lost == []
    assert sorted(writers.committed) == list(range(1, len(writers.committed) + 1))


@pytest.mark.slow
def test_the_same_reader_loses_events_where_positions_are_drawn_without_the_lock(
    postgresql: Server, template: str, tmp_path: Path
) -> None:
    """So the test above can fail: a position drawn at INSERT becomes visible at COMMIT, when the reader is past it."""
    with databases.on(postgresql, template):
        recorder = recorder_in(tmp_path, Naive)
        with recorder.database.writing() as connection:
            connection.execute(text("CREATE SEQUENCE naive"))
        _, lost = missed(recorder)
        recorder.database.close()
    assert len(lost) > 10


def test_a_version_that_was_taken_meanwhile_is_refused_and_takes_no_position(recorder: Recorder) -> None:
    """Two writers append to one stream: the second is told, whichever way it goes on."""
    recorder.insert_events([StoredEvent("s", 1, "t", b"{}")])
    with pytest.raises(IntegrityError), recorder.writing() as writing:
        recorder.write(
            writing, [DecidedEvents(STAMP, [("shop", "other", 1, "t", "{}"), ("shop", "s", 1, "t", "{}")])]
        )
    assert recorder.max_notification_id() == 1
