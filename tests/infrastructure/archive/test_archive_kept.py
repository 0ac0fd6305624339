"""What a run leaves alone: parts that may be all there is of some events, archives that lack something, and secrets."""

import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from infrastructure.archive import Archiver, BadArchive, archiving, open_location
from infrastructure.composition import Service
from tests.infrastructure.archive.test_archive import PART_POSITIONS, archive, archived, files, private_facts
from tests.infrastructure.archive.test_archive_restore import restored
from tests.infrastructure.export.test_exporting import (
    CAMPAIGNS,
    Killed,
    hostile_facts,
    killed_before,
    one_more,
)
from tests.support.ledgers import open_ledger, take


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of few events; no test cuts the power."""
    monkeypatch.setattr(archiving, "PART_POSITIONS", PART_POSITIONS)
    monkeypatch.setattr(os, "fsync", lambda _file: None)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A ledger of which there are several parts."""
    with open_ledger(tmp_path, CAMPAIGNS) as service:
        take(service, [*hostile_facts(), *private_facts()])
        yield service


def refused(service: Service, to: Path) -> str:
    """The code with which a ledger is not archived; nothing that is there is touched."""
    before = files(to)
    with pytest.raises(BadArchive, match="archive into an empty directory") as bad:
        archive(service, to)
    assert files(to) == before
    return bad.value.code


@pytest.mark.usefixtures("each_database")
def test_parts_of_a_lost_manifest_are_kept_from_other_ledgers(service: Service, tmp_path: Path) -> None:
    """From an empty one, and from one that has recorded as much; with the manifest put back, it goes on."""
    to = tmp_path / "archive"
    manifest = archive(service, to)
    content = (to / "manifest.json").read_bytes()
    (to / "manifest.json").unlink()
    for name in ("empty", "other"):
        (tmp_path / name).mkdir()
    with open_ledger(tmp_path / "empty") as empty:
        assert refused(empty, to) == "not_empty"
    with open_ledger(tmp_path / "other", CAMPAIGNS) as other:
        take(other, [*hostile_facts(), *private_facts()])
        assert refused(other, to) == "not_empty"
    (to / "manifest.json").write_bytes(content)
    assert archive(service, to).events == manifest.events


def test_the_ledger_of_a_lost_manifest_is_archived_anew(service: Service, tmp_path: Path) -> None:
    """It holds all that the parts hold; none is left that the new manifest does not name."""
    archive(service, tmp_path / "archive")
    (tmp_path / "archive/manifest.json").unlink()
    one_more(service)
    manifest = archive(service, tmp_path / "archive")
    archive(service, tmp_path / "whole")
    assert archived(tmp_path / "archive") == archived(tmp_path / "whole")
    assert set(files(tmp_path / "archive")) == {"manifest.json", *(part.file for part in manifest.parts)}


@pytest.mark.process
@pytest.mark.slow
def test_a_first_archive_killed_at_any_step_is_made_by_the_same_command(
    service: Service, tmp_path: Path
) -> None:
    """Also where more was recorded since: what the killed run left is this ledger's."""
    for step in count():
        to = tmp_path / f"killed {step}"
        try:
            with killed_before(step):
                archive(service, to)
        except Killed:
            one_more(service, step)
            named = {part.file for part in archive(service, to).parts}
            assert set(files(to)) == {"manifest.json", *named}
        else:
            assert step > 20
            break
    archive(service, tmp_path / "whole")
    archive(service, last := tmp_path / f"killed {step - 1}")
    for kind in ("events", "identities", "properties"):
        assert archived(last, kind) == archived(tmp_path / "whole", kind)


def test_parts_beyond_an_older_manifest_are_kept(service: Service, tmp_path: Path) -> None:
    """A ledger that was set back, and an archive whose manifest was: its last parts may hold what is nowhere else."""
    to, older = tmp_path / "archive", tmp_path / "older"
    archive(service, to)
    shutil.copytree(to, older)
    one_more(service)
    archive(service, to)
    shutil.copyfile(older / "manifest.json", to / "manifest.json")
    with restored(older, tmp_path / "set back") as back:
        assert refused(back, to) == "not_empty"
        one_more(back, 2)
        assert refused(back, to) == "not_empty"
    assert int(archive(service, to).position) == int(service.recorder.max_notification_id() or 0)


def test_a_part_that_no_manifest_names_and_nobody_can_read_is_kept(service: Service, tmp_path: Path) -> None:
    """What is in it cannot be known to be in the ledger."""
    part = archive(service, to := tmp_path / "archive").events[0].file
    (to / "manifest.json").unlink()
    whole = (to / part).read_bytes()
    for content in (b"", whole[: len(whole) // 2]):
        (to / part).write_bytes(content)
        assert refused(service, to) == "not_empty"


def test_what_another_run_made_meanwhile_is_not_removed(service: Service, tmp_path: Path) -> None:
    """In an object store two may run at once; each removes only what it found, and saw to be the ledger's."""
    beside = tmp_path / "archive/events/events-000000009001-000000009002.parquet"

    def watch(*_: object) -> None:
        beside.write_bytes(b"of another run")

    Archiver(
        service.database, service.recorder, service.now, open_location(str(tmp_path / "archive")), watch
    ).run()
    assert beside.read_bytes() == b"of another run"
    assert refused(service, tmp_path / "archive") == "not_empty"


def test_an_archive_that_lacks_a_part_is_not_gone_on_with(service: Service, tmp_path: Path) -> None:
    """Nor one in which a part has another size; once the part is put back, it goes on."""
    to = tmp_path / "archive"
    part = to / archive(service, to).events[0].file
    one_more(service)
    whole = part.read_bytes()
    part.write_bytes(whole[:-1])
    assert refused(service, to) == "damaged_file"
    part.unlink()
    assert refused(service, to) == "missing_file"
    part.write_bytes(whole)
    assert int(archive(service, to).position) == int(service.recorder.max_notification_id() or 0)


def test_only_the_owner_reads_who_users_are_and_what_they_said(service: Service, tmp_path: Path) -> None:
    """From the moment that the file is made; parts of the log, which name no one, are as the umask says."""
    modes: dict[str, int] = {}

    def watch(*_: object) -> None:
        found = (path for path in (tmp_path / "archive").rglob("*") if path.is_file())
        modes.update({path.parent.name: path.stat().st_mode & 0o777 for path in found})

    umask = os.umask(0o022)
    try:
        place = open_location(str(tmp_path / "archive"))
        with place.hold(), place.create("identities/identities-1.parquet") as path:
            assert path.stat().st_mode & 0o777 == 0o600
            path.write_bytes(b"")
        Archiver(service.database, service.recorder, service.now, place, watch).run()
        watch()
    finally:
        os.umask(umask)
    assert modes == {"events": 0o644, "identities": 0o600, "properties": 0o600, "archive": 0o644}
