"""The ledger as every benchmark uses it: a fresh one in a place, and facts read from JSON lines."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from application.commands.definitions import read_campaigns
from application.commands.facts import FactCommand, read_fact
from benchmarks.garbage import less_collection
from benchmarks.places import Place, SQLite
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.inbound.files import FactFile
from infrastructure.inbound.files.fact_rows import read_json
from infrastructure.inbound.importing import Rejected
from infrastructure.inbound.importing import Totals as Imported
from projections.campaign_report.reading import load_reports

T = TypeVar("T")

Totals = dict[str, dict[str, Any]]
"""By campaign and variant: conversions on each conversion event, and revenue by currency."""


SQLITE = SQLite()


class Unwatched:
    """Nobody wants to know how an import goes."""

    def reading(self, file: FactFile, totals: Imported) -> None:
        pass

    def projecting(self, done: int, newest: int) -> None:
        pass


def refuse(rejected: Rejected) -> None:
    """No fact of a benchmark is ever rejected."""
    raise AssertionError(rejected)


@contextmanager
def fresh(campaigns: dict[str, Any], place: Place = SQLITE) -> Iterator[Service]:
    """A new ledger with these campaigns, its read models current; gone afterwards."""
    with place.empty() as url, Service(url) as service, less_collection():
        service.campaigns.apply(read_campaigns(campaigns), stamp())
        service.projector.catch_up()
        yield service


def commands(path: Path) -> list[FactCommand]:
    """The facts of a file of JSON lines, validated."""
    with path.open("rb") as lines:
        return [read_fact(read_json(line)) for line in lines]


def batches(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """The items in lists of a size, the last perhaps shorter."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def totals(service: Service, app_group: str) -> Totals:
    """What the reports say, by campaign and variant."""
    with service.database.reading() as connection:
        return {
            report.campaign_id: {
                variant["variant_id"]: {"conversions": variant["conversions"], "revenue": variant["revenue"]}
                for variant in report.as_json()["variants"]
            }
            for report in load_reports(connection, app_group)
        }
