"""Archiving: new events become further parts, and what is stored beside the log is written again as a whole."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
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
    READ_IDENTITIES,
    READ_PROPERTIES,
    View,
    open_view,
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
    read_stretch,
)
from infrastructure.archive.parquet_files import open_engine, read_rows, write_file
from infrastructure.database import Database
from infrastructure.event_store.reading import LAST_POSITION
from infrastructure.event_store.recorder import Recorder
from infrastructure.migrations import HEAD

PART_POSITIONS = 1_000_000
"""The most positions of a part."""

_HASHES = "SELECT hash FROM read_parquet($file, hive_partitioning = false) ORDER BY position"

_ELSEWHERE = "archive into an empty directory"

Watch = Callable[[str, int, int | None], None]
"""Hears what is being done, how much of it is done, and of how much."""


class Archiver:
    """One run into one archive."""

    def __init__(
        self, database: Database, recorder: Recorder, now: Callable[[], datetime], to: Location, watch: Watch
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._now = now
        self._location = to
        self._watch = watch

    def run(self) -> Manifest:
        """Archive the log as it is now. Raises BadArchive, UnreadableLog, OSError; the archive then stays as it was."""
        with self._location.hold(), open_engine() as connection:
            found = self._location.list_files()
            before = self._read_earlier(found)
            self._refuse_unnamed(connection, before, found)
            # One view: identities and properties as they were when the log ended there.
            with open_view(self._database) as view:
                last = view.number(LAST_POSITION)
                number = 1 if before is None else before.number + 1
                identities, properties = self._write_beside_log(connection, view, number)
            old = [] if before is None else before.events
            manifest = Manifest(
                made_at=printed(self._now().astimezone(UTC)),
                position=str(last),
                schema_version=HEAD,
                events=[*old, *self._write_events(connection, old, last)],
                identities=[identities],
                properties=[properties],
            )
            self._location.write(MANIFEST, manifest.encode())
            self._tidy(manifest, found)
            return manifest

    def _read_earlier(self, found: Mapping[str, int]) -> Manifest | None:
        """The manifest to continue from, checked to be complete and of this ledger; None if there is none."""
        content = self._location.read(MANIFEST)
        if content is not None:
            before = decode(content)
            self._refuse_incomplete(before, found)
            self._refuse_other_ledger(before)
            return before
        for name in found:
            if not is_ours(name):
                raise BadArchive(
                    f"{self._location.address} holds {name!r} and no archive; name an empty directory",
                    code="not_empty",
                )
        return None

    def _refuse_incomplete(self, before: Manifest, found: Mapping[str, int]) -> None:
        """Raise BadArchive if a part of events is missing or has another size: they are never written again."""
        for part in before.events:
            if found.get(part.file) == part.bytes:
                continue
            problem, code = (
                ("has another size than was archived", "damaged_file")
                if part.file in found
                else ("is missing", "missing_file")
            )
            raise BadArchive(
                f"{self._location.address}: {part.file} {problem}; put it back as it was, or {_ELSEWHERE}",
                code=code,
            )

    def _refuse_unnamed(
        self, connection: duckdb.DuckDBPyConnection, before: Manifest | None, found: Mapping[str, int]
    ) -> None:
        """Raise BadArchive if a file that no manifest names holds other events: nobody else may have them.

        Files with this ledger's own events were left by a run that was killed, and are written again.
        """
        named = set[str]() if before is None else {part.file for part in before.events}
        for name in found:
            stretch = read_stretch(name)
            if stretch and name not in named and not self._holds(connection, name, *stretch):
                raise BadArchive(
                    f"{self._location.address}: {name} holds events that this ledger does not, and no manifest names "
                    f"it; put back the {MANIFEST} that does, or {_ELSEWHERE}",
                    code="not_empty",
                )

    def _holds(self, connection: duckdb.DuckDBPyConnection, name: str, first: int, last: int) -> bool:
        """Whether the ledger holds the same events at the positions of a part, by their hashes."""
        if (self._recorder.max_notification_id() or 0) < last:
            return False
        with (
            TemporaryDirectory(prefix="conversions-") as directory,
            closing(read_events(self._database, first - 1, last)) as batches,
        ):
            file = str(self._location.fetch(name, Path(directory)))
            recorded = (each for batch in batches for each in batch.column("hash").to_pylist())
            try:
                archived = (each for (each,) in read_rows(connection, _HASHES, {"file": file}))
                return all(one == other for one, other in zip_longest(recorded, archived))
            except BadArchive:
                return False

    def _refuse_other_ledger(self, before: Manifest) -> None:
        """Raise BadArchive if the ledger does not hold the events of the last part; the chain of hashes tells."""
        newest = self._recorder.max_notification_id() or 0
        if newest < int(before.position):
            raise self._other_ledger(
                f"the ledger ends at position {newest}, the archive at {before.position}"
            )
        if not before.events:
            return
        *earlier, part = before.events
        chain = Chain(earlier[-1].hash if earlier else "")
        for batch in read_events(self._database, int(part.first) - 1, int(part.last)):
            chain.add(batch)
        if chain.hash != part.hash:
            raise self._other_ledger(f"positions {part.first} to {part.last} hold other events")

    def _other_ledger(self, difference: str) -> BadArchive:
        message = f"{self._location.address} is of another ledger, or this one lost events: {difference}"
        return BadArchive(f"{message}; {_ELSEWHERE}", code="other_ledger")

    def _write_beside_log(
        self, connection: duckdb.DuckDBPyConnection, view: View, number: int
    ) -> tuple[Part, Part]:
        """Write identities and properties as they are now, so that nothing stays that was erased since."""
        ordered = "SELECT * FROM given ORDER BY"
        identities = (view.batches(READ_IDENTITIES, IDENTITIES), IDENTITIES, f"{ordered} journey_id")
        properties = (view.batches(READ_PROPERTIES, PROPERTIES), PROPERTIES, f"{ordered} journey_id, fact_id")
        return (
            self._write_part(connection, beside_log_file("identities", number), identities),
            self._write_part(connection, beside_log_file("properties", number), properties),
        )

    def _write_events(
        self, connection: duckdb.DuckDBPyConnection, old: list[EventPart], last: int
    ) -> Iterator[EventPart]:
        begin, chain = (int(old[-1].last), old[-1].hash) if old else (0, "")
        for after in range(begin, last, PART_POSITIONS):
            end, flow = min(after + PART_POSITIONS, last), Chain(chain)
            read = flow.through(read_events(self._database, after, end))
            content = (self._report(read, after - begin, last - begin), EVENTS, typed_columns.SORTED)
            part = self._write_part(connection, event_file(after + 1, end), content)
            if part.rows != end - after:
                raise BadArchive(
                    f"{part.rows} events were written of positions {after + 1} to {end}; archive them again",
                    code="archive_failed",
                )
            chain = flow.hash
            made = (part.file, part.rows, part.bytes, part.sha256)
            yield EventPart(*made, str(after + 1), str(end), chain, typed_columns.MARK)

    def _report(self, batches: Iterable[pa.RecordBatch], done: int, total: int) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch
            done += batch.num_rows
            self._watch("events", done, total)

    def _write_part(
        self,
        connection: duckdb.DuckDBPyConnection,
        name: str,
        content: tuple[Iterable[pa.RecordBatch], pa.Schema, str],
    ) -> Part:
        with self._location.create(name) as path:
            return Part(name, write_file(connection, *content, path), path.stat().st_size, hash_file(path))

    def _tidy(self, manifest: Manifest, found: Iterable[str]) -> None:
        """Remove files that were there before this run and are named no more; newer ones belong to a run beside it."""
        named = {part.file for part in manifest.parts} | {MANIFEST}
        for name in found:
            if is_ours(name) and name not in named:
                self._location.remove(name)


class Chain:
    """The hash of the log up to the end of a part, which follows from the hash before it (manifest.py, EventPart)."""

    def __init__(self, before: str) -> None:
        self._hash = sha256(bytes.fromhex(before))

    def add(self, batch: pa.RecordBatch) -> None:
        """Add the stored hashes of the next batch by position."""
        self._hash.update(b"".join(batch.column("hash").to_pylist()))

    def through(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches; each is added as it passes."""
        for batch in batches:
            self.add(batch)
            yield batch

    @property
    def hash(self) -> str:
        """The hash so far, in hexadecimal."""
        return self._hash.hexdigest()


def hash_file(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
