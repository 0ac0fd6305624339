"""What the page of a campaign says between its first receipt and its first conversion: a command that converts."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request

from application.queries.lists import Cut, WantedRecipients, read_recipients
from domain.app_group import AppGroup
from domain.instants import printed
from infrastructure.web.asking import Questions, try_part
from infrastructure.web.curl import write_apps_curl, write_curl
from infrastructure.web.failed import Failed

_MOST_RECEIPTS = 10
"""With more of them the campaign is no trial any more, and nobody should make up what a customer does."""
_SOON = timedelta(minutes=10)
_LONGEST_ID = 255
_ANY_PURCHASE = {"type": "makes_purchase", "deadline_seconds": 259_200}
_DOES = {
    "makes_purchase": "buys something",
    "starts_session": "opens the app",
    "performs_custom_event": "performs the custom event",
    "upgrades_app": "upgrades the app",
}


@dataclass(frozen=True)
class NextFact:
    """What a recipient does next, and the command that says so; before it, one that adds an app if there is none."""

    user_id: str
    does: str
    apps_command: str
    command: str


async def show_next_fact(
    request: Request, questions: Questions, report: Mapping[str, Any]
) -> NextFact | Failed | None:
    """The next command; None before the first receipt, after the first conversion, and with many receipts."""
    receipts = sum(each["receipts"] for each in report["variants"])
    has_result = any(any(each["conversions"]) or each["revenue"] for each in report["variants"])
    if report["status"] != "launched" or has_result or not 0 < receipts <= _MOST_RECEIPTS:
        return None
    return await try_part(_read(request, questions, report))


async def _read(request: Request, questions: Questions, report: Mapping[str, Any]) -> NextFact | None:
    wanted = WantedRecipients(without_control=not all(each["control"] for each in report["variants"]))
    found = await questions.ask(lambda campaign: read_recipients(campaign, Cut(1), wanted))
    known = [each for each in found.rows if each["user_id"] is not None]
    if not known:
        return None
    group = await asyncio.to_thread(questions.state.ledger.existing_app_group, questions.viewer.app_group)
    event: Mapping[str, Any] = next(iter(report["conversion_events"]), _ANY_PURCHASE)
    apps = event.get("app_ids") or sorted(group.apps)
    at = _find_instant(known[0]["last_received_at"], event["deadline_seconds"], questions.state.now())
    sent = {
        "id": f"first-behaviour-after-{report['campaign_id']}"[:_LONGEST_ID],
        "user_id": known[0]["user_id"],
        "at": printed(at),
    }
    needs_app = event["type"] in {"starts_session", "upgrades_app"} and not apps
    return NextFact(
        known[0]["user_id"],
        _DOES[event["type"]],
        write_apps_curl(request) if needs_app else "",
        write_curl(request, _make_behaviour(event, group, apps[0] if apps else "ios") | sent),
    )


def _find_instant(received_at: str, deadline_seconds: int, now: datetime) -> datetime:
    """Some minutes after the receipt, within the deadline; at the receipt itself while that is not over yet."""
    received = datetime.fromisoformat(received_at)
    soon = received + min(_SOON, timedelta(seconds=deadline_seconds))
    return soon if soon <= now else received


def _make_behaviour(event: Mapping[str, Any], group: AppGroup, app_id: str) -> dict[str, Any]:
    """What the conversion event asks for."""
    match event["type"]:
        case "starts_session":
            return {"type": "session_started", "app_id": app_id}
        case "upgrades_app":
            return {"type": "app_version", "app_id": app_id, "previous_version": "1.0", "version": "2.0"}
        case "performs_custom_event":
            return {"type": "custom_event", "name": event["name"]}
        case _:
            return {
                "type": "purchase",
                "product_id": event.get("product_id") or "tea",
                "price": "20",
                "currency": group.default_currency or "EUR",
            }
