"""What is audited: a ledger that was imported, and an archive of many times as many facts made from that ledger's.

Each copy of a journey has ids of its own, for itself and for its facts; positions go on as if the copies had been
recorded one after the other. The stored hashes and payloads stay those of the original: enough for an audit, which does
not ask for them, and not for a restore.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from application.commands.definitions import read_campaigns
from benchmarks.garbage import less_collection
from benchmarks.ledger import Unwatched, refuse
from benchmarks.places import Place
from benchmarks.workload import CAMPAIGNS, GROUP
from infrastructure.access.operator import stamp
from infrastructure.archive import EventPart, Manifest, open_location, read_manifest
from infrastructure.archive.archiving import PART_POSITIONS, hash_file
from infrastructure.archive.manifest import MANIFEST, event_file
from infrastructure.archive.parquet_files import ROW_GROUP, open_engine
from infrastructure.archive.typed_columns import MARK
from infrastructure.audit.duckdb_engine import quote
from infrastructure.composition import Service

_MEMORY: Final = "2GB"

# As ids of journeys are: 22 signs out of 64, at random, so that ranges of them are alike in size.
_JOURNEY: Final = (
    "replace(replace(substr(to_base64(unhex(md5(concat(stream_id, copy)))), 1, 22), '+', '-'), '/', '_')"
)
_FACT_IDS: Final = (
    "fact_id",
    "purchase_id",
    "voided_id",
    "occurrence_id",
    "before_behaviour_id",
    "before_receipt_id",
    "now_behaviour_id",
    "now_receipt_id",
)
_COPIED: Final = ", ".join(
    [
        "$before + copy * $journeys + place AS position",
        f"{_JOURNEY} AS stream_id",
        *(f"{name} || '-' || CAST(copy AS VARCHAR) AS {name}" for name in _FACT_IDS),
    ]
)


@contextmanager
def ledger(place: Place, facts: Path) -> Iterator[str]:
    """The URL of a ledger that took these facts, its read models current; gone afterwards."""
    with place.empty() as url:
        with Service(url) as service, less_collection():
            service.campaigns.apply(read_campaigns(CAMPAIGNS), stamp())
            service.start_import(GROUP, refuse).run([str(facts)], None, Unwatched())
            service.projector.catch_up()
        yield url


class Copies:
    """An archive in a directory that grows by copies of the journeys of another one."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source = read_manifest(open_location(str(source)))
        self._files = ", ".join(quote(str(source / part.file)) for part in self._source.events)
        self._target = target
        self._parts: list[EventPart] = []
        self._copies = 0

    def grow(self, copies: int) -> None:
        """Make it hold so many copies: at least as many as it holds."""
        (self._target / "events").mkdir(parents=True, exist_ok=True)
        with open_engine(_MEMORY) as connection:
            before, journeys = self._look(connection)
            at_a_time = max(1, PART_POSITIONS // (before + journeys))
            while self._copies < copies:
                more = min(at_a_time, copies - self._copies)
                self._parts.append(self._part(connection, before, journeys, more))
                self._copies += more
        self._write_manifest()

    def _look(self, connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
        """Make a view of each kind of event: how many come before the journeys', and how many those are."""
        archived = f"SELECT * FROM read_parquet([{self._files}])"  # noqa: S608 - names of our own
        connection.execute(f"CREATE VIEW others AS FROM ({archived}) WHERE topic NOT LIKE 'journey.%'")
        place = "row_number() OVER (ORDER BY position) AS place"
        query = f"SELECT *, {place} FROM ({archived}) WHERE topic LIKE 'journey.%'"  # noqa: S608
        connection.execute(f"CREATE TABLE journeys AS {query}")
        ((before,),) = connection.execute("SELECT count(*) FROM others").fetchall()
        ((journeys,),) = connection.execute("SELECT count(*) FROM journeys").fetchall()
        return int(before), int(journeys)

    def _part(
        self, connection: duckdb.DuckDBPyConnection, before: int, journeys: int, more: int
    ) -> EventPart:
        """Write a part of so many copies, sorted as parts are; the first one begins with the other events."""
        copied = (
            f"SELECT * EXCLUDE (place, copy) REPLACE ({_COPIED}) "  # noqa: S608 - names of our own
            f"FROM journeys CROSS JOIN (SELECT unnest(range({self._copies}, {self._copies + more})) AS copy)"
        )
        copied = copied.replace("$before", str(before)).replace("$journeys", str(journeys))
        if not self._copies:
            others = "* REPLACE (row_number() OVER (ORDER BY position) AS position)"
            copied = f"SELECT {others} FROM others UNION ALL BY NAME {copied}"  # noqa: S608
        first = before + self._copies * journeys + 1 if self._copies else 1
        last = before + (self._copies + more) * journeys
        path = self._target / event_file(first, last)
        ordered = f"SELECT * FROM ({copied}) ORDER BY topic, stream_id, version"  # noqa: S608
        options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}"
        connection.execute(f"COPY ({ordered}) TO {quote(str(path))} ({options})")
        size, digest = path.stat().st_size, hash_file(path)
        stretch = {"first": str(first), "last": str(last), "hash": digest, "columns": MARK}
        return EventPart(event_file(first, last), last - first + 1, size, digest, **stretch)

    def _write_manifest(self) -> None:
        manifest = Manifest(
            made_at=self._source.made_at,
            position=self._parts[-1].last,
            schema_version=self._source.schema_version,
            events=self._parts,
            identities=[],
            properties=[],
        )
        (self._target / MANIFEST).write_bytes(manifest.encode())
