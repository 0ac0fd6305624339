"""Bytes a fact: of the log, of its indexes, of what stands beside it, of read models, and of an archive."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from benchmarks.results import Table
from infrastructure.archive import open_location, read_manifest
from infrastructure.composition import Service
from infrastructure.database import sqlite_file
from infrastructure.database.schema import (
    events,
    identities,
    journey_facts,
    journey_lanes,
    journey_standings,
    journey_states,
    kept_aside,
)

_LOG, _INDEXES, _BESIDE, _MODELS = "the log", "its indexes", "journeys, beside the log", "read models"
_JOURNEYS = (identities, kept_aside, journey_facts, journey_lanes, journey_states, journey_standings)
_TABLES = """
    SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


@dataclass(frozen=True)
class Sizes:
    """What a ledger of so many facts and events takes up, in bytes by part."""

    place: str
    facts: int
    events: int
    parts: dict[str, int]


def measured(place: str, url: str, facts: int, archive: Path) -> Sizes:
    """Look at a ledger, and at the archive that was made of it."""
    manifest = read_manifest(open_location(str(archive)))
    with Service(url) as service:
        parts = _of_file(url) if sqlite_file(url) else _of_server(service)
    parts["archive: events"] = sum(part.bytes for part in manifest.events)
    parts["archive: identities, properties"] = manifest.size - parts["archive: events"]
    return Sizes(place, facts, int(manifest.position), parts)


def _of_file(url: str) -> dict[str, int]:
    path = Path(str(sqlite_file(url)))
    return {"the file, all of it": sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*"))}


def _of_server(service: Service) -> dict[str, int]:
    """Read models stand in tables of generations, whose names end with a number."""
    parts = dict.fromkeys((_LOG, _INDEXES, _BESIDE, _MODELS), 0)
    journeys = {table.name for table in _JOURNEYS}
    with service.database.reading() as connection:
        for name, table, indexes in connection.execute(text(_TABLES)):
            if name == events.name:
                parts[_LOG] += table
                parts[_INDEXES] += indexes
            elif name in journeys:
                parts[_BESIDE] += table + indexes
            elif name.rpartition("_")[2].isdecimal():
                parts[_MODELS] += table + indexes
    return parts


def table(sizes: Sequence[Sizes]) -> Table:
    """The largest of each place."""
    shown = Table("audit_bytes", "Bytes a fact", ["where: what", "bytes", "bytes/fact", "bytes/event"])
    for place in dict.fromkeys(each.place for each in sizes):
        largest = max((each for each in sizes if each.place == place), key=lambda each: each.facts)
        shown.rows += _rows(largest)
    return shown


def _rows(sizes: Sizes) -> Iterator[list[str | int | float | None]]:
    for part, size in sizes.parts.items():
        yield [f"{sizes.place}, {sizes.facts:,} facts: {part}", size, size / sizes.facts, size / sizes.events]
