"""An archive from its begin, or from where the last one ended: new events as further parts, what stands beside anew."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC
from hashlib import file_digest, sha256
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa

from domain.instants import printed
from infrastructure.archive import typed_columns
from infrastructure.archive.batches import (
    EVENTS,
    IDENTITIES,
    PROPERTIES,
    BesideLog,
    read_beside_log,
    read_events,
)
from infrastructure.archive.location import Location
from infrastructure.archive.manifest import (
    MANIFEST,
    BadArchive,
    EventPart,
    Manifest,
    Part,
    beside_log_file,
    decode,
    event_file,
    is_ours,
    stretch_of,
)
from infrastructure.archive.parquet_files import open_engine, read_rows, write_file
from infrastructure.composition import Service
from infrastructure.migrations import HEAD

PART_POSITIONS = 1_000_000
"""The most positions of a part."""

_HASHES = "SELECT hash FROM read_parquet($file, hive_partitioning = false) ORDER BY position"

_ELSEWHERE = "archive into an empty directory"

Watch = Callable[[str, int, int | None], None]
"""Told what is being done, how much of it, and of how much."""


class Archiver:
    """One run into one archive."""

    def __init__(self, service: Service, to: Location, watch: Watch) -> None:
        self._service = service
        self._store = to
        self._watch = watch

    def run(self) -> Manifest:
        """Archive all there is now; raises BadArchive, UnreadableLog, OSError: what was archived before stays valid."""
        with self._store.held(), open_engine() as connection:
            found = self._store.files()
            before = self._before(found)
            self._refuse_unnamed(connection, before, found)
            with read_beside_log(self._service) as view:
                last = view.last
                identities, properties = self._aside(
                    connection, view, 1 if before is None else before.number + 1
                )
            old = [] if before is None else before.events
            new = self._events(connection, old, last)
            manifest = Manifest(
                made_at=printed(self._service.now().astimezone(UTC)),
                position=str(last),
                schema_version=HEAD,
                events=[*old, *new],
                identities=[identities],
                properties=[properties],
            )
            self._store.write(MANIFEST, manifest.encoded())
            self._tidy(manifest, found)
            return manifest

    def _before(self, found: Mapping[str, int]) -> Manifest | None:
        """The archive to go on with, of which all is there and of this ledger; None where there is none."""
        content = self._store.read(MANIFEST)
        if content is not None:
            before = decode(content)
            self._refuse_lacking(before, found)
            self._refuse_other_ledger(before)
            return before
        for name in found:
            if not is_ours(name):
                message = f"{self._store.address} holds {name!r} and no archive; name an empty directory"
                raise BadArchive(message, code="not_empty")
        return None

    def _refuse_lacking(self, before: Manifest, found: Mapping[str, int]) -> None:
        """Parts of events are never made again: without one of them an archive that went on would be none."""
        for part in before.events:
            if found.get(part.file) == part.bytes:
                continue
            problem, code = (
                ("has another size than was archived", "damaged_file")
                if part.file in found
                else ("is missing", "missing_file")
            )
            message = f"{self._store.address}: {part.file} {problem}; put it back as it was, or {_ELSEWHERE}"
            raise BadArchive(message, code=code)

    def _refuse_unnamed(
        self, connection: duckdb.DuckDBPyConnection, before: Manifest | None, found: Mapping[str, int]
    ) -> None:
        """What a killed run left is made anew; what a lost manifest named may be all there is of other events."""
        named = set[str]() if before is None else {part.file for part in before.events}
        for name in found:
            stretch = stretch_of(name)
            if stretch and name not in named and not self._holds(connection, name, *stretch):
                message = (
                    f"{self._store.address}: {name} holds events that this ledger does not, and no manifest names "
                    f"it; put back the {MANIFEST} that does, or {_ELSEWHERE}"
                )
                raise BadArchive(message, code="not_empty")

    def _holds(self, connection: duckdb.DuckDBPyConnection, name: str, first: int, last: int) -> bool:
        """Whether the ledger holds, at the positions of a part, the very events that are in it."""
        if (self._service.recorder.max_notification_id() or 0) < last:
            return False
        with (
            TemporaryDirectory(prefix="conversions-") as directory,
            closing(read_events(self._service, first - 1, last)) as batches,
        ):
            file = str(self._store.local(name, Path(directory)))
            recorded = (each for batch in batches for each in batch.column("hash").to_pylist())
            try:
                archived = (each for (each,) in read_rows(connection, _HASHES, {"file": file}))
                return all(one == other for one, other in zip_longest(recorded, archived))
            except BadArchive:
                return False

    def _refuse_other_ledger(self, before: Manifest) -> None:
        """The last part of the archive is to be what this ledger holds there, which its chain of hashes tells."""
        newest = self._service.recorder.max_notification_id() or 0
        if newest < int(before.position):
            raise self._other(f"the ledger ends at position {newest}, the archive at {before.position}")
        if not before.events:
            return
        *earlier, part = before.events
        chain = Chain(earlier[-1].hash if earlier else "")
        for batch in read_events(self._service, int(part.first) - 1, int(part.last)):
            chain.add(batch)
        if chain.hash != part.hash:
            raise self._other(f"positions {part.first} to {part.last} hold other events")

    def _other(self, difference: str) -> BadArchive:
        message = f"{self._store.address} is of another ledger, or this one lost events: {difference}"
        return BadArchive(f"{message}; {_ELSEWHERE}", code="other_ledger")

    def _aside(
        self, connection: duckdb.DuckDBPyConnection, view: BesideLog, number: int
    ) -> tuple[Part, Part]:
        """What stands beside the log is written anew each time, so that nothing of what was erased is left."""
        ordered = "SELECT * FROM given ORDER BY"
        identities = (view.identities(), IDENTITIES, f"{ordered} journey_id")
        properties = (view.properties(), PROPERTIES, f"{ordered} journey_id, fact_id")
        return (
            self._part(connection, beside_log_file("identities", number), identities),
            self._part(connection, beside_log_file("properties", number), properties),
        )

    def _events(
        self, connection: duckdb.DuckDBPyConnection, old: list[EventPart], last: int
    ) -> Iterator[EventPart]:
        done, chain = (int(old[-1].last), old[-1].hash) if old else (0, "")
        begin = done
        for after in range(begin, last, PART_POSITIONS):
            end = min(after + PART_POSITIONS, last)
            flow = Chain(chain)
            batches = self._watched(
                flow.through(read_events(self._service, after, end)), after - begin, last - begin
            )
            part = self._part(connection, event_file(after + 1, end), (batches, EVENTS, typed_columns.SORTED))
            if part.rows != end - after:
                message = (
                    f"{part.rows} events were written of positions {after + 1} to {end}; archive them again"
                )
                raise BadArchive(message, code="archive_failed")
            chain = flow.hash
            stretch = {
                "first": str(after + 1),
                "last": str(end),
                "hash": chain,
                "columns": typed_columns.MARK,
            }
            yield EventPart(part.file, part.rows, part.bytes, part.sha256, **stretch)

    def _watched(self, batches: Iterable[pa.RecordBatch], done: int, total: int) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch
            done += batch.num_rows
            self._watch("events", done, total)

    def _part(
        self,
        connection: duckdb.DuckDBPyConnection,
        name: str,
        content: tuple[Iterable[pa.RecordBatch], pa.Schema, str],
    ) -> Part:
        with self._store.making(name) as path:
            number = write_file(connection, *content, path)
            return Part(name, number, path.stat().st_size, sha256_of(path))

    def _tidy(self, manifest: Manifest, found: Iterable[str]) -> None:
        """Remove what was there before this run and counts no more; what came since is of a run beside it."""
        named = {part.file for part in manifest.parts} | {MANIFEST}
        for name in found:
            if is_ours(name) and name not in named:
                self._store.remove(name)


class Chain:
    """The hash of a stretch of the log, which follows from that of the stretch before (manifest.py, EventPart)."""

    def __init__(self, before: str) -> None:
        self._hash = sha256(bytes.fromhex(before))

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in the stored hashes of a batch, which follow those before by position."""
        self._hash.update(b"".join(batch.column("hash").to_pylist()))

    def through(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches, taken in on their way."""
        for batch in batches:
            self.add(batch)
            yield batch

    @property
    def hash(self) -> str:
        """The hash so far, in hexadecimal."""
        return self._hash.hexdigest()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
