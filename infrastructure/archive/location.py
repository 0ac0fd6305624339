"""Where an archive is: a directory, or a prefix in an object store. A file gets its name once it is whole."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import fsspec  # type: ignore[import-untyped]

from infrastructure.archive.manifest import UNFINISHED, BadArchive, is_beside_log
from infrastructure.process.durable import lock, sync

_PRIVATE, _AS_OTHERS = 0o600, 0o666
"""Who may read and write a file, further limited by the process's umask."""


class Location(Protocol):
    """The files of one archive, by their names relative to it."""

    address: str

    def hold(self) -> AbstractContextManager[None]:
        """Make the location if there is none, and keep other runs out for as long as this lasts, if it has locks."""

    def list_files(self) -> dict[str, int]:
        """The size in bytes of every file, by name, in order."""

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None if there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Replace a small file."""

    def create(self, name: str) -> AbstractContextManager[Path]:
        """A path to write a file to. If all goes well it gets its name and is durable; else it is removed."""

    def fetch(self, name: str, directory: Path) -> Path:
        """A file on this machine: itself, or a copy in the directory. Raises FileNotFoundError."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is still there."""


def open_location(address: str) -> Location:
    """The location with that address: a path, or a URL such as s3://bucket/prefix; raises BadArchive."""
    if "://" not in address:
        return Folder(Path(address))
    try:
        system, root = fsspec.core.url_to_fs(address, skip_instance_cache=True, use_listings_cache=False)
    except ImportError as error:
        extra = "; install conversion-ledger[s3]" if address.startswith(("s3:", "s3a:")) else ""
        raise BadArchive(
            f"{_scheme(address)} addresses need a package that is not installed ({error}){extra}",
            code="missing_extra",
        ) from error
    except ValueError as error:
        raise BadArchive(
            f"there are no {_scheme(address)} addresses; name a directory, or s3://BUCKET/PREFIX",
            code="bad_address",
        ) from error
    if address.startswith(("file://", "local://")):
        return Folder(Path(root))
    return Bucket(address, system, root)


def _scheme(address: str) -> str:
    """The part of an address that messages may show: there may be a password in the rest."""
    return address.partition("://")[0] + "://"


class Folder:
    """A directory on this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.address = str(path)

    @contextmanager
    def hold(self) -> Iterator[None]:
        if self.path.exists() and not self.path.is_dir():
            raise BadArchive(f"{self.path} is a file; name a directory", code="bad_address")
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            if not lock(descriptor):
                raise BadArchive(
                    f"another archive is being made in {self.path}; let it end, or name another directory",
                    code="archive_busy",
                )
            yield
        finally:
            os.close(descriptor)

    def list_files(self) -> dict[str, int]:
        found = sorted(each for each in self.path.rglob("*") if each.is_file())
        return {each.relative_to(self.path).as_posix(): each.stat().st_size for each in found}

    def read(self, name: str) -> bytes | None:
        try:
            return (self.path / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, name: str, content: bytes) -> None:
        with self.create(name) as path:
            path.write_bytes(content)

    @contextmanager
    def create(self, name: str) -> Iterator[Path]:
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        unfinished = path.with_name(f"{path.name}{UNFINISHED}")
        try:
            unfinished.unlink(missing_ok=True)
            # Others may not read who users are, not even while the file is written.
            unfinished.touch(_PRIVATE if is_beside_log(name) else _AS_OTHERS)
            yield unfinished
            sync(unfinished)
            unfinished.replace(path)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise
        sync(path.parent)
        sync(self.path)

    def fetch(self, name: str, directory: Path) -> Path:
        path = self.path / name
        if not path.is_file():
            raise FileNotFoundError(path)
        return path

    def remove(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)
        sync((self.path / name).parent)


class Bucket:
    """A prefix in an object store. A file is there whole or not at all; there are no locks."""

    def __init__(self, address: str, system: Any, root: str) -> None:  # noqa: ANN401
        self.address = address
        self._system = system
        self._root = root.rstrip("/")

    @contextmanager
    def hold(self) -> Iterator[None]:
        yield

    def list_files(self) -> dict[str, int]:
        with _raise_as_os_error(self.address):
            found = self._system.find(self._root, detail=True)
        return {each.removeprefix(f"{self._root}/"): int(found[each]["size"]) for each in sorted(found)}

    def read(self, name: str) -> bytes | None:
        try:
            with _raise_as_os_error(self.address):
                return bytes(self._system.cat_file(self._path(name)))
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        with _raise_as_os_error(self.address):
            self._system.pipe_file(self._path(name), content)

    @contextmanager
    def create(self, name: str) -> Iterator[Path]:
        with TemporaryDirectory(prefix="conversions-") as directory:
            path = Path(directory, "part")
            yield path
            with _raise_as_os_error(self.address):
                self._system.put_file(str(path), self._path(name))

    def fetch(self, name: str, directory: Path) -> Path:
        path = directory / name.replace("/", "-")
        with _raise_as_os_error(self.address):
            self._system.get_file(self._path(name), str(path))
        return path

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError), _raise_as_os_error(self.address):
            self._system.rm_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


@contextmanager
def _raise_as_os_error(address: str) -> Iterator[None]:
    """Raise the many kinds of errors of an object store's client as OSError."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(
            f"{_scheme(address)} does not answer as it should: {type(error).__name__}: {error}"
        ) from error
