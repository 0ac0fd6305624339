"""The event files of an archive, each checked against the manifest before it is used."""

from dataclasses import dataclass
from pathlib import Path

from pyarrow.parquet import ParquetFile

from infrastructure.archive import EventPart, fetch, open_location, read_manifest, typed_columns
from infrastructure.archive.archiving import Watch
from infrastructure.archive.batches import EVENTS
from infrastructure.archive.parquet_files import open_engine, write_file


@dataclass(frozen=True)
class EventFiles:
    """Event files on this machine, the last position of the archive, and a mark that tells it from others."""

    files: list[str]
    position: int
    mark: str
    """The last part's hash, which identifies the log up to there."""


def fetch_event_files(address: str, directory: Path, watch: Watch) -> EventFiles:
    """The events of the archive at an address, copied to the directory if they are elsewhere; raises BadArchive."""
    place = open_location(address)
    manifest = read_manifest(place)
    files = [
        str(_with_current_columns(part, path, directory))
        for part, path in zip(manifest.events, fetch(place, manifest.events, directory, watch), strict=True)
    ]
    return EventFiles(files, int(manifest.position), manifest.events[-1].hash if manifest.events else "")


def _with_current_columns(part: EventPart, path: Path, directory: Path) -> Path:
    """The file with the typed columns that today's query makes; written again if another version archived it."""
    if part.columns == typed_columns.MARK:
        return path
    target = directory / f"again-{path.name}"
    with open_engine() as connection, ParquetFile(path) as file:
        write_file(connection, file.iter_batches(columns=EVENTS.names), EVENTS, typed_columns.SORTED, target)
    return target
