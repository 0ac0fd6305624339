"""Loading journeys, many at once, and keeping them in memory: identity, snapshot, and the events since.

A snapshot of a journey's state is written every `SNAPSHOT_EVERY` events. The events are the truth: a load replays those
after the snapshot. What is in memory is used optimistically. If others have recorded events on a journey, it leaves
memory; if that was missed, the stream's versions clash, and everything is decided again.
"""

import secrets
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, bindparam, func, select

from application.ports import A, LoadedJourney
from domain.aggregate import Recorded
from domain.journey.decisions import FactDisregarded, JourneyEvent
from domain.journey.state import Definitions, JourneyState
from domain.journey.user_journey import UserJourney
from infrastructure.database.dialect import Dialect, Prepared, as_keys
from infrastructure.database.schema import events, identities, journey_states
from infrastructure.event_store.codec import decode
from infrastructure.journeys.history import StoredHistory
from infrastructure.journeys.index import JourneyIndex

SNAPSHOT_EVERY = 32
"""Events of a journey after which a snapshot of its state is written (the field says rolling state: one row)."""
CACHED = 150_000
"""Journeys in memory and their standings with campaigns, counted together: about a kilobyte each."""
LONG_AGO = 100_000
"""Events recorded by others; if there are more, loading again costs less than looking through them."""

_decode_state = msgspec.json.Decoder(JourneyState).decode

Range = tuple[int, int]
"""Positions, both inside."""


@dataclass
class Entry:
    """A journey in memory; `exists` says that its user is recorded."""

    app_group: str
    user_id: str
    loaded: LoadedJourney
    history: StoredHistory
    snapshot_version: int
    """The version of the snapshot written last, 0 if there is none."""
    exists: bool
    weight: int = 0


class JourneyStore:
    """The journeys of a database in the memory of one process; the writer's `_deciding` lock guards them."""

    def __init__(self, dialect: Dialect, *, cached: int = CACHED) -> None:
        self._cached = cached
        self._weight = 0
        self._entries: OrderedDict[tuple[str, str], Entry] = OrderedDict()
        self._by_stream: dict[str, Entry] = {}
        self._others: dict[str, Any] = {}
        self._seen = 0
        self.index = JourneyIndex(dialect)
        self._statements = _Statements(dialect)

    def forget(self) -> None:
        """Drop everything from memory."""
        self._entries.clear()
        self._by_stream.clear()
        self._others.clear()
        self._seen = self._weight = 0

    def remember(self, stream_id: str, load: Callable[[], A]) -> A:
        """Another aggregate as it is now, loaded unless it is in memory."""
        if stream_id not in self._others:
            self._others[stream_id] = load()
        return cast(A, self._others[stream_id])

    def catch_up(self, connection: Connection, newest: int, own: list[Range]) -> None:
        """Drop what others have recorded events on, up to the newest position; `own` are the ranges of this process."""
        foreign = list(_gaps(self._seen, newest, own))
        self._seen = max(newest, self._seen)
        if not self._entries and not self._others:
            return
        if sum(last - first + 1 for first, last in foreign) > LONG_AGO:
            self.forget()
            self._seen = newest
            return
        for first, last in foreign:
            for (stream_id,) in self._statements.changed.all(connection, first=first, last=last):
                self._others.pop(stream_id, None)
                if (entry := self._by_stream.get(stream_id)) is not None:
                    self.drop(entry)

    def drop(self, entry: Entry) -> None:
        """Drop a journey from memory."""
        if self._entries.pop((entry.app_group, entry.user_id), None) is not None:
            del self._by_stream[entry.history.journey_id]
            self._weight -= entry.weight

    def weigh(self, entry: Entry) -> None:
        """Count what the journey takes in memory now."""
        weight = 1 + len(entry.loaded.journey.state.standings)
        self._weight += weight - entry.weight
        entry.weight = weight

    def shrink(self) -> None:
        """Drop the journeys that were used longest ago, as far as all their units are settled."""
        while self._entries and self._weight > self._cached:
            oldest = next(iter(self._entries.values()))
            if oldest.history.layers:
                # In flight: the database does not hold it yet. Those behind it were used later.
                return
            self.drop(oldest)

    def find_entries(
        self, connection: Connection, app_group: str, user_ids: Iterable[str], definitions: Definitions
    ) -> dict[str, Entry]:
        """The journeys of the users, from memory or loaded by three queries; new ones for new users."""
        found: dict[str, Entry] = {}
        missing = []
        for user_id in user_ids:
            entry = self._entries.get((app_group, user_id))
            if entry is None:
                missing.append(user_id)
            else:
                self._entries.move_to_end((app_group, user_id))
                found[user_id] = entry
        if missing:
            for entry in self._load(connection, app_group, missing, definitions):
                found[entry.user_id] = self._entries[app_group, entry.user_id] = entry
                self._by_stream[entry.history.journey_id] = entry
                self.weigh(entry)
        return found

    def _load(
        self, connection: Connection, app_group: str, user_ids: Sequence[str], definitions: Definitions
    ) -> Iterator[Entry]:
        statements = self._statements
        given = as_keys([[user_id] for user_id in user_ids])
        known = {
            row[0]: row[1:] for row in statements.identities.all(connection, app_group=app_group, keys=given)
        }
        journeys = as_keys([[journey_id] for journey_id, _ in known.values()])
        states: dict[str, Any] = {}
        tails: dict[str, list[Recorded[JourneyEvent]]] = defaultdict(list)
        if known:
            states = {row[0]: row[1:] for row in statements.states.all(connection, keys=journeys)}
            for journey_id, version, topic, payload in statements.tails.all(connection, keys=journeys):
                tails[journey_id].append(Recorded(journey_id, version, decode(topic, payload)))
        for user_id in user_ids:
            journey_id, key = known.get(user_id) or (secrets.token_urlsafe(15), secrets.token_bytes(32))
            history = StoredHistory(journey_id, self.index, new=user_id not in known)
            history.connection = connection
            version, state = states.get(journey_id, (0, None))
            journey = UserJourney(
                journey_id, history, definitions, None if state is None else _decode_state(state)
            )
            journey.version = version
            _replay(journey, tails.get(journey_id, ()))
            yield Entry(app_group, user_id, LoadedJourney(journey, key), history, version, user_id in known)


class _Statements:
    """The statements on identities, states and tails, compiled once."""

    def __init__(self, dialect: Dialect) -> None:
        def prepare(statement: Any) -> Prepared:  # noqa: ANN401
            return Prepared(statement, dialect.compiler)

        users, journeys = dialect.keys("keys", user_id=str), dialect.keys("keys", journey_id=str)
        within = events.c.position.between(bindparam("first"), bindparam("last"))
        self.changed = prepare(select(events.c.originator_id).where(within).distinct())
        self.identities = prepare(
            select(identities.c.user_id, identities.c.journey_id, identities.c.key).where(
                # IN rather than a join: SQLite would otherwise walk through all users of the group.
                identities.c.app_group == bindparam("app_group"),
                identities.c.user_id.in_(select(users.c.user_id)),
            )
        )
        self.states = prepare(
            select(journey_states.c.journey_id, journey_states.c.version, journey_states.c.state).join_from(
                journeys, journey_states, journey_states.c.journey_id == journeys.c.journey_id
            )
        )
        since = func.coalesce(journey_states.c.version, 0)
        stream = events.c.originator_id == journeys.c.journey_id
        self.tails = prepare(
            select(events.c.originator_id, events.c.originator_version, events.c.topic, events.c.state)
            .select_from(
                journeys.outerjoin(journey_states, journey_states.c.journey_id == journeys.c.journey_id).join(
                    events, stream & (events.c.originator_version > since)
                )
            )
            .order_by(events.c.originator_id, events.c.originator_version)
        )


def _gaps(after: int, newest: int, own: list[Range]) -> Iterator[Range]:
    """The ranges of positions after one, up to another, that are not our own; `own` is in order."""
    for first, last in own:
        if first > after + 1:
            yield after + 1, first - 1
        after = max(after, last)
    if newest > after:
        yield after + 1, newest


def _replay(journey: UserJourney, tail: Iterable[Recorded[JourneyEvent]]) -> None:
    """Apply the events since the snapshot; first bring back the standings that they touch."""
    for recorded in tail:
        event = recorded.event.fact if isinstance(recorded.event, FactDisregarded) else recorded.event
        campaign_id = getattr(event, "campaign_id", None)
        if campaign_id is not None:
            journey.standing(campaign_id)
        journey.replay([recorded])
