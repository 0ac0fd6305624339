"""Streams of the log, read a range at a time in short transactions.

The log only grows, so all transactions see the same events up to a position. Ranges are replayed in this process, or in
as many as there are cores where that is faster.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, TypeVar

from sqlalchemy import select

from infrastructure.database import Database
from infrastructure.database.dialect import Prepared
from infrastructure.database.schema import events
from infrastructure.event_store.reading import (
    last_position,
    of_types,
    read_app_groups,
    read_rows,
    select_stream_after,
    select_streams,
)
from infrastructure.process.pool import ProcessPool
from infrastructure.replay.chapters import DECISIONS, FACT_TYPES, StreamRow

RANGE_EVENTS = 20_000
"""About how many events a range and a page hold: what a process has in memory beside the journey that it replays."""

_LAST_VERSION = 2**31 - 1


class StreamRange(NamedTuple):
    """The streams after one id, up to and including another, with their events up to a position."""

    after: str
    last: str
    position: int


class StreamReader:
    """Reads whole streams; its statements are compiled once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._end = Prepared(select_stream_after(RANGE_EVENTS), database.dialect.compiler)
        self._page = Prepared(select_streams(RANGE_EVENTS), database.dialect.compiler)

    def find_end(self, up_to: int | None) -> int:
        """The log's last position, or at most `up_to`: earlier if a fact's decisions go on beyond it."""
        with self._database.reading() as connection:
            newest = last_position(connection)
            if up_to is None or up_to >= newest:
                return newest
            (following,) = read_rows(connection, up_to, 1)
            if following.topic not in DECISIONS:
                return up_to
            position = events.c.position
            facts = select(position).where(position <= up_to, of_types(FACT_TYPES))
            return (connection.execute(facts.order_by(position.desc()).limit(1)).scalar() or 1) - 1

    def app_groups(self) -> list[str]:
        """All app groups."""
        with self._database.reading() as connection:
            return [row.app_group for row in read_app_groups(connection)]

    def cut(self, position: int) -> Iterator[StreamRange]:
        """All streams up to a position, in ranges of about RANGE_EVENTS events."""
        if not position:
            return
        with self._database.reading() as connection:
            stream = events.c.originator_id
            last = connection.execute(select(stream).order_by(stream.desc()).limit(1)).scalar_one()
        after = ""
        while after < last:
            with self._database.reading() as connection:
                row = self._end.first(connection, after=after)
            end = min(row[0], last) if row is not None else last
            yield StreamRange(after, end, position)
            after = end

    def read(self, wanted: StreamRange) -> Iterator[list[StreamRow]]:
        """The streams of a range, each with its events in order."""
        for _, rows in groupby(self._read_pages(wanted), key=itemgetter(0)):
            yield list(rows)

    def _read_pages(self, wanted: StreamRange) -> Iterator[StreamRow]:
        stream, version = wanted.after, _LAST_VERSION
        while True:
            with self._database.reading() as connection:
                page = self._page.all(
                    connection, stream=stream, version=version, last=wanted.last, position=wanted.position
                )
            yield from map(StreamRow._make, page)
            if len(page) < RANGE_EVENTS:
                return
            stream, version = page[-1][:2]


Result = TypeVar("Result")
Replay = Callable[[StreamRange], Result]
"""Replays the streams of a range."""

_SMALL = 500_000
"""Events that one process replays in some ten seconds; each further process takes one or two to start."""


def choose_processes(events: int) -> int:
    """The number of processes that replay so many events fastest."""
    return 1 if events < _SMALL else os.cpu_count() or 1


@contextmanager
def replaying(
    processes: int, replay: Replay[Result], open_replay: Callable[[], Replay[Result]]
) -> Iterator[Callable[[Iterable[StreamRange]], Iterator[Result]]]:
    """What replays ranges and gives the results in order: `replay` itself, or what each of several processes opens.

    The processes end with this block.
    """
    if processes == 1:
        yield lambda ranges: map(replay, ranges)
        return
    # New interpreters instead of forks: this process has a database open, and may have threads.
    with ProcessPool[StreamRange, Result](processes, "spawn", open_replay) as pool:
        yield pool.map
