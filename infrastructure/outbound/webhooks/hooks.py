"""Webhooks as they are made, changed and listed; each belongs to an app group, and no other can name it."""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from domain.errors import DomainError
from domain.instants import from_microseconds, printed
from infrastructure.database.schema import webhook_events, webhook_lines, webhooks
from infrastructure.outbound.feed import Wanted
from infrastructure.outbound.webhooks.signing import new_secret

ACTIVE, DISABLED = "active", "disabled"

GONE, BY_CALLER = "gone", "by_caller"
"""Why a webhook is disabled: its receiver answered 410, or someone said so."""

MICROSECONDS = 1_000_000

_at = webhooks.c


class TooManyWebhooks(DomainError):
    """The app group has as many webhooks as it may have."""

    code = "too_many_webhooks"


def clock() -> int:
    """Microseconds since 1970: receivers compare the time of a signature with their own."""
    return time.time_ns() // 1_000


@dataclass(frozen=True)
class Webhook:
    """A webhook without its secrets; `replays` counts how often the log was handed over again."""

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
    """Make a webhook that is told what comes after a position; its secret. Raises TooManyWebhooks."""
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
    connection.execute(insert(webhooks).values(**row, **_stored(url, wanted)))
    return secret


def found(connection: Connection, app_group: str, webhook_id: str) -> Webhook | None:
    """A webhook of an app group."""
    row = connection.execute(select(webhooks).where(*_named(app_group, webhook_id))).one_or_none()
    return None if row is None else read(row)


def listed(connection: Connection, app_group: str, after: str = "", limit: int = 1_000) -> list[Webhook]:
    """Those of an app group by id, by pages."""
    query = select(webhooks).where(_at.app_group == app_group, _at.webhook_id > after)
    return [read(row) for row in connection.execute(query.order_by(_at.webhook_id).limit(limit))]


def change(
    connection: Connection, app_group: str, webhook_id: str, url: str, wanted: Wanted, *, active: bool
) -> None:
    """Change where a webhook goes and what it is told; one that is active again goes on where it was."""
    status, reason = (ACTIVE, None) if active else (DISABLED, BY_CALLER)
    own = _named(app_group, webhook_id)
    disabled_before = connection.execute(select(_at.status).where(*own)).scalar() == DISABLED
    values = _stored(url, wanted) | (
        {"status": status, "reason": reason} if disabled_before == active else {}
    )
    connection.execute(update(webhooks).where(*own).values(values))
    if active and disabled_before:
        again = (webhook_lines.c.webhook_id == webhook_id, webhook_lines.c.parked_at.is_(None))
        connection.execute(update(webhook_lines).where(*again).values(next_at=clock()))


def remove(connection: Connection, app_group: str, webhook_id: str) -> bool:
    """Remove a webhook and all that waits for it: whether there was one."""
    removed = connection.execute(delete(webhooks).where(*_named(app_group, webhook_id))).rowcount
    if removed:
        for table in (webhook_events, webhook_lines):
            connection.execute(delete(table).where(table.c.webhook_id == webhook_id))
    return bool(removed)


def rotate(connection: Connection, app_group: str, webhook_id: str, seconds: float) -> str | None:
    """Give a webhook a new secret, beside which the one before signs for so many seconds; None where there is none."""
    secret = new_secret()
    values = {
        "secret": secret,
        "previous_secret": _at.secret,
        "previous_until": clock() + int(seconds * MICROSECONDS),
    }
    changed = connection.execute(update(webhooks).where(*_named(app_group, webhook_id)).values(values))
    return secret if changed.rowcount else None


def replay(connection: Connection, app_group: str, webhook_id: str, after: int) -> bool:
    """Let everything after a position be told again, in order; what waits from before stays. Whether there is one."""
    values = {"position": after, "replays": _at.replays + 1}
    changed = connection.execute(update(webhooks).where(*_named(app_group, webhook_id)).values(values))
    return bool(changed.rowcount)


def secrets_of(row: Row[Any], now: int) -> list[str]:
    """The secrets that sign now."""
    previous = row.previous_secret is not None and row.previous_until > now
    return [row.secret, row.previous_secret] if previous else [row.secret]


def read(row: Row[Any]) -> Webhook:
    """A webhook as it is stored, but for its secrets."""
    types = None if row.types is None else frozenset(row.types.split())
    wanted = Wanted(row.app_group, types, row.campaign_id)
    return Webhook(
        row.webhook_id, row.url, wanted, row.status, row.reason, row.position, row.replays, row.created_at
    )


def _named(app_group: str, webhook_id: str) -> tuple[Any, ...]:
    return (_at.app_group == app_group, _at.webhook_id == webhook_id)


def _stored(url: str, wanted: Wanted) -> dict[str, Any]:
    return {
        "url": url,
        "types": None if wanted.types is None else " ".join(sorted(wanted.types)),
        "campaign_id": wanted.campaign_id,
    }
