"""The directory of an export: whatever moment it is killed at, what the manifest names is there, whole.

A file is written under another name, is durable before it gets its own, and only then does the manifest name it.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from infrastructure.export.manifest import BadExport, Manifest, decoded
from infrastructure.process.durable import lock, sync

MANIFEST = "manifest.json"

_UNFINISHED = ".unfinished"
_OURS = re.compile(r"part-\d{5,}\.(jsonl|csv|parquet)(\.unfinished)?|manifest\.json\.unfinished")

Progress = Callable[[int, int], None]
"""Told how many bytes are done, of how many."""


class Directory:
    """Where one export is written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the directory where there is none, and let no other export into it; raises BadExport."""
        if self.path.exists() and not self.path.is_dir():
            raise BadExport(f"{self.path} is a file; name a directory")
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            if not lock(descriptor):
                message = f"another export is writing into {self.path}; let it end, or name another directory"
                raise BadExport(message)
            yield
        finally:
            os.close(descriptor)

    def read(self) -> Manifest | None:
        """The manifest of the export that is here, None where nothing is; raises BadExport."""
        try:
            content = (self.path / MANIFEST).read_bytes()
        except FileNotFoundError:
            self._refuse_others()
            return None
        try:
            return decoded(content)
        except ValueError as error:
            message = f"{self.path / MANIFEST} is not of an export ({error}); export into another directory"
            raise BadExport(message) from error

    def _refuse_others(self) -> None:
        for each in self.path.iterdir():
            if not (_OURS.fullmatch(each.name) and each.name.endswith(_UNFINISHED)):
                message = f"{self.path} holds {each.name!r} and no export; name an empty directory"
                raise BadExport(message)

    def verify(self, manifest: Manifest, progress: Progress) -> None:
        """Check that each part is as the manifest has it; raises BadExport for the first that is not."""
        done = 0
        for part in manifest.parts:
            try:
                with (self.path / part.file).open("rb") as file:
                    same = hashlib.file_digest(file, "sha256").hexdigest() == part.sha256
            except FileNotFoundError:
                raise self._bad(part.file, "is missing") from None
            if not same:
                raise self._bad(part.file, "is not what was exported: its sha256 differs")
            done += part.bytes
            progress(done, manifest.size)

    def _bad(self, file: str, problem: str) -> BadExport:
        advice = "put back the file as it was, or export into an empty directory"
        return BadExport(f"{self.path / file} {problem}; {advice}")

    def write(self, manifest: Manifest) -> None:
        """Put the manifest in the place of the one before."""
        with self.writing(MANIFEST) as file:
            file.write(manifest.encoded())

    def tidy(self, manifest: Manifest) -> None:
        """Remove what an export that was killed has left, and parts of a cut that is given up."""
        named = {part.file for part in manifest.parts}
        for each in sorted(self.path.iterdir()):
            if _OURS.fullmatch(each.name) and each.name not in named:
                each.unlink()
        sync(self.path)

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """A file that gets its name once it is whole and durable; left with an error, it is not there."""
        unfinished = self.path / f"{name}{_UNFINISHED}"
        try:
            with unfinished.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.path / name)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise
        sync(self.path)
