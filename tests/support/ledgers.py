"""Real ledgers for tests: a service over a file, filled through the intake, read back in the reference's terms."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import select

from application.commands.definitions import read_campaigns
from application.commands.facts import read_fact
from application.commands.intake import Outcome as Taken
from application.queries.reads import AskedCampaign
from domain.journey.decisions import JourneyEvent
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.database.schema import identities
from infrastructure.event_store.codec import decode
from infrastructure.event_store.reading import Row, read_rows
from projections.campaign_report.reading import load_report
from projections.engine.generations import checkpoints
from projections.engine.projection import Projection
from projections.engine.rebuilding import Rebuilding, Rebuilt, here
from tests.domain.journeys import fold
from tests.support.reference import Outcome
from tests.support.servers import Server
from tests.support.strategies import APP_GROUP

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GROUP = str(APP_GROUP["app_group"])


def open_ledger(directory: Path, campaigns: Sequence[dict[str, Any]] = ()) -> Service:
    """A ledger in the directory, with the strategies' app group and these campaigns, launched."""
    service = Service(url_of(directory), now=lambda: NOW)
    if campaigns:
        service.campaigns.apply(read_campaigns(APP_GROUP | {"campaigns": list(campaigns)}), stamp())
    return service


class Databases:
    """Where ledgers are kept: in files, or in databases of a server, one for each directory."""

    def __init__(self) -> None:
        self._server: Server | None = None
        self._template: str | None = None
        self._urls: dict[Path, str] = {}

    @property
    def are_files(self) -> bool:
        """Whether ledgers are kept in SQLite."""
        return self._server is None

    @contextmanager
    def on(self, server: Server, template: str | None) -> Iterator[None]:
        """Keep ledgers on the server, each beginning as the template or empty; they are dropped afterwards."""
        self._server, self._template = server, template
        try:
            yield
        finally:
            for url in self._urls.values():
                server.drop(url)
            self._server, self._urls = None, {}

    def url(self, directory: Path) -> str:
        """The database of a ledger in the directory."""
        if self._server is None:
            return f"sqlite:///{directory / 'conversions.db'}"
        if directory not in self._urls:
            self._urls[directory] = self._server.fresh_database(self._template)
        return self._urls[directory]


databases = Databases()


def url_of(directory: Path) -> str:
    """The database of a ledger in the directory, of the kind that the test is about."""
    return databases.url(directory)


def take(service: Service, raws: Iterable[dict[str, Any]], app_group: str = GROUP) -> Taken:
    """Take a batch of facts."""
    return service.intake.record(app_group, [read_fact(raw) for raw in raws], stamp())


def rows(service: Service) -> list[Row]:
    """The whole log."""
    with service.database.reading() as connection:
        return read_rows(connection, 0, 10**9)


def streams(service: Service) -> dict[str, list[JourneyEvent]]:
    """The events of each user's journey."""
    with service.database.reading() as connection:
        users = {row.journey_id: row.user_id for row in connection.execute(select(identities))}
    told: defaultdict[str, list[JourneyEvent]] = defaultdict(list)
    for row in rows(service):
        if row.originator_id in users:
            told[users[row.originator_id]].append(decode(row.topic, row.state))
    return dict(told)


def outcome(service: Service) -> Outcome:
    """What stands, folded from the stored events."""
    return fold(streams(service))


def reported(service: Service, campaign_id: str, app_group: str = GROUP) -> dict[str, Any]:
    """The report of a campaign in the reference's shape: revenue as decimals, variants by id."""
    with service.database.reading() as connection:
        found = load_report(connection, app_group, campaign_id)
    assert found is not None
    return {
        "totals": _figures(found.totals),
        "variants": {variant.variant_id: _figures(variant.figures) for variant in found.variants},
    }


def ask_about(service: Service, campaign_id: str, app_group: str = GROUP) -> AskedCampaign:
    """A campaign to ask about; read models are brought up to date first."""
    return AskedCampaign(service.reads_caught_up(), app_group, campaign_id)


def rebuilt(service: Service, *projections: Projection, keep_old: bool = False) -> list[Rebuilt]:
    """Build read models anew, in this process."""
    folding = here(service.projector, projections)
    rebuilding = Rebuilding(service.projector, projections, folding)
    return rebuilding.run(lambda *_: None, keep_old=keep_old)


def position_of(service: Service, projection: str) -> int:
    """Where the generation of a projection that is read stands; 0 where there is none."""
    query = select(checkpoints.c.position).where(
        checkpoints.c.name == projection, checkpoints.c.status == "current"
    )
    with service.database.reading() as connection:
        return connection.execute(query).scalar() or 0


def _figures(figures: Any) -> dict[str, Any]:
    return {
        "receipts": figures.receipts,
        "unique_recipients": figures.unique_recipients,
        "conversions": figures.conversions,
        "conversion_rates": figures.conversion_rates,
        "revenue": {currency: Decimal(amount) for currency, amount in figures.revenue.items()},
    }
