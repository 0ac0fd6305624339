"""`GET /v1/stream`: what is decided, told as it is decided, to clients that come, go, stall and come again."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.instants import from_microseconds, microseconds, printed
from infrastructure.access import keys
from infrastructure.access.keys import Scope
from infrastructure.http import access, stream
from tests.infrastructure.http.test_http import PURCHASE, RECEIPT, SALE, eventually, problem
from tests.support.commands import COMMAND, environment
from tests.support.ledgers import GROUP, open_ledger, rows, take
from tests.support.serving import Api, serving

pytestmark = pytest.mark.usefixtures("each_database")


class Frames:
    """What a client of server-sent events gets: events by the rules of the HTML standard, and comments beside them."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()
        self.last_event_id: str | None = None
        self.comments: list[str] = []
        self.positions = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        kind, data = "message", ""
        for line in self._lines:
            if line.startswith(":"):
                self.comments.append(line[1:].strip())
            elif line.startswith("id: "):
                self.last_event_id = line[4:]
            elif line.startswith("data: "):
                data += line[6:]
            elif line.startswith("event: "):
                kind = line[7:]
            elif not line and data:
                yield json.loads(data)
                kind, data = "message", ""
            elif not line:
                self.positions += kind == "position"
                kind = "message"

    def take(self, number: int) -> list[dict[str, Any]]:
        """So many events."""
        found = iter(self)
        return [next(found) for _ in range(number)]


@contextmanager
def following(client: httpx.Client, headers: dict[str, str] | None = None, **asked: str) -> Iterator[Frames]:
    """A stream that is read."""
    with client.stream("GET", "/v1/stream", params=asked, headers=headers) as response:
        if response.status_code != 200:
            response.read()
        yield Frames(response)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server with a campaign."""
    with serving(tmp_path, [SALE], projecting=False) as api:
        yield api


def converting(api: Api, *users: str) -> None:
    """Users receive the campaign and buy: for each a conversion and revenue."""
    facts = [
        fact | {"user_id": user, "id": f"{fact['id']}-{user}"}
        for user in users
        for fact in (RECEIPT, PURCHASE)
    ]
    assert len(take(api.service, facts).answers) == 2 * len(users)


def decided(api: Api) -> list[int]:
    """The positions of what a stream of everything tells."""
    told = re.compile(r"journey\.(conversion|revenue)_")
    return [row.position for row in rows(api.service) if told.match(row.topic)]


def recorded(api: Api, position: str) -> str:
    """When an event was recorded, as it is printed."""
    [at] = [row.recorded_at for row in rows(api.service) if row.position == int(position)]
    return printed(from_microseconds(at))


def test_what_is_decided_is_told_in_envelopes(api: Api) -> None:
    """Conversions and revenue, restated and withdrawn (R12, R14, R17), each as a whole CloudEvent."""
    with following(api.client(Scope.READ), after="0") as frames:
        assert frames.response.headers["content-type"].startswith("text/event-stream")
        take(api.service, [RECEIPT, PURCHASE])
        conversion, revenue = sorted(frames.take(2), key=lambda each: str(each["type"]))
        receipt = {"receipt": {"id": "r1", "at": "2026-03-01T09:00:00Z"}, "variant_id": "A", "control": False}
        assert conversion == {
            "specversion": "1.0",
            "id": conversion["data"]["position"],
            "source": f"/conversion-ledger/app-groups/{GROUP}",
            "type": "conversion-ledger.conversion.recorded",
            "subject": "u1",
            "time": recorded(api, conversion["id"]),
            "datacontenttype": "application/json",
            "data": {
                "position": conversion["id"],
                "app_group": GROUP,
                "user_id": "u1",
                "campaign_id": "sale",
                "conversion_event": {"index": 0, "letter": "A", "primary": True, "type": "makes_purchase"},
                "before": None,
                "now": {"behaviour": {"id": "p1", "at": "2026-03-02T10:00:00Z"}} | receipt,
            },
        }
        assert revenue["type"] == "conversion-ledger.revenue.attributed"
        assert (revenue["data"]["currency"], revenue["data"]["now"]) == ("USD", {"net": "19.98"} | receipt)
        assert revenue["data"]["purchase"] == {
            "type": "purchase",
            "id": "p1",
            "at": "2026-03-02T10:00:00Z",
        }
        refund = {"type": "refund", "purchase_id": "p1", "amount": "9.99"}
        at = {"user_id": "u1", "at": "2026-03-09T10:00:00Z"}
        take(api.service, [refund | at | {"id": "x1"}])
        [restated] = frames.take(1)
        assert restated["type"] == "conversion-ledger.revenue.restated"
        assert [restated["data"][side]["net"] for side in ("before", "now")] == ["19.98", "9.99"]
        take(api.service, [{"type": "void", "id": "v1", "fact_id": "p1"} | at])
        withdrawn = {each["type"]: each["data"] for each in frames.take(2)}
        assert set(withdrawn) == {
            "conversion-ledger.conversion.withdrawn",
            "conversion-ledger.revenue.withdrawn",
        }
        assert {(each["now"], each["before"] is None) for each in withdrawn.values()} == {(None, False)}


ORDER = {
    "type": "order",
    "id": "o-1",
    "user_id": "u1",
    "name": "Order Completed",
    "currency": "USD",
    "lines": [{"product_id": "tea", "price": "9.99", "quantity": 2}, {"product_id": "cup", "price": "4"}],
    "at": "2026-03-02T10:00:00Z",
}


def test_r27_revenue_says_whether_a_purchase_or_an_order_counts(api: Api) -> None:
    """R27: an order is one conversion and one revenue, restated by what is given back, gone with a void."""
    take(api.service, [RECEIPT, ORDER])
    refund = {"type": "order_refund", "id": "f1", "user_id": "u1", "order_id": "o-1", "at": ORDER["at"]}
    take(api.service, [refund | {"lines": [{"product_id": "tea"}]}])
    take(api.service, [{"type": "void", "id": "v1", "user_id": "u1", "fact_id": "o-1", "at": ORDER["at"]}])
    with following(api.client(Scope.READ), after="0", types="revenue.attributed") as frames:
        [attributed] = frames.take(1)
    with following(api.client(Scope.READ), after="0") as frames:
        told = frames.take(5)
    assert attributed["data"]["purchase"] == {"type": "order", "id": "o-1", "at": "2026-03-02T10:00:00Z"}
    revenue = [each["data"] for each in told if "purchase" in each["data"]]
    assert {each["purchase"]["type"] for each in revenue} == {"order"}
    sides = [[side and side["net"] for side in (each["before"], each["now"])] for each in revenue]
    assert sides == [[None, "23.98"], ["23.98", "13.99"], ["13.99", None]]


@pytest.mark.parametrize("basket", ["an order", "purchases"])
def test_b30_a_basket_is_one_conversion_and_no_change_of_mind(api: Api, basket: str) -> None:
    """R7, R14: products of one call, the greatest id first, are decided in the order of their ids; so is an order."""
    purchases = [PURCHASE | {"id": f"order:A-86:{product}", "product_id": product} for product in "cba"]
    take(api.service, [RECEIPT])
    take(api.service, [ORDER] if basket == "an order" else purchases)
    topics = [row.topic for row in rows(api.service) if "conversion" in row.topic]
    assert topics == ["journey.conversion_recorded"]
    with following(api.client(Scope.READ), after="0", types="conversion.recorded") as frames:
        [conversion] = frames.take(1)
    behaviour = conversion["data"]["now"]["behaviour"]["id"]
    assert behaviour == ("o-1" if basket == "an order" else "order:A-86:a")
    explained = api.service.explanations.explain(GROUP, "sale", "u1")
    assert [each["restatements"] for each in explained["conversion_events"]] == [[]] * len(
        explained["conversion_events"]
    )


def test_a_conversion_of_the_control_group_says_so(api: Api) -> None:
    """R9: whoever adds up the campaign's conversions leaves it out."""
    take(api.service, [RECEIPT | {"variant_id": "holdout"}, PURCHASE])
    with following(api.client(Scope.READ), after="0") as frames:
        assert {each["data"]["now"]["control"] for each in frames.take(2)} == {True}


def test_a_stream_goes_on_exactly_where_another_ended(api: Api) -> None:
    """By `after` or Last-Event-ID, wherever it broke off: together every event once, in the order of the log."""
    converting(api, *(f"u{number}" for number in range(30)))
    client, last = api.client(Scope.READ), "0"
    told: list[int] = []
    for number in (1, 3, 7, 20, 29):
        # The header goes before: a browser that connects again asks with the address of the first time.
        headers = {"Last-Event-ID": last} if told else None
        with following(client, headers, after="0") as frames:
            told += [int(each["id"]) for each in frames.take(number)]
            last = str(frames.last_event_id)
    assert told == decided(api)
    converting(api, "later")
    with following(client, after=last) as frames:
        told += [int(each["id"]) for each in frames.take(2)]
    assert told == decided(api)


def test_a_stream_over_many_pages_leaves_out_nothing(api: Api) -> None:
    """While more is decided."""
    converting(api, *(f"u{number}" for number in range(400)))
    with following(api.client(Scope.READ), after="0") as frames:
        told = frames.take(300)
        converting(api, *(f"v{number}" for number in range(50)))
        told += frames.take(600)
    assert [int(each["id"]) for each in told] == decided(api)


def test_without_a_position_a_stream_begins_now(api: Api) -> None:
    """What was before is not told; where it began is."""
    converting(api, "before")
    with following(api.client(Scope.READ)) as frames:
        began = int(rows(api.service)[-1].position)
        converting(api, "after")
        assert {each["subject"] for each in frames.take(2)} == {"after"}
    assert frames.positions == 1
    assert min(position for position in decided(api) if position > began) <= int(str(frames.last_event_id))


def test_a_stream_may_be_of_some_types_or_of_one_campaign(api: Api) -> None:
    """Names with or without their prefix; what does not exist is refused."""
    client = api.client(Scope.READ, Scope.MANAGE)
    client.post("/v1/campaigns", json={"id": "other"}).raise_for_status()
    converting(api, "u1")
    take(api.service, [RECEIPT | {"id": "o", "user_id": "u1", "campaign_id": "other", "variant_id": None}])
    names = "conversion-ledger.conversion.recorded,conversion.restated"
    with following(client, after="0", types=names) as frames:
        converting(api, "u2")
        assert [each["subject"] for each in frames.take(2)] == ["u1", "u2"]
    with following(client, after="0", campaign_id="other") as frames:
        [only] = frames.take(1)
    assert (only["data"]["campaign_id"], only["type"]) == ("other", "conversion-ledger.revenue.attributed")
    problem(client.get("/v1/stream", params={"types": "conversion.imagined"}), 400, "bad_type")
    problem(client.get("/v1/stream", params={"campaign_id": "nope"}), 404, "unknown_campaign")
    for wrong in ("x", "-1", "1.0", "9" * 30):
        problem(client.get("/v1/stream", params={"after": wrong}), 400, "bad_position")
    problem(client.get("/v1/stream", params={"after": "1000000"}), 400, "position_beyond_log")
    problem(client.get("/v1/stream", headers={"Last-Event-ID": "1000000"}), 400, "position_beyond_log")
    problem(api.client(Scope.INGEST).get("/v1/stream"), 403, "missing_scope")


def test_one_app_group_is_never_told_of_another(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even that something happened; only how far the log is."""
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.2)
    other = api.client(app_group="other")
    other.patch("/v1/app-group", json={"apps": ["web"]}).raise_for_status()
    other.post("/v1/campaigns", json={"id": "sale"}).raise_for_status()
    with following(other, after="0") as frames:
        converting(api, "ours")
        take(api.service, [RECEIPT | {"variant_id": None, "user_id": "theirs"}, PURCHASE], "other")
        take(api.service, [PURCHASE | {"user_id": "theirs"}], "other")
        [only] = frames.take(1)
        assert (only["subject"], only["data"]["app_group"]) == ("theirs", "other")
    assert "ours" not in json.dumps(only)


def test_a_quiet_stream_says_how_far_it_is(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment now and then; the id moves on over what is not told, so that it is not read again."""
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.2)
    with following(api.client(Scope.READ), after="0", types="conversion.withdrawn") as frames:
        converting(api, *(f"u{number}" for number in range(20)))
        newest = str(rows(api.service)[-1].position)
        lines = frames.response.iter_lines()
        seen = ""
        while f"id: {newest}" not in seen:
            seen += next(lines) + "\n"
    assert ": heartbeat" in seen
    assert "data:" not in seen


def test_a_stream_ends_with_its_key(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A revoked key is let go at the next heartbeat, told where to go on."""
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(access, "REMEMBERED_SECONDS", 0.0)
    now = microseconds(api.service.now())
    with api.service.database.writing() as connection:
        key, text = keys.create(connection, GROUP, [Scope.READ], now)
    headers = {"Authorization": f"Bearer {text}"}
    with httpx.Client(base_url=api.url, headers=headers, timeout=20) as client, following(client) as frames:
        with api.service.database.writing() as connection:
            keys.revoke(connection, key.key_id, now)
        assert list(frames) == []
        assert "the stream ends here" in frames.comments


def test_the_head_of_a_stream_has_an_end(tmp_path: Path) -> None:
    """It is answered with no body, holds no place, and the next request on its connection is answered."""
    with serving(tmp_path, [SALE], projecting=False, streams=1) as api:
        host, port = api.url.removeprefix("http://").split(":")
        said = f"{{}} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key(Scope.READ)}\r\n\r\n"
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            for _ in range(2):
                connection.sendall(said.format("HEAD /v1/stream").encode())
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += connection.recv(1)
                assert head.startswith(b"HTTP/1.1 200")
                assert b"content-type: text/event-stream" in head.lower()
            connection.sendall(said.format("GET /healthz").encode())
            assert connection.recv(1_000).startswith(b"HTTP/1.1 200")
        eventually(lambda: "conversions_streams_open 0.0" in httpx.get(f"{api.url}/metrics").text)


def test_so_many_streams_and_no_more(tmp_path: Path) -> None:
    """503 with Retry-After; a place is free again when a client goes."""
    with serving(tmp_path, [SALE], projecting=False, streams=2) as api:
        client = api.client(Scope.READ)
        with following(client), following(client):
            refused = client.get("/v1/stream")
            problem(refused, 503, "too_many_streams")
            assert int(refused.headers["retry-after"]) >= 1
            assert "conversions_streams_open 2.0" in httpx.get(f"{api.url}/metrics").text
        eventually(lambda: "conversions_streams_open 0.0" in httpx.get(f"{api.url}/metrics").text)
        with following(client) as frames:
            assert frames.response.status_code == 200


def test_a_client_that_stalls_is_let_go(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it did not read is bounded meanwhile, its connection is broken off, and others are served."""
    monkeypatch.setattr(stream, "WRITE_SECONDS", 0.5)
    taken: list[int] = []
    page = stream._Hub.page

    async def counted(hub: stream._Hub, wanted: Any, after: int) -> Any:
        found = await page(hub, wanted, after)
        taken.append(sum(map(len, found[1])))
        return found

    monkeypatch.setattr(stream._Hub, "page", counted)
    converting(api, *(f"u{number}" for number in range(4_000)))
    host, port = api.url.removeprefix("http://").split(":")
    key = api.key(Scope.READ)
    with socket.socket() as stalled:
        # A small window: the kernel would keep megabytes.
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        stalled.connect((host, int(port)))
        asked = f"GET /v1/stream?after=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n"
        stalled.sendall(asked.encode())
        eventually(lambda: "conversions_streams_open 1.0" in httpx.get(f"{api.url}/metrics").text)
        eventually(lambda: "conversions_streams_open 0.0" in httpx.get(f"{api.url}/metrics").text)
        whole = sum(taken)
        with following(api.client(Scope.READ), after="0") as frames:
            assert len(frames.take(8_000)) == 8_000
        everything = sum(taken) - whole
        assert everything > 3_000_000
        # What the kernel held of it, and a page or two.
        assert whole < everything
        read = drained(stalled)
    assert b"the stream ends here" not in read
    assert len(read) < everything


def drained(connection: socket.socket) -> bytes:
    """All that comes until the connection is broken off."""
    connection.settimeout(20)
    found = bytearray()
    try:
        while part := connection.recv(65_536):
            found += part
    except ConnectionResetError:
        pass
    return bytes(found)


def test_streams_end_when_the_process_is_about_to(tmp_path: Path) -> None:
    """At once, with a last comment, and the process with them; nothing is lost by going on at the last id."""
    with open_ledger(tmp_path, [SALE]) as service:
        now = microseconds(service.now())
        with service.database.writing() as connection:
            key = keys.create(connection, GROUP, [Scope.READ], now)[1]
        take(service, [RECEIPT, PURCHASE])
    own = environment(tmp_path)
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0"], cwd=tmp_path, env=own, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    address = re.search(r"http://[0-9.:]+[0-9]", process.stderr.readline())
    assert address is not None
    reader = threading.Thread(target=process.stderr.read)
    reader.start()
    try:
        headers = {"Authorization": f"Bearer {key}"}
        with (
            httpx.Client(base_url=address[0], headers=headers, timeout=60) as client,
            following(client, after="0") as frames,
        ):
            told = frames.take(2)
            began = time.monotonic()
            os.kill(process.pid, signal.SIGTERM)
            assert list(frames) == []
            assert time.monotonic() - began < 5
        assert frames.comments == ["the stream ends here"]
        assert frames.last_event_id is not None
        assert int(frames.last_event_id) >= int(told[-1]["id"])
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stderr.close()
