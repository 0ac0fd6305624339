"""An archive from its begin, or from where the last one ended: new events as further parts, what stands beside anew."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC
from hashlib import file_digest, sha256
from pathlib import Path

import duckdb
import pyarrow as pa

from domain.instants import printed
from infrastructure.archive.engine import engine, written
from infrastructure.archive.manifest import (
    MANIFEST,
    BadArchive,
    EventPart,
    Manifest,
    Part,
    aside_file,
    decoded,
    event_file,
    is_ours,
)
from infrastructure.archive.reading import IDENTITIES, LOGGED, PROPERTIES, Aside, aside, logged
from infrastructure.archive.store import Store
from infrastructure.migrations import HEAD
from infrastructure.service import Service
from projections.audit import typed

PART_POSITIONS = 1_000_000
"""The most positions of a part."""

_TYPED = f"WITH logged AS (SELECT * FROM given ORDER BY topic, stream_id, version) SELECT * FROM ({typed()})"  # noqa: S608
"""Sorted by topic and stream, so that engines prune: by what is asked about, and by whom."""

Watch = Callable[[str, int, int | None], None]
"""Told what is being done, how much of it, and of how much."""


class Archiving:
    """One run into one archive."""

    def __init__(self, service: Service, to: Store, watch: Watch) -> None:
        self._service = service
        self._store = to
        self._watch = watch

    def run(self) -> Manifest:
        """Archive all there is now; raises BadArchive, UnreadableLog, OSError: what was archived before stays valid."""
        with self._store.held(), engine() as connection:
            before = self._before()
            if before is not None:
                self._refuse_other_ledger(before)
            with aside(self._service) as view:
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
            self._tidy(manifest)
            return manifest

    def _before(self) -> Manifest | None:
        content = self._store.read(MANIFEST)
        if content is not None:
            return decoded(content)
        for name in self._store.names():
            if not is_ours(name):
                message = f"{self._store.address} holds {name!r} and no archive; name an empty directory"
                raise BadArchive(message, code="not_empty")
        return None

    def _refuse_other_ledger(self, before: Manifest) -> None:
        """The last part of the archive is to be what this ledger holds there, which its chain of hashes tells."""
        newest = self._service.recorder.max_notification_id() or 0
        if newest < int(before.position):
            raise self._other(f"the ledger ends at position {newest}, the archive at {before.position}")
        if not before.events:
            return
        *earlier, part = before.events
        chain = Chain(earlier[-1].hash if earlier else "")
        for batch in logged(self._service, int(part.first) - 1, int(part.last)):
            chain.add(batch)
        if chain.hash != part.hash:
            raise self._other(f"positions {part.first} to {part.last} hold other events")

    def _other(self, difference: str) -> BadArchive:
        message = f"{self._store.address} is of another ledger, or this one lost events: {difference}"
        return BadArchive(f"{message}; archive into another directory", code="other_ledger")

    def _aside(self, connection: duckdb.DuckDBPyConnection, view: Aside, number: int) -> tuple[Part, Part]:
        """What stands beside the log is written anew each time, so that nothing of what was erased is left."""
        ordered = "SELECT * FROM given ORDER BY"
        identities = (view.identities(), IDENTITIES, f"{ordered} journey_id")
        properties = (view.properties(), PROPERTIES, f"{ordered} journey_id, fact_id")
        return (
            self._part(connection, aside_file("identities", number), identities),
            self._part(connection, aside_file("properties", number), properties),
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
                flow.through(logged(self._service, after, end)), after - begin, last - begin
            )
            part = self._part(connection, event_file(after + 1, end), (batches, LOGGED, _TYPED))
            if part.rows != end - after:
                message = (
                    f"{part.rows} events were written of positions {after + 1} to {end}; archive them again"
                )
                raise BadArchive(message, code="archive_failed")
            chain = flow.hash
            yield EventPart(
                part.file, part.rows, part.bytes, part.sha256, first=str(after + 1), last=str(end), hash=chain
            )

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
            rows = written(connection, *content, path)
            return Part(name, rows, path.stat().st_size, sha256_of(path))

    def _tidy(self, manifest: Manifest) -> None:
        """Remove files that the manifest does not name any more, and what a run that was killed has left."""
        named = {part.file for part in manifest.parts} | {MANIFEST}
        for name in self._store.names():
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
