"""SQLite: acknowledged means durable, and one process opens a ledger through one SQLite library only."""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy import text

from application.commands.definitions import read_campaigns
from application.commands.facts import read_fact
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.demo import shop
from infrastructure.event_store.integrity import verify
from tests.process.test_concurrency import GROUP
from tests.process.test_concurrency import start as start_sender
from tests.support.commands import ROOT, environment
from tests.support.ledgers import open_ledger, url_of

KILLS = 5

WATCHED = """
import json, sys
opened = []
sys.addaudithook(lambda event, _: opened.append(event) if event.startswith("sqlite3.connect") else None)
from infrastructure.cli import main
try:
    main()
finally:
    libraries = sorted({line.split()[-1] for line in open("/proc/self/maps") if "sqlite" in line.lower()})
    json.dump({"opened": opened, "libraries": libraries}, open("watched.json", "w"))
"""


@pytest.mark.parametrize("writes", [True, False])
def test_every_connection_writes_ahead_and_waits_for_the_disk(tmp_path: Path, *, writes: bool) -> None:
    """WAL with synchronous FULL, in a version without the bug that corrupts a write-ahead log."""
    with open_ledger(tmp_path) as service:
        database = service.database
        with database.writing() if writes else database.reading() as connection:
            settings = {
                name: connection.execute(text(f"PRAGMA {name}")).scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            }
            version = str(connection.execute(text("SELECT sqlite_version()")).scalar())
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert tuple(map(int, version.split("."))) > (3, 51, 2)


def test_what_the_log_can_make_again_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    """Read models are written with synchronous NORMAL; the next command on the same connection waits again."""
    with open_ledger(tmp_path) as service:
        found = []
        for begin in (service.database.projecting, service.database.writing):
            with begin() as connection:
                found.append(connection.execute(text("PRAGMA synchronous")).scalar())
    assert found == [1, 2]


def test_who_waits_for_the_lock_has_it_once_it_is_free(tmp_path: Path) -> None:
    """Two ledgers on one file, as in two processes: the one that waits begins soon after the other has ended."""
    with open_ledger(tmp_path) as first, open_ledger(tmp_path) as second, ThreadPoolExecutor(1) as other:

        def begun() -> float:
            with second.database.writing():
                return time.monotonic()

        with first.database.writing():
            waiting = other.submit(begun)
            assert wait([waiting], timeout=0.3).not_done
            ended = time.monotonic()
        assert waiting.result(timeout=30) >= ended


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_process_killed_right_afterwards(tmp_path: Path) -> None:
    """SIGKILL at the moment the acknowledgement is read: every fact that it names is in the file."""
    facts = list(islice(shop.facts(), 5_000))
    path = tmp_path / "facts.jsonl"
    path.write_text("".join(json.dumps(fact) + "\n" for fact in facts))
    with Service(url_of(tmp_path)) as service:
        service.campaigns.apply(read_campaigns(shop.CAMPAIGNS), stamp())
    acknowledged: set[int] = set()
    for seed in range(KILLS):
        sender = start_sender(tmp_path, path, batch=20, seed=seed, share=0.9)
        assert sender.stdout is not None
        acknowledged.update(
            int(number) for _ in range(5 + seed) for number in sender.stdout.readline().split()
        )
        sender.kill()
        sender.communicate()
    assert len(acknowledged) > KILLS * 50
    with Service(url_of(tmp_path)) as service:
        assert verify(service.database, lambda *_: None).problem is None
        commands = [read_fact(facts[number]) for number in acknowledged]
        answers = service.intake.record(GROUP, commands, stamp()).answers
    assert {answer.verdict.value for answer in answers} == {"duplicate"}


def test_the_write_ahead_log_ends_though_someone_reads_all_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches are decided while others are committed, so that a reader is always there: the log begins anew."""
    monkeypatch.setattr("infrastructure.database.sqlite._LONG_LOG", 400_000)
    facts = [read_fact(fact) for fact in islice(shop.facts(), 6_000)]
    longest = 0
    with Service(url_of(tmp_path)) as service:
        service.campaigns.apply(read_campaigns(shop.CAMPAIGNS), stamp())
        futures = []
        for start in range(0, len(facts), 200):
            futures.append(service.intake.submit(GROUP, facts[start : start + 200], stamp()))
            longest = max(longest, (tmp_path / "conversions.db-wal").stat().st_size)
        assert all(future.result().answers for future in futures)
        whole = (tmp_path / "conversions.db").stat().st_size
    assert longest < whole


@pytest.mark.parametrize(
    "command",
    [
        ["campaigns", "apply", "campaigns.json"],
        ["import", "facts.jsonl"],
        ["report", "spring-sale"],
        ["verify"],
        ["rebuild"],
    ],
    ids=lambda command: command[0],
)
def test_no_second_sqlite_library_opens_the_file_in_our_processes(tmp_path: Path, command: list[str]) -> None:
    """Two libraries in one process drop each other's locks (measured before we began)."""
    (tmp_path / "campaigns.json").write_text(json.dumps(shop.CAMPAIGNS))
    lines = (json.dumps(fact) + "\n" for fact in islice(shop.facts(), 200))
    (tmp_path / "facts.jsonl").write_text("".join(lines))
    with Service(url_of(tmp_path)) as service:
        service.campaigns.apply(read_campaigns(shop.CAMPAIGNS), stamp())
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *command],
        cwd=tmp_path,
        env=environment(tmp_path) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    watched = json.loads((tmp_path / "watched.json").read_text())
    assert done.returncode == 0, done.stderr
    assert watched["opened"] == []
    assert len(watched["libraries"]) == 1
    assert "pysqlite3" in watched["libraries"][0]
