"""Archives: what is in them, how they grow, what they refuse, and that an erasure leaves nothing behind."""

import hashlib
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyarrow import parquet
from sqlalchemy import delete, select

from infrastructure.archive import (
    Archiver,
    BadArchive,
    Manifest,
    archiving,
    batches,
    open_location,
    parquet_files,
)
from infrastructure.archive.batches import EVENTS, read_events
from infrastructure.composition import Service
from infrastructure.database.schema import identities, kept_aside
from infrastructure.event_store.reading import Row
from infrastructure.migrations import HEAD
from projections.engine.projection import UnreadableLog
from tests.infrastructure.event_store.test_verification import tamper
from tests.infrastructure.export.test_exporting import (
    CAMPAIGNS,
    USERS,
    Killed,
    hostile_facts,
    killed_before,
    one_more,
)
from tests.support.ledgers import open_ledger, rows, take

PART_POSITIONS = 40
PRIVATE = "a very private plan"
SOMEBODY = "somebody@example.org"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts and batches of few events, that do not end together; no test cuts the power."""
    monkeypatch.setattr(archiving, "PART_POSITIONS", PART_POSITIONS)
    monkeypatch.setattr(batches, "_STRETCH", 15)
    monkeypatch.setattr(batches, "_ROWS", 7)
    monkeypatch.setattr(os, "fsync", lambda _file: None)


def private_facts() -> list[dict[str, Any]]:
    """Facts of one user with free text in every place that takes it."""
    of = {"user_id": SOMEBODY, "at": "2024-03-01T09:00:00Z"}
    note = {"properties": {"note": PRIVATE}}
    return [
        of | note | {"type": "custom_event", "id": "c1", "name": "signed_up"},
        of | note | {"type": "purchase", "id": "p1", "product_id": "x", "price": "0.000001", "currency": "EUR", "quantity": 3},
        of | {"type": "app_version", "id": "v1", "app_id": "ios", "version": "1.2"},
        of | {"type": "refund", "id": "x1", "purchase_id": "p1", "amount": "1.5"},
        of | {"type": "void", "id": "d1", "fact_id": "p1", "reason": PRIVATE},
    ]  # fmt: skip


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A ledger of hostile ids, and of somebody who has said something private."""
    with open_ledger(tmp_path, CAMPAIGNS) as service:
        answers = take(service, [*hostile_facts(), *private_facts()]).answers
        assert not any(answer.code for answer in answers), answers
        yield service


def archive(service: Service, to: Path | str) -> Manifest:
    """Archive, or go on with it."""
    return Archiver(
        service.database, service.recorder, service.now, open_location(str(to)), lambda *_: None
    ).run()


def archived(to: Path, kind: str = "events") -> list[dict[str, Any]]:
    """The rows of a kind that the manifest names; events in order of position."""
    manifest = json.loads((to / "manifest.json").read_bytes())
    found = [row for part in manifest[kind] for row in parquet.read_table(to / part["file"]).to_pylist()]
    return sorted(found, key=lambda row: row["position"]) if kind == "events" else found


def as_rows(found: list[dict[str, Any]]) -> list[Row]:
    """Archived events as the log has them."""
    names = ("position", "app_group", "stream_id", "version", "topic", "payload", "recorded_at", "command_id", "actor", "hash")  # fmt: skip
    return [Row(*(row[name] for name in names)) for row in found]


def files(directory: Path) -> dict[str, bytes]:
    """All that is in an archive."""
    found = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in found}


@pytest.mark.usefixtures("each_database")
def test_the_log_is_read_in_order_with_every_byte(service: Service) -> None:
    """From any position to any other; payloads and hashes are as they are stored."""
    whole = rows(service)
    for after, last in ((0, len(whole)), (3, 4), (10, 41), (5, 5)):
        found = [row for batch in read_events(service.database, after, last) for row in batch.to_pylist()]
        assert as_rows(found) == whole[after:last]
    assert next(iter(read_events(service.database, 0, 1))).schema == EVENTS


@pytest.mark.usefixtures("each_database")
def test_the_manifest_says_what_the_parts_hold(service: Service, tmp_path: Path) -> None:
    """Positions, counts, sizes and hashes, worked out anew from the files and the log."""
    manifest = archive(service, tmp_path / "archive")
    written = json.loads((tmp_path / "archive/manifest.json").read_bytes())
    whole = rows(service)
    assert written["format"] == 1
    assert (written["position"], written["schema_version"]) == (str(len(whole)), HEAD)
    chain = b""
    for part, first in zip(written["events"], range(1, len(whole) + 1, PART_POSITIONS), strict=True):
        last = min(first + PART_POSITIONS - 1, len(whole))
        assert part["file"] == f"events/events-{first:012}-{last:012}.parquet"
        chain = hashlib.sha256(chain + b"".join(row.hash for row in whole[first - 1 : last])).digest()
        assert (part["first"], part["last"], part["hash"]) == (str(first), str(last), chain.hex())
    for part in manifest.parts:
        content = (tmp_path / "archive" / part.file).read_bytes()
        assert (part.bytes, part.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert part.rows == parquet.read_metadata(tmp_path / "archive" / part.file).num_rows
    assert set(files(tmp_path / "archive")) == {"manifest.json", *(part.file for part in manifest.parts)}


def test_other_engines_read_events_byte_for_byte_with_typed_columns(service: Service, tmp_path: Path) -> None:
    """By Arrow and by DuckDB: the log, and beside each payload what the audit asks of it."""
    archive(service, tmp_path / "archive")
    found = archived(tmp_path / "archive")
    assert as_rows(found) == rows(service)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        read = connection.sql(
            "SELECT topic, fact_id, price, quantity, occurred_at, voided_id FROM read_parquet($files) "
            "WHERE fact_id IN ('p1', 'd1') ORDER BY topic",
            params={"files": f"{tmp_path}/archive/events/*.parquet"},
        ).fetchall()
    at = 1_709_283_600_000_000
    assert [(*row[:2], row[2] and str(row[2]), row[3] and int(row[3]), *row[4:]) for row in read] == [
        ("journey.purchase", "p1", "0.000001", 3, at, None),
        ("journey.void", "d1", None, None, at, "p1"),
    ]


def test_r27_lines_of_orders_are_a_list_in_a_column_of_their_own(service: Service, tmp_path: Path) -> None:
    """By Arrow and by DuckDB: place, product, price where it is known, and quantity."""
    lines = [{"product_id": "tea", "price": "9.99", "quantity": 2}, {"product_id": "cup"}]
    of = {"user_id": "u1", "at": "2024-03-01T09:00:00Z"}
    order = of | {"type": "order", "id": "o1", "currency": "EUR", "total": "21.98", "lines": lines}
    refund = of | {"type": "order_refund", "id": "b1", "order_id": "o1", "lines": lines[1:]}
    assert not any(answer.code for answer in take(service, [order, refund]).answers)
    archive(service, tmp_path / "archive")
    stored = next(
        row
        for row in archived(tmp_path / "archive")
        if row["topic"] == "journey.order" and row["total"] is not None and row["fact_id"] == "o1"
    )
    assert stored["total"] == Decimal("21.98")
    tea = {"place": 1, "product_id": "tea", "price": Decimal("9.99"), "quantity": Decimal(2)}
    assert stored["lines"] == [tea, {"place": 2, "product_id": "cup", "price": None, "quantity": Decimal(1)}]
    with duckdb.connect() as connection:
        read = connection.sql(
            "SELECT order_id, line.product_id FROM (SELECT *, unnest(lines) AS line FROM read_parquet($files)) "
            "WHERE topic = 'journey.order_refund'",
            params={"files": f"{tmp_path}/archive/events/*.parquet"},
        ).fetchall()
    assert read == [("o1", "cup")]


def test_parts_are_sorted_by_topic_and_stream_so_that_engines_prune(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row groups hold one topic's streams beside each other: of most of them, no row is read for one user."""
    monkeypatch.setattr(archiving, "PART_POSITIONS", 1_000_000)
    monkeypatch.setattr(parquet_files, "ROW_GROUP", 2_048)
    more = ({"type": "session_started", "id": f"s{n}", "user_id": f"u{n % 500}", "app_id": "ios", "at": "2024-03-01T09:00:00Z"} for n in range(9_000))  # fmt: skip
    take(service, more)
    manifest = archive(service, tmp_path / "archive")
    (part,) = manifest.events
    file = parquet.ParquetFile(tmp_path / "archive" / part.file)
    columns = ("topic", "stream_id", "version")
    keys = [tuple(row[name] for name in columns) for row in file.read(list(columns)).to_pylist()]
    assert keys == sorted(keys)
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    topics, streams = (
        [group.column(place).statistics for group in groups if group.column(place).path_in_schema == name]
        for place, name in ((4, "topic"), (2, "stream_id"))
    )
    assert len(topics) == len(streams) == len(groups) > 3
    assert all(before.max <= after.min for before, after in pairwise(topics))
    one_topic = [found for topic, found in zip(topics, streams, strict=True) if topic.min == topic.max]
    assert all(before.max <= after.min for before, after in pairwise(one_topic))
    assert {group.column(9).compression for group in groups} == {"ZSTD"}


def test_identities_stand_in_files_of_their_own_without_keys(service: Service, tmp_path: Path) -> None:
    """Who it was and what was said freely is in no part of the log, and no key is anywhere."""
    archive(service, tmp_path / "archive")
    with service.database.reading() as connection:
        known = connection.execute(select(identities)).all()
        aside = connection.execute(select(kept_aside)).all()
    found = archived(tmp_path / "archive", "identities")
    assert sorted((row["app_group"], row["user_id"], row["journey_id"]) for row in found) == sorted(
        (row.app_group, row.user_id, row.journey_id) for row in known
    )
    assert [set(row) for row in found] == [{"app_group", "user_id", "journey_id"}] * len(known)
    kept = archived(tmp_path / "archive", "properties")
    assert sorted(tuple(row.values()) for row in kept) == sorted(map(tuple, aside))
    events = str(archived(tmp_path / "archive"))
    assert SOMEBODY not in events
    assert PRIVATE not in events
    assert not any(row.key in content for row in known for content in files(tmp_path / "archive").values())


@pytest.mark.usefixtures("each_database")
def test_events_recorded_since_become_further_parts(service: Service, tmp_path: Path) -> None:
    """The parts before are not touched; all together hold what an archive of everything holds."""
    to = tmp_path / "archive"
    first = archive(service, to)
    before = {name: (to / name).stat() for name in (part.file for part in first.events)}
    for number in range(2):
        one_more(service, number)
        archive(service, to)
    one_more(service, 2)
    second = archive(service, to)
    assert second.events[: len(first.events)] == first.events
    assert [part.rows for part in second.events[len(first.events) :]] == [1, 1, 1]
    assert {name: (to / name).stat() for name in before} == before
    archive(service, tmp_path / "whole")
    for kind in ("events", "identities", "properties"):
        assert archived(to, kind) == archived(tmp_path / "whole", kind)
    assert archive(service, to).events == second.events


@pytest.mark.usefixtures("each_database")
def test_an_empty_ledger_has_an_archive_too(tmp_path: Path) -> None:
    """Nothing is in it but its manifest and files without rows."""
    with open_ledger(tmp_path) as service:
        manifest = archive(service, tmp_path / "archive")
        assert (manifest.position, manifest.events, [part.rows for part in manifest.parts]) == (
            "0",
            [],
            [0, 0],
        )
        assert archive(service, tmp_path / "archive").position == "0"


@pytest.mark.usefixtures("each_database")
def test_an_erasure_leaves_nothing_in_an_archive_made_since(service: Service, tmp_path: Path) -> None:
    """The files that named the person are gone; the log, which names no one, stays as it was."""
    to = tmp_path / "archive"
    first = archive(service, to)
    with service.database.writing() as connection:
        of_somebody = select(identities.c.journey_id).where(identities.c.user_id == SOMEBODY)
        connection.execute(delete(kept_aside).where(kept_aside.c.journey_id.in_(of_somebody)))
        connection.execute(delete(identities).where(identities.c.user_id == SOMEBODY))
    second = archive(service, to)
    assert second.events == first.events
    assert [part.rows for part in second.identities] == [len(USERS)]
    assert [part.rows for part in second.properties] == [0]
    assert set(files(to)) == {"manifest.json", *(part.file for part in second.parts)}
    everything = "".join(str(archived(to, kind)) for kind in ("events", "identities", "properties"))
    assert SOMEBODY not in everything
    assert PRIVATE not in everything
    assert not any(text.encode() in content for text in (SOMEBODY, PRIVATE) for content in files(to).values())


@pytest.mark.usefixtures("each_database")
@pytest.mark.slow
def test_an_archive_killed_at_any_step_and_run_again_equals_one_that_was_not(
    service: Service, tmp_path: Path
) -> None:
    """Until the last step the one before is valid and whole; nothing that does not count is left in the end."""
    to = tmp_path / "archive"
    archive(service, to)
    stood = json.loads((to / "manifest.json").read_bytes())
    one_more(service)
    archive(service, tmp_path / "whole")
    for step in count():
        try:
            with killed_before(step):
                archive(service, to)
        except Killed:
            now = json.loads((to / "manifest.json").read_bytes())
            assert all(
                (to / part["file"]).exists() for kind in ("events", "identities") for part in now[kind]
            )
            if now != stood:
                assert archived(to) == archived(tmp_path / "whole")
        else:
            assert step > 8
            break
    for kind in ("events", "identities", "properties"):
        assert archived(to, kind) == archived(tmp_path / "whole", kind)
    named = [part.file for part in archive(service, to).parts]
    assert set(files(to)) == {"manifest.json", *named}


@pytest.mark.usefixtures("each_database")
def test_a_missing_event_ends_the_archive_and_is_named(service: Service, tmp_path: Path) -> None:
    """No manifest names what could not be finished, and the one before stays."""
    tamper(service, "DELETE FROM events WHERE position = 58")
    with pytest.raises(UnreadableLog, match="position 58: the event is missing"):
        archive(service, tmp_path / "new")
    assert "manifest.json" not in files(tmp_path / "new")
    beyond = int(service.recorder.max_notification_id() or 0) + 1
    with pytest.raises(UnreadableLog, match=f"position {beyond}: the event is missing"):
        list(read_events(service.database, 58, 10**12))


def test_another_ledger_is_refused(service: Service, tmp_path: Path) -> None:
    """One that is shorter, and one that is as long but has recorded something else."""
    to = tmp_path / "archive"
    archive(service, to)
    before = files(to)
    for name, facts in (("shorter", []), ("other", [*hostile_facts(), *private_facts()])):
        (tmp_path / name).mkdir()
        with open_ledger(tmp_path / name, CAMPAIGNS) as other:
            take(other, facts)
            with pytest.raises(BadArchive, match="is of another ledger") as refused:
                archive(other, to)
            assert refused.value.code == "other_ledger"
    assert files(to) == before


def test_a_place_that_holds_something_else_is_refused(service: Service, tmp_path: Path) -> None:
    """Files of others, something that is no manifest, a file; nothing of it is touched."""
    (other := tmp_path / "other").mkdir()
    (other / "mine.txt").write_text("mine")
    for place, code in ((other, "not_empty"), (other / "mine.txt", "bad_address")):
        with pytest.raises(BadArchive) as refused:
            archive(service, place)
        assert refused.value.code == code
    assert files(other) == {"mine.txt": b"mine"}
    (other / "manifest.json").write_text('{"what":"events"}')
    with pytest.raises(BadArchive, match="is not of an archive"):
        archive(service, other)


def test_two_archives_in_one_directory_do_not_meet(service: Service, tmp_path: Path) -> None:
    """The second is refused while the first is at it."""
    with open_location(str(tmp_path / "archive")).hold(), pytest.raises(BadArchive) as refused:
        archive(service, tmp_path / "archive")
    assert refused.value.code == "archive_busy"
