"""Where the facts of a bulk come from; sent to worker processes, each of which draws those of its own users."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
class Given:
    """A few facts, held in memory."""

    facts: Sequence[Fact]

    @property
    def number(self) -> int:
        """How many facts there are."""
        return len(self.facts)

    def part(self, index: int, of: int) -> Iterator[tuple[int, Fact]]:
        for number, fact in enumerate(self.facts):
            if crc32(fact["user_id"].encode()) % of == index:
                yield number, fact
