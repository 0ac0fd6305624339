"""Reading an archive: its manifest, and its files after each was checked to be what was written."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infrastructure.archive.archiving import Watch, hash_file
from infrastructure.archive.location import Location
from infrastructure.archive.manifest import MANIFEST, BadArchive, Manifest, Part, decode

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
