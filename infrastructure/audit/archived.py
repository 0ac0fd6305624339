"""The event files of an archive, checked against its manifest before anything in them is believed."""

from dataclasses import dataclass
from pathlib import Path

from infrastructure.archive import fetched, manifest_of, store
from infrastructure.archive.archiving import Watch


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
    files = [str(path) for path in fetched(place, manifest.events, directory, watch)]
    return Archived(files, int(manifest.position), manifest.events[-1].hash if manifest.events else "")
