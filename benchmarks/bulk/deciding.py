"""A bulk's first step: a worker process decides the journeys of its users, one at a time, and spools their rows."""

import secrets
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import IO
from zlib import crc32

import msgspec

from benchmarks.bulk.facts import Group
from benchmarks.bulk.source import Source
from benchmarks.bulk.spool import TABLES, Rows, append, read, spool
from benchmarks.garbage import less_collection
from benchmarks.workload import Fact
from domain.facts import Received
from domain.instants import microseconds
from domain.journey.history import MemoryHistory
from domain.journey.user_journey import UserJourney
from domain.lanes import month
from infrastructure.event_store.codec import TOPICS, encode
from infrastructure.journeys.history import month_lane
from infrastructure.journeys.store import SNAPSHOT_EVERY

BUCKET_FACTS = 30_000
"""Facts whose rows a worker holds in memory at once."""

_SHARED_OUT = 1_000


@dataclass(frozen=True)
class Part:
    """What one worker is to do: the users of one part, in batches of so many facts of the whole stream."""

    source: Source
    index: int
    of: int
    group: Group
    chunk: int
    folder: Path


def decide(part: Part) -> Counter[int]:
    """Spool the rows of all users of a part; how many events there are in each chunk."""
    counted: Counter[int] = Counter()
    with less_collection():
        for number, path in enumerate(_share_out(part)):
            bucket = _Bucket(part.group)
            for user_id, facts in _by_user(path, part.chunk).items():
                bucket.decide(user_id, facts)
            path.unlink()
            spool(part.folder, f"{part.index}-{number}", bucket.tables)
            counted.update({chunk: len(rows) for chunk, rows in bucket.tables["events"].items()})
    return counted


def _share_out(part: Part) -> list[Path]:
    """The part's facts in files, one per bucket of users: no user is in two."""
    buckets = 1 + part.source.number // part.of // BUCKET_FACTS
    paths = [part.folder / f"facts.{part.index}-{bucket}" for bucket in range(buckets)]
    held: defaultdict[int, list[tuple[int, Fact]]] = defaultdict(list)
    with ExitStack() as stack:
        files: list[IO[bytes]] = [stack.enter_context(path.open("wb")) for path in paths]
        for number, fact in part.source.part(part.index, part.of):
            bucket = crc32(b"bucket" + fact["user_id"].encode()) % buckets
            held[bucket].append((number, fact))
            if len(held[bucket]) == _SHARED_OUT:
                append(files[bucket], 0, held.pop(bucket))
        for bucket, rest in held.items():
            append(files[bucket], 0, rest)
    return paths


def _by_user(path: Path, chunk: int) -> dict[str, list[tuple[int, Fact]]]:
    users: defaultdict[str, list[tuple[int, Fact]]] = defaultdict(list)
    for number, fact in read(path):
        users[fact["user_id"]].append((number // chunk, fact))
    return users


@dataclass
class _User:
    """A user's journey while it is decided; `kept` is the version of the state last written back, `state` its text."""

    journey: UserJourney
    history: MemoryHistory
    key: bytes
    chunks: dict[str, int] = field(default_factory=dict)
    aside: dict[str, str] = field(default_factory=dict)
    kept: int = 0
    kept_in: int = 0
    state: str = ""
    standings: dict[str, tuple[int, str]] = field(default_factory=dict)


class _Bucket:
    """The rows of some users, by table and chunk."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self.tables: dict[str, Rows] = {table: defaultdict(list) for table in TABLES}

    def decide(self, user_id: str, facts: list[tuple[int, Fact]]) -> None:
        """Take all facts of a user, chunk by chunk as an import does, and keep the rows that follow."""
        history = MemoryHistory()
        journey = UserJourney(secrets.token_urlsafe(15), history, self._group.definitions)
        user = _User(journey, history, secrets.token_bytes(32))
        for chunk, batch in groupby(facts, key=lambda each: each[0]):
            self._take(user, chunk, [fact for _, fact in batch])
        identity = (self._group.app_group, user_id, journey.id, user.key)
        self.tables["identities"][facts[0][0]].append(identity)
        self._keep(user)

    def _take(self, user: _User, chunk: int, batch: list[Fact]) -> None:
        journey = user.journey
        read = [self._group.read(raw, user.key) for raw in batch]
        # A stable sort: of the same fact, sent twice, the first one stays the first.
        for fact, aside in sorted(read, key=lambda each: each[0].key):
            if journey.take(fact):
                user.chunks[fact.id] = chunk
                if aside is not None:
                    user.aside[fact.id] = aside
        rows = self.tables["events"][chunk]
        for recorded in journey.collect_events():
            event = recorded.event
            rows.append(
                (journey.id, recorded.originator_version, TOPICS[type(event)], encode(event).decode())
            )
        if journey.version - user.kept >= SNAPSHOT_EVERY:
            _keep_state(user, chunk)

    def _keep(self, user: _User) -> None:
        """The rows beside the events; each goes with the chunk of the fact it is of."""
        journey_id, chunks = user.journey.id, user.chunks
        for fact_id, (_, digest, version) in user.history.facts.items():
            self.tables["journey_facts"][chunks[fact_id]].append((journey_id, fact_id, digest, version))
        for fact_id, text in user.aside.items():
            self.tables["kept_aside"][chunks[fact_id]].append((journey_id, fact_id, text))
        for lane, at, fact_id, chunk in _lanes(user):
            self.tables["journey_lanes"][chunk].append((journey_id, lane, at, fact_id))
        for campaign_id, (chunk, state) in user.standings.items():
            self.tables["journey_standings"][chunk].append((journey_id, campaign_id, state))
        if user.kept:
            self.tables["journey_states"][user.kept_in].append((journey_id, user.kept, user.state))


def _keep_state(user: _User, chunk: int) -> None:
    """Write the state back, and put away the standings that are closed."""
    journey = user.journey
    for campaign_id, standing in journey.state.close(journey.definitions).items():
        user.history.standings[campaign_id] = standing
        user.standings[campaign_id] = (chunk, msgspec.json.encode(standing).decode())
    user.kept, user.kept_in = journey.version, chunk
    user.state = msgspec.json.encode(journey.state).decode()


def _lanes(user: _User) -> Iterator[tuple[str, int, str, int]]:
    for lane, keys in user.history.lanes.items():
        for at, fact_id in keys:
            yield lane, microseconds(at), fact_id, user.chunks[fact_id]
    months: dict[tuple[int, str], int] = {}
    for fact, _, _ in user.history.facts.values():
        if isinstance(fact, Received):
            months.setdefault((month(fact.at), fact.campaign_id), user.chunks[fact.id])
    for (number, campaign_id), chunk in months.items():
        yield month_lane(number), 0, campaign_id, chunk
