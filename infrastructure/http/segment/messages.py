"""A message of Segment's public tracking spec: who, when, where, and the facts that begin with those."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from application.properties import canonical
from domain.errors import FactRefused
from domain.instants import printed

Fact = dict[str, Any]

_KEPT = ("type", "messageId", "userId", "anonymousId", "event", "properties", "timestamp")
"""What is kept of a message that no fact could be made of: no context, which tells much of a person, and no key."""

_NOT_CONTENT = frozenset({"messageId", "sentAt", "receivedAt", "writeKey"})
"""What may differ between two deliveries of one message."""


def text(value: object) -> str | None:
    """An id or a version: a text, or a number in its own digits; None where there is nothing to read."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return str(value)
    return value if isinstance(value, str) and value else None


def mapping(value: object) -> dict[str, Any]:
    """An object; an empty one where there is none."""
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class Origin:
    """Where the messages of a call come from: the app that the key names, if any, and the instant of the call."""

    app_id: str | None
    received: datetime


@dataclass(frozen=True)
class Message:
    """A message as it was sent, with the context of its batch merged in."""

    sent: dict[str, Any]
    origin: Origin

    @property
    def kept(self) -> dict[str, Any]:
        """What is kept of it when it is rejected and no fact could be made of it."""
        return {name: self.sent[name] for name in _KEPT if name in self.sent}

    @property
    def kind(self) -> str | None:
        """Track, identify and so on."""
        return text(self.sent.get("type"))

    @cached_property
    def context(self) -> dict[str, Any]:
        """What surrounds the event: the app, the campaign."""
        return mapping(self.sent.get("context"))

    @cached_property
    def properties(self) -> dict[str, Any]:
        """What the event says; raises FactRefused where that is no object."""
        found = self.sent.get("properties")
        if found is not None and not isinstance(found, dict):
            raise FactRefused("properties: an object is wanted", place="properties")
        return found or {}

    @cached_property
    def message_id(self) -> str:
        """The id its client gave it; without one, the hash of its content."""
        return text(self.sent.get("messageId")) or self._hash()

    @property
    def time(self) -> object:
        """When it happened by the client's clock, as it was sent; None where the client left that to us."""
        sent = self.sent.get("timestamp")
        return self.sent.get("originalTimestamp") if sent is None else sent

    @property
    def app(self) -> dict[str, Any]:
        """The app and its version, as far as they are known; a version without an app says nothing (R10)."""
        if self.origin.app_id is None:
            return {}
        version = self.app_version
        return {"app_id": self.origin.app_id} | ({} if version is None else {"app_version": version})

    @property
    def app_version(self) -> str | None:
        """The version of the app that the context tells of; a build number is none."""
        return text(mapping(self.context.get("app")).get("version"))

    def fact(self, kind: str, fact_id: str, **fields: Any) -> Fact:
        """A fact of this message's user and instant, as docs/files.md has it; raises FactRefused without a user."""
        user_id = text(self.sent.get("userId")) or text(self.sent.get("anonymousId"))
        if user_id is None:
            raise FactRefused("userId or anonymousId: a message names its user", place="userId")
        at = printed(self.origin.received) if self.time is None else self.time
        return {"type": kind, "id": fact_id, "user_id": user_id, "at": at} | fields

    def _hash(self) -> str:
        # Absent = null (R13).
        content = {
            name: value for name, value in self.sent.items() if value is not None and name not in _NOT_CONTENT
        }
        return f"content-{hashlib.sha256(canonical(content).encode()).hexdigest()}"
