"""The event files of an archive, checked against its manifest before anything in them is believed."""

from dataclasses import dataclass
from pathlib import Path

from pyarrow.parquet import ParquetFile

from infrastructure.archive import EventPart, fetched, manifest_of, store
from infrastructure.archive.archiving import COLUMNS, TYPED, Watch
from infrastructure.archive.engine import engine, written
from infrastructure.archive.reading import LOGGED


@dataclass(frozen=True)
class Archived:
    """Event files on this machine, the position that the archive ends at, and what tells it from others."""

    files: list[str]
    position: int
    mark: str
    """The last part's hash, which stands for the log up to there."""


def archived(address: str, directory: Path, watch: Watch) -> Archived:
    """The events of the archive at an address, copied to the directory where they lie elsewhere; raises BadArchive."""
    place = store(address)
    manifest = manifest_of(place)
    paths = fetched(place, manifest.events, directory, watch)
    files = [str(_current(part, path, directory)) for part, path in zip(manifest.events, paths, strict=True)]
    return Archived(files, int(manifest.position), manifest.events[-1].hash if manifest.events else "")


def _current(part: EventPart, path: Path, directory: Path) -> Path:
    """A file whose typed columns are as today's query makes them, of what was recorded."""
    if part.columns == COLUMNS:
        return path
    target = directory / f"again-{path.name}"
    with engine() as connection, ParquetFile(path) as file:
        written(connection, file.iter_batches(columns=LOGGED.names), LOGGED, TYPED, target)
    return target
