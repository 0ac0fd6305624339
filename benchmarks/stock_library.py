"""The same job on the stock library, run by stock.py and peers.py in a process of its own.

A decorated aggregate per user (stock_journey.py), the library's application, repository and recorder, as its
documentation has it: for SQLite, for PostgreSQL, or that of `eventsourcing-sqlalchemy`. No read model.
"""

import json
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import count, islice
from pathlib import Path
from time import perf_counter
from typing import Any, cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application

from application.commands.definitions import read_campaigns
from application.commands.facts import FactCommand, read_fact
from benchmarks.garbage import less_collection
from benchmarks.stock_journey import Campaign, Journey
from benchmarks.workload import CAMPAIGNS
from domain import money
from infrastructure.inbound.files.fact_rows import read_json


class Journeys(Application[UUID]):
    """The application, as the library's documentation has it."""

    def record(self, facts: Iterable[FactCommand], campaigns: dict[str, Campaign]) -> None:
        """Take the facts: each journey loaded once, all saved together."""
        journeys: dict[str, Journey] = {}
        for fact in facts:
            journey = journeys.get(fact.user_id)
            if journey is None:
                journey = journeys[fact.user_id] = self._journey(fact.user_id)
            journey.take(fact, campaigns)
        self.save(*journeys.values())

    def _journey(self, user_id: str) -> Journey:
        try:
            return cast(Journey, self.repository.get(Journey.create_id(user_id)))
        except AggregateNotFoundError:
            return Journey(user_id)

    def events_recorded(self) -> Iterator[Any]:
        """Everything recorded, in order."""
        for start in count(1, 1000):
            page = self.recorder.select_notifications(start, 1000)
            yield from (self.mapper.to_domain_event(notification) for notification in page)
            if len(page) < 1000:
                return


def totals(journeys: Journeys, campaigns: dict[str, Campaign]) -> tuple[int, dict[str, Any]]:
    """Events recorded, and conversions and revenue by campaign and variant, as the ledger's reports have them."""
    found: dict[str, Any] = {
        campaign.id: {
            variant: {"conversions": [0] * len(campaign.conversion_events), "revenue": defaultdict(Decimal)}
            for variant in campaign.variants
        }
        for campaign in campaigns.values()
    }
    recorded = 0
    for each in journeys.events_recorded():
        recorded += 1
        if isinstance(each, Journey.ConversionRecorded):  # type: ignore[attr-defined]
            found[each.campaign_id][each.variant_id]["conversions"][each.index] += 1
        elif isinstance(each, Journey.RevenueAttributed):  # type: ignore[attr-defined]
            found[each.campaign_id][each.variant_id]["revenue"][each.currency] += each.amount
    for variants in found.values():
        for figures in variants.values():
            figures["revenue"] = {c: money.printed(a, c) for c, a in sorted(figures["revenue"].items())}
    return recorded, found


def main(facts: Path, environment: dict[str, str], batch: int, most_seconds: float) -> None:
    """Record a file's facts in batches until the time is up, and print what came of it as JSON."""
    campaigns = {each.id: Campaign(each) for each in read_campaigns(CAMPAIGNS).campaigns or []}
    journeys = Journeys(environment)
    taken, started = 0, perf_counter()
    with facts.open("rb") as lines, less_collection():
        while perf_counter() - started < most_seconds:
            given = [read_fact(read_json(line)) for line in islice(lines, batch)]
            if not given:
                break
            journeys.record(given, campaigns)
            taken += len(given)
    seconds = perf_counter() - started
    recorded, found = totals(journeys, campaigns)
    result = {
        "facts": taken,
        "seconds": seconds,
        "events": recorded,
        "totals": found,
        "stored_in": _sqlite(environment["SQLITE_DBNAME"])
        if "SQLITE_DBNAME" in environment
        else "PostgreSQL",
    }
    print(json.dumps(result))


def _sqlite(database: str) -> str:
    """What stored the events, and how safely."""
    connection = sqlite3.connect(database)
    mode, synchronous = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    )
    connection.close()
    return f"SQLite {sqlite3.sqlite_version}, {mode}, synchronous={('OFF', 'NORMAL', 'FULL', 'EXTRA')[synchronous]}"


if __name__ == "__main__":
    if "pysqlite3" in sys.modules:
        raise SystemExit("one process uses one SQLite library only (measured before we began)")
    main(Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
