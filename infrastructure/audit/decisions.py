"""Auditing decisions: every journey is replayed through today's domain code, a range of journeys at a time.

It only reads, in short transactions: the log only grows, so all of them see the same events up to a position.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, literal_column, select, tuple_
from sqlalchemy.sql import ClauseElement

from application.commands.intake import GroupDefinitions
from application.ledger import UnknownCampaign
from domain.app_group import AppGroupMade
from infrastructure.audit.decision_differences import DecisionAudit, Difference, Found
from infrastructure.composition import Service
from infrastructure.database import Database
from infrastructure.database.schema import events, identities
from infrastructure.database.statements import Prepared, as_keys, constant
from infrastructure.event_store.codec import TOPICS
from infrastructure.event_store.recorder import Row
from infrastructure.process.pool import ProcessPool
from infrastructure.replay.deciding import DECISIONS, FACTS, Replay, StreamRow

RANGE_EVENTS = 20_000
"""Events of a range of journeys, and of a page: what a process holds in memory beside the journey it replays."""

LIMIT = 1_000
"""Differences that are told unless more are asked for; all are counted."""

_SMALL = 500_000
"""Events that one process replays in some ten seconds; each of the others takes one or two to begin."""

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
    with ProcessPool[Task, Found](processes, "spawn", partial(_open_worker, service.database.url)) as pool:
        yield pool.map


def _open_worker(url: str) -> Callable[[Task], Found]:
    return _Auditor(Service(url)).do


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
        stream, version, position = events.c.originator_id, events.c.originator_version, events.c.position
        ends = select(stream).where(stream > bindparam("after")).order_by(stream)
        self._end = self._prepared(ends.limit(constant(1)).offset(constant(RANGE_EVENTS - 1)))
        page = select(stream, version, position, events.c.app_group, events.c.topic, events.c.state).where(
            tuple_(stream, version) > tuple_(bindparam("stream"), bindparam("version")),
            stream <= bindparam("last"),
            position <= bindparam("position"),
        )
        self._page = self._prepared(page.order_by(stream, version).limit(constant(RANGE_EVENTS)))
        keys = database.dialect.keys
        wanted = keys("keys", position=int)
        self._rows = self._prepared(select(events).join(wanted, events.c.position == wanted.c.position))
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
            newest = connection.execute(select(func.max(position))).scalar() or 0
            if up_to is None or up_to >= newest:
                return int(newest)
            following = connection.execute(select(topic).where(position == up_to + 1)).scalar()
            if following not in DECISIONS:
                return up_to
            is_fact = topic.in_([literal_column(f"'{each}'") for each in sorted(FACTS)])
            facts = select(position).where(position <= up_to, is_fact).order_by(position.desc()).limit(1)
            return (connection.execute(facts).scalar() or 1) - 1

    def app_groups(self) -> list[str]:
        """All app groups, by the streams that are theirs."""
        # Their ids begin alike, and an index finds them.
        stream, is_made = events.c.originator_id, events.c.topic == TOPICS[AppGroupMade]
        query = select(events.c.app_group).where(stream > "group-", stream < "group.", is_made)
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

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
        found = self._rows.all(connection, keys=as_keys([[each] for each in sorted(positions)]))
        rows = (Row._make(row) for row in found)
        return {row.position for row in rows if row.computed_hash() != row.hash}
