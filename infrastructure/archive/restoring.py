"""Restores a ledger from an archive alone: the same log, and all that is stored beside it, in one transaction.

An archive is its manifest and files; each is checked to be what was written before it is used.

Keys are not in an archive. Each journey gets a new key, and digests that recognise a fact sent again are made with free
text sealed under the new key. The events keep the seals that they were recorded with.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from eventsourcing.persistence import IntegrityError
from sqlalchemy import Connection

from infrastructure.archive.archiving import Watch, hash_file
from infrastructure.archive.journey_rows import TOPICS_READ, Entry, JourneyWriter, derive_rows
from infrastructure.archive.location import Location
from infrastructure.archive.manifest import MANIFEST, BadArchive, EventPart, Manifest, Part, decode
from infrastructure.archive.parquet_files import open_engine, read_rows
from infrastructure.database import Database
from infrastructure.database.dialect import cursor
from infrastructure.database.schema import events
from infrastructure.event_store.adopting import adopt_app_groups
from infrastructure.event_store.codec import TOPICS, UnreadableEvent
from infrastructure.event_store.reading import HASH_DIFFERS, Row, is_intact, last_position
from infrastructure.event_store.recorder import Recorder, WriteTransaction

_TRIES = 5
"""How often an archive is read again from its beginning if runs replace its files meanwhile."""


@dataclass(frozen=True)
class Files:
    """The files of an archive on this machine."""

    events: list[Path]
    identities: list[Path]
    properties: list[Path]


def read_manifest(location: Location) -> Manifest:
    """What is in an archive; raises BadArchive, OSError."""
    content = location.read(MANIFEST)
    if content is None:
        raise BadArchive(
            f"{location.address} holds no archive; `conversions archive` makes one", code="no_archive"
        )
    return decode(content)


def fetch_all(
    location: Location, directory: Path, watch: Watch, tries: int = _TRIES
) -> tuple[Manifest, Files]:
    """All of an archive as one run left it, even if another run ends meanwhile; raises BadArchive, OSError."""
    manifest = read_manifest(location)
    try:
        # A run that ends removes the identities and properties of the run before, never events: copy those first.
        identities, properties = (
            fetch(location, parts, directory, watch, copied=True)
            for parts in (manifest.identities, manifest.properties)
        )
        return manifest, Files(fetch(location, manifest.events, directory, watch), identities, properties)
    except BadArchive as bad:
        if bad.code != "missing_file" or tries == 1 or read_manifest(location) == manifest:
            raise
    return fetch_all(location, directory, watch, tries - 1)


def fetch(
    location: Location, parts: Sequence[Part], directory: Path, watch: Watch, *, copied: bool = False
) -> list[Path]:
    """The files of parts on this machine, each checked by its hash.

    They are copies in the directory if `copied`, or if the archive is elsewhere. Raises BadArchive for the first file
    that is missing or was changed; OSError.
    """
    found, done, size = [], 0, sum(part.bytes for part in parts)
    for part in parts:
        try:
            path = location.fetch(part.file, directory)
            if copied and path.parent != directory:
                path = Path(shutil.copyfile(path, directory / path.name))
        except FileNotFoundError:
            raise _bad(location, part, "is missing", "missing_file") from None
        if hash_file(path) != part.sha256:
            raise _bad(location, part, "is not what was archived: its sha256 differs", "damaged_file")
        found.append(path)
        done += part.bytes
        watch("checking files", done, size)
    return found


def _bad(location: Location, part: Part, problem: str, code: str) -> BadArchive:
    advice = "put back the file as it was, or use another copy of the archive"
    return BadArchive(f"{location.address}: {part.file} {problem}; {advice}", code=code)


_CHUNK = 10_000
"""About how many rows are written at once."""

_EVENTS = """
SELECT position, app_group, stream_id, version, topic, payload, recorded_at, command_id, actor, hash
FROM read_parquet($file, hive_partitioning = false) ORDER BY position
"""

# Each event with the text it was sealed from and the user of its journey: one pass over all journeys, in order.
_JOURNEYS = """
SELECT e.stream_id, e.version, e.topic, e.payload, p.fact_id, p.text, i.app_group, i.user_id
FROM read_parquet($events, hive_partitioning = false) AS e
LEFT JOIN read_parquet($properties, hive_partitioning = false) AS p
  ON p.journey_id = e.stream_id AND p.fact_id = e.fact_id
LEFT JOIN read_parquet($identities, hive_partitioning = false) AS i ON i.journey_id = e.stream_id
WHERE e.topic IN (SELECT unnest($topics))
ORDER BY e.stream_id, e.version
"""

_TOPICS = frozenset(TOPICS.values())


@dataclass(frozen=True)
class Restored:
    """What a restored ledger holds: the archive's events, and those that this version adds to an earlier version's."""

    position: int
    journeys: int
    facts: int


class Restorer:
    """One archive into one empty ledger."""

    def __init__(self, database: Database, recorder: Recorder, of: Location, watch: Watch) -> None:
        self._dialect = database.dialect
        self._recorder = recorder
        self._location = of
        self._watch = watch
        self._fill = database.dialect.filling(events)
        self._writer = JourneyWriter(database.dialect)
        self._events = 0

    def run(self) -> Restored:
        """Restore all or nothing; raises BadArchive, OSError, PersistenceError, and then the ledger is still empty."""
        self._refuse_events(self._recorder.max_notification_id() or 0)
        with TemporaryDirectory(prefix="conversions-") as directory, open_engine() as connection:
            # Every file is checked before any row is written.
            manifest, files = fetch_all(self._location, Path(directory), self._watch)
            self._events = int(manifest.position)
            try:
                return self._restore(connection, manifest, files)
            except IntegrityError as error:
                raise BadArchive(
                    f"the archive holds something twice ({error}); use another copy of it",
                    code="damaged_file",
                ) from error

    def _restore(self, connection: duckdb.DuckDBPyConnection, manifest: Manifest, files: Files) -> Restored:
        with self._recorder.writing(alone=True) as writing:
            self._lock_log(writing.connection)
            with _without_indexes(writing.connection):
                chain = ""
                for part, file in zip(manifest.events, files.events, strict=True):
                    chain = self._write_part(
                        writing, read_rows(connection, _EVENTS, {"file": str(file)}), part, chain
                    )
            journeys, facts = self._write_journeys(connection, writing.connection, files)
            # This adds events: it comes last, after all that was archived.
            adopted = adopt_app_groups(writing.connection)
            self._dialect.announce(writing.connection)
        return Restored(int(manifest.position) + len(adopted), journeys, facts)

    def _lock_log(self, connection: Connection) -> None:
        self._dialect.lock_log(connection)
        self._refuse_events(last_position(connection))
        if not self._dialect.one_writer:
            # The server hears nothing from us while DuckDB sorts a large archive.
            cursor(connection).execute("SET LOCAL idle_in_transaction_session_timeout = 0")

    def _refuse_events(self, position: int) -> None:
        if position:
            raise BadArchive(
                f"the ledger holds {position:,} events already; name an empty or a new --database",
                code="ledger_not_empty",
            )

    def _write_part(
        self, writing: WriteTransaction, archived: Iterator[tuple[object, ...]], part: EventPart, before: str
    ) -> str:
        """Put the events of a part into the log; returns the hash of the log up to its end."""
        chain, chunk = sha256(bytes.fromhex(before)), []
        position = int(part.first) - 1
        for row in map(Row._make, archived):
            position += 1
            _check(row, position)
            chain.update(row.hash)
            chunk.append(row)
            if len(chunk) == _CHUNK or position == int(part.last):
                self._write_chunk(writing, chunk)
                chunk = []
        if position != int(part.last) or chain.hexdigest() != part.hash:
            raise BadArchive(
                f"{part.file} does not hold the events that were archived; use another copy of the archive",
                code="damaged_event",
            )
        return part.hash

    def _write_chunk(self, writing: WriteTransaction, chunk: list[Row]) -> None:
        self._fill(writing.connection, chunk)
        writing.first, writing.last, writing.last_hash = 1, chunk[-1].position, chunk[-1].hash
        self._watch("events", writing.last, self._events)

    def _write_journeys(
        self, connection: duckdb.DuckDBPyConnection, to: Connection, files: Files
    ) -> tuple[int, int]:
        """Write what is stored beside the log; returns how many journeys and how many facts there are."""
        journeys = facts = 0
        if not files.events:
            return 0, 0
        asked = {name: [str(each) for each in found] for name, found in vars(files).items()}
        asked["topics"] = TOPICS_READ
        entries = map(Entry._make, read_rows(connection, _JOURNEYS, asked))
        try:
            for made, new_journeys, new_facts in derive_rows(entries, _CHUNK):
                self._writer.write(to, made)
                journeys, facts = journeys + new_journeys, facts + new_facts
                self._watch("facts", facts, None)
        except UnreadableEvent as error:
            raise BadArchive(f"an event cannot be read: {error}", code="unreadable_event") from error
        return journeys, facts


def _check(row: Row, position: int) -> None:
    """Raise BadArchive unless an event has its position, its recorded hash and a topic that this version knows."""
    if row.position != position:
        raise BadArchive(f"position {position}: the event is missing", code="damaged_event")
    if not is_intact(row):
        raise BadArchive(f"position {position}: {HASH_DIFFERS}", code="damaged_event")
    if row.topic not in _TOPICS:
        raise BadArchive(
            f"position {position}: unknown topic {row.topic!r}: was it written by a newer version?",
            code="unreadable_event",
        )


@contextmanager
def _without_indexes(connection: Connection) -> Iterator[None]:
    """Drop the log's indexes, and make them again once it is filled: that is faster than updating them row by row."""
    for index in events.indexes:
        index.drop(connection)
    yield
    for index in events.indexes:
        index.create(connection)
