"""The interface for other services: docs/http.md, call by call, over a real server."""

import base64
import gzip
import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest
import zstandard
from sqlalchemy import delete
from structlog.contextvars import get_contextvars

from application.commands.campaigns import CampaignExists
from application.commands.facts import read_fact
from application.ports import Stamp
from domain.instants import microseconds
from infrastructure.access import keys
from infrastructure.access.keys import Scope
from infrastructure.database.failures import Busy
from infrastructure.database.schema import kept_aside
from infrastructure.http import access, bodies, connection_bounds
from infrastructure.http import app as app_module
from infrastructure.http.idempotency import Answer, once
from infrastructure.http.idempotency_store import IdempotencyKeys
from infrastructure.http.not_numbers import decode_with
from infrastructure.inbound import rejects
from infrastructure.inbound.queue import FactQueue
from tests.support.ledgers import GROUP, rows
from tests.support.serving import Api, serving

pytestmark = pytest.mark.usefixtures("each_database")

SALE = {
    "id": "sale",
    "name": "Spring sale",
    "variants": [{"id": "A"}, {"id": "B"}, {"id": "holdout", "control": True}],
    "conversion_events": [
        {"type": "makes_purchase", "deadline": "3d"},
        {"type": "starts_session", "deadline": 86_400, "app_ids": ["ios"]},
    ],
}
RECEIPT = {
    "type": "received",
    "id": "r1",
    "user_id": "u1",
    "campaign_id": "sale",
    "variant_id": "A",
    "at": "2026-03-01T09:00:00Z",
}
PURCHASE = {
    "type": "purchase",
    "id": "p1",
    "user_id": "u1",
    "product_id": "sku",
    "price": "9.99",
    "currency": "USD",
    "quantity": 2,
    "at": "2026-03-02T10:00:00Z",
    "properties": {"coupon": "X"},
}
MISSING = {
    "type": "received",
    "id": "r9",
    "user_id": "u9",
    "campaign_id": "nope",
    "at": "2026-03-01T09:00:00Z",
}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server with a campaign."""
    with serving(tmp_path, [SALE]) as api:
        yield api


def post(client: httpx.Client, *facts: Any, **more: Any) -> httpx.Response:
    """Send facts."""
    return client.post("/v1/facts", json={"facts": list(facts)}, **more)


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """What a problem says, which has the status and the code."""
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = response.json()
    assert told["status"] == status
    assert {"type", "title", "detail", "place"} <= told.keys()
    return told


def test_facts_are_taken_each_with_a_verdict_of_its_own(api: Api) -> None:
    """R13, R16: accepted, duplicate and rejected, with the place in the call; what is taken is in the report at once."""
    client = api.client()
    first = post(client, RECEIPT, PURCHASE, MISSING, {"type": "what", "id": "w1"})
    assert first.status_code == 200
    told = first.json()
    assert {name: told[name] for name in ("accepted", "duplicates")} == {"accepted": 2, "duplicates": 0}
    assert [(each["index"], each["id"], each["code"]) for each in told["rejected"]] == [
        (2, "r9", "unknown_campaign"),
        (3, "w1", "malformed"),
    ]
    again = post(client, RECEIPT, RECEIPT | {"variant_id": "B"}).json()
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    assert [each["code"] for each in again["rejected"]] == ["conflicting_fact"]
    assert int(again["position"]) >= int(told["position"])
    report = client.get("/v1/campaigns/sale/report", params={"wait_for": told["position"]}).json()
    assert report["totals"]["conversions"] == [1, 0]
    assert report["totals"]["revenue"] == {"USD": "19.98"}
    assert int(report["position"]) >= int(told["position"])


def test_a_report_holds_what_was_acknowledged_before_it_was_asked(api: Api) -> None:
    """Without any position: the caller that was answered sees its own facts."""
    client = api.client()
    for number in range(20):
        assert post(client, RECEIPT | {"id": f"r{number}", "user_id": f"u{number}"}).json()["accepted"] == 1
        report = client.get("/v1/campaigns/sale/report").json()
        assert report["totals"]["receipts"] == number + 1


@pytest.mark.parametrize(
    "fact",
    [
        '{"type":"received","id":"r\\u0000","user_id":"u","campaign_id":"sale","at":"2026-03-01T09:00:00Z"}',
        '{"type":"received","id":"r","id":"r","user_id":"u","campaign_id":"sale","at":"2026-03-01T09:00:00Z"}',
        '{"type":"custom_event","id":"c","user_id":"u","name":"n","at":"2026-03-01T09:00:00Z","properties":'
        + '{"a":' * 40
        + "1"
        + "}" * 40
        + "}",
        '{"type":"purchase","id":"p","user_id":"u","product_id":"x","price":'
        + "9" * 70
        + ',"currency":"USD","at":"2026-03-01T09:00:00Z"}',
        '{"type":"session_started","id":"s","user_id":-785909368219209695232,"app_id":"ios","at":"2026-03-01T09:00:00Z"}',
        "[]",
        '"text"',
    ],
)
def test_a_hostile_fact_spoils_no_other(api: Api, fact: str) -> None:
    """R16: what cannot be a fact is rejected alone, and leaves no trace."""
    client = api.client()
    sent = f'{{"facts":[{fact},{json.dumps(RECEIPT)}]}}'
    told = client.post("/v1/facts", content=sent).json()
    assert (told["accepted"], [each["index"] for each in told["rejected"]]) == (1, [0])


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_number_spoils_no_other_fact(api: Api, token: str) -> None:
    """R16: clients in Python and Java write it: its fact alone is refused, and texts that say it are texts."""
    client = api.client()
    told = [
        {"type": "custom_event", "id": each, "user_id": "u1", "name": "c", "at": RECEIPT["at"]}
        for each in "ab"
    ]
    kept = told[1] | {"properties": {"said": f'"{token}", {token}'}}
    spoilt = json.dumps(told[0] | {"properties": {"@": 0}}).replace('"@": 0', f'"@": [{token}, 0.5]')
    answer = client.post("/v1/facts", content=f'{{"facts":[{token}, {spoilt},{json.dumps(kept)}]}}').json()
    assert (answer["accepted"], [each["index"] for each in answer["rejected"]]) == (1, [0, 1])
    assert {(each["code"], each["message"]) for each in answer["rejected"]} == {
        ("malformed", f"{token} is no JSON number")
    }
    assert client.post("/v1/facts", json={"facts": [kept]}).json()["duplicates"] == 1


def test_a_body_of_nothing_but_quotes_and_tokens_takes_no_time() -> None:
    """Each byte is looked at once: strings that never end are looked at no second time."""
    before = time.process_time()
    for many in (b'\\"', b"-", b"\\", b"Infinit", b"NaN", b'"",'):
        with pytest.raises(msgspec.DecodeError, match="invalid character"):
            decode_with(msgspec.json.decode, b"[NaN," + many * 200_000 + b'"')
    assert time.process_time() - before < 5


def test_money_keeps_the_digits_it_was_sent_with(api: Api) -> None:
    """R11: a JSON number is no float on the way."""
    client = api.client()
    sent = json.dumps({"facts": [RECEIPT, PURCHASE | {"quantity": 1, "price": "@"}]}).replace(
        '"@"', "123456789012.345678"
    )
    assert client.post("/v1/facts", content=sent).json()["accepted"] == 2
    assert client.get("/v1/campaigns/sale/report").json()["totals"]["revenue"] == {
        "USD": "123456789012.345678"
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b'{"facts":{}}', "malformed"),
        (b'{"facts":[],"more":1}', "malformed"),
        (b'{"facts":[{}NaN]}', "malformed"),
        (b'{NaN:0,"facts":[]}', "malformed"),
        (b"[" * 100_000, "malformed"),
        (b'{"facts":[],"facts":[]}', "malformed"),
        (b' {"facts" : [{"facts": []}], "f\\u0061cts":[] }\n', "malformed"),
    ],
)
def test_a_body_that_is_none_is_refused(api: Api, body: bytes, code: str) -> None:
    """With a code, and nothing is recorded."""
    before = len(rows(api.service))
    problem(api.client().post("/v1/facts", content=body), 400, code)
    assert len(rows(api.service)) == before


@pytest.mark.parametrize(
    "body", [' {{ "facts" : [ {fact} ] }} ', '{{"\\u0066acts":[{fact}]}}', '{{"facts":[{fact}, {fact}]}}']
)
def test_a_key_that_stands_once_is_taken_however_it_is_written(api: Api, body: str) -> None:
    """Also beside facts that hold the same name, whose own keys are looked at one by one."""
    fact = {"type": "custom_event", "id": "c", "user_id": "u1", "name": "facts", "at": RECEIPT["at"]}
    sent = body.format(fact=json.dumps(fact | {"properties": {"facts": ["facts", "\u00e9"]}}))
    told = api.client().post("/v1/facts", content=sent).json()
    assert (told["accepted"], told["rejected"]) == (1, [])


def test_two_lists_of_facts_are_refused_whole(api: Api) -> None:
    """R16: none of them is taken, where the last alone would have been."""
    facts = json.dumps([RECEIPT])
    told = problem(
        api.client().post("/v1/facts", content=f'{{"facts":{facts},"facts":{facts}}}'), 400, "malformed"
    )
    assert "has the key 'facts' more than once" in told["detail"]
    assert api.client().get("/v1/users/u1/journey").status_code == 404


def test_bounds_have_clear_answers(tmp_path: Path) -> None:
    """Too many facts, too many bytes, too many calls."""
    with serving(tmp_path, [SALE], facts=3, body_bytes=2_048, calls_a_second=3) as api:
        problem(post(api.client(), *[RECEIPT] * 4), 413, "too_many_facts")
        problem(api.client().post("/v1/facts", content=b" " * 3_000), 413, "body_too_large")
        client = api.client()
        answers = [post(client) for _ in range(10)]
        assert [each.status_code for each in answers[:6]] == [200] * 6
        problem(answers[-1], 429, "too_many_requests")
        assert int(answers[-1].headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor().compress)]
)
def test_bodies_may_be_packed(api: Api, encoding: str, pack: Any) -> None:
    """Gzip and zstd; bounded also once unpacked, refused where they break off or are of another kind."""
    client = api.client()
    sent = pack(json.dumps({"facts": [RECEIPT]}).encode())
    headers = {"Content-Encoding": encoding}
    assert client.post("/v1/facts", content=sent, headers=headers).json()["accepted"] == 1
    bomb = pack(b" " * 50_000_000)
    assert len(bomb) < 100_000
    problem(client.post("/v1/facts", content=bomb, headers=headers), 413, "body_too_large")
    problem(client.post("/v1/facts", content=sent[:-6], headers=headers), 400, "malformed")
    problem(client.post("/v1/facts", content=b"plain", headers=headers), 400, "malformed")
    problem(
        client.post("/v1/facts", content=sent, headers={"Content-Encoding": "br"}), 415, "unknown_encoding"
    )


def test_a_client_that_sends_slowly_is_let_go(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are answered meanwhile."""
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.3)
    host, port = api.url.removeprefix("http://").split(":")
    key = api.key(*Scope)
    with socket.create_connection((host, int(port))) as slow:
        head = f"POST /v1/facts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 100\r\n\r\n{{"
        slow.sendall(head.encode())
        assert post(api.client(), RECEIPT).json()["accepted"] == 1
        slow.settimeout(10)
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


def test_no_key_no_answer(api: Api) -> None:
    """401 without a key that may be used, 403 without its scope; there is no key that no one made."""
    with httpx.Client(base_url=api.url) as nobody:
        told = nobody.get("/v1/campaigns")
        problem(told, 401, "unauthorized")
        assert told.headers["www-authenticate"].startswith("Bearer")
        for sent in ("Bearer nonsense", "Bearer cl_aaaaaaaaaaaa_" + "x" * 43, "Basic eDp5", "Bearer"):
            problem(nobody.get("/v1/campaigns", headers={"Authorization": sent}), 401, "unauthorized")
    problem(post(api.client(Scope.READ)), 403, "missing_scope")
    problem(api.client(Scope.INGEST).get("/v1/campaigns"), 403, "missing_scope")
    problem(api.client(Scope.READ, Scope.INGEST).post("/v1/campaigns", json={}), 403, "missing_scope")


def test_a_key_ends_when_it_is_revoked_or_expires(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is never kept as it is."""
    monkeypatch.setattr(access, "REMEMBERED_SECONDS", 0.0)
    database, now = api.service.database, microseconds(api.service.now())
    with database.writing() as connection:
        key, text = keys.create(connection, GROUP, [Scope.READ], now)
        _, expired = keys.create(connection, GROUP, [Scope.READ], now, expires_at=now)
    headers = {"Authorization": f"Bearer {text}"}
    with httpx.Client(base_url=api.url) as client:
        assert client.get("/v1/app-group", headers=headers).status_code == 200
        with database.writing() as connection:
            keys.revoke(connection, key.key_id, now)
            stored = connection.exec_driver_sql("SELECT * FROM keys").all()
        problem(client.get("/v1/app-group", headers=headers), 401, "unauthorized")
        problem(
            client.get("/v1/app-group", headers={"Authorization": f"Bearer {expired}"}), 401, "unauthorized"
        )
    assert text[16:] not in str(stored)


def test_one_app_group_never_sees_another(api: Api) -> None:
    """404 for everything of another, whatever the key may do; its facts go to its own."""
    other = api.client(app_group="other")
    problem(other.get("/v1/app-group"), 404, "unknown_app_group")
    assert other.patch("/v1/app-group", json={"apps": ["web"]}).status_code == 200
    assert post(api.client(), RECEIPT).json()["accepted"] == 1
    for path in ("", "/report", "/series", "/overlap", "/users/u1"):
        problem(other.get(f"/v1/campaigns/sale{path}"), 404, "unknown_campaign")
    for step in ("launch", "stop", "archive"):
        problem(other.post(f"/v1/campaigns/sale/{step}"), 404, "unknown_campaign")
    problem(other.patch("/v1/campaigns/sale", json={"name": "mine"}), 404, "unknown_campaign")
    problem(other.get("/v1/users/u1/journey"), 404, "unknown_user")
    assert [each["code"] for each in post(other, RECEIPT).json()["rejected"]] == ["unknown_campaign"]
    assert other.get("/v1/campaigns").json()["campaigns"] == []


def test_a_campaign_lives_over_http(api: Api) -> None:
    """Made, shown, changed, launched, stopped, archived; R4 says what is refused."""
    client = api.client()
    stated = {
        "id": "autumn",
        "status": "draft",
        "channel": "email",
        "conversion_events": [{"type": "upgrades_app", "deadline": "30d"}],
    }
    made = client.post("/v1/campaigns", json=stated)
    assert made.status_code == 201
    shown = client.get("/v1/campaigns/autumn").json()
    assert shown == made.json()
    assert shown["conversion_events"][0]["deadline"] == 2_592_000
    assert (shown["status"], shown["variants"][0]["id"], shown["channel"]) == ("draft", "default", "email")
    problem(client.post("/v1/campaigns", json=stated), 409, "campaign_exists")
    assert client.patch("/v1/campaigns/autumn", json={"name": "Herbst"}).json()["name"] == "Herbst"
    assert client.post("/v1/campaigns/autumn/launch").json()["status"] == "launched"
    problem(client.patch("/v1/campaigns/autumn", json={"conversion_events": []}), 409, "campaign_is_fixed")
    problem(client.patch("/v1/campaigns/autumn", json={"id": "winter"}), 422, "bad_definition")
    problem(client.patch("/v1/campaigns/autumn", json={"nonsense": 1}), 422, "unknown_field")
    assert client.post("/v1/campaigns/autumn/stop").json()["status"] == "stopped"
    assert client.post("/v1/campaigns/autumn/archive").json()["status"] == "archived"
    problem(client.post("/v1/campaigns/autumn/launch"), 409, "campaign_is_archived")
    problem(client.get("/v1/campaigns/nope"), 404, "unknown_campaign")
    told = problem(
        client.post(
            "/v1/campaigns",
            json={"id": "x", "conversion_events": [{"type": "makes_purchase", "deadline": "31d"}]},
        ),
        422,
        "bad_definition",
    )
    assert told["place"].startswith("conversion_events")


def test_what_a_campaign_shows_can_be_sent_again(api: Api) -> None:
    """One shape for both: the answer, changed in nothing, changes nothing."""
    client = api.client()
    shown = client.get("/v1/campaigns/sale").json()
    before = len(rows(api.service))
    stated = {name: value for name, value in shown.items() if name not in {"app_group", "channel"}}
    assert client.patch("/v1/campaigns/sale", json=stated).json() == shown
    assert len(rows(api.service)) == before


def test_the_app_group_grows(api: Api) -> None:
    """Apps and custom events are added, the time zone is fixed (R20)."""
    client = api.client()
    before = client.get("/v1/app-group").json()
    after = client.patch("/v1/app-group", json={"apps": ["tv"], "custom_events": ["watched"]}).json()
    assert set(after["apps"]) == {*before["apps"], "tv"}
    assert "watched" in after["custom_events"]
    problem(client.patch("/v1/app-group", json={"time_zone": "Asia/Tokyo"}), 409, "time_zone_is_fixed")


def test_the_same_idempotency_key_makes_a_campaign_once(api: Api) -> None:
    """Answered as the first time, also at once from many sides; with another body it is refused."""
    client, headers = api.client(), {"Idempotency-Key": "k1"}

    def make() -> httpx.Response:
        return client.post("/v1/campaigns", json={"id": "once"}, headers=headers)

    with ThreadPoolExecutor(8) as pool:
        answers = [each.result() for each in [pool.submit(make) for _ in range(8)]]
    assert {each.status_code for each in answers} == {201}
    assert len({each.text for each in answers}) == 1
    problem(
        client.post("/v1/campaigns", json={"id": "twice"}, headers=headers), 422, "idempotency_key_reused"
    )
    assert client.get("/v1/campaigns/twice").status_code == 404


def test_requests_that_are_equal_as_json_are_the_same_request(api: Api) -> None:
    """Whatever the order of their keys and the space between them."""
    client, headers = api.client(), {"Idempotency-Key": "k1"}
    bodies = (
        '{"id":"once","name":"One","kind":"canvas"}',
        '{"kind": "canvas", "name": "\\u004fne", "id": "once"}',
    )
    answers = [client.post("/v1/campaigns", content=each, headers=headers) for each in bodies]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].text == answers[1].text
    other = client.post("/v1/campaigns", content=bodies[0].replace("One", "one"), headers=headers)
    problem(other, 422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("refused", "status", "code"),
    [
        ({"id": "sale"}, 409, "campaign_exists"),
        ({"id": "new", "kind": "nonsense"}, 422, "malformed"),
        (
            {
                "id": "new",
                "conversion_events": [{"type": "performs_custom_event", "deadline": "1d", "name": "nope"}],
            },
            422,
            "unknown_custom_event",
        ),
    ],
)
def test_a_refusal_leaves_the_idempotency_key_free(
    api: Api, refused: dict[str, Any], status: int, code: str
) -> None:
    """It changed nothing: the same key is good for the request as it is put right, and keeps its answer then."""
    client, headers = api.client(), {"Idempotency-Key": "k1"}
    for _ in range(2):
        problem(client.post("/v1/campaigns", json=refused, headers=headers), status, code)
    answers = [client.post("/v1/campaigns", json={"id": "right"}, headers=headers) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].text == answers[1].text
    problem(client.post("/v1/campaigns", json={"id": "more"}, headers=headers), 422, "idempotency_key_reused")


@pytest.mark.parametrize("another", [None, {"id": "another"}])
def test_what_is_done_is_kept_though_the_same_request_was_refused_beside_it(
    api: Api, another: dict[str, Any] | None
) -> None:
    """The refusal sets the key free while the other is carried out; whoever claims it meanwhile has it."""
    asked = {"id": "once"}
    idempotency_keys = IdempotencyKeys(api.service.database, lambda: microseconds(api.service.now()))

    def refuse(_: str) -> Answer:
        raise CampaignExists("there is one")

    def slow(command_id: str) -> Answer:
        with pytest.raises(CampaignExists):
            once(idempotency_keys, GROUP, "k1", asked, refuse)
        if another is not None:
            assert once(idempotency_keys, GROUP, "k1", another, lambda _: (201, another)) == (201, another)
        return 201, {"by": command_id}

    status, made = once(idempotency_keys, GROUP, "k1", asked, slow)
    assert status == 201
    again = once(idempotency_keys, GROUP, "k1", another or asked, refuse)
    assert again == (201, another or made)


def test_lists_come_in_pages(api: Api) -> None:
    """By opaque cursors that go on where the page before ended."""
    client = api.client()
    for number in range(5):
        client.post("/v1/campaigns", json={"id": f"c{number}"})
    found, cursor = [], None
    while True:
        page = client.get(
            "/v1/campaigns", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
        ).json()
        found += [each["campaign_id"] for each in page["campaigns"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == ["c0", "c1", "c2", "c3", "c4", "sale"]
    problem(client.get("/v1/campaigns", params={"cursor": "!"}), 400, "bad_cursor")
    problem(client.get("/v1/campaigns", params={"limit": 0}), 400, "bad_limit")
    problem(client.get("/v1/campaigns", params={"limit": "x"}), 400, "malformed")


def test_a_journey_is_told_the_newest_last(api: Api) -> None:
    """Facts with their properties, and what was decided of them, by pages."""
    client = api.client()
    post(client, RECEIPT, PURCHASE)
    whole = client.get("/v1/users/u1/journey").json()["events"]
    topics = [each["topic"] for each in whole]
    assert topics[0] == "journey.received"
    assert "journey.conversion_recorded" in topics
    [purchase] = [each["event"] for each in whole if each["topic"] == "journey.purchase"]
    assert purchase["properties"] == {"coupon": "X"}
    first = client.get("/v1/users/u1/journey", params={"limit": 3}).json()
    rest = client.get("/v1/users/u1/journey", params={"cursor": first["next_cursor"]}).json()
    assert first["events"] + rest["events"] == whole
    assert rest["next_cursor"] is None
    problem(client.get("/v1/users/nobody/journey"), 404, "unknown_user")


def test_r27_a_journey_tells_orders_and_what_was_given_back(api: Api) -> None:
    """R27: their lines as they were sent, money as decimal text, properties as they came; and what a void disregards."""
    client = api.client()
    order = {
        "type": "order",
        "id": "o-1",
        "user_id": "u1",
        "at": "2026-03-02T10:00:00Z",
        "currency": "USD",
        "total": "23.98",
        "lines": [{"product_id": "tea", "price": "9.99", "quantity": 2}, {"product_id": "cup"}],
        "name": "Order Completed",
    }
    of = {"user_id": "u1", "order_id": "o-1", "at": "2026-03-03T10:00:00Z"}
    refund = of | {"type": "order_refund", "id": "f1", "lines": [{"product_id": "tea"}]}
    cancelled = of | {"type": "order_cancelled", "id": "c1", "name": "Order Cancelled"}
    void = {"type": "void", "id": "v1", "user_id": "u1", "fact_id": "o-1", "at": "2026-03-03T10:00:00Z"}
    post(client, RECEIPT, order | {"properties": {"coupon": "X"}}, refund, cancelled, void).raise_for_status()
    events = client.get("/v1/users/u1/journey").json()["events"]
    told = {each["topic"]: {"user_id": "u1"} | each["event"] for each in events}
    assert told["journey.order"] == order | {"properties": {"coupon": "X"}}
    assert told["journey.order_refund"] == refund
    assert told["journey.order_cancelled"] == cancelled
    assert told["journey.fact_disregarded"]["fact"] == {
        name: value for name, value in told["journey.order"].items() if name != "user_id"
    }
    assert told["journey.revenue_attributed"]["is_order"]


def test_a_journey_tells_properties_with_the_digits_they_came_with(api: Api) -> None:
    """R13: also numbers that no float and no whole number of 64 bits holds."""
    client = api.client()
    numbers = (
        '{"big":123456789012345678901234567890,"huge":1e400,"exact":0.1234567890123456789,"text":"ü\\n"}'
    )
    sent = json.dumps({"facts": [PURCHASE | {"properties": "@"}]}).replace('"@"', numbers)
    assert client.post("/v1/facts", content=sent).json()["accepted"] == 1
    told = client.get("/v1/users/u1/journey")
    assert told.status_code == 200
    event = json.loads(told.text, parse_float=Decimal)["events"][0]["event"]
    assert event["properties"] == json.loads(numbers, parse_float=Decimal)


def test_what_a_void_disregards_is_told_with_its_properties(api: Api) -> None:
    """R17: as they were sent, and never the seal that the log has instead; also where the fact is on another page."""
    client = api.client()
    void = {"type": "void", "id": "v1", "user_id": "u1", "fact_id": "p1", "at": "2026-03-03T10:00:00Z"}
    post(client, RECEIPT, PURCHASE, void | {"reason": "a test"}).raise_for_status()
    events = client.get("/v1/users/u1/journey").json()["events"]
    [place] = [n for n, each in enumerate(events) if each["topic"] == "journey.fact_disregarded"]
    assert events[place]["event"]["fact"]["properties"] == {"coupon": "X"}
    assert [each["event"]["reason"] for each in events if each["topic"] == "journey.void"] == ["a test"]
    first = client.get("/v1/users/u1/journey", params={"limit": place}).json()
    rest = client.get("/v1/users/u1/journey", params={"cursor": first["next_cursor"]}).json()
    assert rest["events"] == events[place:]


def test_a_journey_leaves_out_what_is_not_kept_aside_any_more(api: Api) -> None:
    """No reader can do anything with a seal of it."""
    client = api.client()
    void = {"type": "void", "id": "v1", "user_id": "u1", "fact_id": "p1", "at": "2026-03-03T10:00:00Z"}
    post(client, PURCHASE, void | {"reason": "a test"}).raise_for_status()
    with api.service.database.writing() as connection:
        connection.execute(delete(kept_aside))
    events = [each["event"] for each in client.get("/v1/users/u1/journey").json()["events"]]
    assert {name for each in events for name in each | each.get("fact", {})} & {
        "properties",
        "reason",
    } == set()


def test_conversion_events_are_stated_and_answered_as_the_schema_says(api: Api) -> None:
    """Deadlines as text too; no app or an empty list is all apps, and answered so; any product is left out."""
    schemas = api.client().get("/openapi.json").json()["components"]["schemas"]
    assert "409 `campaign_exists`" in schemas["NewCampaign"]["description"]
    events = [
        {"type": "starts_session", "deadline": "7d"},
        {"type": "upgrades_app", "deadline": 60, "app_ids": None},
        {"type": "starts_session", "deadline": "90s", "app_ids": []},
        {"type": "makes_purchase", "deadline": "1h", "product_id": None},
    ]
    answered = {
        "StartsSessionShape": {"type": "starts_session", "deadline": 604_800, "app_ids": []},
        "UpgradesAppShape": {"type": "upgrades_app", "deadline": 60, "app_ids": []},
        "": {"type": "starts_session", "deadline": 90, "app_ids": []},
        "MakesPurchaseShape": {"type": "makes_purchase", "deadline": 3_600},
    }
    made = api.client().post("/v1/campaigns", json={"id": "all", "conversion_events": events})
    assert made.json()["conversion_events"] == list(answered.values())
    for name, told in answered.items():
        assert not name or set(schemas[name]["required"]) == set(told)
    for name in ("StartsSession", "MakesPurchase", "PerformsCustomEvent", "UpgradesApp"):
        stated = schemas[f"{name}Command"]["properties"]["deadline"]
        assert {each["type"] for each in stated["anyOf"]} == {"integer", "string"}
        assert schemas[f"{name}Shape"]["properties"]["deadline"]["type"] == "integer"


def test_ids_in_paths_may_hold_anything(api: Api) -> None:
    """A slash, a percent sign, another alphabet."""
    client = api.client()
    campaign, user = "a/b report", "ü%2F/users/x?"
    client.post("/v1/campaigns", json={"id": campaign}).raise_for_status()
    post(
        client,
        {
            "type": "received",
            "id": "r",
            "user_id": user,
            "campaign_id": campaign,
            "at": "2026-03-01T09:00:00Z",
        },
    )
    path = f"/v1/campaigns/{quote(campaign, safe='')}"
    assert client.get(path).json()["id"] == campaign
    assert client.get(f"{path}/report").json()["totals"]["receipts"] == 1
    assert client.get(f"{path}/users/{quote(user, safe='')}").json()["receipts"][0]["id"] == "r"
    assert client.get(f"/v1/users/{quote(user, safe='')}/journey").json()["user_id"] == user


def test_explanations_and_series_are_those_of_the_command_line(api: Api) -> None:
    """The same shapes: docs/files.md."""
    client = api.client()
    post(client, RECEIPT, PURCHASE)
    explained = client.get("/v1/campaigns/sale/users/u1").json()
    assert explained == api.service.explanations.explain(GROUP, "sale", "u1")
    asked = {"clock": "conversion", "from": "2026-02-28", "to": "2026-03-03"}
    days = client.get("/v1/campaigns/sale/series", params=asked).json()["days"]
    assert [day["date"] for day in days] == ["2026-02-28", "2026-03-01", "2026-03-02", "2026-03-03"]
    assert [day["totals"]["conversions"][0] for day in days] == [0, 0, 1, 0]
    for wrong in ({"from": "2026-3-1"}, {"from": "2026-03-02", "to": "2026-03-01"}):
        problem(client.get("/v1/campaigns/sale/series", params=wrong), 400, "bad_date")
    problem(client.get("/v1/campaigns/sale/series", params={"clock": "x"}), 400, "bad_clock")
    problem(
        client.get("/v1/campaigns/sale/series", params={"from": "0001-01-01", "to": "9999-12-31"}),
        400,
        "too_many_days",
    )


def test_reports_come_as_csv_where_that_is_asked_for(api: Api) -> None:
    """By content negotiation: a row a figure."""
    client = api.client()
    post(client, RECEIPT)
    told = client.get("/v1/campaigns/sale/report", headers={"Accept": "text/csv"})
    assert told.headers["content-type"].startswith("text/csv")
    assert "sale,A,false,receipts,,,1" in told.text.splitlines()
    for accept in ("application/json, text/csv", "text/csv;q=0.5, application/json"):
        as_json = client.get("/v1/campaigns/sale/report", headers={"Accept": accept})
        assert as_json.json()["campaign_id"] == "sale"


def test_a_report_that_says_the_same_is_not_sent_again(api: Api) -> None:
    """304 by its entity tag, also at a later position; a new one once a figure has changed."""
    client = api.client()
    first = client.get("/v1/campaigns/sale/report")
    known = {"If-None-Match": first.headers["etag"]}
    client.post("/v1/campaigns", json={"id": "another"})
    assert client.get("/v1/campaigns/sale/report", headers=known).status_code == 304
    post(client, RECEIPT)
    assert client.get("/v1/campaigns/sale/report", headers=known).status_code == 200


@pytest.mark.parametrize("path", ["report", "series"])
def test_rows_that_say_the_same_are_not_sent_again(api: Api, path: str) -> None:
    """CSV has a tag of its own: what was read as JSON is no answer to who asks for rows."""
    client, rows_of = api.client(), {"Accept": "text/csv"}
    first = client.get(f"/v1/campaigns/sale/{path}", headers=rows_of)
    as_json = client.get(f"/v1/campaigns/sale/{path}")
    assert first.headers["etag"] != as_json.headers["etag"]
    assert {each.headers["vary"] for each in (first, as_json)} == {"Accept"}
    known = {"If-None-Match": first.headers["etag"]}
    assert client.get(f"/v1/campaigns/sale/{path}", headers=rows_of | known).status_code == 304
    assert client.get(f"/v1/campaigns/sale/{path}", headers=known).status_code == 200
    other = {"If-None-Match": as_json.headers["etag"]}
    assert client.get(f"/v1/campaigns/sale/{path}", headers=rows_of | other).status_code == 200
    post(client, RECEIPT)
    assert client.get(f"/v1/campaigns/sale/{path}", headers=rows_of | known).status_code == 200


def test_a_report_waits_for_a_position_and_says_when_it_cannot(tmp_path: Path) -> None:
    """503 with Retry-After while nothing projects; 400 for a position beyond the log, or none."""
    with serving(tmp_path, [SALE], projecting=False, wait_seconds=0.2) as api:
        client = api.client()
        api.service.projector.catch_up()
        position = post(client, RECEIPT).json()["position"]
        late = client.get("/v1/campaigns/sale/report", params={"wait_for": position})
        problem(late, 503, "behind")
        assert late.headers["retry-after"] == "1"
        problem(
            client.get("/v1/campaigns/sale/report", params={"wait_for": str(int(position) + 1)}),
            400,
            "position_beyond_log",
        )
        problem(client.get("/v1/campaigns/sale/report", params={"wait_for": "now"}), 400, "bad_position")
        before = client.get("/v1/campaigns/sale/report", params={"wait_for": "1"})
        assert before.json()["totals"]["receipts"] == 0


def test_small_calls_are_recorded_together(api: Api) -> None:
    """Those that come while others are recorded share a transaction; each has its own answer."""
    client, calls = api.client(), 40

    def send(number: int) -> dict[str, Any]:
        told: dict[str, Any] = post(
            client, RECEIPT | {"id": f"r{number}", "user_id": f"u{number % 7}"}, MISSING
        ).json()
        return told

    with ThreadPoolExecutor(calls) as pool:
        with api.service.recorder.writing(alone=True):
            sent = [pool.submit(send, number) for number in range(calls)]
            # Two batches are on their way; everything else gathers.
            eventually(lambda: waiting(api) >= calls - 20)
        answers = [each.result() for each in sent]
    assert {(each["accepted"], len(each["rejected"])) for each in answers} == {(1, 1)}
    commands = {row.command_id for row in rows(api.service) if row.topic == "journey.received"}
    assert len(commands) <= calls / 2
    assert client.get("/v1/campaigns/sale/report").json()["totals"]["receipts"] == calls


def waiting(api: Api) -> float:
    """How many facts gather; another call tells anew."""
    told = httpx.get(f"{api.url}/metrics").text
    return float(
        next(line for line in told.splitlines() if line.startswith("conversions_facts_waiting")).split()[1]
    )


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_when_too_much_waits_a_call_is_refused_whole(tmp_path: Path) -> None:
    """503 with Retry-After, and none of it is recorded; what waited is."""
    with serving(tmp_path, [SALE], waiting_facts=10) as api:
        client = api.client()
        with ThreadPoolExecutor(12) as pool:
            with api.service.recorder.writing(alone=True):
                calls = [
                    pool.submit(post, client, *[RECEIPT | {"id": f"r{n}-{i}"} for i in range(5)])
                    for n in range(12)
                ]
                eventually(lambda: any(each.done() for each in calls))
            wait(calls)
        answers = [each.result() for each in calls]
        taken = [each for each in answers if each.status_code == 200]
        for each in answers:
            if each.status_code != 200:
                problem(each, 503, "too_busy")
                assert int(each.headers["retry-after"]) >= 1
        assert len(taken) > 0
        receipts = client.get("/v1/campaigns/sale/report").json()["totals"]["receipts"]
        assert receipts == sum(each.json()["accepted"] for each in taken)


def test_operators_are_told_how_it_stands(api: Api) -> None:
    """Alive, ready, and counted; without a key, and without a secret."""
    post(api.client(), RECEIPT, MISSING)
    with httpx.Client(base_url=api.url) as nobody:
        assert nobody.get("/healthz").json() == {"status": "ok"}
        ready = nobody.get("/readyz").json()
        assert set(ready["read_models"]) >= {"campaign_report", "recipients"}
        counted = nobody.get("/metrics").text
        assert 'conversions_facts_total{code="unknown_campaign",source="facts",verdict="rejected"}' in counted
        assert 'conversions_rejects_kept{source="facts",code="unknown_campaign"} 1' in counted
        assert 'route="/v1/facts",status="200"' in counted
        problem(nobody.get("/nowhere"), 404, "not_found")
        problem(nobody.put("/v1/facts"), 405, "method_not_allowed")


def test_a_request_can_be_followed_in_the_log(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own id, which the answer bears, the trace it came with, and the app group; never by a secret."""
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(
        app_module,
        "log",
        SimpleNamespace(info=lambda event, **more: told.append({"event": event} | get_contextvars() | more)),
    )
    trace = "0af7651916cd43dd8448eb211c80319c"
    client = api.client(headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    answer = client.get("/v1/app-group")
    [logged] = told
    assert logged["request_id"] == answer.headers["x-request-id"]
    assert (logged["trace_id"], logged["app_group"], logged["status"]) == (trace, GROUP, 200)
    assert logged["route"] == "/v1/app-group"
    assert client.headers["authorization"].split("_", 2)[2] not in str(told)


def test_a_report_can_be_looked_at_without_its_body(api: Api) -> None:
    """HEAD, as balancers and `curl -I` ask."""
    client = api.client()
    for path in ("/healthz", "/v1/campaigns/sale/report"):
        head, whole = client.head(path), client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == whole.headers["content-length"]


@pytest.mark.parametrize(
    "path", ["/v1/users/%00/journey", "/v1/campaigns/sale/users/%00", "/v1/campaigns/%ff"]
)
def test_an_id_that_is_none_is_refused(api: Api, path: str) -> None:
    """Alike on every database."""
    problem(api.client().get(path), 400, "malformed")


@pytest.mark.parametrize("place", [b'"\\u0000"', b"10000000000000000000000000", b"-1", b"{}"])
def test_a_cursor_of_someone_s_own_making_is_refused(api: Api, place: bytes) -> None:
    """Whatever list it is for."""
    cursor = base64.urlsafe_b64encode(place).decode()
    for path in ("/v1/users/u1/journey", "/v1/campaigns"):
        problem(api.client().get(path, params={"cursor": cursor}), 400, "bad_cursor")


def test_a_long_life_is_not_told_day_by_day(api: Api) -> None:
    """A receipt of long ago, and the days are to be named."""
    client = api.client()
    post(client, RECEIPT, RECEIPT | {"id": "r0", "at": "1971-01-01T00:00:00Z"})
    for asked in ({}, {"from": "1500-01-01"}, {"to": "9999-12-31"}):
        problem(client.get("/v1/campaigns/sale/series", params=asked), 400, "too_many_days")
    assert client.get("/v1/campaigns/sale/series", params={"from": "2026-01-01"}).status_code == 200


def test_what_is_recorded_is_acknowledged_though_rejects_cannot_be_kept(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of the call are durable, and said to be."""

    def fail(*_: object) -> None:
        raise Busy("the table is locked")

    monkeypatch.setattr(rejects, "keep", fail)
    told = post(api.client(), RECEIPT, MISSING)
    assert (told.status_code, told.json()["accepted"], len(told.json()["rejected"])) == (200, 1, 1)


def test_a_caller_that_goes_away_leaves_the_others_their_answers(api: Api) -> None:
    """A future that was cancelled by whoever waited for it is no one else's trouble."""
    intake, stamped = api.service.intake, Stamp("c", "test")
    with closing(FactQueue(intake, 100)) as queue, api.service.recorder.writing(alone=True):
        calls = [queue.submit(GROUP, [read_fact(RECEIPT | {"id": f"r{n}"})], stamped) for n in range(5)]
        assert not any(each.cancel() for each in calls)
    assert {len(each.result(30).answers) for each in calls} == {1}


def test_what_nobody_foresaw_is_a_problem_too(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """500 as problem details, with an id that finds it in the log, and none of its words."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(api.service.explanations, "explain", fail)
    told = api.client().get("/v1/campaigns/sale/users/u1")
    assert "a secret" not in told.text
    problem(told, 500, "unforeseen")
    assert told.headers["x-request-id"]


def test_a_connection_that_says_nothing_or_too_much_is_let_go(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has ten seconds and 64 KB to say what it wants."""
    monkeypatch.setattr(connection_bounds, "HEAD_SECONDS", 0.3)
    host, port = api.url.removeprefix("http://").split(":")
    for said in (b"", b"GET / HTTP/1.1\r\nX-More: "):
        with socket.create_connection((host, int(port)), timeout=10) as held:
            held.sendall(said)
            assert ended(held)
    with socket.create_connection((host, int(port)), timeout=10) as flood:
        flood.sendall(b"GET / HTTP/1.1\r\n" + b"X-More: 1234567890\r\n" * 5_000)
        assert ended(flood)


def ended(connection: socket.socket) -> bool:
    """Whether the other side ends it."""
    try:
        return connection.recv(10) == b""
    except ConnectionResetError:
        return True


def test_connections_are_bounded(tmp_path: Path) -> None:
    """Whoever comes when there are too many is told so; those that are there are answered."""
    with (
        serving(tmp_path, connections=5) as api,
        ExitStack() as held,
        httpx.Client(base_url=api.url) as client,
    ):
        assert client.get("/healthz").status_code == 200
        host, port = api.url.removeprefix("http://").split(":")
        for _ in range(8):
            held.enter_context(socket.create_connection((host, int(port))))
        assert client.get("/healthz").status_code == 200
        problem(httpx.get(f"{api.url}/healthz"), 503, "too_many_connections")
