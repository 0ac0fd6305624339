"""The event files of an archive, checked against its manifest before anything in them is believed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infrastructure.archive.archiving import sha256_of
from infrastructure.archive.manifest import MANIFEST, BadArchive, decoded
from infrastructure.archive.store import store


@dataclass(frozen=True)
class Archived:
    """Event files on this machine, the position that the archive ends at, and what tells it from others."""

    files: list[str]
    position: int
    mark: str
    """The hash of all its events, one after the other."""


def archived(address: str, directory: Path, watch: Callable[[str, int, int | None], None]) -> Archived:
    """The events of the archive at an address, copied to the directory where they lie elsewhere; raises BadArchive."""
    place = store(address)
    content = place.read(MANIFEST)
    if content is None:
        message = f"there is no archive at {place.address}; `conversions archive` makes one"
        raise BadArchive(message, code="no_archive")
    manifest = decoded(content)
    files = []
    for number, part in enumerate(manifest.events, start=1):
        try:
            path = place.local(part.file, directory)
        except FileNotFoundError as missing:
            raise BadArchive(
                f"{part.file} is missing; bring it back from a copy", code="missing_file"
            ) from missing
        if sha256_of(path) != part.sha256:
            message = f"{part.file} is not what was archived; bring it back from a copy"
            raise BadArchive(message, code="damaged_file")
        files.append(str(path))
        watch("checking files", number, len(manifest.events))
    return Archived(files, int(manifest.position), manifest.events[-1].hash if manifest.events else "")
