"""Auditing decisions: every journey is replayed through today's domain code, a range of journeys at a time.

It only reads, in short transactions: the log only grows, so all of them see the same events up to a position.
"""

import gc
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from multiprocessing import get_context, parent_process
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import Connection, func, literal_column, select
from sqlalchemy.sql import ClauseElement

from application.commands.translation import GroupDefinitions
from application.ledger import UnknownCampaign
from infrastructure.audit.decision_differences import DecisionAudit, Difference, Found
from infrastructure.composition import Service
from infrastructure.database import Database
from infrastructure.database.schema import events, identities
from infrastructure.database.statements import Prepared, as_keys
from infrastructure.event_store.reading import (
    find_altered,
    last_position,
    read_app_groups,
    select_rows,
    select_stream_after,
    select_streams,
)
from infrastructure.replay.deciding import DECISIONS, FACTS, Replay, StreamRow

RANGE_EVENTS = 20_000
"""Events of a range of journeys, and of a page: what a process holds in memory beside the journey it replays."""

LIMIT = 1_000
"""Differences that are told unless more are asked for; all are counted."""

_SMALL = 500_000
"""Events that one process replays in some ten seconds; each of the others takes one or two to begin."""

_AHEAD = 2
"""Ranges for each process that are under way or wait to be added up."""

_LAST_VERSION = 2**31 - 1

Progress = Callable[[int, int], None]
"""Told how many events are read, of how many."""


class Task(NamedTuple):
    """Replay the streams after one id, up to and including another, as of a position."""

    after: str
    last: str
    position: int
    app_group: str | None
    campaign_id: str | None
    limit: int


Doing = Callable[[Iterable[Task]], Iterator[Found]]


def audit_decisions(
    service: Service,
    *,
    app_group: str | None = None,
    campaign_id: str | None = None,
    up_to: int | None = None,
    processes: int | None = None,
    limit: int = LIMIT,
    progress: Progress = lambda _done, _of: None,
) -> DecisionAudit:
    """Replay all journeys, of an app group or that name a campaign, and list what today's code would change.

    A fact whose decisions lie beyond `up_to` is left out. `processes` are as many as cores where there is enough to do
    for them. Raises UnknownCampaign, and BrokenProcessPool where a process was ended from outside.
    """
    started = time.monotonic()
    reading = _Reading(service.database)
    if campaign_id is not None:
        _refuse_unknown(service, [app_group] if app_group is not None else reading.app_groups(), campaign_id)
    position, found = reading.end(up_to), Found(limit)
    with _doing(service, processes or _enough(position)) as do:
        asked = (Task(*ends, position, app_group, campaign_id, limit) for ends in reading.ranges(position))
        for part in do(asked):
            found.add(part)
            progress(found.events, position)
    return DecisionAudit(app_group, campaign_id, position, found, time.monotonic() - started)


def _refuse_unknown(service: Service, app_groups: Iterable[str], campaign_id: str) -> None:
    """Raise UnknownCampaign where none of the app groups has it: that nothing differs would say nothing then."""
    if not any(service.ledger.campaign(each, campaign_id).version for each in app_groups):
        raise UnknownCampaign(f"there is no campaign {campaign_id!r}", place="campaign_id")


def _enough(events: int) -> int:
    """As many processes as are worth their beginning."""
    return 1 if events < _SMALL else os.cpu_count() or 1


@contextmanager
def _doing(service: Service, processes: int) -> Iterator[Doing]:
    """Does tasks here, or in processes that end with this block."""
    if processes == 1:
        auditor = _Auditor(service)
        yield lambda tasks: map(auditor.do, tasks)
        return
    # New interpreters and no forks: this one has a database open, and perhaps threads.
    with ProcessPoolExecutor(processes, get_context("spawn"), _begin, (service.database.url,)) as pool:

        def do(tasks: Iterable[Task]) -> Iterator[Found]:
            under_way: deque[Future[Found]] = deque()
            for task in tasks:
                under_way.append(pool.submit(_do, task))
                if len(under_way) >= _AHEAD * processes:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()

        try:
            yield do
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_url = ""
_auditor: "_Auditor | None" = None


def _begin(url: str) -> None:
    """Prepare a new process: it ends with the one that began it, which alone hears of Ctrl-C."""
    global _url  # noqa: PLW0603 - a process of its own, for this alone
    _url = url
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(1_000_000, 50, 100)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that began it is gone, also where that was killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(task: Task) -> Found:
    global _auditor  # noqa: PLW0603 - opened once, by the first task
    if _auditor is None:
        _auditor = _Auditor(Service(_url))
    return _auditor.do(task)


class _Auditor:
    """Does tasks, one after the other, over one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._reading = _Reading(service.database)
        self._definitions: dict[str, GroupDefinitions] = {}

    def do(self, task: Task) -> Found:
        """Replay a range of journeys."""
        found = Found(task.limit)
        replay = Replay(found, self._definitions_of, task.app_group, task.campaign_id)
        for _, rows in groupby(self._reading.rows(task, found), key=itemgetter(0)):
            replay.stream(list(rows))
        found.keep_earliest()
        found.differences = self._reading.completed(found.differences)
        return found

    def _definitions_of(self, app_group: str) -> GroupDefinitions:
        if app_group not in self._definitions:
            self._definitions[app_group] = GroupDefinitions(self._service.ledger, app_group)
        return self._definitions[app_group]


class _Reading:
    """The statements of an audit, compiled once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._end = self._prepared(select_stream_after(RANGE_EVENTS))
        self._page = self._prepared(select_streams(RANGE_EVENTS))
        keys = database.dialect.keys
        wanted = keys("keys", position=int)
        self._rows = self._prepared(select_rows(events.c.position.in_(select(wanted.c.position))))
        journeys = keys("keys", journey_id=str)
        same = identities.c.journey_id == journeys.c.journey_id
        self._users = self._prepared(
            select(identities.c.journey_id, identities.c.user_id).join(journeys, same)
        )

    def _prepared(self, query: ClauseElement) -> Prepared:
        return Prepared(query, self._database.dialect.compiler)

    def end(self, up_to: int | None) -> int:
        """The position of the log's last event, or of the last one up to a position that cuts off no decision."""
        topic, position = events.c.topic, events.c.position
        with self._database.reading() as connection:
            newest = last_position(connection)
            if up_to is None or up_to >= newest:
                return newest
            following = connection.execute(select(topic).where(position == up_to + 1)).scalar()
            if following not in DECISIONS:
                return up_to
            is_fact = topic.in_([literal_column(f"'{each}'") for each in sorted(FACTS)])
            facts = select(position).where(position <= up_to, is_fact).order_by(position.desc()).limit(1)
            return (connection.execute(facts).scalar() or 1) - 1

    def app_groups(self) -> list[str]:
        """All app groups, by the streams that are theirs."""
        with self._database.reading() as connection:
            return [row.app_group for row in read_app_groups(connection)]

    def ranges(self, position: int) -> Iterator[tuple[str, str]]:
        """The ids of streams, cut into ranges of a few thousand events: after one id, up to and including another."""
        if not position:
            return
        with self._database.reading() as connection:
            last = connection.execute(select(func.max(events.c.originator_id))).scalar() or ""
        after = ""
        while after < last:
            with self._database.reading() as connection:
                row = self._end.first(connection, after=after)
            end = min(row[0], last) if row is not None else last
            yield after, end
            after = end

    def rows(self, task: Task, found: Found) -> Iterator[StreamRow]:
        """The events of a task's streams in order, by pages; counted in what is found."""
        stream, version = task.after, _LAST_VERSION
        while True:
            with self._database.reading() as connection:
                page = self._page.all(
                    connection, stream=stream, version=version, last=task.last, position=task.position
                )
            found.events += len(page)
            yield from map(StreamRow._make, page)
            if len(page) < RANGE_EVENTS:
                return
            stream, version = page[-1][:2]

    def completed(self, differences: list[Difference]) -> list[Difference]:
        """The differences with the users, and with the rows that are not what was recorded."""
        if not differences:
            return []
        with self._database.reading() as connection:
            users = self._users_of(connection, {each.journey_id for each in differences})
            positions = set[int]().union(*(each.positions for each in differences))
            tampered = self._tampered(connection, positions)
        return [
            replace(
                each,
                user_id=users.get(each.journey_id),
                tampered=tuple(sorted(each.positions & tampered)),
            )
            for each in differences
        ]

    def _users_of(self, connection: Connection, journeys: set[str]) -> dict[str, str]:
        found = self._users.all(connection, keys=as_keys([[each] for each in sorted(journeys)]))
        return dict(found)

    def _tampered(self, connection: Connection, positions: set[int]) -> set[int]:
        keys = as_keys([[each] for each in sorted(positions)])
        return set(find_altered(self._rows.all(connection, keys=keys)))
