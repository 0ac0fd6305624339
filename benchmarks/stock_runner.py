"""The stock library's projection runner, run by rebuild_stock.py in a process of its own.

A ledger that the library itself writes (stock_library.py), and a read model as its documentation has it: a tracking
recorder, one transaction per event, and in it one statement that counts. Only the topics it counts are asked for.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.utils import get_topic
from psycopg import sql

from application.commands.definitions import read_campaigns
from application.commands.facts import read_fact
from benchmarks.stock_journey import Campaign, Journey
from benchmarks.stock_library import Journeys
from benchmarks.workload import CAMPAIGNS
from infrastructure.inbound.files.fact_rows import read_json

_BATCH = 1_000

_TABLE = """
    CREATE TABLE IF NOT EXISTS {} (
        campaign_id text, variant_id text, what text, number bigint NOT NULL, amount numeric NOT NULL,
        PRIMARY KEY (campaign_id, variant_id, what))"""
_COUNT = """
    INSERT INTO stock_figures AS stands VALUES (%s, %s, %s, 1, %s)
    ON CONFLICT (campaign_id, variant_id, what) DO UPDATE
    SET number = stands.number + 1, amount = stands.amount + EXCLUDED.amount"""

Figures = dict[tuple[str, str, str], tuple[int, Decimal]]
"""By campaign, variant and what is counted: how many, and how much money."""


class FiguresView(PostgresTrackingRecorder):
    """Receipts, recipients, conversions and revenue by campaign and variant."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sql_create_statements.append(sql.SQL(_TABLE).format(sql.Identifier("stock_figures")))

    def count(
        self, campaign_id: str, variant_id: str, what: str, amount: Decimal, tracking: Tracking
    ) -> None:
        """Count one, in the transaction that says how far it is."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(_COUNT, (campaign_id, variant_id, what, amount), prepare=True)

    def figures(self) -> Figures:
        """Everything that was counted."""
        with self.datastore.transaction() as cursor:
            rows = cursor.execute("SELECT * FROM stock_figures").fetchall()
        return {
            (row["campaign_id"], row["variant_id"], row["what"]): (row["number"], row["amount"])
            for row in rows
        }


_READ: tuple[type[Any], ...] = (
    Journey.Received,  # type: ignore[attr-defined]
    Journey.RecipientCounted,  # type: ignore[attr-defined]
    Journey.ConversionRecorded,  # type: ignore[attr-defined]
    Journey.RevenueAttributed,  # type: ignore[attr-defined]
)


def counted(event: Any) -> tuple[str, str, str, Decimal]:  # noqa: ANN401
    """What one event counts for: campaign, variant, what, and the amount."""
    whose = (event.campaign_id, event.variant_id)
    match type(event).__name__:
        case "Received":
            return (*whose, "receipts", Decimal(0))
        case "RecipientCounted":
            return (*whose, "recipients", Decimal(0))
        case "ConversionRecorded":
            return (*whose, f"conversions {event.index}", Decimal(0))
    return (*whose, f"revenue {event.currency}", event.amount)


class FiguresProjection(Projection[FiguresView]):
    """Counts the events it reads."""

    name = "figures"
    topics = tuple(get_topic(each) for each in _READ)

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:  # noqa: ANN401
        self.view.count(*counted(domain_event), tracking)


def main(facts: Path, environment: dict[str, str], most_seconds: float) -> None:
    """Write a ledger, let the runner catch up with it until the time is up, and print what came of it as JSON."""
    with Journeys(environment) as journeys:
        _write(facts, journeys)
        stored = journeys.recorder.max_notification_id() or 0
        wanted = list(_wanted(journeys))
    problem, started = "", perf_counter()
    runner = ProjectionRunner[Journeys, FiguresView](
        application_class=Journeys,
        projection_class=FiguresProjection,
        view_class=FiguresView,
        env=environment,
    )
    with runner:
        try:
            runner.wait(wanted[-1][0], timeout=most_seconds)
        except TimeoutError:
            problem = f"was stopped after {most_seconds:.0f} s"
        seconds = perf_counter() - started
        done = runner.view.max_tracking_id(runner.app_name) or 0
    # What was under way is done now.
    counted_up_to = runner.view.max_tracking_id(runner.app_name) or 0
    result = {
        "position": stored if done == wanted[-1][0] else done,
        "handled": sum(position <= done for position, _ in wanted),
        "seconds": seconds,
        "stored": stored,
        "same": runner.view.figures() == _expected(wanted, counted_up_to),
        "problem": problem,
    }
    print(json.dumps(result))


def _write(facts: Path, journeys: Journeys) -> None:
    campaigns = {each.id: Campaign(each) for each in read_campaigns(CAMPAIGNS).campaigns or []}
    with facts.open("rb") as lines:
        while given := [read_fact(read_json(line)) for line in islice(lines, _BATCH)]:
            journeys.record(given, campaigns)


def _wanted(journeys: Journeys) -> Iterator[tuple[int, Any]]:
    """The events that the projection reads, each with its position."""
    for position, event in enumerate(journeys.events_recorded(), 1):
        if isinstance(event, _READ):
            yield position, counted(event)


def _expected(wanted: list[Any], last: int) -> Figures:
    """What the events up to a position come to."""
    figures: defaultdict[Any, tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for position, (*key, amount) in wanted:
        if position <= last:
            number, sum_ = figures[tuple(key)]
            figures[tuple(key)] = (number + 1, sum_ + amount)
    return dict(figures)


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]), float(sys.argv[3]))
