"""Sessions, version reports, receipts and custom events: what each track that is of no order means."""

from typing import Any

from domain.errors import FactRefused
from infrastructure.http.segment.messages import Fact, Message, read_mapping, read_text
from infrastructure.http.taking import Read


def session(message: Message) -> Read:
    """A session in the app that the key names."""
    version = _version(message)
    reported = {} if version is None else {"app_version": version}
    return _of_app(message, message.fact("session_started", message.message_id), reported)


def app_version(message: Message) -> Read:
    """A version report (R10); a version of its own that is none is refused, one of the context is as absent."""
    fact = message.fact("app_version", message.message_id)
    version = read_text(message.properties.get("version")) or message.app_version
    if version is None:
        return Read(
            fact,
            FactRefused(
                "neither properties.version nor context.app.version tells a version; a build number is none",
                code="bad_version",
                place="version",
            ),
        )
    return _of_app(message, fact, {"version": version} | message.version_before)


def installed(message: Message) -> Read:
    """A custom event, and by its version a report (R10)."""
    version = _version(message)
    known = message.app if version is None or not message.app else message.app | {"app_version": version}
    return _event(message, known)


def custom_event(message: Message) -> Read:
    """A custom event of the track's name."""
    return _event(message, message.app)


def receipt(message: Message) -> Read:
    """A receipt of the campaign that properties name, or else the context."""
    properties, around = message.properties, read_mapping(message.context.get("campaign"))
    of_context = message.read_identifier(around.get("campaign_id"), "campaign_id")
    campaign_id = message.read_identifier(properties.get("campaign_id"), "campaign_id") or of_context
    variant_id = message.read_identifier(properties.get("variant_id"), "variant_id")
    fact = message.fact("received", message.message_id)
    # The context may tell of another campaign, by which the user came: its variant is none of this one's.
    if variant_id is None and of_context in {None, campaign_id}:
        variant_id = message.read_identifier(around.get("variant_id"), "variant_id")
    fact |= {} if variant_id is None else {"variant_id": variant_id}
    if campaign_id is None:
        return Read(
            fact,
            FactRefused(
                "campaign_id: neither properties nor context.campaign name the campaign", place="campaign_id"
            ),
        )
    return message.read(fact | {"campaign_id": campaign_id})


def _of_app(message: Message, fact: Fact, fields: dict[str, Any]) -> Read:
    """A fact that cannot be without an app, of the app that the key names."""
    app_id = message.origin.app_id
    if app_id is None:
        return Read(
            fact | fields,
            FactRefused(
                "the write key names no app, and so there is none for this; make one with keys create --app",
                code="unknown_app",
                place="app_id",
            ),
        )
    return message.read(fact | {"app_id": app_id} | fields)


def _event(message: Message, app: dict[str, Any]) -> Read:
    said = {"properties": message.properties} if message.sent.get("properties") is not None else {}
    return message.read(message.fact("custom_event", message.message_id, name=message.event) | app | said)


def _version(message: Message) -> str | None:
    return message.read_version(message.properties.get("version")) or message.app_version
