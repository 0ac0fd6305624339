"""What the page of a campaign says between its first receipt and its first conversion: a command that converts."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request

from application.queries.journey import read_journey
from application.queries.lists import Cut, WantedRecipients, read_recipients
from application.queries.reads import AskedCampaign
from domain.app_group import AppGroup
from domain.app_version import LENGTH_LIMIT, is_upgrade
from domain.facts import Fact, Received, Void, reported_version
from domain.instants import printed
from domain.journey.decisions import FactDisregarded
from infrastructure.web.asking import Questions, try_part
from infrastructure.web.curl import write_apps_curl, write_curl
from infrastructure.web.failed import Failed

_MOST_RECEIPTS = 10
"""With more of them the campaign is no trial any more, and nobody should make up what a customer does."""
_MOST_EVENTS = 200
"""Whoever has a longer journey is a customer, likewise."""
_SOON = timedelta(minutes=10)
_LONGEST_ID = 255
_ANY_PURCHASE = {"type": "makes_purchase", "deadline_seconds": 259_200}
_FIRST_VERSIONS = {"previous_version": "1.0", "version": "2.0"}
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


@dataclass(frozen=True)
class _Recipient:
    """Somebody who received a variant that is not the control group, and when a behaviour is credited to it."""

    user_id: str
    facts: Sequence[Fact]
    """Those that count, in their order: no void names them."""
    taken: frozenset[str]
    """Ids of facts that were sent, or that a void waits for."""
    at: datetime

    def find_free(self, wanted: str) -> str:
        """An id that no fact of the user has, so that what is sent under it is no duplicate."""
        number, free = 1, wanted[:_LONGEST_ID]
        while free in self.taken:
            number += 1
            free = wanted[: _LONGEST_ID - len(f"-{number}")] + f"-{number}"
        return free

    def find_version(self, app_id: str, fact_id: str) -> str | None:
        """The version of an app that a report with this id would be compared with (R10)."""
        earlier = [each for each in self.facts if each.key < (self.at, fact_id)]
        reports = [reported_version(each) for each in earlier]
        return next((each[1] for each in reversed(reports) if each and each[0] == app_id), None)


async def show_next_fact(
    request: Request, questions: Questions, report: Mapping[str, Any]
) -> NextFact | Failed | None:
    """The next command; None before the first receipt, after the first conversion, and with many receipts.

    Revenue counts in the place of a conversion where the campaign has no conversion event.
    """
    variants, field = report["variants"], "conversions" if report["conversion_events"] else "revenue"
    receipts = sum(each["receipts"] for each in variants)
    has_result = any(any(each[field]) for each in variants)
    if report["status"] != "launched" or has_result or not 0 < receipts <= _MOST_RECEIPTS:
        return None
    return await try_part(_read(request, questions, report))


async def _read(request: Request, questions: Questions, report: Mapping[str, Any]) -> NextFact | None:
    event: Mapping[str, Any] = next(iter(report["conversion_events"]), _ANY_PURCHASE)
    deadline, now = timedelta(seconds=event["deadline_seconds"]), questions.state.now()
    found = await questions.ask(lambda campaign: _find_recipient(campaign, deadline, now))
    if found is None:
        return None
    group = await asyncio.to_thread(questions.state.ledger.existing_app_group, questions.viewer.app_group)
    apps = event.get("app_ids") or sorted(group.apps)
    fact_id = found.find_free(f"first-behaviour-after-{report['campaign_id']}")
    sent = {"id": fact_id, "user_id": found.user_id, "at": printed(found.at)}
    needs_app = event["type"] in {"starts_session", "upgrades_app"} and not apps
    app_id = apps[0] if apps else "ios"
    behaviour = _make_behaviour(event, group, app_id, found.find_version(app_id, fact_id))
    return NextFact(
        found.user_id,
        _DOES[event["type"]],
        write_apps_curl(request) if needs_app else "",
        write_curl(request, behaviour | sent),
    )


def _find_recipient(campaign: AskedCampaign, deadline: timedelta, now: datetime) -> _Recipient | None:
    """The first recipient to whose receipt a behaviour can be credited; None where there is nobody like that."""
    control = campaign.definition().control
    rows = read_recipients(campaign, Cut(_MOST_RECEIPTS), WantedRecipients(without_control=True)).rows
    for user_id in (each["user_id"] for each in rows if each["user_id"] is not None):
        journey = read_journey(campaign.reads, campaign.app_group, user_id, _MOST_EVENTS)
        if journey.after is not None:
            continue
        events = [each.event for each in journey.events]
        gone = {each.fact.id for each in events if isinstance(each, FactDisregarded)}
        facts = [each for each in events if isinstance(each, Fact)]
        counted = sorted((each for each in facts if each.id not in gone), key=lambda fact: fact.key)
        receipts = [
            each
            for each in counted
            if isinstance(each, Received) and each.campaign_id == campaign.campaign_id
        ]
        at = _find_instant(receipts, control, deadline, now)
        if at is not None:
            named = {each.fact_id for each in facts if isinstance(each, Void)}
            return _Recipient(user_id, counted, frozenset({each.id for each in facts} | named), at)
    return None


def _find_instant(
    receipts: Sequence[Received], control: str | None, deadline: timedelta, now: datetime
) -> datetime | None:
    """Some minutes after a receipt that is not control's, within the deadline, and before the next receipt (R9).

    At the receipt itself where that is in the future, or not before the next receipt.
    """
    following: datetime | None = None
    for receipt in reversed(receipts):
        if receipt.variant_id != control and (following is None or receipt.at < following):
            soon = receipt.at + min(_SOON, deadline)
            is_free = soon <= now and (following is None or soon < following)
            return soon if is_free else receipt.at
        following = receipt.at
    return None


def _make_behaviour(
    event: Mapping[str, Any], group: AppGroup, app_id: str, version: str | None
) -> dict[str, Any]:
    """What the conversion event asks for, of somebody who has this version of the app, if any is known."""
    match event["type"]:
        case "starts_session":
            return {"type": "session_started", "app_id": app_id}
        case "upgrades_app":
            versions = _FIRST_VERSIONS if version is None else {"version": _pick_version(version)}
            return {"type": "app_version", "app_id": app_id, **versions}
        case "performs_custom_event":
            return {"type": "custom_event", "name": event["name"]}
        case _:
            return {
                "type": "purchase",
                "product_id": event.get("product_id") or "tea",
                "price": "20",
                "currency": group.default_currency or "EUR",
            }


def _pick_version(before: str) -> str:
    """A version that is an upgrade over another one (R10)."""
    number = before.partition(".")[0]
    following = f"{int(number) + 1}.0" if number.isascii() and number.isdigit() else "2.0"
    # Over what is no dotted numbers any change counts, and so does a change to it.
    offered = ("2.0", following, "2.0-next")
    return next(each for each in offered if is_upgrade(before, each) and len(each) <= LENGTH_LIMIT)
