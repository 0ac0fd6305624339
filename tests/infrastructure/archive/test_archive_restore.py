"""A restored ledger is the ledger that was archived: the same log, the same reports, the same verdict on every fact."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from pyarrow import parquet
from sqlalchemy import delete, select

from domain.app_group import AppGroup, AppGroupMade, DefaultCurrencyChanged
from infrastructure.archive import BadArchive, Restored, Restorer, archiving, open_location, restoring
from infrastructure.composition import Service
from infrastructure.database.schema import identities, journey_facts, journey_lanes, kept_aside
from infrastructure.event_store.codec import decode
from infrastructure.event_store.integrity import Verification, verify
from infrastructure.event_store.reading import event_hash
from infrastructure.journeys import store as journeys_store
from projections.engine import generations
from projections.registry import PROJECTIONS
from tests.domain.journey.test_journey_laws import plans
from tests.infrastructure.archive.test_archive import (
    PART_POSITIONS,
    SOMEBODY,
    archive,
    as_rows,
    private_facts,
)
from tests.infrastructure.export.test_exporting import CAMPAIGNS, Killed, hostile_facts, killed_before
from tests.support.ledgers import GROUP, open_ledger, outcome, reported, rows, streams, take

LAWS = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts and chunks of few events, that do not end together; no test cuts the power."""
    monkeypatch.setattr(archiving, "PART_POSITIONS", PART_POSITIONS)
    monkeypatch.setattr(restoring, "_CHUNK", 7)
    monkeypatch.setattr(os, "fsync", lambda _file: None)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A ledger of hostile ids, and of somebody who has said something private."""
    with open_ledger(tmp_path, CAMPAIGNS) as service:
        take(service, [*hostile_facts(), *private_facts()])
        yield service


def restore(service: Service, of: Path | str) -> Restored:
    """Restore an archive into a ledger."""
    return Restorer(service.database, service.recorder, open_location(str(of)), lambda *_: None).run()


@contextmanager
def restored(of: Path, to: Path) -> Iterator[Service]:
    """A new ledger in a directory, restored from an archive and opened anew."""
    to.mkdir()
    with open_ledger(to) as service:
        restore(service, of)
    with open_ledger(to) as service:
        yield service


def read_models(service: Service) -> dict[str, set[tuple[Any, ...]]]:
    """All rows of all read models."""
    service.projector.catch_up()
    with service.database.reading() as connection:
        found = [(generations.current(connection, each), each.tables) for each in PROJECTIONS]
        return {
            table.name: set(map(tuple, connection.execute(select(own[table])).all()))
            for own, tables in found
            for table in tables
        }


def index(service: Service) -> list[set[tuple[Any, ...]]]:
    """What stands beside the log but for keys, and the digests that are made with them."""
    who = select(identities.c.app_group, identities.c.user_id, identities.c.journey_id)
    facts = select(journey_facts.c.journey_id, journey_facts.c.fact_id, journey_facts.c.version)
    with service.database.reading() as connection:
        queries = (who, select(kept_aside), facts, select(journey_lanes))
        return [set(map(tuple, connection.execute(query).all())) for query in queries]


def verdicts(service: Service, facts: Sequence[dict[str, Any]]) -> list[str]:
    """What becomes of facts: codes of refusals, or the verdict."""
    return [answer.code or answer.verdict.value for answer in take(service, facts).answers]


def altered(fact: dict[str, Any]) -> dict[str, Any]:
    """The fact with other content: in its free text where there is any."""
    if fact.get("properties"):
        return fact | {"properties": {"other": 1}}
    if "reason" in fact:
        return fact | {"reason": f"not {fact['reason']}"}
    return fact | {"at": "2023-01-01T00:00:00Z"}


@pytest.mark.usefixtures("each_database")
def test_a_restored_ledger_equals_the_one_that_was_archived(service: Service, tmp_path: Path) -> None:
    """Events byte for byte, what stands beside them, and every row of every read model; `verify` finds nothing."""
    manifest = archive(service, tmp_path / "archive")
    with restored(tmp_path / "archive", tmp_path / "new") as new:
        assert rows(new) == rows(service)
        assert index(new) == index(service)
        assert read_models(new) == read_models(service)
        assert verify(new.database, lambda *_: None) == Verification(int(manifest.position))
        with new.database.reading() as one, service.database.reading() as other:
            keys = [{row.key for row in each.execute(select(identities))} for each in (one, other)]
    assert not keys[0] & keys[1]
    assert all(len(key) == 32 for key in keys[0])


@pytest.mark.usefixtures("each_database")
def test_r13_every_fact_sent_again_is_a_duplicate_and_an_altered_one_a_conflict(
    service: Service, tmp_path: Path
) -> None:
    """Also where properties and reasons are part of what is the same, though the keys that sealed them are gone."""
    facts = [*hostile_facts(), *private_facts()]
    archive(service, tmp_path / "archive")
    with restored(tmp_path / "archive", tmp_path / "new") as new:
        assert set(verdicts(new, facts)) == {"duplicate"}
        assert set(verdicts(new, [altered(fact) for fact in facts])) == {"conflicting_fact"}
        without = [{name: value for name, value in fact.items() if name not in {"properties", "reason"}} for fact in private_facts()]  # fmt: skip
        assert [each for each in verdicts(new, without) if each != "duplicate"] == ["conflicting_fact"] * 3
        assert rows(new) == rows(service)


@pytest.mark.usefixtures("each_database")
@pytest.mark.slow
@pytest.mark.parametrize("state_every", [1, 1_000])
@LAWS
@given(plan=plans())
def test_r13_r14_archived_and_restored_nothing_is_different(state_every: int, plan: Any) -> None:
    """R6 to R19: in the middle of any story; what comes afterwards is judged alike, whatever was put away before."""
    campaigns, facts, batches = plan
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patched, ExitStack() as stack:
        patched.setattr(journeys_store, "SNAPSHOT_EVERY", state_every)
        (old := Path(name, "old")).mkdir()
        original = stack.enter_context(open_ledger(old, campaigns))
        half = len(batches) // 2
        for batch in batches[:half]:
            take(original, batch)
        archive(original, Path(name, "archive"))
        new = stack.enter_context(restored(Path(name, "archive"), Path(name, "new")))
        assert rows(new) == rows(original)
        assert index(new) == index(original)
        assert read_models(new) == read_models(original)
        assert {each for batch in batches[:half] for each in verdicts(new, batch)} <= {"duplicate"}
        for batch in batches[half:]:
            assert verdicts(new, batch) == verdicts(original, batch)
        assert {user: len(events) for user, events in streams(new).items()} == {
            user: len(events) for user, events in streams(original).items()
        }
        assert outcome(new) == outcome(original)
        for each in (new, original):
            each.projector.catch_up()
        for campaign in campaigns:
            assert reported(new, campaign["id"]) == reported(original, campaign["id"])
        assert set(verdicts(new, facts)) <= {"duplicate"}


@pytest.mark.usefixtures("each_database")
def test_a_fact_whose_text_was_erased_is_known_by_its_id(service: Service, tmp_path: Path) -> None:
    """With the text gone nobody can tell whether it is the same: it is refused, and the rest is as before."""
    with service.database.writing() as connection:
        connection.execute(delete(kept_aside).where(kept_aside.c.fact_id == "c1"))
    archive(service, tmp_path / "archive")
    with restored(tmp_path / "archive", tmp_path / "new") as new:
        assert verdicts(new, private_facts()) == ["conflicting_fact", *["duplicate"] * 4]


@pytest.mark.usefixtures("each_database")
def test_somebody_erased_is_somebody_new(service: Service, tmp_path: Path) -> None:
    """As in the ledger that was archived: the journey stays, and no one is known to have made it."""
    with service.database.writing() as connection:
        of_somebody = select(identities.c.journey_id).where(identities.c.user_id == SOMEBODY)
        connection.execute(delete(kept_aside).where(kept_aside.c.journey_id.in_(of_somebody)))
        connection.execute(delete(identities).where(identities.c.user_id == SOMEBODY))
    archive(service, tmp_path / "archive")
    with restored(tmp_path / "archive", tmp_path / "new") as new:
        assert index(new) == index(service)
        assert read_models(new) == read_models(service)
        assert verdicts(new, private_facts()) == ["accepted"] * 5


@pytest.mark.usefixtures("each_database")
def test_a_restored_ledger_goes_on_and_so_does_its_archive(service: Service, tmp_path: Path) -> None:
    """It is the ledger of the archive, which goes on with further parts; and of those it can be restored again."""
    archive(service, tmp_path / "archive")
    fact = {"type": "session_started", "id": "more", "user_id": "new", "app_id": "ios", "at": "2024-03-09T09:00:00Z"}  # fmt: skip
    with restored(tmp_path / "archive", tmp_path / "new") as new:
        assert verdicts(new, [fact]) == ["accepted"]
        archive(new, tmp_path / "archive")
        with restored(tmp_path / "archive", tmp_path / "again") as again:
            assert rows(again) == rows(new)
            assert index(again) == index(new)
            assert verdicts(again, [fact, *private_facts()]) == ["duplicate"] * 6


@pytest.mark.usefixtures("each_database")
def test_an_empty_archive_makes_an_empty_ledger(tmp_path: Path) -> None:
    """Which then takes campaigns and facts as any other."""
    with open_ledger(tmp_path) as empty:
        archive(empty, tmp_path / "archive")
    with restored(tmp_path / "archive", tmp_path / "new") as new:
        assert rows(new) == []
    with open_ledger(tmp_path / "new", CAMPAIGNS) as new:
        assert set(verdicts(new, private_facts())) == {"accepted"}


def test_directories_may_be_named_like_columns(service: Service, tmp_path: Path) -> None:
    """Engines take such names for values; the ledger takes what is in the files, also while an archive goes on."""
    to = tmp_path / "position=7" / "version=1" / "topic=none" / "journey_id=x" / "hash=0"
    with suppress(Killed), killed_before(17):
        archive(service, to)
    assert list((to / "events").iterdir())
    archive(service, to)
    with restored(to, tmp_path / "new") as new:
        assert rows(new) == rows(service)
        assert index(new) == index(service)


@pytest.mark.parametrize("ends", ["checking files", "events", "facts"])
def test_an_archive_run_that_ends_beside_a_restore_does_not_end_it(
    service: Service, tmp_path: Path, ends: str
) -> None:
    """Whether it replaces who the users are before those files were read, or after."""
    archive(service, tmp_path / "archive")
    ended = list[int]()

    def watch(what: str, *_: object) -> None:
        if what == ends and not ended:
            ended.append(archive(service, tmp_path / "archive").number)

    (tmp_path / "new").mkdir()
    with open_ledger(tmp_path / "new") as new:
        Restorer(new.database, new.recorder, open_location(str(tmp_path / "archive")), watch).run()
        assert ended == [2]
        assert rows(new) == rows(service)
        assert index(new) == index(service)


def test_a_restore_does_not_begin_anew_for_ever(service: Service, tmp_path: Path) -> None:
    """Where a run ends beside each of its attempts, it says in the end what is missing."""
    to, ended = open_location(str(tmp_path / "archive")), list[int]()
    archive(service, tmp_path / "archive")
    (tmp_path / "new").mkdir()
    with open_ledger(tmp_path / "new") as new, pytest.raises(BadArchive) as refused:
        Restorer(
            new.database,
            new.recorder,
            to,
            lambda *_: ended.append(archive(service, tmp_path / "archive").number),
        ).run()
    assert (refused.value.code, ended) == ("missing_file", [2, 3, 4, 5, 6])


@pytest.mark.usefixtures("each_database")
def test_a_ledger_that_holds_events_is_refused(service: Service, tmp_path: Path) -> None:
    """Nothing of it is touched."""
    archive(service, tmp_path / "archive")
    before = rows(service)
    with pytest.raises(BadArchive, match="name an empty or a new --database") as refused:
        restore(service, tmp_path / "archive")
    assert refused.value.code == "ledger_not_empty"
    assert rows(service) == before


def flip(path: Path) -> None:
    """Change one byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def refused(of: Path, to: Path) -> str:
    """The code with which an archive is refused; the ledger is as empty as before."""
    to.mkdir()
    with open_ledger(to) as service:
        with pytest.raises(BadArchive) as bad:
            restore(service, of)
        assert rows(service) == []
        assert index(service) == [set(), set(), set(), set()]
    return bad.value.code


@pytest.mark.parametrize("kind", ["events", "identities", "properties"])
def test_a_flipped_byte_or_a_missing_file_is_told(service: Service, tmp_path: Path, kind: str) -> None:
    """Whatever file it is in, and before anything of the archive counts."""
    archive(service, tmp_path / "archive")
    changes: list[tuple[Callable[[Path], None], str]] = [
        (flip, "damaged_file"),
        (Path.unlink, "missing_file"),
    ]
    for number, (change, code) in enumerate(changes):
        copy = shutil.copytree(tmp_path / "archive", tmp_path / f"copy {number}")
        change(max((copy / kind).iterdir()))
        assert refused(copy, tmp_path / f"new {number}") == code


def rewritten(to: Path, kind: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the first row of the last file of a kind, as someone who then mends its SHA-256 in the manifest."""
    manifest = json.loads((to / "manifest.json").read_bytes())
    part = manifest[kind][-1]
    table = parquet.read_table(to / part["file"])
    found = table.to_pylist()
    change(found[0])
    parquet.write_table(pa.Table.from_pylist(found, schema=table.schema), to / part["file"])
    part["sha256"] = hashlib.sha256((to / part["file"]).read_bytes()).hexdigest()
    (to / "manifest.json").write_text(json.dumps(manifest))


def with_its_hash(row: dict[str, Any]) -> None:
    """Another actor, and the hash that goes with it."""
    row["actor"] = "somebody else"
    row["hash"] = event_hash(*as_rows([row])[0][:-1])


def test_an_event_that_was_changed_in_a_file_is_told(service: Service, tmp_path: Path) -> None:
    """By its own hash; where that was mended too, by the chain of hashes; and so is one that took another's place."""
    changes: list[Callable[[dict[str, Any]], None]] = [
        lambda row: row.update(payload=row["payload"].replace("2024", "2023")),
        with_its_hash,
        lambda row: row.update(position=row["position"] + 1),
    ]
    archive(service, tmp_path / "archive")
    for number, change in enumerate(changes):
        copy = shutil.copytree(tmp_path / "archive", tmp_path / f"copy {number}")
        rewritten(copy, "events", change)
        assert refused(copy, tmp_path / f"new {number}") == "damaged_event"


def test_files_that_hold_something_twice_or_lack_columns_are_told(service: Service, tmp_path: Path) -> None:
    """Manifest and files may fit each other, and yet be no archive."""
    archive(service, tmp_path / "archive")
    twice = shutil.copytree(tmp_path / "archive", tmp_path / "twice")
    (identity,) = (twice / "identities").iterdir()
    first = parquet.read_table(identity).to_pylist()[1]
    rewritten(twice, "identities", lambda row: row.update(first))
    assert refused(twice, tmp_path / "new twice") == "damaged_file"
    lacking = shutil.copytree(tmp_path / "archive", tmp_path / "lacking")
    shutil.copyfile(
        next((lacking / "properties").iterdir()), file := next((lacking / "identities").iterdir())
    )
    manifest = json.loads((lacking / "manifest.json").read_bytes())
    manifest["identities"][0]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (lacking / "manifest.json").write_text(json.dumps(manifest))
    assert refused(lacking, tmp_path / "new lacking") == "damaged_file"


MISTRUSTED: list[tuple[tuple[Any, ...], Any, str]] = [
    (("format",), 2, "unknown_format"),
    (("format",), "1", "bad_archive"),
    (("position",), "-1", "bad_archive"),
    (("position",), "7", "bad_archive"),
    (("events", 0, "file"), "../../etc/passwd", "bad_archive"),
    (("identities", 0, "file"), "identities/../../identities-1.parquet", "bad_archive"),
    (("properties", 0, "file"), "identities/identities-1.parquet", "bad_archive"),
    (("events", 0, "rows"), 1, "bad_archive"),
    (("events",), [], "bad_archive"),
    (("events", 0, "first"), "2", "bad_archive"),
    (("events", 0, "first"), "x", "bad_archive"),
    (("events", 0, "hash"), "no hash", "damaged_event"),
    (("events", -1, "hash"), "00" * 32, "damaged_event"),
    (("events", 0, "sha256"), "00" * 32, "damaged_file"),
]


def test_a_manifest_is_not_trusted(service: Service, tmp_path: Path) -> None:
    """Unknown formats, paths that lead away, positions that do not fit, hashes that differ: the ledger stays empty."""
    to, found = tmp_path / "archive", []
    archive(service, to)
    content = (to / "manifest.json").read_bytes()
    (tmp_path / "new").mkdir()
    with open_ledger(tmp_path / "new") as new:
        for (*path, last), value, _ in MISTRUSTED:
            place = manifest = json.loads(content)
            for each in path:
                place = place[each]
            place[last] = value
            (to / "manifest.json").write_text(json.dumps(manifest))
            with pytest.raises(BadArchive) as bad:
                restore(new, to)
            found.append(bad.value.code)
            assert rows(new) == []
    assert found == [code for _, _, code in MISTRUSTED]


def test_an_event_of_a_newer_version_is_told(service: Service, tmp_path: Path) -> None:
    """Its topic is named; nothing is restored that could not be read afterwards."""
    archive(service, tmp_path / "archive")

    def newer(row: dict[str, Any]) -> None:
        row["topic"] = "journey.teleported"
        row["hash"] = event_hash(*as_rows([row])[0][:-1])

    rewritten(tmp_path / "archive", "events", newer)
    assert refused(tmp_path / "archive", tmp_path / "new") == "unreadable_event"


@pytest.mark.usefixtures("each_database")
def test_r11_app_groups_of_an_earlier_version_keep_dollars_when_they_are_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is what was archived, and after it one event for each such group; the next archive has it, and no other."""
    with monkeypatch.context() as earlier:
        earlier.setattr(AppGroup, "make", lambda group, _: group.record(AppGroupMade(group.app_group, "UTC")))
        with open_ledger(tmp_path, CAMPAIGNS) as service:
            take(service, private_facts())
            manifest = archive(service, tmp_path / "archive")
            archived = rows(service)
    (tmp_path / "new").mkdir()
    with open_ledger(tmp_path / "new") as new:
        assert restore(new, tmp_path / "archive").position == int(manifest.position) + 1
        *before, adopted = rows(new)
        assert before == archived
        changed = decode(adopted.topic, adopted.state)
        assert changed == DefaultCurrencyChanged("USD", by_upgrade=True)
        assert (adopted.app_group, adopted.actor) == (GROUP, "upgrade")
        assert verify(new.database, lambda *_: None) == Verification(adopted.position)
        assert set(verdicts(new, private_facts())) == {"duplicate"}
        assert verdicts(new, [private_facts()[2] | {"id": "later"}]) == ["accepted"]
        again = archive(new, tmp_path / "archive")
    with restored(tmp_path / "archive", tmp_path / "newer") as newer:
        assert len(rows(newer)) == int(again.position)


def test_what_a_manifest_says_is_read_by_anyone(service: Service, tmp_path: Path) -> None:
    """It is JSON with the fields that docs/archive.md names, and no others."""
    archive(service, tmp_path / "archive")
    found = msgspec.json.decode((tmp_path / "archive/manifest.json").read_bytes())
    assert list(found) == ["format", "made_at", "position", "schema_version", "events", "identities", "properties"]  # fmt: skip
    named = ["file", "rows", "bytes", "sha256", "first", "last", "hash", "columns"]
    assert list(found["events"][0]) == named
