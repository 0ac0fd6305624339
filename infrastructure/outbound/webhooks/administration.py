"""What people and programs may do with webhooks, over HTTP and on the command line; refusals are DomainErrors."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy.engine import Connection

from application.commands.definitions import Command, Id
from application.ledger import Ledger
from domain.errors import DomainError
from infrastructure.database import Database
from infrastructure.event_store.reading import last_position
from infrastructure.outbound.feed import Wanted, read_types
from infrastructure.outbound.webhooks import hooks, queues
from infrastructure.outbound.webhooks.addresses import read_url
from infrastructure.outbound.webhooks.hooks import ACTIVE, Webhook
from infrastructure.outbound.webhooks.queues import Parked
from infrastructure.outbound.webhooks.settings import webhook_settings

Types = Annotated[list[str], Field(max_length=20, description="Types of events; all if null or empty.")]
Position = Annotated[str, Field(description="Opaque, as it was answered.")]


class UnknownWebhook(DomainError):
    """The app group has no such webhook."""

    code = "unknown_webhook"


class BadPosition(DomainError):
    """No event of this ledger has the position."""

    code = "bad_position"


class MakeWebhook(Command):
    """A new webhook; it gets the events after a position, by default those from now on."""

    url: str
    types: Types | None = None
    campaign_id: Id | None = None
    after: Position | None = None


class ChangeWebhook(Command):
    """Changes of a webhook; what is left out stays."""

    url: str | None = None
    types: Types | None = None
    campaign_id: Id | None = None
    status: Literal["active", "disabled"] | None = None


class ReplayWebhook(Command):
    """Everything after the position is sent again."""

    after: Position


class ReleaseLines(Command):
    """Which parked queues are released: one user's, or all if no user is named."""

    user_id: Id | None = None


class Webhooks:
    """The webhooks of an app group."""

    def __init__(self, database: Database, ledger: Ledger, app_group: str) -> None:
        self._database = database
        self._ledger = ledger
        self._app_group = app_group

    def make(self, webhook_id: str, asked: MakeWebhook) -> tuple[dict[str, Any], str | None]:
        """Make a webhook; returns it and its secret, or no secret if this very command made it before."""
        settings = webhook_settings()
        url = read_url(asked.url, allow_private=settings.allow_private)
        wanted = self._read_wanted(asked.types, asked.campaign_id)
        with self._database.writing() as connection:
            if (made := hooks.find(connection, self._app_group, webhook_id)) is not None:
                return self._describe(connection, made), None
            position = self._read_position(connection, asked.after)
            secret = hooks.create(connection, webhook_id, url, wanted, position, settings.a_group)
            return self._describe(connection, self._find(connection, webhook_id)), secret

    def show(self, webhook_id: str) -> dict[str, Any]:
        """Describe a webhook and how much waits for it."""
        with self._database.reading() as connection:
            return self._describe(connection, self._find(connection, webhook_id))

    def list_all(self, after: str = "", limit: int = 1_000) -> list[dict[str, Any]]:
        """List webhooks by id, by pages."""
        with self._database.reading() as connection:
            found = hooks.list_all(connection, self._app_group, after, limit)
            return [self._describe(connection, each) for each in found]

    def change(self, webhook_id: str, asked: ChangeWebhook) -> dict[str, Any]:
        """Change what the command states, and nothing else."""
        stated = asked.model_fields_set
        allow_private = webhook_settings().allow_private
        url = None if asked.url is None else read_url(asked.url, allow_private=allow_private)
        new = self._read_wanted(asked.types, asked.campaign_id)
        with self._database.writing() as connection:
            hook = self._find(connection, webhook_id)
            wanted = Wanted(
                self._app_group,
                new.types if "types" in stated else hook.wanted.types,
                new.campaign_id if "campaign_id" in stated else hook.wanted.campaign_id,
            )
            active = (asked.status or hook.status) == ACTIVE
            hooks.change(connection, self._app_group, webhook_id, url or hook.url, wanted, active=active)
            return self._describe(connection, self._find(connection, webhook_id))

    def remove(self, webhook_id: str) -> None:
        """Remove a webhook and what waits for it."""
        with self._database.writing() as connection:
            if not hooks.remove(connection, self._app_group, webhook_id):
                raise _unknown(webhook_id)

    def replay(self, webhook_id: str, after: str) -> dict[str, Any]:
        """Send everything after a position again."""
        with self._database.writing() as connection:
            self._find(connection, webhook_id)
            hooks.replay(connection, self._app_group, webhook_id, self._read_position(connection, after))
            return self._describe(connection, self._find(connection, webhook_id))

    def rotate(self, webhook_id: str) -> tuple[dict[str, Any], str]:
        """Give a webhook a new secret; for a while the previous one signs too."""
        seconds = webhook_settings().both_secrets_seconds
        with self._database.writing() as connection:
            secret = hooks.rotate(connection, self._app_group, webhook_id, seconds)
            if secret is None:
                raise _unknown(webhook_id)
            return self._describe(connection, self._find(connection, webhook_id)), secret

    def list_parked(self, webhook_id: str, after: str = "", limit: int = 1_000) -> list[Parked]:
        """List parked queues, by pages."""
        with self._database.reading() as connection:
            self._find(connection, webhook_id)
            return queues.list_parked(connection, webhook_id, after, limit)

    def release(self, webhook_id: str, user_id: str | None) -> int:
        """Release parked queues; returns how many there were."""
        with self._database.writing() as connection:
            return queues.release(connection, self._find(connection, webhook_id), user_id)

    def _find(self, connection: Connection, webhook_id: str) -> Webhook:
        found = None if "\0" in webhook_id else hooks.find(connection, self._app_group, webhook_id)
        if found is None:
            raise _unknown(webhook_id)
        return found

    def _read_wanted(self, types: Iterable[str] | None, campaign_id: str | None) -> Wanted:
        if campaign_id is not None:
            self._ledger.existing_campaign(self._app_group, campaign_id)
        return Wanted(self._app_group, read_types(types or ()), campaign_id)

    def _read_position(self, connection: Connection, after: str | None) -> int:
        newest = last_position(connection)
        if after is None:
            return newest
        if not (after.isascii() and after.isdigit() and len(after) < 19 and int(after) <= newest):
            raise BadPosition("this is no position of this ledger: give it as it was answered", place="after")
        return int(after)

    def _describe(self, connection: Connection, hook: Webhook) -> dict[str, Any]:
        return hook.as_json() | queues.describe(connection, hook.webhook_id)


def _unknown(webhook_id: str) -> UnknownWebhook:
    return UnknownWebhook(f"there is no webhook {webhook_id!r}", place="webhook_id")
