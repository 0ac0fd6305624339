"""Ledgers whose pages are measured: the demo's shop, a shop with a thousand campaigns, a crowd's millions of facts."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from application.commands.definitions import read_campaigns
from benchmarks.http_runs import Server, serving
from benchmarks.ledger import Unwatched, refuse
from benchmarks.places import folder
from benchmarks.workload import GROUP, Fact, write
from domain.instants import microseconds
from infrastructure.access import keys, sessions
from infrastructure.access.keys import Scope
from infrastructure.access.operator import stamp
from infrastructure.access.sessions import Lifetimes
from infrastructure.composition import Service
from infrastructure.demo import shop
from infrastructure.http.origins import LOOPBACK_COOKIE
from projections.campaign_report.reading import load_reports

CAMPAIGNS: Final = 1_000
_USERS: Final = 10
_DAY: Final = 24 * 3_600 * 1_000_000


class Visit(NamedTuple):
    """A service with the dashboard, and how somebody asks it: with a session's cookie, or with a key."""

    server: Server
    token: str
    key: str

    @property
    def cookie(self) -> dict[str, str]:
        """The header of somebody who is logged in."""
        return {"Cookie": f"{LOOPBACK_COOKIE}={self.token}"}


@contextmanager
def visiting(url: str, app_group: str) -> Iterator[Visit]:
    """Serve a ledger, and log in."""
    with Service(url) as service:
        now = microseconds(service.now())
        with service.database.writing() as connection:
            key, text = keys.create(connection, app_group, list(Scope), now)
            token = sessions.begin(connection, key.key_id, now, Lifetimes(_DAY, _DAY))
    with serving(url, settings={"CONVERSIONS_WEB": "on", "CONVERSIONS_LOG_LEVEL": "error"}) as server:
        yield Visit(server, token, text)


def fill_with_demo(url: str) -> str:
    """Import the demo's shop; returns its app group."""
    return _fill(url, shop.CAMPAIGNS, shop.facts())


def fill_with_campaigns(url: str) -> str:
    """Make a thousand campaigns with a few facts each; returns their app group."""
    numbers = range(CAMPAIGNS)
    defined: dict[str, Any] = {
        "app_group": GROUP,
        "apps": ["ios"],
        "campaigns": [
            {"id": f"sale-{number:04}", "name": f"Sale number {number}", "channel": "email",
             "variants": [{"id": "A"}, {"id": "control", "control": True}],
             "conversion_events": [{"type": "makes_purchase", "deadline": "3d"}]}
            for number in numbers
        ],
    }  # fmt: skip
    receipts = (
        {"type": "received", "id": f"r-{number}-{user}", "user_id": f"user-{number}-{user}",
         "campaign_id": f"sale-{number:04}", "variant_id": ("A", "control")[user % 2],
         "at": "2026-03-01T09:00:00Z"}
        for number in numbers for user in range(_USERS)
    )  # fmt: skip
    purchases = (
        {"type": "purchase", "id": f"p-{number}", "user_id": f"user-{number}-0", "product_id": "tea",
         "price": "9.99", "currency": "EUR", "at": "2026-03-02T09:00:00Z"}
        for number in numbers
    )  # fmt: skip
    return _fill(url, defined, (*receipts, *purchases))


def find_largest(url: str, app_group: str) -> str:
    """The id of the campaign with a variant A and a control group that most users have received."""
    with Service(url) as service, service.database.reading() as connection:
        reports = load_reports(connection, app_group)
    compared = [
        each
        for each in reports
        if any(variant.variant_id == "A" for variant in each.variants)
        and any(variant.control for variant in each.variants)
    ]
    return max(compared, key=lambda each: each.totals.unique_recipients).campaign_id


def _fill(url: str, campaigns: dict[str, Any], facts: Iterable[Fact]) -> str:
    app_group = str(campaigns["app_group"])
    with folder() as path, Service(url) as service:
        write(path / "facts.jsonl", iter(facts))
        service.campaigns.apply(read_campaigns(campaigns), stamp())
        service.start_import(app_group, refuse).run([str(path / "facts.jsonl")], None, Unwatched())
        service.projector.catch_up()
    return app_group
