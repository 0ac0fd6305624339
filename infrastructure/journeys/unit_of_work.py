"""Units of work: what a command decides, and the rows that follow from it."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection

from application.ledger import Aggregates
from application.ports import A, Announced, LoadedJourney, MakeAnswer
from domain.aggregate import Aggregate
from domain.journey.state import Definitions
from infrastructure.database.dialect import Dialect, as_keys
from infrastructure.database.schema import identities, journey_states, kept_aside
from infrastructure.event_store.library import encode_events, read_aggregates
from infrastructure.event_store.recorder import DecidedEvents, Recorder
from infrastructure.journeys import store
from infrastructure.journeys.index import IndexRows, JourneyIndex, Row
from infrastructure.journeys.store import Entry, JourneyStore

_encode = msgspec.json.Encoder().encode


@dataclass
class Rows:
    """What is written beside the events of a unit."""

    identities: list[Row] = field(default_factory=list)
    texts: list[Row] = field(default_factory=list)
    states: list[Row] = field(default_factory=list)
    index: IndexRows = field(default_factory=IndexRows)


@dataclass(eq=False)
class UnitOfWork(DecidedEvents):
    """What a command decides of app groups and campaigns: the application's port."""

    aggregates: Aggregates = field(init=False)

    def begin(self, recorder: Recorder, connection: Connection) -> None:
        """From now on it reads through the connection."""
        self.aggregates = read_aggregates(recorder, connection)

    def record(self, app_group: str, *aggregates: Aggregate[Any]) -> None:
        """Record the pending events of the aggregates, in the order given."""
        for aggregate in aggregates:
            self.payloads += encode_events(app_group, aggregate.collect_events())


@dataclass(eq=False)
class JourneyUnitOfWork(UnitOfWork):
    """A command on journeys, which can be decided again; `future` holds its answer once it is durable."""

    store: JourneyStore = field(kw_only=True)
    decide: Callable[["JourneyUnitOfWork"], MakeAnswer[Any]] = field(kw_only=True)
    future: Future[Any] = field(default_factory=Future)
    make_answer: MakeAnswer[Any] = field(init=False)
    position: int = 0
    """The log's end when it was decided: the facts that it found to be duplicates were recorded before it."""
    is_decided: bool = False
    has_touched: bool = False
    """Whether deciding it changes what is in memory, even if it fails."""
    entries: list[Entry] = field(default_factory=list)
    rows: Rows = field(default_factory=Rows)
    _connection: Connection = field(init=False)
    _begun: dict[str, int] = field(default_factory=dict)
    """By journey its version when the unit asked for it."""

    def again(self) -> "JourneyUnitOfWork":
        """The same command, undecided."""
        return JourneyUnitOfWork(self.stamp, store=self.store, decide=self.decide, future=self.future)

    def begin(self, recorder: Recorder, connection: Connection) -> None:
        """From now on it reads through the connection."""
        super().begin(recorder, connection)
        self._connection = connection

    def remember(self, stream_id: str, load: Callable[[], A]) -> A:
        """An aggregate as it is now, loaded unless it is in memory."""
        return self.store.remember(stream_id, load)

    def journeys(
        self, app_group: str, facts: Mapping[str, Sequence[Announced]], definitions: Definitions
    ) -> dict[str, LoadedJourney]:
        """The journeys of the users, with the digests and standings that the facts about to be taken need."""
        self.has_touched = True
        entries = self.store.find_entries(self._connection, app_group, facts, definitions)
        self.entries = list(entries.values())
        for entry in self.entries:
            entry.history.begin(self, self._connection)
            self._begun[entry.loaded.journey.id] = entry.loaded.journey.version
        announced = [(entry, each) for user_id, entry in entries.items() for each in facts[user_id]]
        self._look_up_ids(announced)
        self._look_up_standings(announced)
        return {user_id: entry.loaded for user_id, entry in entries.items()}

    def _look_up_ids(self, announced: list[tuple[Entry, Announced]]) -> None:
        histories = {e.history.journey_id: e.history for e, _ in announced if e.loaded.journey.version}
        asked = [(e.history.journey_id, each.fact_id) for e, each in announced if e.loaded.journey.version]
        if asked:
            digests = self.store.index.digests.all(self._connection, keys=as_keys(asked))
            for journey_id, fact_id, digest in digests:
                histories[journey_id].digests[fact_id] = digest

    def _look_up_standings(self, announced: list[tuple[Entry, Announced]]) -> None:
        """Look up the standings with campaigns received that are not in the state, if it has put some away."""
        histories, asked = {}, set()
        for entry, (_, campaign_id) in announced:
            state, history = entry.loaded.journey.state, entry.history
            if campaign_id and state.closed_until is not None and campaign_id not in state.standings:
                history.standings[campaign_id] = None
                histories[history.journey_id] = history
                asked.add((history.journey_id, campaign_id))
        if asked:
            standings = self.store.index.standings.all(self._connection, keys=as_keys(sorted(asked)))
            for journey_id, campaign_id, state in standings:
                histories[journey_id].standings[campaign_id] = state

    def keep_text(self, journey_id: str, fact_id: str, text: str) -> None:
        """Keep a fact's free text outside the events."""
        self.rows.texts.append((journey_id, fact_id, text))

    def end(self) -> None:
        """The command is decided: put what follows from it into rows."""
        for entry in self.entries:
            if entry.loaded.journey.version > self._begun[entry.loaded.journey.id]:
                self._keep_changed(entry)
            else:
                self._keep_unchanged(entry)
        self.entries = [entry for entry in self.entries if entry.history.layers]

    def _keep_changed(self, entry: Entry) -> None:
        rows, journey = self.rows, entry.loaded.journey
        if not entry.exists:
            rows.identities.append((entry.app_group, entry.user_id, journey.id, entry.loaded.key))
            entry.exists = True
        layer = entry.history.end()
        if journey.version - entry.snapshot_version >= store.SNAPSHOT_EVERY:
            layer.standings = journey.state.close(journey.definitions)
            rows.states.append((journey.id, journey.version, _encode(journey.state).decode()))
            entry.snapshot_version = journey.version
        layer.rows(journey.id, rows.index)
        self.store.weigh(entry)

    def _keep_unchanged(self, entry: Entry) -> None:
        entry.history.end()
        entry.history.drop(self)
        if not entry.exists:
            # All its facts were refused, so the user is not recorded, and another process may record them.
            self.store.drop(entry)


class RowWriter:
    """Writes the rows of units of work."""

    def __init__(self, dialect: Dialect, index: JourneyIndex) -> None:
        self._index = index
        self._add_identities = dialect.filling(identities)
        self._keep_texts = dialect.filling(kept_aside)
        self._put_states = dialect.filling(journey_states, "replace")

    def write(self, connection: Connection, rows: Rows) -> None:
        """Write what follows from a unit's events; raises IntegrityError if another process was faster."""
        # Sorted, as in the index: two processes that write the same keys wait for each other, and never in a ring.
        self._add_identities(connection, sorted(rows.identities))
        self._index.write(connection, rows.index)
        self._keep_texts(connection, sorted(rows.texts))
        self._put_states(connection, sorted(rows.states))
