"""The bytes of a file, counted as they are read."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BufferedReader, FileIO
from pathlib import PurePath
from tempfile import TemporaryFile
from typing import IO, cast

from infrastructure.inbound.files.compression import CHUNK, decompress
from infrastructure.inbound.files.fact_rows import STANDARD_INPUT, UnreadableFile


class ByteSource:
    """The bytes of one file or of standard input, to be read once."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.size: int | None = None
        self.bytes_read = 0
        self.plain_bytes = 0
        self._open_files = ExitStack()
        self._file: FileIO | None = None
        self._read: Callable[[int], bytes]
        if path == STANDARD_INPUT:
            self._read = cast(BufferedReader, sys.stdin.buffer).read1
        else:
            self._open()

    def read_chunks(self) -> Iterator[bytes]:
        """The decompressed bytes; raises OSError or CorruptData in the middle."""
        return decompress(self._read_stored(), PurePath(self.path).suffix.lower())

    def open_seekable(self) -> IO[bytes] | FileIO:
        """The stored bytes, to be read in any order; a pipe is copied to a temporary file first."""
        if self._file is not None and self.size is not None:
            return self._file
        spool = self._open_files.enter_context(TemporaryFile())  # noqa: SIM115 - closed by close()
        for chunk in self._read_stored():
            spool.write(chunk)
        spool.seek(0)
        return spool

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self._open_files.close()

    def _read_stored(self) -> Iterator[bytes]:
        while chunk := self._read(CHUNK):
            self.bytes_read += len(chunk)
            yield chunk

    def _open(self) -> None:
        try:
            self._file = self._open_files.enter_context(FileIO(self.path))
        except FileNotFoundError as error:
            raise UnreadableFile(self.path, "there is no such file; check the path") from error
        except IsADirectoryError as error:
            raise UnreadableFile(self.path, "this is a folder; name the files in it") from error
        except (OSError, ValueError) as error:
            raise UnreadableFile(
                self.path, f"it cannot be opened ({error}); check the path and its rights"
            ) from error
        self._read = self._file.read
        status = os.fstat(self._file.fileno())
        self.size = status.st_size if stat.S_ISREG(status.st_mode) else None
