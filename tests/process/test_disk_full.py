"""A disk that fills up: a clear error, nothing half done, and work goes on once there is space."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp

import pytest

from application.commands.definitions import read_campaigns
from domain.facts import Fact
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.demo import shop
from infrastructure.event_store.codec import TOPICS
from infrastructure.event_store.integrity import verify
from tests.support.commands import run_process
from tests.support.ledgers import outcome, rows
from tests.support.reference import judge
from tests.support.servers import Server, running

FACTS = 30_000
SMALL = "12m"
LARGE = "200m"
GROUP = str(shop.CAMPAIGNS["app_group"])


def mount(*arguments: str) -> bool:
    """Whether a mount could be made or changed."""
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk with little space, which every account can reach."""
    place = Path(mkdtemp(prefix="small-disk-", dir="/tmp"))
    if not mount("-t", "tmpfs", "-o", f"size={SMALL},mode=0777", "tmpfs", str(place)):
        place.rmdir()
        pytest.skip("a small disk can be made by root alone")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of facts that the small disk cannot hold."""
    path = tmp_path_factory.mktemp("facts") / "facts.jsonl"
    path.write_text("".join(json.dumps(fact) + "\n" for fact in islice(shop.facts(), FACTS)))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, small_disk: Path) -> Iterator[str]:
    """A ledger's database on the small disk; PostgreSQL keeps its own files elsewhere, so that it stays up."""
    if request.param == "sqlite":
        yield f"sqlite:///{small_disk / 'conversions.db'}"
        return
    with running() as server:
        yield on_disk(server, small_disk)


def on_disk(server: Server, disk: Path) -> str:
    """A database of the server whose tables lie on the disk."""
    place = disk / "tables"
    place.mkdir()
    shutil.chown(place, server.data.owner(), server.data.group())
    with server.connect() as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{place}'".encode())
        connection.execute("CREATE DATABASE small TABLESPACE small")
    return server.url("small")


@pytest.mark.slow
def test_a_full_disk_is_told_leaves_nothing_half_done_and_is_forgiven(
    url: str, small_disk: Path, facts: Path, tmp_path: Path
) -> None:
    """The import ends with a code and advice; what it took before is whole; run again with space, it completes."""
    with Service(url) as service:
        service.campaigns.apply(read_campaigns(shop.CAMPAIGNS), stamp())
    database = {"CONVERSIONS_DATABASE_URL": url, "CONVERSIONS_LOG_LEVEL": "error"}
    failed = run_process(tmp_path, "import", str(facts), "--json", settings=database)
    assert failed.returncode == 2
    error = json.loads(failed.stderr.splitlines()[-1])["error"]
    assert error["code"] == "disk_full"
    assert "make room" in error["message"]
    taken = json.loads(failed.stdout)["accepted"]
    assert mount("-o", f"remount,size={LARGE}", str(small_disk))
    with Service(url) as service:
        assert verify(service.database, lambda *_: None).problem is None
        topics = {topic for event, topic in TOPICS.items() if issubclass(event, Fact)}
        recorded = [row for row in rows(service) if row.topic in topics]
        assert taken == len(recorded)
    done = run_process(tmp_path, "import", str(facts), "--json", settings=database)
    assert done.returncode == 0, done.stderr
    with Service(url) as service:
        everything = list(islice(shop.facts(), FACTS))
        assert outcome(service) == judge(shop.CAMPAIGNS["campaigns"], everything)
