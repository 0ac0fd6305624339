"""A file that is looked at before it is read: Avro and JSON are told apart by how they begin."""

from codecs import BOM_UTF8
from collections.abc import Iterator
from itertools import chain

from infrastructure.inbound.files.compression import CorruptData
from infrastructure.inbound.files.lines import LINE_LIMIT
from infrastructure.inbound.files.reading import UnreadableFile
from infrastructure.inbound.files.source import Source

_LOOKED_AT = 16


class Begun(Source):
    """The bytes of a file whose begin is known."""

    def __init__(self, path: str) -> None:
        """Open it and read its begin; raises UnreadableFile."""
        super().__init__(path)
        self._rest = super().chunks()
        self._begin = b""
        try:
            # White space before the first character of JSON says nothing.
            while self._is_short() and (chunk := next(self._rest, b"")):
                self._begin += chunk
        except (CorruptData, OSError) as error:
            self.close()
            raise UnreadableFile(path, f"{error}; get the whole file and import it again", line=1) from error

    @property
    def begin(self) -> bytes:
        """How the file begins, white space and a byte order mark aside."""
        return self._begin.removeprefix(BOM_UTF8).lstrip()

    def _is_short(self) -> bool:
        return len(self._begin) < LINE_LIMIT and len(self.begin) < _LOOKED_AT

    def chunks(self) -> Iterator[bytes]:
        """All of the plain bytes, once; raises OSError or CorruptData in the middle."""
        return chain([self._begin], self._rest)
