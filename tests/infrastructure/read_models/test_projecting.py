"""`conversions project`: read models current all the time, whatever the database does, and never a silent death."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from application.commands.definitions import read_campaigns
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.read_models.worker import ProjectionWorker
from tests.infrastructure.event_store.test_verification import tamper
from tests.support.commands import COMMAND, environment
from tests.support.ledgers import NOW, open_ledger, position_of, reported, rows, take, url_of
from tests.support.servers import running
from tests.support.strategies import APP_GROUP

CAMPAIGN = {"id": "spring", "conversion_events": [{"type": "makes_purchase", "deadline": "3d"}]}
PATIENCE = 30.0


def receipt(number: int) -> dict[str, Any]:
    """A receipt of a user's own."""
    at = "2024-03-01T09:00:00Z"
    return {"type": "received", "id": "r", "user_id": f"u{number}", "campaign_id": "spring", "at": at}


@contextmanager
def projecting(directory: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    """`conversions project`, in a process of its own."""
    process = subprocess.Popen(
        [*COMMAND, "project"],
        cwd=directory,
        env=environment(directory, {"CONVERSIONS_DATABASE_URL": url}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it holds within a while; looks again and again."""
    until = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def current(service: Service) -> bool:
    """Whether the report holds all that was acknowledged."""
    with service.database.reading() as connection:
        newest = service.log.last_position(connection)
    return position_of(service, "campaign_report") == newest


@pytest.mark.usefixtures("each_database")
def test_it_follows_the_log_and_ends_when_told(tmp_path: Path) -> None:
    """Facts taken elsewhere are in the report soon; SIGTERM ends it with status 0."""
    with (
        open_ledger(tmp_path, [CAMPAIGN]) as service,
        projecting(tmp_path, url_of(tmp_path)) as process,
    ):
        for number in range(5):
            take(service, [receipt(number)])
            assert eventually(lambda: current(service))
        assert reported(service, "spring")["totals"]["receipts"] == 5
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


@pytest.mark.usefixtures("each_database")
def test_an_event_it_cannot_apply_stops_one_projection_loudly(tmp_path: Path) -> None:
    """The log names it, the position and the reason; the others go on; in the end the exit status is 1."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [receipt(1)])
        tamper(service, 'UPDATE events SET state = replace(state, \'"id":"r"\', \'"id":"x"\')')
        with projecting(tmp_path, url_of(tmp_path)) as process:
            assert process.stderr is not None
            told = process.stderr.readline() + process.stderr.readline()
            service.campaigns.apply(read_campaigns(APP_GROUP | {"apps": ["watch"]}), stamp())
            newest = len(rows(service))
            assert eventually(lambda: position_of(service, "app_groups") == newest)
            process.send_signal(signal.SIGTERM)
            told += process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 1
    assert "projection.stopped" in told
    assert "campaign_report stopped before position" in told
    assert "its hash differs" in told


@pytest.mark.slow
def test_it_waits_for_a_server_that_restarts(tmp_path: Path) -> None:
    """Killed and started again, twice: the report is current afterwards, and nothing was counted twice."""
    with running() as server:
        url = server.fresh_database()
        with Service(url, now=lambda: NOW) as service, projecting(tmp_path, url) as process:
            service.campaigns.apply(read_campaigns(APP_GROUP | {"campaigns": [CAMPAIGN]}), stamp())
            for number in range(4):
                take(service, [receipt(number)])
                assert eventually(lambda: current(service))
                server.kill() if number % 2 else server.stop("immediate")
                server.start()
            assert reported(service, "spring")["totals"]["receipts"] == 4
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 0


@pytest.mark.usefixtures("each_database")
def test_several_projectors_count_every_event_once(tmp_path: Path) -> None:
    """The checkpoint's row lock lets one at a time apply a batch."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        others = [ProjectionWorker(service.database, service.projector) for _ in range(4)]
        threads = [threading.Thread(target=each.run) for each in others]
        for thread in threads:
            thread.start()
        for number in range(60):
            take(service, [receipt(number)])
        assert eventually(lambda: current(service))
        for each in others:
            each.end()
        for thread in threads:
            thread.join()
        assert reported(service, "spring")["totals"]["unique_recipients"] == 60
        assert reported(service, "spring")["totals"]["receipts"] == 60


def test_it_sweeps_step_by_step_and_then_waits_a_minute(tmp_path: Path) -> None:
    """A step lies between two rounds of projecting, so that neither holds up the other."""
    left = [True, True, False]
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        worker = ProjectionWorker(service.database, service.projector, lambda: left.pop(0))
        thread = threading.Thread(target=worker.run)
        thread.start()
        assert eventually(lambda: not left)
        take(service, [receipt(1)])
        assert eventually(lambda: current(service))
        worker.end()
        thread.join(PATIENCE)
    assert not thread.is_alive()
