"""The directory of an export: every file that the manifest names is there and whole, even after a kill.

A file is written under a temporary name, made durable and renamed; only then does the manifest name it.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from infrastructure.export.manifest import BadExport, Manifest, decode
from infrastructure.process.durable import lock, sync

MANIFEST = "manifest.json"

_UNFINISHED = ".unfinished"
_OURS = re.compile(r"part-\d{5,}\.(jsonl|csv|parquet)(\.unfinished)?|manifest\.json\.unfinished")

Progress = Callable[[int, int], None]
"""Hears how many bytes are done, of how many."""


class Directory:
    """The directory that one export is written to."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Make the directory if there is none, and keep other exports out; raises BadExport."""
        if self.path.exists() and not self.path.is_dir():
            raise BadExport(f"{self.path} is a file; name a directory")
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            if not lock(descriptor):
                raise BadExport(
                    f"another export is writing into {self.path}; let it end, or name another directory"
                )
            yield
        finally:
            os.close(descriptor)

    def read(self) -> Manifest | None:
        """The manifest of the export in the directory; None if it is empty. Raises BadExport."""
        try:
            content = (self.path / MANIFEST).read_bytes()
        except FileNotFoundError:
            self._refuse_others()
            return None
        try:
            return decode(content)
        except ValueError as error:
            raise BadExport(
                f"{self.path / MANIFEST} is not of an export ({error}); export into another directory"
            ) from error

    def _refuse_others(self) -> None:
        for each in self.path.iterdir():
            if not (_OURS.fullmatch(each.name) and each.name.endswith(_UNFINISHED)):
                raise BadExport(f"{self.path} holds {each.name!r} and no export; name an empty directory")

    def verify(self, manifest: Manifest, progress: Progress) -> None:
        """Check each part against the manifest; raises BadExport for the first that differs."""
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
        """Replace the manifest."""
        with self.create(MANIFEST) as file:
            file.write(manifest.encode())

    def tidy(self, manifest: Manifest) -> None:
        """Remove files that a killed export left, and parts of an earlier cut that are not used."""
        named = {part.file for part in manifest.parts}
        for each in sorted(self.path.iterdir()):
            if _OURS.fullmatch(each.name) and each.name not in named:
                each.unlink()
        sync(self.path)

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        """A file that gets its name once it is whole and durable; after an error it is removed."""
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
