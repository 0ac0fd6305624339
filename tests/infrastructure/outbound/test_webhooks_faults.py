"""Webhooks where something is wrong with one of them: it alone fails, in time, and is told in order afterwards."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select, update

from infrastructure.database.schema import webhook_queues, webhooks
from infrastructure.outbound import feed
from infrastructure.outbound.webhooks import addresses
from tests.infrastructure.http.test_http import PURCHASE, RECEIPT, SALE, eventually, problem
from tests.infrastructure.outbound.test_stream import converting, decided
from tests.infrastructure.outbound.test_webhooks import Receiver, delivering, made, receiving, standing
from tests.support.ledgers import take
from tests.support.serving import Api, serving

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A server with a campaign, that allows webhooks on this machine."""
    monkeypatch.setenv("CONVERSIONS_WEBHOOKS_ALLOW_PRIVATE", "true")
    with serving(tmp_path, [SALE], projecting=False) as api:
        yield api


def stored(api: Api, table: Table, **values: Any) -> None:
    """Change what is stored of every webhook, or of every line."""
    with api.service.database.writing() as connection:
        connection.execute(update(table).values(values))


def refunded(api: Api, number: int) -> None:
    """The purchase of u1 is refunded in part, once more: its revenue is restated."""
    refund = {"type": "refund", "id": f"x{number}", "user_id": "u1", "purchase_id": "p1"}
    take(api.service, [refund | {"amount": "1.00", "at": PURCHASE["at"]}])


@pytest.mark.parametrize("url", ["https://e.org:65536/", "https://e.org:0/", "https://xn--a/"])
def test_a_url_that_cannot_be_called_is_refused(api: Api, url: str) -> None:
    """A port that is none, and a name that is none."""
    problem(api.client().post("/v1/webhooks", json={"url": url}), 400, "bad_url")
    assert addresses.read_url("https://e.org:65535/", allow_private=False) == "https://e.org:65535/"


def test_an_error_nobody_foresaw_is_a_failure_of_its_line(api: Api) -> None:
    """The next line has its turn, and what failed is tried again: nothing is taken until the process ends."""
    client = api.client()
    with receiving() as receiver:
        hook = made(client, receiver.url)
        stored(api, webhooks, url="http://127.0.0.1:70000/")
        with delivering(api.service, users_at_once=1, attempts=2):
            converting(api, "u1", "u2", "u3")
            eventually(lambda: standing(client, hook)["parked_users"] == 3)
            assert standing(client, hook)["failing"].startswith("unforeseen error (")
            client.patch(f"/v1/webhooks/{hook['id']}", json={"url": receiver.url}).raise_for_status()
            client.post(f"/v1/webhooks/{hook['id']}/parked/release", json={}).raise_for_status()
            eventually(lambda: receiver.told == decided(api))


def test_an_event_may_be_tried_any_number_of_times(api: Api) -> None:
    """The pause has a longest, however often three times as long is taken of it."""
    client, broken = api.client(), threading.Event()
    broken.set()
    with receiving(Receiver(lambda *_: 500 if broken.is_set() else 200)) as receiver:
        hook = made(client, receiver.url)
        converting(api, "u1")
        with delivering(api.service, attempts=100_000):
            eventually(lambda: standing(client, hook)["failing"] == "status 500")
        stored(api, webhook_queues, attempts=5_000)
        with delivering(api.service, attempts=100_000):
            eventually(lambda: attempts(api) > 5_001)
            broken.clear()
            eventually(lambda: receiver.told == decided(api))


def attempts(api: Api) -> int:
    """How often the first event of the only line was tried."""
    with api.service.database.reading() as connection:
        tried: int = connection.execute(select(webhook_queues.c.attempts)).scalar_one()
    return tried


@pytest.mark.parametrize("tries", [1, 100_000], ids=["parked", "waiting"])
def test_what_was_left_before_a_replay_is_told_after_what_comes_before_it(
    api: Api, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    """In small pages, with room for one event: it neither goes before the others of its user nor takes their room."""
    monkeypatch.setattr(feed, "MOST", 4)
    client, broken = api.client(), threading.Event()
    broken.set()
    last = Receiver(lambda user, number: 500 if user == "u1" and number > 3 and broken.is_set() else 200)
    with receiving(last) as receiver, delivering(api.service, waiting_events=1, attempts=tries):
        hook = made(client, receiver.url)
        path = f"/v1/webhooks/{hook['id']}"
        take(api.service, [RECEIPT, PURCHASE])
        for number in range(2):
            converting(api, *(f"other{number}-{each}" for each in range(8)))
            refunded(api, number)
        eventually(lambda: len(receiver.told) == len(decided(api)) - 1 and receiver.tries["u1"] > 3)
        eventually(lambda: standing(client, hook)["failing"] == "status 500")
        client.patch(path, json={"status": "disabled"}).raise_for_status()
        client.post(f"{path}/replay", json={"after": "0"}).raise_for_status()
        client.post(f"{path}/parked/release", json={}).raise_for_status()
        told = len(receiver.acknowledged["u1"])
        broken.clear()
        client.patch(path, json={"status": "active"}).raise_for_status()
        eventually(lambda: len(receiver.told) >= 2 * len(decided(api)) - 1)
        again = receiver.acknowledged["u1"][told:]
        assert again == sorted(set(receiver.acknowledged["u1"]))
        assert len(again) == 4


@contextmanager
def slow_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Names that end in `.slow` are not answered until the end; how often each was asked for."""
    asked: Counter[str] = Counter()
    answered, ask = threading.Event(), socket.getaddrinfo

    def slow(host: str, *arguments: Any, **more: Any) -> Any:
        if str(host).endswith(".slow"):
            asked[host] += 1
            answered.wait(60)
            raise socket.gaierror
        return ask(host, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    try:
        yield asked
    finally:
        answered.set()


def test_slow_names_hold_up_no_other_webhook(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor the database's work; and of one webhook a single name is looked up at a time, however many calls ask."""
    client = api.client()
    # Short enough to wait for, and long enough for an answer on a machine that is busy.
    settings = {"call_seconds": 2, "attempts": 100_000}
    with receiving() as receiver, delivering(api.service, **settings), slow_names(monkeypatch) as asked:
        slow = [made(client, f"http://n{number}.slow/") for number in range(12)]
        made(client, receiver.url)
        converting(api, "u1", "u2", "u3", "u4", "u5")
        eventually(lambda: len(asked) == len(slow))
        moved = client.patch(f"/v1/webhooks/{slow[0]['id']}", json={"url": "http://moved.slow/"})
        assert moved.status_code == 200
        converting(api, *(f"v{number}" for number in range(20)))
        eventually(lambda: receiver.told == decided(api))
        for each in slow:
            eventually(lambda each=each: standing(client, each)["failing"] == "no answer within 2 s")  # type: ignore[misc]
        assert asked == {f"n{number}.slow": 1 for number in range(12)}


def test_an_address_that_was_left_disables_nothing(api: Api) -> None:
    """Its 410 comes when the webhook goes elsewhere, where everything is told."""
    client, hold, held = api.client(), threading.Event(), threading.Event()

    def late(*_: object) -> int:
        held.set()
        hold.wait(20)
        return 410

    with receiving() as receiver, receiving(Receiver(late)) as left, delivering(api.service):
        hook = made(client, left.url)
        converting(api, "u1")
        assert held.wait(20)
        client.patch(f"/v1/webhooks/{hook['id']}", json={"url": receiver.url}).raise_for_status()
        hold.set()
        eventually(lambda: receiver.told == decided(api))
        assert (standing(client, hook)["status"], len(left.calls)) == ("active", 1)


def test_plain_text_is_sent_only_where_private_addresses_are_allowed(api: Api) -> None:
    """Also by a webhook that was made when they were; it says why."""
    client = api.client()
    with receiving() as receiver:
        hook = made(client, receiver.url)
        converting(api, "u1")
        with delivering(api.service, allow_private=False, attempts=1):
            eventually(lambda: standing(client, hook)["parked_users"] == 1)
        assert standing(client, hook)["failing"] == "the URL is not https: change it to one that is"
        assert receiver.calls == []
