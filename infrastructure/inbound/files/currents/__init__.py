"""Files of Braze's Currents export, Avro or JSON (docs/braze.md): read as facts, and what means nothing here counted.

events.py says which event is which fact; avro_files.py and json_files.py read the two kinds of file.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from domain.errors import FactRefused
from infrastructure.inbound.files.currents import avro_files, json_files
from infrastructure.inbound.files.currents.begun import Begun
from infrastructure.inbound.files.currents.events import Event, fact_of
from infrastructure.inbound.files.reading import Row, kept

__all__ = ["CurrentsRows"]


class CurrentsRows:
    """The facts of one file of Currents; raises UnreadableFile where reading must end."""

    def __init__(self, path: str) -> None:
        self._source = Begun(path)
        self.size = self._source.size
        self.bytes_read = 0
        self.plain_bytes = 0
        self.ignored = 0
        """Events that mean nothing here, of those read so far."""
        self.absent = Counter[str]()
        """What was as absent in those read so far, by its kind: versions that are none."""
        try:
            reader = avro_files if self._source.begin.startswith(avro_files.MAGIC) else json_files
            self._events: Iterable[Event] = reader.events(self._source)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self._source.close()

    def __iter__(self) -> Iterator[Row]:
        for line, kind, sent in self._events:
            self.bytes_read, self.plain_bytes = self._source.bytes_read, self._source.plain_bytes
            try:
                fact = sent if isinstance(sent, FactRefused) else fact_of(kind, sent, self.absent)
            except FactRefused as refusal:
                fact = kept(refusal)
            if fact is None:
                self.ignored += 1
            else:
                yield line, fact
