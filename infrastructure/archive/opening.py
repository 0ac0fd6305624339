"""An archive as it is read: its manifest, and its files once each is known to be what was written."""

from collections.abc import Sequence
from pathlib import Path

from infrastructure.archive.archiving import Watch, sha256_of
from infrastructure.archive.manifest import MANIFEST, BadArchive, Manifest, Part, decoded
from infrastructure.archive.store import Store


def manifest_of(store: Store) -> Manifest:
    """What is in an archive; raises BadArchive, OSError."""
    content = store.read(MANIFEST)
    if content is None:
        message = f"{store.address} holds no archive; `conversions archive` makes one"
        raise BadArchive(message, code="no_archive")
    return decoded(content)


def fetched(store: Store, parts: Sequence[Part], directory: Path, watch: Watch) -> list[Path]:
    """The files of parts on this machine, each checked: copies in the directory where they lie elsewhere.

    Raises BadArchive for the first that is missing, or not what was written; OSError.
    """
    found, done, size = [], 0, sum(part.bytes for part in parts)
    for part in parts:
        try:
            path = store.local(part.file, directory)
        except FileNotFoundError:
            raise _bad(store, part, "is missing", "missing_file") from None
        if sha256_of(path) != part.sha256:
            raise _bad(store, part, "is not what was archived: its sha256 differs", "damaged_file")
        found.append(path)
        done += part.bytes
        watch("checking files", done, size)
    return found


def _bad(store: Store, part: Part, problem: str, code: str) -> BadArchive:
    advice = "put back the file as it was, or use another copy of the archive"
    return BadArchive(f"{store.address}: {part.file} {problem}; {advice}", code=code)
