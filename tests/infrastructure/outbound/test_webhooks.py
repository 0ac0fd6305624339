"""Webhooks: calls that reach real receivers, in order for each user, however receivers and deliverers fail."""

import json
import socket
import subprocess
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from infrastructure.access.keys import Scope
from infrastructure.composition import Service
from infrastructure.database.schema import webhook_leases
from infrastructure.outbound.feed import Feed
from infrastructure.outbound.webhooks import addresses, hooks, queues
from infrastructure.outbound.webhooks.delivery import Deliverer
from infrastructure.outbound.webhooks.settings import WebhookSettings
from tests.infrastructure.http.test_http import RECEIPT, SALE, eventually, problem
from tests.infrastructure.outbound.test_stream import converting, decided
from tests.support.commands import COMMAND, ROOT, environment, run
from tests.support.ledgers import GROUP, take
from tests.support.serving import Api, serving

pytestmark = pytest.mark.usefixtures("each_database")

QUICK = {"allow_private": True, "first_pause_seconds": 0.02, "longest_pause_seconds": 0.05}

PRIVATE = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.88.99.1"),  # noqa: S104
    *("192.168.1.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:10.0.0.1"),
    *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2001:0:1::1", "2001:db8::1", "2002:7f00:1::1", "4000::1"),
    *("fc00::1", "fe80::1%eth0", "fec0::1", "ff02::1"),
]

Calls = list[tuple[dict[str, str], dict[str, Any]]]


@dataclass
class Receiver:
    """A server that is called; `answers` says by user and number of the call what status it gives."""

    answers: Callable[[str, int], int] = lambda _user, _number: 204
    calls: Calls = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    acknowledged: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    tries: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    headers: dict[str, str] = field(default_factory=dict)
    url: str = ""

    def take(self, headers: dict[str, str], sent: bytes) -> int:
        """Note a call; the status it gets."""
        told = json.loads(sent)
        user = str(told.get("subject"))
        self.tries[user] += 1
        status = self.answers(user, self.tries[user])
        self.calls.append((headers, told))
        self.bodies.append(sent)
        if 200 <= status < 300:
            self.acknowledged[user].append(int(told["id"]))
        return status

    @property
    def told(self) -> list[int]:
        """The positions of all that was acknowledged, in order of the log."""
        return sorted(position for positions in self.acknowledged.values() for position in positions)


@contextmanager
def receiving(given: Receiver | None = None) -> Iterator[Receiver]:
    """A receiver at an address of this machine."""
    receiver, lock = given or Receiver(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["content-length"]))
            with lock:
                status = receiver.take({name.lower(): value for name, value in self.headers.items()}, sent)
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - as its base has it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook;tenant=7?a=1"
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def delivering(service: Service, **settings: Any) -> Iterator[Deliverer]:
    """A process that delivers, as a thread."""
    feed = Feed(service.database, service.definitions)
    made = Deliverer(service.database, feed, WebhookSettings(**(QUICK | settings)))
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield made
    finally:
        made.end()
        thread.join()


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A server with a campaign, that allows webhooks on this machine."""
    monkeypatch.setenv("CONVERSIONS_WEBHOOKS_ALLOW_PRIVATE", "true")
    with serving(tmp_path, [SALE], projecting=False) as api:
        yield api


def made(client: httpx.Client, url: str, **more: Any) -> dict[str, Any]:
    """A new webhook."""
    answer = client.post("/v1/webhooks", json={"url": url} | more)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def standing(client: httpx.Client, hook: dict[str, Any]) -> dict[str, Any]:
    """How a webhook stands."""
    told: dict[str, Any] = client.get(f"/v1/webhooks/{hook['id']}").json()
    return told


def documented() -> Callable[[str, dict[str, str], bytes], bool]:
    """The verification of docs/webhooks.md."""
    text = (ROOT / "docs" / "webhooks.md").read_text()
    names: dict[str, Any] = {}
    exec(text.partition("```python\n")[2].partition("```")[0], names)  # noqa: S102 - it is our own page
    found: Callable[[str, dict[str, str], bytes], bool] = names["verified"]
    return found


def test_every_event_is_told_signed_and_in_order(api: Api) -> None:
    """In the envelope of the stream; the public verifier takes it, and nothing that was changed."""
    client = api.client()
    with receiving() as receiver, delivering(api.service):
        hook = made(client, receiver.url)
        converting(api, *(f"u{number}" for number in range(20)))
        eventually(lambda: receiver.told == decided(api))
        assert hook["secret"].startswith("whsec_")
        for (headers, told), body in zip(receiver.calls, receiver.bodies, strict=True):
            assert Verifier(hook["secret"]).verify(body, headers) == told
            assert headers["content-type"] == "application/cloudevents+json"
            assert headers["webhook-id"] == f"{hook['id']}-{told['id']}"
        assert documented()(hook["secret"], headers, body)
        assert not documented()(hook["secret"], headers, body + b" ")
        with pytest.raises(WebhookVerificationError):
            Verifier(hook["secret"]).verify(receiver.bodies[0] + b" ", receiver.calls[0][0])
        assert all(positions == sorted(positions) for positions in receiver.acknowledged.values())
        eventually(lambda: standing(client, hook)["waiting_events"] == 0)
        with client.stream("GET", "/v1/stream", params={"after": "0"}) as response:
            sent = [
                line[6:]
                for line, _ in zip(response.iter_lines(), range(20), strict=False)
                if line.startswith("data")
            ]
        assert sent[0].encode() in receiver.bodies


def test_users_that_fail_keep_their_order_and_hold_up_no_other(api: Api) -> None:
    """What was not acknowledged is tried again, before anything later of the same user."""
    client = api.client()
    failing = Receiver(lambda user, number: 500 if user.startswith("bad") and number < 4 else 200)
    with receiving(failing) as receiver, delivering(api.service):
        made(client, receiver.url)
        converting(api, *(f"{kind}{number}" for number in range(8) for kind in ("bad", "good")))
        eventually(lambda: receiver.told == decided(api))
        assert {receiver.tries[f"good{number}"] for number in range(8)} == {2}
        assert {receiver.tries[f"bad{number}"] for number in range(8)} == {2 + 3}
        assert all(positions == sorted(positions) for positions in receiver.acknowledged.values())


def test_a_line_is_parked_after_its_budget_until_it_is_released(api: Api) -> None:
    """It holds what comes for its user, others go on; released, it is told in order, and nothing is missing."""
    client, broken = api.client(), threading.Event()
    broken.set()
    picky = Receiver(lambda user, _: 503 if user.startswith("bad") and broken.is_set() else 200)
    with receiving(picky) as receiver, delivering(api.service, attempts=3):
        hook = made(client, receiver.url)
        path = f"/v1/webhooks/{hook['id']}/parked"
        converting(api, "bad1", "bad2", "good")
        eventually(lambda: standing(client, hook)["parked_users"] == 2)
        assert receiver.tries == {"bad1": 3, "bad2": 3, "good": 2}
        take(
            api.service,
            [{"type": "void", "id": "v", "fact_id": "p1-bad1", "user_id": "bad1", "at": RECEIPT["at"]}],
        )
        eventually(lambda: standing(client, hook)["parked_events"] == 6)
        parked = client.get(path).json()["parked"]
        assert {(each["user_id"], each["events"], each["attempts"], each["reason"]) for each in parked} == {
            ("bad1", 4, 3, "status 503"),
            ("bad2", 2, 3, "status 503"),
        }
        first = client.get(path, params={"limit": 1}).json()
        rest = client.get(path, params={"limit": 1, "cursor": first["next_cursor"]}).json()
        assert (first["parked"] + rest["parked"], rest["next_cursor"]) == (parked, None)
        lagging = httpx.get(f"{api.url}/metrics").status_code
        with api.service.database.reading() as connection:
            assert (
                f'conversions_webhook_parked_events{{webhook="{hook["id"]}"}} 6'
                in queues.describe_metrics(connection, 0)
            )
        assert (lagging, receiver.tries["bad1"]) == (200, 3)
        broken.clear()
        assert client.post(f"{path}/release", json={"user_id": "bad2"}).json() == {"released": 1}
        eventually(lambda: standing(client, hook)["parked_users"] == 1)
        assert client.post(f"{path}/release", json={}).json() == {"released": 1}
        eventually(lambda: receiver.told == decided(api))
        assert receiver.acknowledged["bad1"] == sorted(receiver.acknowledged["bad1"])
        assert len(receiver.acknowledged["bad1"]) == 4


def test_a_webhook_is_replayed_from_any_position(api: Api) -> None:
    """Everything after it once more, in order for each user, under the same message ids."""
    client = api.client()
    with receiving() as receiver, delivering(api.service):
        hook = made(client, receiver.url)
        converting(api, "u1", "u2")
        # At least once: on a busy machine one may be told again before it is asked for.
        eventually(lambda: {*receiver.told} == {*decided(api)})
        before = {headers["webhook-id"] for headers, _ in receiver.calls}
        after = decided(api)[1]
        assert client.post(f"/v1/webhooks/{hook['id']}/replay", json={"after": str(after)}).status_code == 200
        eventually(lambda: Counter(receiver.told) >= Counter(decided(api) + decided(api)[2:]))
        assert {headers["webhook-id"] for headers, _ in receiver.calls} == before
        eventually(lambda: standing(client, hook)["waiting_events"] == 0)
        told = len(receiver.calls)
        late = made(client, receiver.url, after="0", types=["conversion.recorded"])
        eventually(lambda: len(receiver.calls) >= told + 2)
        assert late["types"] == ["conversion.recorded"]
        assert {each["type"] for _, each in receiver.calls[told:]} == {
            "conversion-ledger.conversion.recorded"
        }
        problem(
            client.post(f"/v1/webhooks/{hook['id']}/replay", json={"after": "99999"}), 400, "bad_position"
        )


def test_a_replay_while_calls_are_under_way_ends_with_the_newest(api: Api) -> None:
    """What is acknowledged meanwhile is told again after what comes before it: the last word is the last one."""
    client, hold, held = api.client(), threading.Event(), threading.Event()

    def slow(_user: str, number: int) -> int:
        if number == 2:
            held.set()
            hold.wait(20)
        return 200

    with receiving(Receiver(slow)) as receiver, delivering(api.service):
        hook = made(client, receiver.url)
        converting(api, "u1")
        assert held.wait(20)
        client.post(f"/v1/webhooks/{hook['id']}/replay", json={"after": "0"}).raise_for_status()
        eventually(lambda: standing(client, hook)["waiting_events"] == 2)
        hold.set()
        eventually(lambda: standing(client, hook)["waiting_events"] == 0)
        eventually(lambda: receiver.acknowledged["u1"][-2:] == decided(api))


def test_one_that_is_gone_is_called_no_more(api: Api) -> None:
    """410 disables it; made active again it goes on where it was."""
    client, answer = api.client(), [410]
    with receiving(Receiver(lambda *_: answer[0])) as receiver, delivering(api.service):
        hook = made(client, receiver.url)
        converting(api, "u1")
        eventually(lambda: standing(client, hook)["status"] == "disabled")
        assert (standing(client, hook)["reason"], len(receiver.calls)) == ("gone", 1)
        converting(api, "u2")
        answer[0] = 200
        changed = client.patch(f"/v1/webhooks/{hook['id']}", json={"status": "active"}).json()
        assert (changed["status"], changed["reason"]) == ("active", None)
        eventually(lambda: receiver.told == decided(api))
        client.patch(f"/v1/webhooks/{hook['id']}", json={"status": "disabled"}).raise_for_status()
        assert standing(client, hook)["reason"] == "by_caller"


def test_a_redirect_is_a_failure_and_not_followed(api: Api) -> None:
    """Its target hears nothing."""
    client = api.client()
    with receiving() as other, receiving(Receiver(lambda *_: 307)) as receiver:
        receiver.headers["location"] = other.url
        with delivering(api.service, attempts=2):
            hook = made(client, receiver.url)
            converting(api, "u1")
            eventually(lambda: standing(client, hook)["parked_users"] == 1)
        assert (standing(client, hook)["failing"], other.calls) == ("status 307", [])


def test_a_receiver_that_does_not_answer_is_not_waited_for(api: Api) -> None:
    """Nor one whose answer never ends: both fail in time, and other webhooks go on."""
    client = api.client()
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        receiving() as receiver,
        delivering(api.service, call_seconds=0.3, attempts=2),
    ):
        hook = made(client, f"http://127.0.0.1:{silent.getsockname()[1]}/")
        made(client, receiver.url)
        converting(api, "u1")
        eventually(lambda: receiver.told == decided(api))
        eventually(lambda: standing(client, hook)["parked_users"] == 1)
        assert standing(client, hook)["failing"] == "no answer within 0.3 s"


def test_an_endless_answer_is_read_no_further_than_a_bound(api: Api) -> None:
    """It was acknowledged all the same."""
    client = api.client()
    with socket.create_server(("127.0.0.1", 0)) as server:
        sent = []

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
                try:
                    while True:
                        sent.append(connection.send(b"x" * 65_536))
                except OSError:
                    return

        thread = threading.Thread(target=answer)
        thread.start()
        with delivering(api.service):
            hook = made(client, f"http://127.0.0.1:{server.getsockname()[1]}/", types=["conversion.recorded"])
            converting(api, "u1")
            thread.join(20)
            assert not thread.is_alive()
            eventually(lambda: standing(client, hook)["waiting_events"] == 0)
        assert sum(sent) < 100_000_000


@pytest.mark.parametrize("address", PRIVATE)
def test_no_address_that_is_not_public_is_called(address: str) -> None:
    """IPv4, IPv6, and IPv4 within IPv6."""
    assert not addresses.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "::ffff:8.8.8.8", "2606:4700:4700::1111"])
def test_public_addresses_are_called(address: str) -> None:
    """Nothing else would be left."""
    assert addresses.is_public(address)


def test_a_name_that_stands_for_a_private_address_is_not_called(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address of the connection counts, also where the name stood for another when the webhook was made."""
    monkeypatch.setenv("CONVERSIONS_WEBHOOKS_ALLOW_PRIVATE", "false")
    client = api.client()
    with receiving() as receiver:
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        for private in ("127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"):
            url = f"https://{private}:{port}/"
            problem(client.post("/v1/webhooks", json={"url": url}), 400, "private_address")
        for wrong in (
            receiver.url,
            "https://",
            "https://u:p@example.org/",
            "ftp://example.org",
            "x",
            "https://e.org/#f",
        ):
            problem(client.post("/v1/webhooks", json={"url": wrong}), 400, "bad_url")
        hook = made(client, f"https://localhost:{port}/", after="0")
        converting(api, "of localhost")
        with delivering(api.service, allow_private=False, attempts=1):
            eventually(lambda: standing(client, hook)["parked_users"] > 0)
        assert standing(client, hook)["failing"] == "the name stands for no public address"
        assert receiver.calls == []


def slowly(_user: str, _number: int) -> int:
    """Acknowledges after a moment, so that a kill finds calls under way."""
    time.sleep(0.002)
    return 200


def test_a_killed_deliverer_loses_nothing(api: Api, tmp_path: Path) -> None:
    """SIGKILL in the midst, again and again: every event is told, in order for each user, and few of them twice."""
    client, users = api.client(), 60
    with receiving(Receiver(slowly)) as receiver:
        made(client, receiver.url)
        converting(api, *(f"u{number}" for number in range(users)))
        own = environment(
            tmp_path,
            {
                "CONVERSIONS_WEBHOOKS_ALLOW_PRIVATE": "true",
                "CONVERSIONS_WEBHOOKS_LEASE_SECONDS": "1",
            },
        )
        for target in (20, 50, 80):
            process = subprocess.Popen(
                [*COMMAND, "webhooks", "deliver"], cwd=tmp_path, env=own, stderr=subprocess.DEVNULL
            )
            try:
                eventually(lambda target=target: len(set(receiver.told)) >= target)  # type: ignore[misc]
            finally:
                process.kill()
                process.wait()
        with delivering(api.service, lease_seconds=1):
            eventually(lambda: sorted(set(receiver.told)) == decided(api))
        for positions in receiver.acknowledged.values():
            firsts = list(dict.fromkeys(positions))
            assert firsts == sorted(firsts)
        assert len(receiver.told) - len(set(receiver.told)) < 3 * 40


def test_two_deliverers_tell_everything_once(api: Api) -> None:
    """One delivers, the other waits; when the first ends the second goes on."""
    client = api.client()
    with receiving() as receiver:
        made(client, receiver.url)
        with delivering(api.service) as first, delivering(api.service) as second:
            converting(api, *(f"u{number}" for number in range(30)))
            eventually(lambda: len(receiver.told) == 60)
            [one] = [each for each in (first, second) if each._until]
            one.end()
            converting(api, *(f"v{number}" for number in range(30)))
            eventually(lambda: len(receiver.told) == 120)
        assert receiver.told == decided(api)


def test_one_whose_lease_was_taken_lets_go(api: Api) -> None:
    """What it did not write down is told again by the other: at least once."""
    client = api.client()
    with receiving() as receiver:
        hook = made(client, receiver.url)
        with delivering(api.service) as first:
            converting(api, "u1")
            eventually(lambda: standing(client, hook)["waiting_events"] == 0 and len(receiver.told) == 2)
            with api.service.database.writing() as connection:
                connection.execute(
                    update(webhook_leases).values(holder="other", until=hooks.clock() + 2_000_000)
                )
            converting(api, "u2")
            eventually(lambda: first._until == 0.0)
            eventually(lambda: set(receiver.told) == set(decided(api)))


def test_a_new_secret_signs_beside_the_one_before(api: Api) -> None:
    """For a while both; secrets are told once, and by nothing else."""
    client = api.client()
    with receiving() as receiver, delivering(api.service):
        hook = made(client, receiver.url)
        rotated = client.post(f"/v1/webhooks/{hook['id']}/secret").json()
        assert rotated["secret"] != hook["secret"]
        converting(api, "u1")
        eventually(lambda: len(receiver.calls) == 2)
        headers, told = receiver.calls[0]
        for secret in (hook["secret"], rotated["secret"]):
            assert Verifier(secret).verify(receiver.bodies[0], headers) == told
        for shown in (client.get("/v1/webhooks").text, client.get(f"/v1/webhooks/{hook['id']}").text):
            assert "whsec_" not in shown
            assert rotated["secret"][6:] not in shown


def test_a_webhook_is_made_once_for_an_idempotency_key(api: Api) -> None:
    """Answered again it has no secret: that was told."""
    client, headers = api.client(), {"Idempotency-Key": "k"}
    first, second = (
        client.post("/v1/webhooks", json={"url": "https://example.org/"}, headers=headers).json()
        for _ in range(2)
    )
    assert first.pop("secret").startswith("whsec_")
    assert second.pop("secret") is None
    assert first == second
    assert len(client.get("/v1/webhooks").json()["webhooks"]) == 1
    with api.service.database.reading() as connection:
        assert b"whsec_" not in connection.exec_driver_sql("SELECT answer FROM idempotency_keys").scalar_one()


def test_one_app_group_never_has_anothers_webhooks(api: Api) -> None:
    """Neither seen nor changed nor told of; and only with the scope."""
    client, other = api.client(), api.client(app_group="other")
    other.patch("/v1/app-group", json={"apps": ["web"]}).raise_for_status()
    with receiving() as receiver, delivering(api.service):
        hook = made(other, receiver.url)
        own = made(client, receiver.url)
        path = f"/v1/webhooks/{hook['id']}"
        for answer in (
            client.get(path),
            client.patch(path, json={"status": "disabled"}),
            client.delete(path),
            client.post(f"{path}/replay", json={"after": "0"}),
            client.post(f"{path}/secret"),
            client.get(f"{path}/parked"),
            client.post(f"{path}/parked/release", json={}),
        ):
            problem(answer, 404, "unknown_webhook")
        assert [each["id"] for each in client.get("/v1/webhooks").json()["webhooks"]] == [own["id"]]
        converting(api, "ours")
        eventually(lambda: len(receiver.told) == 2)
        eventually(lambda: standing(client, own)["waiting_events"] == 0)
        assert {told["data"]["app_group"] for _, told in receiver.calls} == {GROUP}
        assert len(receiver.calls) == 2
    problem(api.client(Scope.READ, Scope.INGEST).get("/v1/webhooks"), 403, "missing_scope")


def test_webhooks_have_bounds_and_clear_refusals(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their number, their fields, their types."""
    monkeypatch.setenv("CONVERSIONS_WEBHOOKS_A_GROUP", "1")
    client, url = api.client(), "https://example.org/"
    problem(client.post("/v1/webhooks", json={"url": url, "types": ["x"]}), 400, "bad_type")
    problem(client.post("/v1/webhooks", json={"url": url, "campaign_id": "x"}), 404, "unknown_campaign")
    problem(client.post("/v1/webhooks", json={"url": url, "more": 1}), 422, "unknown_field")
    problem(client.post("/v1/webhooks", content=b"{"), 400, "malformed")
    hook = made(client, url)
    problem(client.post("/v1/webhooks", json={"url": url}), 409, "too_many_webhooks")
    assert client.delete(f"/v1/webhooks/{hook['id']}").status_code == 204
    problem(client.delete(f"/v1/webhooks/{hook['id']}"), 404, "unknown_webhook")


@pytest.mark.usefixtures("each_database", "api")
def test_webhooks_are_managed_on_the_command_line(tmp_path: Path) -> None:
    """The same as over HTTP."""

    def told(*arguments: str) -> Any:
        answer = run(tmp_path, "webhooks", *arguments, "--json")
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    hook = told("make", "https://example.org/x", "--type", "conversion.recorded")
    assert hook["secret"].startswith("whsec_")
    assert [each["id"] for each in told("list")["webhooks"]] == [hook["id"]]
    assert told("change", hook["id"], "--status", "disabled")["status"] == "disabled"
    assert told("replay", hook["id"], "--after", "0")["position"] == "0"
    assert told("parked", hook["id"]) == {"parked": []}
    assert told("release", hook["id"]) == {"released": 0}
    assert told("rotate", hook["id"])["secret"] != hook["secret"]
    assert "secret" not in told("show", hook["id"])
    assert hook["id"] in run(tmp_path, "webhooks", "list").stdout
    assert run(tmp_path, "webhooks", "remove", hook["id"]).returncode == 0
    assert run(tmp_path, "webhooks", "show", hook["id"]).returncode == 1
