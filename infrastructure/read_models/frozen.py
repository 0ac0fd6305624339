"""Frozen reads: questions about a campaign are answered as they were at a position of the log, for ever the same.

Where read models stand at that very position they are read. Elsewhere the campaign's events up to it are folded once
more, and what that gives is kept for the next question: it never changes.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, Literal, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import make_url
from sqlalchemy.engine import Connection

from application.ledger import Aggregates, UnknownCampaign
from application.queries.frozen import At, refuse_beyond_log
from application.queries.reads import NotDraftedYet, ReadModels
from domain.aggregate import Aggregate, Recorded
from domain.campaigns.campaign import Campaign
from domain.campaigns.definition import Definition
from domain.instants import from_microseconds
from infrastructure.database import Database
from infrastructure.database.sqlite import SQLite
from infrastructure.journeys.reading import Streams
from infrastructure.read_models.reads import Sources, StoredHistories
from infrastructure.read_models.tables import ReadModelTables
from projections.engine import generations
from projections.engine.projection import Definitions, Log, Projection
from projections.engine.tables import stream
from projections.frozen import OF_BEHAVIOURS, OF_CAMPAIGN
from projections.frozen.folding import Then
from projections.frozen.rewinding import Now, Rewinding, find_now
from projections.frozen.tables import Closed, FrozenTables
from projections.overlap import OVERLAP

A = TypeVar("A", bound=Aggregate[Any])

# Never connected: what is folded goes to databases of its own (projections/frozen/tables.py).
IN_MEMORY = SQLite(make_url("sqlite:///folded"))

_WORTH = 0.5
"""How long the log after a position is at most, as a part of that before it, for going back to be worth it."""

MOST_BYTES = 256 * 1024 * 1024
MOST_FOLDED = 100
"""What one process keeps at most of campaigns that were folded; the last one is kept whatever its size."""


Part = Literal["sums", "rows", "behaviours"]
"""Sums over users; those and rows of single users; or the overlap."""


class Key(NamedTuple):
    """What was folded: a part of the read models of a campaign, at which position."""

    app_group: str
    campaign_id: str
    position: int
    part: Part


class NotFolded(Exception):
    """The campaign is to be folded up to the position first."""

    def __init__(self, key: Key) -> None:
        super().__init__(key)
        self.key = key


class FoldedCampaigns:
    """Campaigns that were folded up to a position, the last used longest; bounded in number and bytes."""

    def __init__(self, most_bytes: int = MOST_BYTES, most: int = MOST_FOLDED) -> None:
        self._most_bytes = most_bytes
        self._most = most
        self._kept: OrderedDict[Key, FrozenTables] = OrderedDict()
        self._lock = Lock()

    def find(self, key: Key) -> FrozenTables | None:
        """What is kept of a campaign at a position, if anything is."""
        with self._lock:
            # Who has the rows has the sums too.
            for each in (key, key._replace(part="rows")) if key.part == "sums" else (key,):
                if each in self._kept:
                    self._kept.move_to_end(each)
                    return self._kept[each]
            return None

    def keep(self, key: Key, made: FrozenTables) -> None:
        """Keep what was folded, and forget what was not used for longest."""
        with self._lock:
            gone = [self._kept.pop(key)] if key in self._kept else []
            self._kept[key] = made
            while len(self._kept) > self._most or (len(self._kept) > 1 and self.bytes > self._most_bytes):
                gone.append(self._kept.pop(self._choose_gone()))
        for each in gone:
            each.close()

    def _choose_gone(self) -> Key:
        """Of the app group that takes most room what was not used for longest: nobody loses what others fold."""
        room: defaultdict[str, float] = defaultdict(float)
        for key, made in self._kept.items():
            # A part of what is bounded: of the number or of the bytes, whichever it takes more of.
            room[key.app_group] += max(1 / self._most, made.bytes / self._most_bytes)
        *others, _newest = self._kept
        # Of equals the first, which was not used for longest.
        return max(others, key=lambda each: room[each.app_group])

    @property
    def bytes(self) -> int:
        """How much is kept."""
        return sum(each.bytes for each in self._kept.values())

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            kept, self._kept = list(self._kept.values()), OrderedDict()
        for each in kept:
            each.close()


class AggregatesThen(Aggregates):
    """App groups and campaigns as they were at a position."""

    def __init__(self, database: Database, log: Log, position: int) -> None:
        self._database = database
        self._log = log
        self._position = position

    def existing_campaign(self, app_group: str, campaign_id: str) -> Campaign:
        """The campaign as it was; raises NotDraftedYet, and UnknownCampaign if there is none to this day."""
        try:
            return super().existing_campaign(app_group, campaign_id)
        except UnknownCampaign:
            drafted_at = self._find_draft(stream(app_group, campaign_id))
            if drafted_at is None:
                raise
        raise NotDraftedYet(
            f"there was no campaign {campaign_id!r} yet at position {self._position}: "
            f"it was drafted at position {drafted_at}",
            place="campaign_id",
        )

    def _find(self, stream_id: str, replay: Callable[..., A | None]) -> A | None:
        with self._database.reading() as connection:
            stored = list(self._log.of_stream(connection, stream_id, self._position))
        # An event's version is its number in its stream.
        return replay(None, [Recorded(stream_id, n, logged.event) for n, logged in enumerate(stored, 1)])

    def _find_draft(self, stream_id: str) -> int | None:
        with self._database.reading() as connection:
            last = self._log.last_position(connection)
            first = next(iter(self._log.of_stream(connection, stream_id, last)), None)
        return None if first is None else first.position


@dataclass(frozen=True)
class DefinitionsThen:
    """Definitions of campaigns as they were at a position: a draft may have been another (R4)."""

    ledger: Aggregates
    now: Definitions
    known: dict[tuple[str, str], Definition]

    def zone(self, app_group: str) -> ZoneInfo:
        """The time zone of an app group, fixed when it was made (R20)."""
        return self.now.zone(app_group)

    def definition(self, app_group: str, campaign_id: str) -> Definition:
        """The variants and conversion events of a campaign; raises UnknownCampaign and NotDraftedYet."""
        key = (app_group, campaign_id)
        if key not in self.known:
            self.known[key] = self.ledger.existing_campaign(*key).definition
        return self.known[key]


class Frozen:
    """Reads about one campaign as it was at a position; it fills the port of the questions."""

    def __init__(
        self,
        sources: Sources,
        kept: FoldedCampaigns,
        at: At,
        campaign: tuple[str, str] | None,
        *,
        folds: bool,
    ) -> None:
        """With `folds` it folds what is not kept; without, it raises NotFolded. Raises BadQuestion for a bad `at`."""
        self._database = sources.database
        self._kept = kept
        self._at = at
        self._campaign = campaign
        self._folds = folds
        self.log = sources.log
        self._now_defined = sources.definitions
        self.ledger = AggregatesThen(sources.database, sources.log, at.position)
        self.definitions = DefinitionsThen(self.ledger, sources.definitions, {})
        self.histories = StoredHistories(at.position)
        self.streams = Streams(sources.database, at.position)
        with self.recorded() as connection:
            refuse_beyond_log(at.position, self.log.last_position(connection), "at")
            # Position 0 is before the first event.
            recorded_at = self.log.recorded_at(connection, at.position) or 0
        self._now = at.instant or from_microseconds(recorded_at)

    def now(self) -> datetime:
        """The instant that open windows and tests are judged at."""
        return self._now

    def recorded(self) -> AbstractContextManager[Connection]:
        """A read transaction over everything recorded, what came later too."""
        return self._database.reading()

    def beside(self, models: Connection) -> AbstractContextManager[Connection]:
        """The same; the read models' own transaction, where they are in the ledger's database."""
        return nullcontext(models) if models.engine is self._database.dialect.engine else self.recorded()

    @contextmanager
    def up_to_date(
        self, *projections: Projection, beside: Sequence[Projection] = (), with_rows: bool = False
    ) -> Iterator[ReadModels]:
        """Read models as they were at the position; raises NotFolded, NotDraftedYet, UnknownCampaign, UnreadableLog."""
        if self._campaign is None:
            raise TypeError("read models are frozen for one campaign: name it")
        wanted, position = (*projections, *beside), self._at.position
        self.definitions.definition(*self._campaign)
        with self.recorded() as connection:
            if _stand_at(connection, wanted, position):
                yield ReadModels(connection, position)
                return
        part: Part = "behaviours" if OVERLAP in wanted else "rows" if with_rows else "sums"
        with self._read_folded(Key(*self._campaign, position, part)) as connection:
            yield ReadModels(connection, position)

    @contextmanager
    def _read_folded(self, key: Key) -> Iterator[Connection]:
        found = self._kept.find(key)
        if found is None and self._folds:
            found = self.fold(key)
        try:
            if found is None:
                raise NotFolded(key)
            with found.reading() as connection:
                yield connection
        except Closed:
            raise NotFolded(key) from None

    def fold(self, key: Key, check: Callable[[], object] = lambda: None) -> FrozenTables:
        """Fold what is missing, and keep it; raises UnreadableLog, and whatever `check` raises."""
        # Not the definitions of then: what users did later is folded too, and it has fixed them (R4).
        tables_of = ReadModelTables(IN_MEMORY, self._now_defined)
        with self.recorded() as connection:
            then = Then(connection, self.log, tables_of, *key[:3], check)
            if key.part == "behaviours":
                made = _fold_behaviours(then)
            else:
                made = _fold_campaign(then, rows=key.part == "rows")
                key = key._replace(part="rows" if made.has_rows else "sums")
        self._kept.keep(key, made)
        return made


def _fold_campaign(then: Then, *, rows: bool) -> FrozenTables:
    now = find_now(then.connection, OF_CAMPAIGN)
    if now is not None and _is_near(then.position, now):
        return Rewinding(then, now).rewind_campaign(rows=rows)
    return then.fold_campaign()


def _fold_behaviours(then: Then) -> FrozenTables:
    now = find_now(then.connection, OF_BEHAVIOURS)
    if now is not None and _is_near(then.position, now):
        return Rewinding(then, now).rewind_behaviours()
    return then.fold_behaviours()


def _is_near(position: int, now: Now) -> bool:
    """Whether going back to a position is less work than beginning at 0."""
    return 0 <= now.position - position < position * _WORTH


def _stand_at(connection: Connection, projections: Iterable[Projection], position: int) -> bool:
    """Whether all these read models hold every event up to a position, and none after it."""
    return all(
        found is not None and found.is_of(projection) and found.position == position
        for projection, found in generations.find_currents(connection, projections).items()
    )
