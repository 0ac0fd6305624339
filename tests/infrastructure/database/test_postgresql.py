"""PostgreSQL: every version that is found here does the whole job, and connections are set up as production needs them."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import PersistenceError, StoredEvent
from sqlalchemy import text

from infrastructure.composition import Service
from infrastructure.database import Database, UnusableDatabase
from infrastructure.database import postgresql as postgresql_dialect
from infrastructure.database.dialect import cursor
from infrastructure.database.failures import Busy
from infrastructure.demo import shop
from infrastructure.event_store.recorder import NOBODY, DecidedEvents, Recorder
from infrastructure.migrations import migrate
from tests.support.commands import run
from tests.support.ledgers import databases, open_ledger, outcome, reported
from tests.support.reference import judge
from tests.support.servers import LATEST, Server, installations, quick

FACTS = 3_000
GROUP = str(shop.CAMPAIGNS["app_group"])


@pytest.fixture(scope="module", params=sorted(installations()), ids=lambda version: f"PostgreSQL {version}")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of each version."""
    if request.param == LATEST:
        yield request.getfixturevalue("postgresql")
        return
    with quick(request.param) as server:
        yield server


def test_the_command_line_does_the_whole_job(server: Server, tmp_path: Path) -> None:
    """R7 to R19: campaigns, import, report, explain, rebuild and verify, on every version."""
    database = {"CONVERSIONS_DATABASE_URL": server.fresh_database()}

    def answer(*arguments: str) -> Any:
        done = run(tmp_path, *arguments, "--json", settings=database)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    facts = list(islice(shop.facts(), FACTS))
    (tmp_path / "campaigns.json").write_text(json.dumps(shop.CAMPAIGNS))
    (tmp_path / "facts.jsonl").write_text("".join(json.dumps(fact) + "\n" for fact in facts))
    answer("campaigns", "apply", "campaigns.json")
    assert answer("import", "facts.jsonl")["rejected"] == 0
    assert answer("import", "facts.jsonl")["duplicates"] == FACTS
    assert answer("rebuild")["rebuilt"]
    assert answer("verify")["ok"]
    assert answer("explain", "spring-sale", facts[0]["user_id"])["known"]
    expected = judge(shop.CAMPAIGNS["campaigns"], facts)
    with Service(database["CONVERSIONS_DATABASE_URL"]) as service:
        assert outcome(service) == expected
        for campaign in shop.CAMPAIGNS["campaigns"]:
            assert reported(service, campaign["id"], GROUP) == expected.report(campaign["id"])


def test_connections_wait_for_locks_and_leave_transactions_only_so_long(server: Server) -> None:
    """Nothing waits for ever, a writer that hangs is cut off, and commits wait for the disk."""
    database = Database(server.fresh_database())
    with database.writing() as connection:
        settings = {
            name: connection.execute(text(f"SHOW {name}")).scalar()
            for name in ("lock_timeout", "idle_in_transaction_session_timeout", "TimeZone", "jit")
        }
        durable = connection.execute(text("SHOW synchronous_commit")).scalar()
    with database.reading() as connection:
        isolation = connection.execute(text("SHOW transaction_isolation")).scalar()
        read_only = connection.execute(text("SHOW transaction_read_only")).scalar()
    database.close()
    assert settings == {
        "lock_timeout": "1min",
        "idle_in_transaction_session_timeout": "30s",
        "TimeZone": "UTC",
        "jit": "off",
    }
    assert durable == "on", "the server's own setting was off"
    assert (isolation, read_only) == ("repeatable read", "on")


def test_ids_are_kept_in_the_c_collation(server: Server) -> None:
    """Docs/rules.md, Words: every column of an id, in every table."""
    url = server.fresh_database()
    database = Database(url)
    migrate(database)
    with database.reading() as connection:
        query = text(
            "SELECT table_name || '.' || column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND table_name <> 'alembic_version' AND data_type = 'text' "
            "AND (column_name LIKE '%\\_id' OR column_name IN ('app_group', 'topic', 'lane')) "
            "AND collation_name IS DISTINCT FROM 'C'"
        )
        assert connection.execute(query).scalars().all() == []
    database.close()


def test_a_hint_wakes_whoever_follows_the_log(postgresql: Server, template: str, tmp_path: Path) -> None:
    """NOTIFY cuts the wait short; without it the next poll would come after half a second."""
    with databases.on(postgresql, template), open_ledger(tmp_path, [{"id": "spring"}]) as service:
        recorder = Recorder(service.database)
        with service.database.dialect.listen() as wait:
            recorder.insert_events([StoredEvent("s", 1, "t", b"{}")])
            began = time.monotonic()
            wait(30.0)
        assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://somebody:secret@host/ledger", "no support for mysql"),
        ("postgresql+asyncpg://somebody:secret@host/ledger", "no support for the driver asyncpg"),
    ],
)
def test_a_database_it_does_not_know_is_refused_without_telling_the_password(url: str, said: str) -> None:
    """The error says what to use instead."""
    with pytest.raises(UnusableDatabase, match=said) as refused:
        Database(url)
    assert "secret" not in str(refused.value)


def test_a_server_that_refuses_the_password_is_an_error_without_the_password(tmp_path: Path) -> None:
    """The command line says what to do next, and the secret is nowhere in it."""
    url = "postgresql+psycopg://somebody:secret@127.0.0.1:1/ledger"
    done = run(tmp_path, "campaigns", "list", "--json", settings={"CONVERSIONS_DATABASE_URL": url})
    assert done.returncode == 2
    assert json.loads(done.stderr)["error"]["code"] == "database_away"
    assert "secret" not in done.stderr


def test_a_writer_that_hangs_in_the_middle_of_a_copy_is_ended_by_who_waits_for_it(
    postgresql: Server, template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the log's lock, and no timeout of the server's reaches it; the others go on soon."""
    monkeypatch.setattr(postgresql_dialect, "_HANGING_SECONDS", 1)
    with databases.on(postgresql, template), open_ledger(tmp_path, [{"id": "spring"}]) as service:
        hanging = Recorder(service.database)
        newest = hanging.max_notification_id() or 0

        def hang() -> None:
            with suppress(PersistenceError), hanging.writing() as writing:
                service.database.dialect.lock_log(writing.connection)
                with cursor(writing.connection).copy("COPY events FROM STDIN (FORMAT BINARY)"):
                    ended.wait(60)

        ended = threading.Event()
        thread = threading.Thread(target=hang)
        thread.start()
        with service.database.writing() as connection:
            connection.execute(text("SELECT pg_sleep(1.5)"))
        for _ in range(2):
            with suppress(Busy), Recorder(service.database).writing() as writing:
                connection = writing.connection
                connection.execute(text("SET LOCAL lock_timeout = '1s'"))
                Recorder(service.database).write(
                    writing, [DecidedEvents(NOBODY, [("shop", "s", 1, "t", "{}")])]
                )
        ended.set()
        thread.join()
        assert hanging.max_notification_id() == newest + 1
