"""The ledger that tests in a browser look at: the demo, and app groups that nobody wishes for beside it."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from application.commands.definitions import read_campaigns
from application.commands.intake import ACCEPTED
from domain.instants import microseconds
from infrastructure.access import keys, sessions
from infrastructure.access.keys import Scope
from infrastructure.access.operator import stamp
from infrastructure.access.sessions import Lifetimes
from infrastructure.composition import Service
from tests.infrastructure.web.shops import HOSTILE, OTHER, SALE, bought, received
from tests.support.commands import run_process
from tests.support.ledgers import take

DEMO, STRANGERS, HOSTILES, EMPTY = "demo-shop", "other-shop", "hostile-shop", "empty-shop"
NOBODY = "no-shop-yet"
"""A key's app group that nobody has made yet."""
GROUPS = (DEMO, STRANGERS, HOSTILES, EMPTY, NOBODY)
DRAFT, UNRECEIVED = "summer-sale", "autumn-sale"
"""Campaigns of the demo's app group that nobody has received: one is not launched yet."""

_DAY = 86_400 * 1_000_000
_LIFETIMES = Lifetimes(idle=_DAY, absolute=_DAY)


def make(directory: Path) -> Path:
    """Make the ledger, or find it where another process of the same run has made it."""
    directory.mkdir(exist_ok=True)
    made = directory / "logins.json"
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _fill(directory)
            made.write_text(json.dumps(_log_in(directory)))
    return directory


def logins(directory: Path) -> dict[str, dict[str, str]]:
    """By app group and kind a key and the token of a session: `manage` may do everything, `read` may only look."""
    found: dict[str, dict[str, str]] = json.loads((directory / "logins.json").read_text())
    return found


def _fill(directory: Path) -> None:
    shown = run_process(directory, "demo", "--directory", str(directory))
    assert shown.returncode == 0, shown.stderr
    with _opened(directory) as service:
        for campaign_id, status in ((DRAFT, "draft"), (UNRECEIVED, "launched")):
            campaign = SALE | {"id": campaign_id, "name": campaign_id.title(), "status": status}
            service.campaigns.apply(read_campaigns({"app_group": DEMO, "campaigns": [campaign]}), stamp())
        for app_group, campaigns in (
            (STRANGERS, [OTHER | {"id": "strangers", "name": "Strangers only"}]),
            (HOSTILES, [_hostile(text) for text in HOSTILE]),
            (EMPTY, []),
        ):
            given = {"app_group": app_group, "apps": ["ios"], "campaigns": campaigns}
            service.campaigns.apply(read_campaigns(given), stamp())
        take(service, [received("stranger", "only", "strangers"), bought("stranger")], STRANGERS)
        for text in HOSTILE:
            taken = take(service, [received(text, text, text), bought(text, fact_id=text)], HOSTILES)
            assert taken.answers == [ACCEPTED] * 2
        service.projector.catch_up()
    audited = run_process(directory, "audit")
    assert audited.returncode == 0, audited.stderr


def _hostile(text: str) -> dict[str, Any]:
    return {
        "id": text,
        "name": text,
        "channel": text[:100],
        "variants": [{"id": text, "name": text}, {"id": "holdout", "control": True}],
        "conversion_events": [
            {"type": "makes_purchase", "deadline": "3d"},
            {"type": "makes_purchase", "deadline": "3d", "product_id": text},
        ],
    }


def _log_in(directory: Path) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    with _opened(directory) as service, service.database.writing() as connection:
        now = microseconds(service.now())
        for app_group in GROUPS:
            found[app_group] = {}
            for name, scopes in (("manage", tuple(Scope)), ("read", (Scope.READ,))):
                key, text = keys.create(connection, app_group, scopes, now)
                found[app_group][f"{name}_key"] = text
                found[app_group][name] = sessions.begin(connection, key.key_id, now, _LIFETIMES)
    return found


@contextmanager
def _opened(directory: Path) -> Iterator[Service]:
    with Service(f"sqlite:///{directory / 'conversions.db'}") as service:
        yield service
