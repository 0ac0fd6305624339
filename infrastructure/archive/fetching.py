"""An archive as it is read: its manifest, and its files once each is known to be what was written."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infrastructure.archive.archiving import Watch, sha256_of
from infrastructure.archive.location import Location
from infrastructure.archive.manifest import MANIFEST, BadArchive, Manifest, Part, decode

_TRIES = 5
"""How often an archive is read from its begin where runs replace files of it meanwhile."""


@dataclass(frozen=True)
class Files:
    """The files of an archive on this machine."""

    events: list[Path]
    identities: list[Path]
    properties: list[Path]


def read_manifest(store: Location) -> Manifest:
    """What is in an archive; raises BadArchive, OSError."""
    content = store.read(MANIFEST)
    if content is None:
        message = f"{store.address} holds no archive; `conversions archive` makes one"
        raise BadArchive(message, code="no_archive")
    return decode(content)


def fetch_all(store: Location, directory: Path, watch: Watch, tries: int = _TRIES) -> tuple[Manifest, Files]:
    """All of an archive as one run left it, though another may end meanwhile; raises BadArchive, OSError."""
    manifest = read_manifest(store)
    try:
        # Runs leave parts of events alone, and remove the others as they end: of these there are copies, and first.
        identities, properties = (
            fetch(store, parts, directory, watch, copied=True)
            for parts in (manifest.identities, manifest.properties)
        )
        events = fetch(store, manifest.events, directory, watch)
        return manifest, Files(events, identities, properties)
    except BadArchive as bad:
        if bad.code != "missing_file" or tries == 1 or read_manifest(store) == manifest:
            raise
    return fetch_all(store, directory, watch, tries - 1)


def fetch(
    store: Location, parts: Sequence[Part], directory: Path, watch: Watch, *, copied: bool = False
) -> list[Path]:
    """The files of parts on this machine, each checked: copies in the directory where asked, or where not here.

    Raises BadArchive for the first that is missing, or not what was written; OSError.
    """
    found, done, size = [], 0, sum(part.bytes for part in parts)
    for part in parts:
        try:
            path = store.local(part.file, directory)
            if copied and path.parent != directory:
                path = Path(shutil.copyfile(path, directory / path.name))
        except FileNotFoundError:
            raise _bad(store, part, "is missing", "missing_file") from None
        if sha256_of(path) != part.sha256:
            raise _bad(store, part, "is not what was archived: its sha256 differs", "damaged_file")
        found.append(path)
        done += part.bytes
        watch("checking files", done, size)
    return found


def _bad(store: Location, part: Part, problem: str, code: str) -> BadArchive:
    advice = "put back the file as it was, or use another copy of the archive"
    return BadArchive(f"{store.address}: {part.file} {problem}; {advice}", code=code)
