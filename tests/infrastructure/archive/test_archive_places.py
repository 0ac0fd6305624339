"""Archives in object stores, and from one kind of database into the other: an archive is the same everywhere."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pytest
from moto.server import ThreadedMotoServer

from infrastructure.archive import BadArchive, archiving, batches, open_location
from infrastructure.composition import Service
from infrastructure.database import Database
from infrastructure.database.failures import ConnectionLost
from tests.infrastructure.archive.test_archive import PART_POSITIONS, archive, private_facts
from tests.infrastructure.archive.test_archive_restore import index, read_models, restore, verdicts
from tests.infrastructure.export.test_exporting import CAMPAIGNS, hostile_facts, one_more
from tests.support.commands import ROOT
from tests.support.ledgers import open_ledger, rows, take
from tests.support.servers import Server


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of few events."""
    monkeypatch.setattr(archiving, "PART_POSITIONS", PART_POSITIONS)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A ledger in SQLite."""
    with open_ledger(tmp_path, CAMPAIGNS) as service:
        take(service, [*hostile_facts(), *private_facts()])
        yield service


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address in a bucket of an object store that speaks S3."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "us", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    try:
        # Of its own: the servers of one process share what they hold.
        name = f"ledgers-{uuid4().hex}"
        place: Any = open_location(f"s3://{name}")
        place._system.mkdir(name)
        yield f"s3://{name}/shop"
    finally:
        server.stop()


def test_an_object_store_holds_the_same_archive(service: Service, bucket: str, tmp_path: Path) -> None:
    """Made, gone on with, without what is named no more, and restored; no file is left on this machine."""
    archive(service, bucket)
    one_more(service)
    manifest = archive(service, bucket)
    place = open_location(bucket)
    assert list(place.list_files()) == sorted(["manifest.json", *(part.file for part in manifest.parts)])
    assert [part.file for part in manifest.identities] == ["identities/identities-2.parquet"]
    alike = archive(service, tmp_path / "archive")
    assert sum(part.rows for part in alike.events) == sum(part.rows for part in manifest.events)
    (tmp_path / "new").mkdir()
    with open_ledger(tmp_path / "new") as new:
        restore(new, bucket)
        assert rows(new) == rows(service)
        assert index(new) == index(service)
        assert read_models(new) == read_models(service)


def test_a_damaged_object_is_told(service: Service, bucket: str, tmp_path: Path) -> None:
    """What was changed or removed in the store, or is no archive at all."""
    place = open_location(bucket)
    (tmp_path / "new").mkdir()
    with open_ledger(tmp_path / "new") as new:
        with pytest.raises(BadArchive) as bad:
            restore(new, bucket)
        part = archive(service, bucket).events[0]
        place.write(part.file, b"x" * part.bytes)
        with pytest.raises(BadArchive) as damaged:
            restore(new, bucket)
        place.remove(part.file)
        with pytest.raises(BadArchive) as missing:
            restore(new, bucket)
        assert rows(new) == []
    assert [each.value.code for each in (bad, damaged, missing)] == [
        "no_archive",
        "damaged_file",
        "missing_file",
    ]


def test_an_archive_that_lacks_an_object_is_not_gone_on_with(service: Service, bucket: str) -> None:
    """Where two runs were at once, one may have removed what the other names: the next one says so."""
    part = archive(service, bucket).events[0]
    one_more(service)
    place = open_location(bucket)
    changes: list[tuple[Callable[[], None], str]] = [
        (lambda: place.write(part.file, b"x"), "damaged_file"),
        (lambda: place.remove(part.file), "missing_file"),
    ]
    for change, code in changes:
        change()
        before = place.list_files()
        with pytest.raises(BadArchive, match=f"{part.file} .*put it back as it was, or") as refused:
            archive(service, bucket)
        assert (refused.value.code, place.list_files()) == (code, before)


def test_an_object_that_is_gone_already_is_removed(service: Service, bucket: str) -> None:
    """By another run, say."""
    place = open_location(bucket)
    place.remove("identities/identities-1.parquet")
    archive(service, bucket)


def test_objects_of_a_lost_manifest_stay(service: Service, bucket: str, tmp_path: Path) -> None:
    """An empty ledger is not archived over them; the ledger that they are of is archived anew."""
    manifest = archive(service, bucket)
    place = open_location(bucket)
    place.remove("manifest.json")
    (tmp_path / "empty").mkdir()
    with open_ledger(tmp_path / "empty") as empty, pytest.raises(BadArchive) as refused:
        archive(empty, bucket)
    assert refused.value.code == "not_empty"
    assert set(place.list_files()) == {part.file for part in manifest.parts}
    assert archive(service, bucket).events == manifest.events


def test_a_store_that_holds_something_else_or_is_not_there_is_told(service: Service, bucket: str) -> None:
    """Objects of others are not touched; a store that is away is an error of files."""
    place = open_location(bucket)
    place.write("mine.txt", b"mine")
    with pytest.raises(BadArchive, match=r"holds 'mine\.txt' and no archive"):
        archive(service, bucket)
    assert place.read("mine.txt") == b"mine"
    with pytest.raises(OSError, match="bucket"):
        archive(service, "s3://nowhere/shop")


def test_a_server_that_is_away_is_told_without_its_password() -> None:
    """Whole columns are read by a driver of their own, whose errors bear the ledger's names."""
    database = Database("postgresql+psycopg://nobody:secret@127.0.0.1:1/ledger")
    with pytest.raises(ConnectionLost) as lost, batches.open_view(database):
        pass
    assert "secret" not in str(lost.value)
    database.close()


def test_addresses_that_nobody_knows_are_refused() -> None:
    """Only the scheme is said again: there may be a password in the rest."""
    with pytest.raises(BadArchive, match="there are no ledger:// addresses") as bad:
        open_location("ledger://user:secret@place")
    assert bad.value.code == "bad_address"
    assert "secret" not in str(bad.value)


def test_without_the_extra_an_object_store_is_refused_with_what_to_install() -> None:
    """Archives in directories need nothing of it."""
    program = "import sys; sys.modules['s3fs'] = None; from infrastructure.archive import open_location; open_location('s3://ledgers/shop')"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "install conversion-ledger[s3]" in done.stderr


def test_an_archive_of_a_file_is_restored_on_a_server_and_back(
    service: Service, tmp_path: Path, postgresql: Server, template: str
) -> None:
    """SQLite to PostgreSQL to SQLite: every row is the same, and every fact a duplicate."""
    url = postgresql.fresh_database(template)
    try:
        archive(service, tmp_path / "archive")
        with Service(url) as server:
            restore(server, tmp_path / "archive")
            assert verdicts(server, [*hostile_facts(), *private_facts()]) == ["duplicate"] * len(
                [*hostile_facts(), *private_facts()]
            )
            archive(server, tmp_path / "of the server")
            found = [rows(server), index(server), read_models(server)]
        (tmp_path / "back").mkdir()
        with open_ledger(tmp_path / "back") as back:
            restore(back, tmp_path / "of the server")
            for one in (service, back):
                assert [rows(one), index(one), read_models(one)] == found
    finally:
        postgresql.drop(url)
    alike = [sorted(duckdb.read_parquet(f"{tmp_path}/{name}/events/*.parquet").fetchall()) for name in ("archive", "of the server")]  # fmt: skip
    assert alike[0] == alike[1]
