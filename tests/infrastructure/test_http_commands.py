"""`conversions keys` and `conversions rejects`: what operators of the service do by hand."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infrastructure import rejects
from infrastructure.keys import Scope
from tests.infrastructure.commands import run
from tests.infrastructure.serving import Api, serving
from tests.infrastructure.test_http import MISSING, RECEIPT, SALE, post, problem
from tests.ledgers import GROUP

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server with a campaign."""
    with serving(tmp_path, [SALE]) as api:
        yield api


def told(directory: Path, *arguments: str, status: int = 0) -> dict[str, Any]:
    """What a command prints as JSON."""
    done = run(directory, *arguments, "--json")
    assert done.returncode == status, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_key_is_shown_once_listed_by_its_prefix_and_revoked(api: Api, tmp_path: Path) -> None:
    """It opens what its scopes say, and nothing once it is revoked; the list holds no secret."""
    made = told(
        tmp_path,
        "keys",
        "create",
        "--app-group",
        GROUP,
        "--scope",
        "read",
        "--scope",
        "ingest",
        "--expires-in",
        "90d",
    )
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert made["scopes"] == ["ingest", "read"]
    assert made["expires_at"] > made["created_at"]
    assert httpx.get(f"{api.url}/v1/app-group", headers=headers).json()["app_group"] == GROUP
    problem(httpx.post(f"{api.url}/v1/campaigns", headers=headers), 403, "missing_scope")
    listed = run(tmp_path, "keys", "list")
    assert made["key_id"] in listed.stdout
    assert made["key"].split("_", 2)[2] not in listed.stdout
    revoked = told(tmp_path, "keys", "revoke", f"cl_{made['key_id']}_…")
    assert revoked["state"] == "revoked"
    assert [each["state"] for each in told(tmp_path, "keys", "list")["keys"]] == ["revoked"]


def test_a_key_printed_for_people_is_alone_on_standard_output(api: Api, tmp_path: Path) -> None:
    """So that a script can take it; what else is to be said stands on standard error."""
    done = run(tmp_path, "keys", "create", "--app-group", "new", "--scope", "manage")
    key = done.stdout.strip()
    assert key.startswith("cl_")
    assert "no app group new yet" in done.stderr.replace("\n", " ")
    assert key not in done.stderr
    made = httpx.patch(
        f"{api.url}/v1/app-group", headers={"Authorization": f"Bearer {key}"}, json={"apps": ["web"]}
    )
    assert made.json() == {"app_group": "new", "time_zone": "UTC", "apps": ["web"], "custom_events": []}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--app-group", GROUP, "--scope", "read", "--expires-in", "soon"], "bad_option"),
        (["--app-group", GROUP, "--scope", "ingest", "--app", "nope"], "bad_option"),
        (["--app-group", "", "--scope", "read"], "bad_option"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(
    api: Api, tmp_path: Path, options: list[str], code: str
) -> None:
    """With a code, and none is made."""
    done = run(tmp_path, "keys", "create", *options, "--json")
    assert done.returncode == 1
    assert json.loads(done.stderr)["error"]["code"] == code
    assert told(tmp_path, "keys", "list")["keys"] == []
    assert api.url


def test_rejected_facts_are_taken_once_what_was_missing_is_there(api: Api, tmp_path: Path) -> None:
    """R13, R16: listed with their reasons, tried again after the campaign was made, and gone once taken."""
    client = api.client()
    purchase = {
        "type": "purchase",
        "id": "p",
        "user_id": "u9",
        "product_id": "x",
        "price": "@",
        "currency": "USD",
        "at": "2026-03-01T10:00:00Z",
        "app_id": "nope",
    }
    sent = json.dumps({"facts": [MISSING, purchase, {"type": "what"}, RECEIPT]}).replace(
        '"@"', "123456789012.345678"
    )
    assert len(client.post("/v1/facts", content=sent).json()["rejected"]) == 3
    listed = told(tmp_path, "rejects", "list")
    assert {each["code"]: each["number"] for each in listed["kept"]} == {
        "unknown_campaign": 1,
        "unknown_app": 1,
        "malformed": 1,
    }
    assert listed["rejects"][0]["fact"] == MISSING
    assert listed["rejects"][0]["source"] == "facts"
    again = told(tmp_path, "rejects", "retry", status=3)
    assert (again["tried"], again["accepted"], again["rejected"]) == (3, 0, 3)
    client.post("/v1/campaigns", json={"id": "nope"}).raise_for_status()
    client.patch("/v1/app-group", json={"apps": ["nope"]}).raise_for_status()
    again = told(tmp_path, "rejects", "retry", "--code", "unknown_campaign")
    assert (again["tried"], again["accepted"]) == (1, 1)
    assert told(tmp_path, "rejects", "retry", status=3)["accepted"] == 1
    report = client.get("/v1/campaigns/nope/report").json()
    assert (report["totals"]["receipts"], report["totals"]["revenue"]) == (1, {"USD": "123456789012.345678"})
    assert [each["code"] for each in told(tmp_path, "rejects", "list")["rejects"]] == ["malformed"]
    assert "1 of 1 shown" in run(tmp_path, "rejects", "list").stdout


def test_rejected_facts_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest make room; those that came later stay, and each app group has room of its own."""
    monkeypatch.setattr(rejects, "_TRIM_SHARE", 1.0)
    with serving(tmp_path, [SALE], rejects_kept=5) as api:
        client, other = api.client(), api.client(Scope.INGEST, Scope.MANAGE, app_group="other")
        other.patch("/v1/app-group", json={}).raise_for_status()
        post(other, MISSING)
        for number in range(4):
            post(client, *[MISSING | {"id": f"m{number}-{n}"} for n in range(3)])
        kept = told(tmp_path, "rejects", "list", "--app-group", GROUP)["rejects"]
        assert [each["fact"]["id"] for each in kept] == ["m2-1", "m2-2", "m3-0", "m3-1", "m3-2"]
        assert len(told(tmp_path, "rejects", "list", "--app-group", "other")["rejects"]) == 1
