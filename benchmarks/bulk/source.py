"""Where the facts of a bulk come from; sent to worker processes, each of which draws those of its own users."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from zlib import crc32

from benchmarks.crowd import Crowd
from benchmarks.workload import Fact


class Source(Protocol):
    """Facts, numbered from 0 in the order in which an import would meet them; plain JSON values."""

    @property
    def number(self) -> int:
        """How many facts there are."""

    def part(self, index: int, of: int) -> Iterator[tuple[int, Fact]]:
        """The facts of the users of one part, in order."""


@dataclass(frozen=True)
class FromCrowd:
    """The first facts of a crowd."""

    crowd: Crowd
    number: int

    def part(self, index: int, of: int) -> Iterator[tuple[int, Fact]]:
        return self.crowd.numbered(self.number, wanted=lambda user: user % of == index)


@dataclass(frozen=True)
class FromFile:
    """The facts of a file of JSON lines."""

    path: Path
    number: int

    def part(self, index: int, of: int) -> Iterator[tuple[int, Fact]]:
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines):
                fact: Fact = json.loads(line)
                if crc32(fact["user_id"].encode()) % of == index:
                    yield number, fact
