"""The same messages through every door, as their senders sent them once and may send them again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from infrastructure.access.keys import Scope
from infrastructure.inbound.importing import Rejected, Totals
from tests.support.ledgers import GROUP
from tests.support.serving import Api


class Silent:
    """Watches nothing."""

    def reading(self, file: Any, totals: Totals) -> None:
        """One more batch."""

    def projecting(self, done: int, newest: int) -> None:
        """So far."""


def send_all(api: Api, messages: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Send all messages; what each door answered."""
    return {
        "facts": _facts(api, messages["facts"]),
        "segment": segment(api, messages["segment"]),
        "braze": [braze(api, call) for call in messages["braze"]],
        "files": [imported(api, folder, name, text) for name, text in messages["files"].items()],
    }


def _facts(api: Api, facts: list[dict[str, Any]]) -> Any:
    told = _client(api).post("/v1/facts", json={"facts": facts}).raise_for_status().json()
    return {name: told[name] for name in ("accepted", "duplicates", "rejected")}


def segment(api: Api, messages: list[dict[str, Any]]) -> Any:
    """Send messages of Segment's clients, one batch, with a key of one app."""
    key = api.key(Scope.INGEST, app_id="ios")
    with httpx.Client(base_url=api.url, auth=(key, ""), timeout=30) as client:
        return client.post("/v1/batch", json={"batch": messages}).raise_for_status().json()


def braze(api: Api, call: dict[str, Any]) -> Any:
    """Send one call of Braze's clients."""
    return _client(api).post("/users/track", json=call).raise_for_status().json()


def imported(api: Api, folder: Path, name: str, text: str) -> dict[str, Any]:
    """Import a file of this name and text."""
    path = folder / name
    path.write_text(text)
    rejected: list[Rejected] = []
    importing = api.service.start_import(GROUP, rejected.append)
    totals = importing.run([str(path)], "currents" if "currents" in name else None, Silent())
    told = {"read": totals.read, "accepted": totals.accepted, "duplicates": totals.duplicates}
    return told | {"rejected": [(each.line, each.code, each.message) for each in rejected]}


def figures(api: Api, campaigns: list[str]) -> dict[str, Any]:
    """The figures of campaigns as they are reported."""
    client = _client(api)
    api.service.projector.catch_up()
    reports = {
        each: client.get(f"/v1/campaigns/{each}/report").raise_for_status().json() for each in campaigns
    }
    names = ("receipts", "unique_recipients", "conversions", "revenue")
    return {
        campaign: {name: report["totals"][name] for name in names} for campaign, report in reports.items()
    }


def journey(api: Api, user_id: str) -> list[dict[str, Any]]:
    """The events of a user's journey."""
    told = _client(api).get(f"/v1/users/{user_id}/journey").raise_for_status()
    return [each["event"] for each in json.loads(told.text)["events"]]


def _client(api: Api) -> httpx.Client:
    return api.client()
