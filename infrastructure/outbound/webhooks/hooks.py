"""Webhooks in the database. Each belongs to an app group, and no other app group can name it."""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from domain.errors import DomainError
from domain.instants import from_microseconds, printed
from infrastructure.database.schema import webhook_events, webhook_queues, webhooks
from infrastructure.outbound.feed import Wanted
from infrastructure.outbound.webhooks.signing import new_secret

ACTIVE, DISABLED = "active", "disabled"

GONE, BY_CALLER = "gone", "by_caller"
"""Why a webhook is disabled: its receiver answered 410, or somebody disabled it."""

MICROSECONDS = 1_000_000

_at = webhooks.c


class TooManyWebhooks(DomainError):
    """The app group has as many webhooks as it may have."""

    code = "too_many_webhooks"


def clock() -> int:
    """Read the time, in microseconds since 1970: receivers compare the time of a signature with their own."""
    return time.time_ns() // 1_000


@dataclass(frozen=True)
class Webhook:
    """A webhook without its secrets; `replays` counts how often somebody had it start again from a position."""

    webhook_id: str
    url: str
    wanted: Wanted
    status: str
    reason: str | None
    position: int
    replays: int
    created_at: int

    def as_json(self) -> dict[str, Any]:
        """As docs/webhooks.md has it."""
        return {
            "id": self.webhook_id,
            "app_group": self.wanted.app_group,
            "url": self.url,
            "types": None if self.wanted.types is None else sorted(self.wanted.types),
            "campaign_id": self.wanted.campaign_id,
            "status": self.status,
            "reason": self.reason,
            "position": str(self.position),
            "created_at": printed(from_microseconds(self.created_at)),
        }


def create(
    connection: Connection, webhook_id: str, url: str, wanted: Wanted, position: int, most: int
) -> str:
    """Make a webhook that gets what comes after a position; returns its secret. Raises TooManyWebhooks."""
    own = select(func.count()).select_from(webhooks).where(_at.app_group == wanted.app_group)
    if (connection.execute(own).scalar() or 0) >= most:
        raise TooManyWebhooks(f"an app group has at most {most} webhooks")
    secret = new_secret()
    row = {
        "webhook_id": webhook_id,
        "app_group": wanted.app_group,
        "status": ACTIVE,
        "secret": secret,
        "position": position,
        "replays": 0,
        "created_at": clock(),
    }
    connection.execute(insert(webhooks).values(**row, **_to_columns(url, wanted)))
    return secret


def find(connection: Connection, app_group: str, webhook_id: str) -> Webhook | None:
    """Find a webhook of an app group."""
    row = connection.execute(select(webhooks).where(*_is(app_group, webhook_id))).one_or_none()
    return None if row is None else read(row)


def list_all(connection: Connection, app_group: str, after: str = "", limit: int = 1_000) -> list[Webhook]:
    """List the webhooks of an app group by id, by pages."""
    query = select(webhooks).where(_at.app_group == app_group, _at.webhook_id > after)
    return [read(row) for row in connection.execute(query.order_by(_at.webhook_id).limit(limit))]


def change(
    connection: Connection, app_group: str, webhook_id: str, url: str, wanted: Wanted, *, active: bool
) -> None:
    """Change where a webhook goes and what it gets. One that is made active again continues where it was."""
    status, reason = (ACTIVE, None) if active else (DISABLED, BY_CALLER)
    own = _is(app_group, webhook_id)
    disabled_before = connection.execute(select(_at.status).where(*own)).scalar() == DISABLED
    values = _to_columns(url, wanted) | (
        {"status": status, "reason": reason} if disabled_before == active else {}
    )
    connection.execute(update(webhooks).where(*own).values(values))
    if active and disabled_before:
        again = (webhook_queues.c.webhook_id == webhook_id, webhook_queues.c.parked_at.is_(None))
        connection.execute(update(webhook_queues).where(*again).values(next_at=clock()))


def remove(connection: Connection, app_group: str, webhook_id: str) -> bool:
    """Remove a webhook and all that waits for it; returns whether there was one."""
    removed = connection.execute(delete(webhooks).where(*_is(app_group, webhook_id))).rowcount
    if removed:
        for table in (webhook_events, webhook_queues):
            connection.execute(delete(table).where(table.c.webhook_id == webhook_id))
    return bool(removed)


def rotate(connection: Connection, app_group: str, webhook_id: str, seconds: float) -> str | None:
    """Give a webhook a new secret; the previous one signs too for some seconds. None if there is no such webhook."""
    secret = new_secret()
    values = {
        "secret": secret,
        "previous_secret": _at.secret,
        "previous_until": clock() + int(seconds * MICROSECONDS),
    }
    changed = connection.execute(update(webhooks).where(*_is(app_group, webhook_id)).values(values))
    return secret if changed.rowcount else None


def replay(connection: Connection, app_group: str, webhook_id: str, after: int) -> bool:
    """Have everything after a position sent again, in order; events that wait stay. Returns whether there is one."""
    values = {"position": after, "replays": _at.replays + 1}
    changed = connection.execute(update(webhooks).where(*_is(app_group, webhook_id)).values(values))
    return bool(changed.rowcount)


def secrets_of(row: Row[Any], now: int) -> list[str]:
    """Return the secrets that sign now, the newest first."""
    previous = row.previous_secret is not None and row.previous_until > now
    return [row.secret, row.previous_secret] if previous else [row.secret]


def read(row: Row[Any]) -> Webhook:
    """Read a webhook from its row, without its secrets."""
    types = None if row.types is None else frozenset(row.types.split())
    wanted = Wanted(row.app_group, types, row.campaign_id)
    return Webhook(
        row.webhook_id, row.url, wanted, row.status, row.reason, row.position, row.replays, row.created_at
    )


def _is(app_group: str, webhook_id: str) -> tuple[Any, ...]:
    return (_at.app_group == app_group, _at.webhook_id == webhook_id)


def _to_columns(url: str, wanted: Wanted) -> dict[str, Any]:
    return {
        "url": url,
        "types": None if wanted.types is None else " ".join(sorted(wanted.types)),
        "campaign_id": wanted.campaign_id,
    }
