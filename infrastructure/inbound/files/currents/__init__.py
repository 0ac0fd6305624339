"""Files of Braze's Currents export, Avro or JSON (docs/braze.md): facts are read, other events are counted.

events.py says which event is which fact; avro_files.py and json_files.py read the two kinds of file.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from domain.errors import FactRefused
from infrastructure.inbound.files.currents import avro_files, json_files
from infrastructure.inbound.files.currents.events import Event, to_fact
from infrastructure.inbound.files.currents.peeked_source import PeekedSource
from infrastructure.inbound.files.fact_rows import Row, without_context

__all__ = ["CurrentsRows"]


class CurrentsRows:
    """The facts of one file of Currents; raises UnreadableFile if it cannot be read on."""

    def __init__(self, path: str) -> None:
        self._source = PeekedSource(path)
        self.size = self._source.size
        self.bytes_read = 0
        self.plain_bytes = 0
        self.ignored = 0
        """The number of events read so far that are no facts."""
        self.absent = Counter[str]()
        """How many values were treated as absent so far, by kind: versions that are none."""
        try:
            reader = avro_files if self._source.begin.startswith(avro_files.MAGIC) else json_files
            self._events: Iterable[Event] = reader.read_events(self._source)
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
                fact = sent if isinstance(sent, FactRefused) else to_fact(kind, sent, self.absent)
            except FactRefused as refusal:
                fact = without_context(refusal)
            if fact is None:
                self.ignored += 1
            else:
                yield line, fact
