"""Loading and saving journeys, many at once: identity, state kept beside the stream, and the few events since.

A state is written back only now and then (`STATE_EVERY` events); the events are the truth, so a load replays those
that came after it. Journeys lately used stay in memory, and leave it when someone else has recorded events on them.
"""

import json
import secrets
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, func, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from application.ports import LoadedJourney, Stamp
from domain.aggregate import Recorded
from domain.journey.decisions import FactDisregarded, JourneyEvent
from domain.journey.state import Definitions, JourneyState
from domain.journey.user_journey import UserJourney
from infrastructure.database import Database, Prepared
from infrastructure.journey_index import JourneyIndex, StoredHistory, json_rows
from infrastructure.recorder import Recorder, Writing
from infrastructure.schema import events, identities, journey_states, kept_aside
from infrastructure.topics import decode

STATE_EVERY = 32
CACHED_JOURNEYS = 20_000
LONG_AGO = 100_000
"""Events that others have recorded, beyond which looking through them costs more than loading anew."""

_decode_state = msgspec.json.Decoder(JourneyState).decode


@dataclass
class _Entry:
    """A journey in memory: `saved` is the version of the events recorded, `kept` that of the state written."""

    app_group: str
    user_id: str
    loaded: LoadedJourney
    history: StoredHistory
    saved: int
    kept: int
    known: bool


class JourneyStore:
    """The journeys of a database, as one process sees them."""

    def __init__(self, database: Database, recorder: Recorder, *, cached: int = CACHED_JOURNEYS) -> None:
        self._recorder = recorder
        self._lock = database.write_lock
        self._cached = cached
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._seen_position = 0
        self.index = JourneyIndex(database.dialect)
        self.statements = _Statements(database)

    @contextmanager
    def writing(self, stamp: Stamp) -> Iterator["JourneyTransaction"]:
        """Open a write transaction; what it has recorded is saved when it ends without an error."""
        # What is in memory follows the transaction's outcome before anyone else may write.
        with self._lock:
            try:
                with self._recorder.writing(stamp) as writing:
                    self._catch_up(writing)
                    transaction = JourneyTransaction(self, writing)
                    yield transaction
                    transaction.flush()
            except BaseException:
                self._entries.clear()
                self._seen_position = 0
                raise
            self._seen_position = writing.last_position
            transaction.saved()
            while len(self._entries) > self._cached:
                self._entries.popitem(last=False)

    def forget(self, app_group: str, user_id: str) -> None:
        """Drop a journey from memory."""
        self._entries.pop((app_group, user_id), None)

    def _catch_up(self, writing: Writing) -> None:
        """Drop the journeys on which others have recorded events since; all of them where that is long ago."""
        if writing.last_position - self._seen_position > LONG_AGO:
            self._entries.clear()
        if not self._entries or writing.last_position == self._seen_position:
            return
        changed = {
            row[0] for row in self.statements.changed.all(writing.connection, after=self._seen_position)
        }
        for key, entry in list(self._entries.items()):
            if entry.loaded.journey.id in changed:
                del self._entries[key]

    def entries(
        self, writing: Writing, app_group: str, user_ids: Iterable[str], definitions: Definitions
    ) -> dict[str, _Entry]:
        """The journeys of the users, from memory or loaded in three queries; new ones for new users."""
        found: dict[str, _Entry] = {}
        missing = []
        for user_id in user_ids:
            entry = self._entries.get((app_group, user_id))
            if entry is None:
                missing.append(user_id)
            else:
                self._entries.move_to_end((app_group, user_id))
                found[user_id] = entry
        if missing:
            for entry in self._load(writing.connection, app_group, missing, definitions):
                found[entry.user_id] = self._entries[app_group, entry.user_id] = entry
        return found

    def _load(
        self, connection: Connection, app_group: str, user_ids: Sequence[str], definitions: Definitions
    ) -> Iterator[_Entry]:
        given = json.dumps([[user_id] for user_id in user_ids])
        known = {
            user_id: (journey_id, key)
            for user_id, journey_id, key in self.statements.identities.all(
                connection, app_group=app_group, keys=given
            )
        }
        journeys = json.dumps([[journey_id] for journey_id, _ in known.values()])
        states = {row[0]: row[1:] for row in self.statements.states.all(connection, keys=journeys)}
        tails: dict[str, list[Recorded[JourneyEvent]]] = defaultdict(list)
        for journey_id, version, topic, payload in self.statements.tails.all(connection, keys=journeys):
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
            loaded = LoadedJourney(journey, key)
            yield _Entry(app_group, user_id, loaded, history, journey.version, version, user_id in known)


class JourneyTransaction:
    """A write transaction on journeys: the application's port."""

    def __init__(self, store: JourneyStore, writing: Writing) -> None:
        self._store = store
        self._writing = writing
        self._entries: dict[str, _Entry] = {}
        self._aside: list[tuple[str, str, str]] = []

    @property
    def position(self) -> int:
        """The position of the last event recorded so far."""
        return self._writing.last_position

    def journeys(
        self, app_group: str, facts: Mapping[str, Sequence[str]], definitions: Definitions
    ) -> dict[str, LoadedJourney]:
        """The journeys of the users, with the digests of the fact ids that are about to be asked for."""
        self._entries = self._store.entries(self._writing, app_group, facts, definitions)
        asked: list[tuple[str, str]] = []
        by_journey = {}
        for user_id, entry in self._entries.items():
            entry.history.connection = self._writing.connection
            if entry.saved:
                by_journey[entry.history.journey_id] = entry.history
                asked.extend((entry.history.journey_id, fact_id) for fact_id in facts[user_id])
        if asked:
            digests = self._store.index.digests.all(self._writing.connection, keys=json.dumps(asked))
            for journey_id, fact_id, digest in digests:
                by_journey[journey_id].digests[fact_id] = digest
        return {user_id: entry.loaded for user_id, entry in self._entries.items()}

    def keep_aside(self, journey_id: str, fact_id: str, text: str) -> None:
        """Keep a fact's free text outside the events."""
        self._aside.append((journey_id, fact_id, text))

    def flush(self) -> None:
        """Write what follows from the recorded events: identities, index, and the states that are due."""
        connection, index, statements = self._writing.connection, self._store.index, self._store.statements
        # In the order of their keys, so that neighbours in the tables are written one after the other.
        changed = sorted(
            (entry for entry in self._entries.values() if entry.loaded.journey.version > entry.saved),
            key=lambda entry: entry.loaded.journey.id,
        )
        statements.add_identities.many(
            connection,
            [(e.app_group, e.user_id, e.loaded.journey.id, e.loaded.key) for e in changed if not e.known],
        )
        index.add_facts.many(connection, [row for e in changed for row in e.history.fact_rows()])
        index.remove_lanes.many(connection, [row for e in changed for row in e.history.removed_rows()])
        index.add_lanes.many(connection, [row for e in changed for row in e.history.lane_rows()])
        statements.keep_aside.many(connection, self._aside)
        self._keep_states([e for e in changed if e.loaded.journey.version - e.kept >= STATE_EVERY])

    def _keep_states(self, due: list[_Entry]) -> None:
        states: list[tuple[Any, ...]] = []
        standings: list[tuple[Any, ...]] = []
        for entry in due:
            journey = entry.loaded.journey
            closed = journey.state.close(journey.definitions)
            standings.extend(self._store.index.standings(journey.id, closed))
            states.append((journey.id, journey.version, msgspec.json.encode(journey.state).decode()))
            entry.kept = journey.version
        self._store.index.put_standings.many(self._writing.connection, standings)
        self._store.statements.put_states.many(self._writing.connection, states)

    def saved(self) -> None:
        """The transaction has committed."""
        for entry in self._entries.values():
            version = entry.loaded.journey.version
            if version > entry.saved:
                entry.saved = version
                entry.known = True
                entry.history.saved()
            entry.history.digests = {}
            entry.history.connection = None
            if not entry.known:
                # All its facts were refused: the user does not exist, and someone else may make them.
                self._store.forget(entry.app_group, entry.user_id)


class _Statements:
    """The statements on identities, states and tails, compiled once."""

    def __init__(self, database: Database) -> None:
        def prepared(statement: Any) -> Prepared:  # noqa: ANN401
            return Prepared(statement, database.dialect)

        users, journeys = json_rows("keys", "user_id"), json_rows("keys", "journey_id")
        self.changed = prepared(select(events.c.originator_id).where(events.c.position > bindparam("after")))
        self.identities = prepared(
            select(identities.c.user_id, identities.c.journey_id, identities.c.key).where(
                # IN rather than a join: SQLite would otherwise walk through all users of the group.
                identities.c.app_group == bindparam("app_group"),
                identities.c.user_id.in_(select(users.c.user_id)),
            )
        )
        self.states = prepared(
            select(journey_states.c.journey_id, journey_states.c.version, journey_states.c.state).join_from(
                journeys, journey_states, journey_states.c.journey_id == journeys.c.journey_id
            )
        )
        since = func.coalesce(journey_states.c.version, 0)
        stream = events.c.originator_id == journeys.c.journey_id
        self.tails = prepared(
            select(events.c.originator_id, events.c.originator_version, events.c.topic, events.c.state)
            .select_from(
                journeys.outerjoin(journey_states, journey_states.c.journey_id == journeys.c.journey_id).join(
                    events, stream & (events.c.originator_version > since)
                )
            )
            .order_by(events.c.originator_id, events.c.originator_version)
        )
        self.add_identities = prepared(insert(identities))
        self.keep_aside = prepared(insert(kept_aside))
        state = upsert(journey_states)
        self.put_states = prepared(
            state.on_conflict_do_update(
                index_elements=["journey_id"],
                set_={"version": state.excluded.version, "state": state.excluded.state},
            )
        )


def _replay(journey: UserJourney, tail: Iterable[Recorded[JourneyEvent]]) -> None:
    """Apply the events since the state was kept; the standings they touch are brought back first."""
    for recorded in tail:
        event = recorded.event.fact if isinstance(recorded.event, FactDisregarded) else recorded.event
        campaign_id = getattr(event, "campaign_id", None)
        if campaign_id is not None:
            journey.standing(campaign_id)
        journey.replay([recorded])
