"""A file whose first bytes are looked at before it is read: they tell Avro from JSON."""

from codecs import BOM_UTF8
from collections.abc import Iterator
from itertools import chain

from infrastructure.inbound.files.byte_source import LINE_LIMIT, ByteSource, CorruptData
from infrastructure.inbound.files.fact_rows import UnreadableFile

_LOOKED_AT = 16


class PeekedSource(ByteSource):
    """The bytes of a file whose first bytes are known."""

    def __init__(self, path: str) -> None:
        """Open it and read the first bytes; raises UnreadableFile."""
        super().__init__(path)
        self._rest = super().read_chunks()
        self._begin = b""
        try:
            # White space before the first character of JSON means nothing.
            while self._is_short() and (chunk := next(self._rest, b"")):
                self._begin += chunk
        except (CorruptData, OSError) as error:
            self.close()
            raise UnreadableFile(path, f"{error}; get the whole file and import it again", line=1) from error

    @property
    def begin(self) -> bytes:
        """The first bytes, without white space and byte order mark."""
        return self._begin.removeprefix(BOM_UTF8).lstrip()

    def _is_short(self) -> bool:
        return len(self._begin) < LINE_LIMIT and len(self.begin) < _LOOKED_AT

    def read_chunks(self) -> Iterator[bytes]:
        """All decompressed bytes, once; raises OSError or CorruptData in the middle."""
        return chain([self._begin], self._rest)
