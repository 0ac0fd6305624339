"""Events and purchases of Braze's clients, read as facts. They have no ids, so each is given one."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from application.commands.properties import canonical
from application.commands.values import is_nobody
from domain.errors import BadMoney, FactRefused
from domain.instants import printed
from infrastructure.http.taking import Read, read
from infrastructure.inbound.earlier_version import read_leniently
from infrastructure.inbound.ecommerce.braze import is_of_order, read_order_event
from infrastructure.inbound.files.fact_rows import read_json, without_context

Array = Literal["events", "purchases"]
Sent = Mapping[str, Any]

MOST = 75
"""The most objects in an array of a call, as Braze has it."""
_MOST_QUANTITY = 100
_PROPERTIES_BYTES = 50 * 1024

_MILLISECONDS_AFTER_A_COLON = re.compile(r"(?<=T\d\d:\d\d:\d\d):(?=\d{3}(?:Z|[+-]))", re.ASCII)


@dataclass(frozen=True)
class Item:
    """An event or purchase of a call: its place, and what was read of it."""

    array: Array
    index: int
    read: Read


def read_items(events: Iterable[bytes], purchases: Iterable[bytes]) -> list[Item]:
    """All items of a call, in order; a malformed one does not affect the others."""
    counted: Counter[str] = Counter()
    arrays: list[tuple[Array, Iterable[bytes]]] = [("events", events), ("purchases", purchases)]
    return [
        Item(array, index, _read(array, text, counted))
        for array, sent in arrays
        for index, text in enumerate(sent)
    ]


def _read(array: Array, text: bytes, counted: Counter[str]) -> Read:
    try:
        sent = read_json(text)
    except FactRefused as refusal:
        return Read(None, without_context(refusal))
    fact = {name: value for name, value in _FACTS[array](sent).items() if value is not None}
    try:
        _check(sent)
    except FactRefused as refusal:
        # It is kept without an id, so that a retry cannot take it: its sender splits it, and it would count twice.
        return Read(
            fact, without_context(refusal), earlier=partial(read_leniently, fact | {"id": _id(fact, counted)})
        )
    fact |= {"id": _id(fact, counted)}
    if not is_of_order(fact.get("name")):
        return read(fact)
    # An earlier version took it for a custom event like any other, under the same id.
    return replace(read(read_order_event(fact)), earlier=partial(read_leniently, fact))


def _id(fact: Sent, counted: Counter[str]) -> str:
    """The hash of the content, and its number among equal items: the same call sent again has the same ids."""
    content = hashlib.sha256(canonical(dict(fact)).encode()).hexdigest()[:40]
    counted[content] += 1
    return f"braze:{content}:{counted[content] - 1}"


def _common(sent: Sent) -> dict[str, Any]:
    return {
        "user_id": _user(sent),
        "at": _instant(sent.get("time")),
        "app_id": sent.get("app_id"),
        "properties": sent.get("properties"),
    }


def _event(sent: Sent) -> dict[str, Any]:
    return {"type": "custom_event", "name": sent.get("name")} | _common(sent)


def _purchase(sent: Sent) -> dict[str, Any]:
    quantity = sent.get("quantity")
    return {
        "type": "purchase",
        "product_id": sent.get("product_id"),
        "price": sent.get("price"),
        "currency": sent.get("currency"),
        "quantity": 1 if quantity is None else quantity,
    } | _common(sent)


_FACTS: Mapping[Array, Callable[[Sent], dict[str, Any]]] = {"events": _event, "purchases": _purchase}


def _user(sent: Sent) -> Any:  # noqa: ANN401
    """The external id; else the alias under its label; else Braze's own id, as Currents has it."""
    if sent.get("external_id") is not None:
        return sent["external_id"]
    alias = sent.get("user_alias")
    if isinstance(alias, dict):
        label, name = alias.get("alias_label"), alias.get("alias_name")
        if isinstance(label, str) and isinstance(name, str) and name:
            # A colon in a label is written otherwise, so that no two aliases are one user.
            return f"alias:{label.replace('%', '%25').replace(':', '%3A')}:{name}"
    return sent.get("braze_id")


def _instant(sent: Any) -> Any:  # noqa: ANN401
    """An ISO 8601 instant with an offset, as RFC 3339; anything else is returned as it came, and is refused later."""
    if not isinstance(sent, str):
        return sent
    try:
        instant = datetime.fromisoformat(_MILLISECONDS_AFTER_A_COLON.sub(".", sent))
        return sent if instant.tzinfo is None else printed(instant.astimezone(UTC))
    except (ValueError, OverflowError):
        return sent


def _check(sent: Sent) -> None:
    """Raise FactRefused if the item is beyond Braze's limits, or names no user."""
    if _user(sent) is None:
        said = "'external_id', 'user_alias' or 'braze_id' is required"
        if sent.get("email") is not None or sent.get("phone") is not None:
            said += ": an email address or phone number is no id here"
        raise FactRefused(said, place="external_id")
    alias = sent.get("user_alias")
    name = alias.get("alias_name") if sent.get("external_id") is None and isinstance(alias, dict) else None
    if isinstance(name, str) and is_nobody(name):
        raise FactRefused(f"user_alias: {name!r} is a placeholder, and names no user", place="user_alias")
    quantity = sent.get("quantity")
    if isinstance(quantity, int) and quantity > _MOST_QUANTITY:
        raise BadMoney(f"quantity: it is at most {_MOST_QUANTITY}; send several purchases", place="quantity")
    properties = sent.get("properties")
    if properties is not None and len(canonical(properties).encode()) > _PROPERTIES_BYTES:
        raise FactRefused(f"properties: they have at most {_PROPERTIES_BYTES:,} bytes", place="properties")
