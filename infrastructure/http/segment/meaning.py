"""What each message means to the ledger (docs/segment.md): facts, or nothing at all."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from domain.errors import FactRefused
from infrastructure.files.json_lines import read_json
from infrastructure.files.reading import kept
from infrastructure.http.segment import orders
from infrastructure.http.segment.calls import MESSAGE_BYTES, Call
from infrastructure.http.segment.messages import Message, Origin, mapping, text
from infrastructure.http.taking import Read, read

IGNORED = ("identify", "page", "screen", "group", "alias")
"""Kinds of messages that mean nothing to the ledger."""
KINDS = ("track", *IGNORED)


@dataclass(frozen=True)
class Mapped:
    """A fact that was read, and whether it has its time from us: the client sent none."""

    read: Read
    defaulted: bool = False


@dataclass
class Meaning:
    """What a call says: facts in the order of its messages, and how many messages of each kind say nothing."""

    facts: list[Mapped] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)


def meaning(call: Call, origin: Origin) -> Meaning:
    """Read all messages of a call; what cannot be read or mapped is refused alone."""
    found = Meaning()
    for raw in call.messages:
        try:
            message = _message(raw, call, origin)
        except FactRefused as refusal:
            found.facts.append(Mapped(read(kept(refusal))))
            continue
        if message.kind in IGNORED:
            found.ignored[message.kind] += 1
            continue
        defaulted = message.time is None
        found.facts += [Mapped(each, defaulted) for each in _facts(message, len(raw))]
    return found


def _message(raw: bytes, call: Call, origin: Origin) -> Message:
    sent = read_json(raw)
    if isinstance(call.context, FactRefused):
        raise call.context
    if call.context is not None:
        sent["context"] = call.context | mapping(sent.get("context"))
    if call.kind is not None:
        sent["type"] = call.kind
    return Message(sent, origin)


def _facts(message: Message, size: int) -> list[Read]:
    try:
        return list(_mapping(message, size)(message))
    except FactRefused as refusal:
        return [Read(message.kept, kept(refusal))]


def _mapping(message: Message, size: int) -> Callable[[Message], Iterator[Read]]:
    """What makes facts of such a message; raises FactRefused."""
    if size > MESSAGE_BYTES:
        raise FactRefused(f"a message has at most {MESSAGE_BYTES:,} bytes")
    if message.kind != "track":
        raise FactRefused(f"type: a message is one of {', '.join(KINDS)}", place="type")
    event = text(message.sent.get("event"))
    if event is None:
        raise FactRefused("event: a track names its event", place="event")
    return _EVENTS.get(event, _custom_event)


def _session(message: Message) -> Iterator[Read]:
    version = _version(message)
    reported = {} if version is None else {"app_version": version}
    yield _of_app(message, message.fact("session_started", message.message_id), reported)


def _app_version(message: Message) -> Iterator[Read]:
    fact, version = message.fact("app_version", message.message_id), _version(message)
    if version is None:
        detail = "neither properties.version nor context.app.version tells a version; a build number is none"
        yield Read(fact, FactRefused(detail, code="bad_version", place="version"))
    else:
        yield _of_app(message, fact, {"version": version})


def _of_app(message: Message, fact: dict[str, Any], fields: dict[str, Any]) -> Read:
    """A fact that cannot be without an app, of the app that the key names."""
    app_id = message.origin.app_id
    if app_id is None:
        detail = "the write key names no app, and so there is none for this; make one with keys create --app"
        return Read(fact | fields, FactRefused(detail, code="unknown_app", place="app_id"))
    return read(fact | {"app_id": app_id} | fields)


def _installed(message: Message) -> Iterator[Read]:
    """A custom event, and by its version a report (R10)."""
    version = _version(message)
    known = message.app if version is None or not message.app else message.app | {"app_version": version}
    yield _event(message, known)


def _custom_event(message: Message) -> Iterator[Read]:
    yield _event(message, message.app)


def _event(message: Message, app: dict[str, Any]) -> Read:
    said = {"properties": message.properties} if message.sent.get("properties") is not None else {}
    name = text(message.sent["event"])
    return read(message.fact("custom_event", message.message_id, name=name) | app | said)


def _receipt(message: Message) -> Iterator[Read]:
    told, around = message.properties, mapping(message.context.get("campaign"))
    of_context = text(around.get("campaign_id"))
    campaign_id = text(told.get("campaign_id")) or of_context
    fact, variant_id = message.fact("received", message.message_id), text(told.get("variant_id"))
    # The context may tell of another campaign, by which the user came: its variant is none of this one's.
    if variant_id is None and of_context in {None, campaign_id}:
        variant_id = text(around.get("variant_id"))
    fact |= {} if variant_id is None else {"variant_id": variant_id}
    if campaign_id is None:
        detail = "campaign_id: neither properties nor context.campaign name the campaign"
        yield Read(fact, FactRefused(detail, place="campaign_id"))
    else:
        yield read(fact | {"campaign_id": campaign_id})


def _version(message: Message) -> str | None:
    return text(message.properties.get("version")) or message.app_version


_EVENTS: dict[str, Callable[[Message], Iterator[Read]]] = {
    "Application Opened": _session,
    "Application Installed": _installed,
    "Application Updated": _app_version,
    "Order Completed": orders.purchases,
    "Order Refunded": orders.refunds,
    "Email Delivered": _receipt,
    "Push Notification Received": _receipt,
    "Campaign Received": _receipt,
}
