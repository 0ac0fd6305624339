"""A message of Segment's public tracking spec: who, when, where, and the facts that begin with those."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from application.commands.facts import FactCommand
from application.commands.properties import canonical
from application.commands.values import NO_NUMERIC_ID, is_nobody, read_id
from domain import app_version
from domain.errors import FactRefused
from domain.instants import printed
from infrastructure.http.taking import Read, read

Fact = dict[str, Any]

_KEPT = ("type", "messageId", "userId", "anonymousId", "event", "properties", "timestamp")
"""What is kept of a message that no fact could be made of: no context, which tells much of a person, and no key."""

_NOT_CONTENT = frozenset({"messageId", "sentAt", "receivedAt", "writeKey"})
"""What may differ between two deliveries of one message."""


def read_text(value: object) -> str | None:
    """A name or a version: a text, or a number in its own digits; None where there is nothing to read."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return str(value)
    return value if isinstance(value, str) and value else None


def read_mapping(value: object) -> dict[str, Any]:
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
    ignored: Counter[str] = field(default_factory=Counter)
    """By kind how much of the message is treated as absent."""

    def read_identifier(self, value: object, place: str) -> str | None:
        """An id: a text, or the digits of a whole number (R16); None where there is none. Raises FactRefused."""
        found = None if isinstance(value, bool) else read_id(value)
        if isinstance(found, int | Decimal):
            raise FactRefused(f"{place}: {NO_NUMERIC_ID}", place=place)
        return found if isinstance(found, str) and found else None

    def read_order_id(self) -> str | None:
        """The id of the order, or None; a word such as `undefined` is no id (R16)."""
        found = self.read_identifier(self.properties.get("order_id"), "order_id")
        return None if found is None or is_nobody(found) else found

    def read_version(self, value: object) -> str | None:
        """A version that comes with the message; a malformed one is counted, and treated as absent (R10)."""
        found = read_text(value)
        if found is None or app_version.is_version(found):
            return found
        self.ignored["version"] += 1
        return None

    def read(self, fact: Fact) -> Read:
        """Read the fact. If the client named no instant, ours is a default, and a recorded one wins (R13)."""
        found = read(fact)
        if self.time is None and isinstance(found.fact, FactCommand):
            found.fact.with_defaults("at")
        return found

    @property
    def to_keep(self) -> dict[str, Any]:
        """What is kept of it when it is rejected and no fact could be made of it."""
        return {name: self.sent[name] for name in _KEPT if name in self.sent}

    @property
    def kind(self) -> str | None:
        """Track, identify and so on."""
        return read_text(self.sent.get("type"))

    @property
    def event(self) -> str | None:
        """The name of the event."""
        return read_text(self.sent.get("event"))

    @cached_property
    def context(self) -> dict[str, Any]:
        """What surrounds the event: the app, the campaign."""
        return read_mapping(self.sent.get("context"))

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
        return self.read_identifier(self.sent.get("messageId"), "messageId") or self._hash()

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

    @cached_property
    def app_version(self) -> str | None:
        """The version of the app that the context tells of; a build number is none."""
        return self.read_version(read_mapping(self.context.get("app")).get("version"))

    @property
    def version_before(self) -> dict[str, Any]:
        """The version before the one that is reported, where the message names one (R10)."""
        found = read_text(self.properties.get("previous_version"))
        return {} if found is None else {"previous_version": found}

    @cached_property
    def user_id(self) -> str:
        """The id of the user; a word such as `undefined` is no id (R16). Raises FactRefused if there is none."""
        for name in ("userId", "anonymousId"):
            found = self.read_identifier(self.sent.get(name), name)
            if found is not None and not is_nobody(found):
                return found
        raise FactRefused("userId or anonymousId: a message names its user", place="userId")

    def fact(self, kind: str, fact_id: str, **fields: Any) -> Fact:
        """A fact of this message's user and instant, as docs/files.md has it; raises FactRefused without a user."""
        return {
            "type": kind,
            "id": fact_id,
            "user_id": self.user_id,
            "at": printed(self.origin.received) if self.time is None else self.time,
        } | fields

    def _hash(self) -> str:
        # Absent = null (R13).
        content = {
            name: value for name, value in self.sent.items() if value is not None and name not in _NOT_CONTENT
        }
        return f"content-{hashlib.sha256(canonical(content).encode()).hexdigest()}"
