"""What each message means to the ledger (docs/segment.md): a fact, or nothing."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from domain.errors import FactRefused
from infrastructure.http.segment import earlier_messages, events, orders
from infrastructure.http.segment.calls import MESSAGE_BYTES, Call
from infrastructure.http.segment.messages import Message, Origin, read_mapping
from infrastructure.http.taking import Read, read
from infrastructure.inbound.files.fact_rows import read_json, without_context

IGNORED = ("identify", "page", "screen", "group", "alias")
"""Kinds of messages that the ledger ignores."""
KINDS = ("track", *IGNORED)


@dataclass
class Meaning:
    """What a call means: facts in the order of its messages, and by kind how many messages are ignored."""

    facts: list[Read] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)


def interpret_call(call: Call, origin: Origin) -> Meaning:
    """Read all messages of a call; one that cannot be read or mapped is refused, and the others are not affected."""
    found = Meaning()
    for raw in call.messages:
        try:
            message = _read_message(raw, call, origin, found.ignored)
        except FactRefused as refusal:
            found.facts.append(read(without_context(refusal)))
            continue
        if message.kind in IGNORED:
            found.ignored[message.kind] += 1
        else:
            found.facts.append(
                replace(
                    _read_fact(message, len(raw)),
                    earlier=partial(earlier_messages.read_facts, message, len(raw)),
                )
            )
    return found


def _read_message(raw: bytes, call: Call, origin: Origin, ignored: Counter[str]) -> Message:
    sent = read_json(raw)
    if isinstance(call.context, FactRefused):
        raise call.context
    if call.context is not None:
        sent["context"] = call.context | read_mapping(sent.get("context"))
    if call.kind is not None:
        sent["type"] = call.kind
    return Message(sent, origin, ignored)


def _read_fact(message: Message, size: int) -> Read:
    try:
        return _choose_mapping(message, size)(message)
    except FactRefused as refusal:
        return Read(message.to_keep, without_context(refusal))


def _choose_mapping(message: Message, size: int) -> Callable[[Message], Read]:
    """The function that makes a fact of such a message; raises FactRefused."""
    if size > MESSAGE_BYTES:
        raise FactRefused(f"a message has at most {MESSAGE_BYTES:,} bytes")
    if message.kind != "track":
        raise FactRefused(f"type: a message is one of {', '.join(KINDS)}", place="type")
    if message.event is None:
        raise FactRefused("event: a track names its event", place="event")
    return _EVENTS.get(message.event, events.custom_event)


_EVENTS: Mapping[str, Callable[[Message], Read]] = {
    "Application Opened": events.session,
    "Application Installed": events.installed,
    "Application Updated": events.app_version,
    "Order Completed": orders.completed,
    "Order Updated": orders.updated,
    "Order Refunded": orders.refunded,
    "Order Cancelled": orders.cancelled,
    "Email Delivered": events.receipt,
    "Push Notification Received": events.receipt,
    "Campaign Received": events.receipt,
}
