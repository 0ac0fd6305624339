"""One crowd's facts in two ledgers, on SQLite and on PostgreSQL: decided once, loaded twice, no read model built."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from application.commands.definitions import read_campaigns
from benchmarks import bulk
from benchmarks.bulk import postgresql, sqlite
from benchmarks.crowd import BUSY_FEW, campaigns
from benchmarks.ledger import SQLITE
from benchmarks.places import PostgreSQL
from benchmarks.results import Progress
from infrastructure.access.operator import stamp
from infrastructure.composition import Service


@dataclass(frozen=True)
class Stores:
    """The URLs of two ledgers that hold the same events, by the name of the place."""

    facts: int
    events: int
    urls: dict[str, str]


@contextmanager
def stores(number: int, server: PostgreSQL, progress: Progress) -> Iterator[Stores]:
    """The first facts of the crowd of whom 2 % send four in five; gone afterwards."""
    with SQLITE.empty() as file, server.empty() as url:
        with Service(file) as service:
            service.campaigns.apply(read_campaigns(campaigns()), stamp())
            launched = service.recorder.max_notification_id()
        with bulk.decided(url, campaigns(), bulk.FromCrowd(BUSY_FEW, number), progress) as made:
            # The numbers go on after the campaigns' events: as many in one ledger as in the other.
            assert made.numbering.before[0] == launched
            sqlite.load(file, made.folder, made.numbering, progress)
            postgresql.load(url, made.folder, made.numbering, made.executor, progress)
            events = made.numbering.last_position
        yield Stores(number, events, {SQLITE.name: file, server.name: url})
