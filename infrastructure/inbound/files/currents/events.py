"""Which event of Currents is which fact; all others are ignored."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from application.reading_instants import BadTime
from domain import app_version
from domain.errors import FactRefused
from domain.instants import from_microseconds
from infrastructure.inbound.ecommerce.braze import is_of_order, read_order_event
from infrastructure.inbound.ecommerce.products import without_nothing
from infrastructure.inbound.files.fact_rows import Reread, read_properties, refuse_unstorable

Sent = Mapping[str, Any]
Event = tuple[int, str | None, dict[str, Any] | FactRefused]
"""The line or number of an event, from 1, its type if the file tells it, and the event."""

_GROUPS = "behaviors|campaigns|canvas|canvasstep|messages|agentconsole|contentoptimizer"
_TYPE = re.compile(
    rf"(?:event_type=(?:users\.)?|\busers\.|\b(?=(?:{_GROUPS})\.))((?:[a-z]+\.)*[A-Z][A-Za-z]*)", re.ASCII
)

# A message counts as received when it is sent; one that waits in an app, when it is seen.
_RECEIPTS = frozenset(
    {f"messages.{channel}.Send" for channel in ("email", "pushnotification", "sms", "webhook", "contentcard")}
    | {f"messages.{channel}.Send" for channel in ("whatsapp", "line", "rcs", "liveactivity")}
    | {"messages.inappmessage.Impression", "messages.banner.Impression"}
)
_TAGS = frozenset({"string", "int", "long", "float", "double", "boolean"})
_PROPERTIES = ("custom_properties", "purchase_properties", "properties")


def event_type(text: str) -> str | None:
    """The last type of event in a path or a name, without its `users.`; None if there is none."""
    found = _TYPE.findall(text)
    return found[-1] if found else None


def to_fact(kind: str | None, sent: Sent, counted: Counter[str]) -> dict[str, Any] | None:
    """The fact that an event means; None if it is ignored. Raises FactRefused.

    Values that are treated as absent are counted.
    """
    stated = sent.get("event_type")
    kind = (event_type(stated) or stated) if isinstance(stated, str) else kind
    if kind is None:
        raise FactRefused("event_type: neither the event nor the file's name or folder tells it")
    if (read := _READERS.get(kind)) is None:
        return None
    fact = read(_flat(sent))
    if fact is None:
        return None
    refuse_unstorable("".join(value for value in fact.values() if isinstance(value, str)))
    then = without_nothing(fact)
    return _read_now(then, counted) if _differs(then) else then


def _differs(then: Sent) -> bool:
    """Whether an earlier version read it differently: it knew no events of orders, and took any text as a version."""
    version = then.get("app_version")
    return is_of_order(then.get("name")) or (isinstance(version, str) and not app_version.is_version(version))


def _read_now(then: Sent, counted: Counter[str]) -> Reread:
    """Treat a version that is none as absent, and count it: it only accompanies what happened (R10)."""
    version = then.get("app_version")
    now = dict(then)
    if isinstance(version, str) and not app_version.is_version(version):
        del now["app_version"]
        counted["version"] += 1
    return Reread(read_order_event(now) if is_of_order(now.get("name")) else now, then)


def _flat(sent: Sent) -> Sent:
    """The fields of an event in one object, for each of Currents' shapes."""
    user, properties = sent.get("user"), sent.get("properties")
    if isinstance(user, dict):
        nested = properties if isinstance(properties, dict) else {}
        return {**nested, **user, "id": sent.get("id"), "time": sent.get("time")}
    return {name: _untag(name, value) for name, value in sent.items()}


def _untag(name: str, value: Any) -> Any:  # noqa: ANN401
    """The value itself; JSON made from Avro may name its type beside it."""
    if isinstance(value, dict) and len(value) == 1:
        tag, bare = next(iter(value.items()))
        if tag in _TAGS and (name not in _PROPERTIES or (isinstance(bare, str) and bare.startswith("{"))):
            return bare
    return value


def _common(sent: Sent) -> dict[str, Any]:
    user = sent.get("external_user_id") or sent.get("user_id")
    return {"id": sent.get("id"), "user_id": user, "at": _instant(sent.get("time"))}


def _instant(seconds: Any) -> Any:  # noqa: ANN401
    """The instant so many seconds after the beginning of 1970; text is read as in all facts."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | Decimal):
        return seconds if isinstance(seconds, str | datetime | None) else repr(seconds)
    try:
        return from_microseconds(int(seconds * 10**6))
    except (ArithmeticError, ValueError):
        raise BadTime("time: it is seconds since 1970, before the year 10000", place="at") from None


def _read_receipt(sent: Sent, campaign: str, variant: str) -> dict[str, Any] | None:
    """A receipt; None if the message belongs to no campaign, such as a step of a canvas."""
    if not sent.get(campaign):
        return None
    return {
        "type": "received",
        "campaign_id": sent[campaign],
        "variant_id": sent.get(variant) or None,
    } | _common(sent)


def _of_campaign(sent: Sent) -> dict[str, Any] | None:
    return _read_receipt(sent, "campaign_id", "message_variation_id")


def _of_canvas(sent: Sent) -> dict[str, Any] | None:
    return _read_receipt(sent, "canvas_id", "canvas_variation_id")


def _behaviour(sent: Sent) -> dict[str, Any]:
    app = sent.get("app_id") or None
    version = sent.get("app_version") or None
    return {"app_id": app, "app_version": version if app else None} | _common(sent)


def _session(sent: Sent) -> dict[str, Any]:
    return {"type": "session_started"} | _behaviour(sent)


def _purchase(sent: Sent) -> dict[str, Any]:
    bought = {name: sent.get(name) for name in ("product_id", "price", "currency", "quantity")}
    return {"type": "purchase", "properties": _properties(sent)} | bought | _behaviour(sent)


def _custom_event(sent: Sent) -> dict[str, Any]:
    return {
        "type": "custom_event",
        "name": sent.get("name"),
        "properties": _properties(sent),
    } | _behaviour(sent)


def _upgrade(sent: Sent) -> dict[str, Any] | None:
    """A version report; None if the event has no version."""
    if not sent.get("app_version"):
        return None
    return {"type": "app_version", "app_id": sent.get("app_id"), "version": sent["app_version"]} | _common(
        sent
    )


def _properties(sent: Sent) -> Any:  # noqa: ANN401
    stated = next((sent[name] for name in _PROPERTIES if sent.get(name)), None)
    return read_properties(stated) if isinstance(stated, str) else stated


_READERS: Mapping[str, Callable[[Sent], dict[str, Any] | None]] = {
    **dict.fromkeys(_RECEIPTS, _of_campaign),
    "campaigns.EnrollInControl": _of_campaign,
    "canvas.Entry": _of_canvas,
    "behaviors.app.SessionStart": _session,
    "behaviors.Purchase": _purchase,
    "behaviors.CustomEvent": _custom_event,
    "behaviors.UpgradedApp": _upgrade,
}
