"""A bulk's positions: chunk by chunk, as an import's batches follow one another."""

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from application.ports import Stamp
from benchmarks.bulk.spool import Row, by_chunk
from infrastructure.event_store.reading import event_hash


@dataclass(frozen=True)
class Numbering:
    """The position before each chunk's first event, and what all events of a chunk have in common."""

    app_group: str
    before: list[int]
    recorded_from: int
    commands: list[str]
    actor: str

    @classmethod
    def of(
        cls, counted: Mapping[int, int], last: tuple[int, int], app_group: str, stamp: Stamp
    ) -> "Numbering":
        """Goes on after the last event's position and recorded time."""
        position, recorded_at = last
        chunks = range(1 + max(counted))
        before = list(accumulate((counted.get(chunk, 0) for chunk in chunks), initial=position))
        commands = [uuid.uuid4().hex for _ in chunks]
        return cls(app_group, before, max(time.time_ns() // 1000, recorded_at), commands, stamp.actor)

    @property
    def chunks(self) -> range:
        """All of them."""
        return range(len(self.commands))

    @property
    def last_position(self) -> int:
        """The position of the last event."""
        return self.before[-1]

    def events(self, folder: Path, chunks: range) -> Iterator[Row]:
        """The rows of `events` of some chunks, in order."""
        for chunk, rows in by_chunk(folder, "events", chunks):
            stamp = (self.recorded_from, self.commands[chunk], self.actor)
            for position, payload in enumerate(rows, self.before[chunk] + 1):
                row = (position, self.app_group, *payload, *stamp)
                yield (*row, event_hash(*row))

    def rows(self, folder: Path, table: str, chunks: range) -> Iterator[Row]:
        """The rows of any table of some chunks."""
        if table == "events":
            yield from self.events(folder, chunks)
            return
        for _, rows in by_chunk(folder, table, chunks):
            yield from rows
