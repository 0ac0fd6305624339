"""Drop-in intake for Segment's clients: docs/segment.md, message by message, over a real server."""

import gzip
import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.instants import microseconds
from infrastructure.access import keys
from infrastructure.access.keys import Scope
from infrastructure.cli.rejects import _again
from infrastructure.http import access
from infrastructure.http.segment.calls import BATCH_BYTES, MESSAGE_BYTES, MESSAGES
from infrastructure.inbound import rejects
from infrastructure.inbound.rejects import Reject
from tests.support.ledgers import GROUP, NOW, rows, take
from tests.support.serving import Api, serving

on_each_database = pytest.mark.usefixtures("each_database")

SALE = {
    "id": "sale",
    "variants": [{"id": "A"}, {"id": "B"}],
    "conversion_events": [
        {"type": "makes_purchase", "deadline": "3d"},
        {"type": "starts_session", "deadline": "3d", "app_ids": ["ios"]},
        {"type": "performs_custom_event", "deadline": "3d", "name": "signed_up"},
        {"type": "upgrades_app", "deadline": "3d"},
    ],
}
AT = "2026-03-02T10:00:00Z"


class Client:
    """A client of Segment's kind with a key for one app."""

    def __init__(self, api: Api, app_id: str | None = "ios") -> None:
        self.api = api
        self.key = api.key(Scope.INGEST, app_id=app_id)
        self.http = httpx.Client(base_url=api.url, auth=(self.key, ""), timeout=30)
        api.clients.append(self.http)

    def track(self, event: str, message_id: str | None = "m1", **more: Any) -> httpx.Response:
        """Send a track that was well formed, and so is answered as Segment answers."""
        sent = {"event": event, "userId": "u1", "timestamp": AT, "messageId": message_id} | more
        return succeeded(self.http.post("/v1/track", json=sent))

    def batch(self, *messages: Any, **more: Any) -> httpx.Response:
        """Send a batch."""
        return succeeded(self.http.post("/v1/batch", json={"batch": messages} | more))

    def recorded(self, user_id: str = "u1") -> list[dict[str, Any]]:
        """The facts of a user, in the order they were recorded; none for a user never heard of."""
        told = self.api.client(Scope.READ).get(f"/v1/users/{user_id}/journey")
        events = [] if told.status_code == 404 else told.json()["events"]
        return [each["event"] for each in events if each["event"].get("type")]

    def rejected(self) -> list[Reject]:
        """What was rejected and is kept."""
        with self.api.service.database.reading() as connection:
            return rejects.read_page(connection, GROUP)

    def counted(self, **labels: str) -> float:
        """A counter of the server as it stands."""
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        lines = httpx.get(f"{self.api.url}/metrics").text.splitlines()
        found = [each for each in lines if "_total{" in each and all(label in each for label in wanted)]
        return sum(float(each.rpartition(" ")[2]) for each in found)

    def counted_of(self, metric: str, **labels: str) -> float:
        """A counter of that name alone."""
        wanted = ",".join(f'{name}="{value}"' for name, value in labels.items())
        lines = httpx.get(f"{self.api.url}/metrics").text.splitlines()
        return sum(float(each.rpartition(" ")[2]) for each in lines if each.startswith(f"{metric}{{{wanted}"))

    def report(self) -> dict[str, Any]:
        """The totals of the campaign."""
        told = self.api.client(Scope.READ).get("/v1/campaigns/sale/report").json()
        return {name: told["totals"][name] for name in ("receipts", "conversions", "revenue")}


def succeeded(response: httpx.Response) -> httpx.Response:
    """An answer as Segment gives it to what is well formed."""
    assert (response.status_code, response.json()) == (200, {"success": True}), response.text
    return response


def refused(response: httpx.Response, status: int, code: str) -> None:
    """An answer that such a client can read: its own words beside the problem's."""
    told = response.json()
    assert (response.status_code, told["code"], told["success"]) == (status, code, False)
    assert told["message"] == told["detail"]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client of a server with a campaign."""
    with serving(tmp_path, [SALE]) as api:
        yield Client(api)


APP = {"context": {"app": {"version": "1.2.3", "build": "77"}}}
FACT = {"at": AT, "app_id": "ios"}
PLAIN = FACT | {"id": "m1"}
MAPPED = [
    ("Application Opened", {}, [PLAIN | {"type": "session_started"}]),
    ("Application Opened", APP, [PLAIN | {"type": "session_started", "app_version": "1.2.3"}]),
    (
        "Application Opened",
        APP | {"properties": {"version": "1.3", "build": 9}},
        [PLAIN | {"type": "session_started", "app_version": "1.3"}],
    ),
    (
        "Application Updated",
        APP | {"properties": {"version": "1.3", "previous_version": "1.2"}},
        [PLAIN | {"type": "app_version", "version": "1.3", "previous_version": "1.2"}],
    ),
    (
        "Application Updated",
        {"properties": {"version": "1.3", "previous_version": "undefined"}},
        [PLAIN | {"type": "app_version", "version": "1.3"}],
    ),
    ("Application Updated", APP, [PLAIN | {"type": "app_version", "version": "1.2.3"}]),
    (
        "Application Installed",
        {"properties": {"version": "1.0", "build": "1"}},
        [
            PLAIN
            | {
                "type": "custom_event",
                "name": "Application Installed",
                "app_version": "1.0",
                "properties": {"version": "1.0", "build": "1"},
            }
        ],
    ),
    (
        "signed_up",
        APP | {"properties": {"plan": "pro", "seats": 1.5, "none": None}},
        [
            PLAIN
            | {
                "type": "custom_event",
                "name": "signed_up",
                "app_version": "1.2.3",
                "properties": {"plan": "pro", "seats": 1.5, "none": None},
            }
        ],
    ),
    ("signed_up", {"properties": None}, [PLAIN | {"type": "custom_event", "name": "signed_up"}]),
    *[
        (
            event,
            told,
            [{"type": "received", "id": "m1", "at": AT, "campaign_id": "sale", "variant_id": "B"}],
        )
        for event in ("Email Delivered", "Push Notification Received", "Campaign Received")
        for told in (
            {"properties": {"campaign_id": "sale", "variant_id": "B"}},
            {"context": {"campaign": {"campaign_id": "sale", "variant_id": "B", "name": "Spring"}}},
            {"properties": {"campaign_id": "sale"}, "context": {"campaign": {"variant_id": "B"}}},
            {
                "properties": {"campaign_id": "sale"},
                "context": {"campaign": {"campaign_id": "sale", "variant_id": "B"}},
            },
        )
    ],
]


@on_each_database
@pytest.mark.parametrize(("event", "more", "facts"), MAPPED)
def test_a_track_is_the_fact_that_its_event_names(
    client: Client, event: str, more: dict[str, Any], facts: list[dict[str, Any]]
) -> None:
    """Sessions, version reports, custom events and receipts; the key names the app, a build is no version."""
    client.track(event, **more)
    assert client.recorded() == facts
    assert client.rejected() == []


ORDER = {
    "order_id": "o1",
    "currency": "eur",
    "coupon": "SPRING",
    "products": [
        {"product_id": "p1", "sku": "s1", "price": 19.1, "quantity": 2, "name": "Tea"},
        {"sku": "s2", "price": "3.00"},
        {"product_id": "p1", "price": 0.000001, "quantity": "3"},
        {"name": "Gift wrap", "price": 1},
    ],
}
ORDERED = FACT | {"type": "order", "name": "Order Completed"}
LINES: list[dict[str, Any]] = [
    {"product_id": "p1", "price": "19.1", "quantity": 2},
    {"product_id": "s2", "price": "3"},
    {"product_id": "p1", "price": "0.000001", "quantity": 3},
    {"product_id": "Gift wrap", "price": "1"},
]
TOLD_BESIDE = {"coupon": "SPRING", "products": [{"sku": "s1", "name": "Tea"}, {}, {}, {}]}


@on_each_database
def test_r27_a_completed_order_is_one_fact(client: Client) -> None:
    """R11, R27: its id is the order's, its lines stand as they were sent, and what else is told is kept aside."""
    client.track("Order Completed", properties=ORDER)
    assert client.recorded() == [
        ORDERED | {"id": "o1", "currency": "EUR", "lines": LINES, "properties": TOLD_BESIDE}
    ]


def test_r27_without_an_order_id_the_messages_is_the_orders(client: Client) -> None:
    """R27: such an order can be refunded by it."""
    client.track("Order Completed", properties={n: each for n, each in ORDER.items() if n != "order_id"})
    assert [(each["id"], each["lines"]) for each in client.recorded()] == [("m1", LINES)]


TEA: dict[str, Any] = {"product_id": "tea"}


@pytest.mark.parametrize(
    ("told", "total", "lines"),
    [
        ({"revenue": 25.5, "total": 30}, "25.5", None),
        ({"total": 30}, "30", None),
        ({"total": 30, "products": []}, "30", None),
        ({"total": "30", "products": None, "revenue": None}, "30", None),
        ({"total": 30, "revenue": 25, "products": [TEA | {"price": 9}]}, "25", ["9"]),
        ({"total": 30, "products": [TEA | {"price": 9}]}, None, ["9"]),
        ({"total": 30, "products": [TEA | {"price": 9}, TEA]}, "30", ["9", None]),
        ({"total": 30, "products": [TEA | {"price": None}, TEA | {"price": ""}]}, "30", [None, None]),
        ({"products": [TEA]}, None, [None]),
        ({"revenue": 0, "total": 9}, "0", None),
    ],
)
def test_r27_an_order_comes_to_its_revenue_else_its_lines_else_its_total(
    client: Client, told: dict[str, Any], total: str | None, lines: list[str | None] | None
) -> None:
    """R27: the total has tax and shipping in it, and is taken where nothing else tells what the order comes to."""
    client.track("Order Completed", properties={"order_id": "o1", "currency": "EUR"} | told)
    [order] = client.recorded()
    prices = [each.get("price") for each in order["lines"]] if "lines" in order else None
    assert (order.get("total"), prices) == (total, lines)
    assert client.rejected() == []


@pytest.mark.parametrize(
    ("products", "lines"),
    [
        (
            [TEA | {"price": 1, "quantity": 0}, {"sku": "cup", "price": 2}],
            [{"product_id": "cup", "price": "2"}],
        ),
        (
            [TEA | {"price": 1, "quantity": "0.0"}, {"product_id": 5.0, "price": "2.50", "quantity": "2.0"}],
            [{"product_id": "5", "price": "2.5", "quantity": 2}],
        ),
        ([{"product_id": "", "sku": None, "name": "Pot", "price": 1}], [{"product_id": "Pot", "price": "1"}]),
        ([{"product_id": 7, "price": 1, "quantity": None}], [{"product_id": "7", "price": "1"}]),
    ],
)
def test_products_are_read_as_shops_send_them(
    client: Client, products: list[dict[str, Any]], lines: list[dict[str, Any]]
) -> None:
    """B8, B20, R16: text or numbers, null or empty; what was taken out of the basket is no line beside others."""
    client.track("Order Completed", properties={"order_id": 18.0, "currency": "EUR", "products": products})
    assert [(each["id"], each["lines"]) for each in client.recorded()] == [("18", lines)]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, {}),
        ({"products": []}, {}),
        ({"products": None, "total": None}, {}),
        ({"total": 30, "currency": "eur"}, {"amount": "30", "currency": "EUR"}),
        ({"revenue": 25, "total": 30}, {"amount": "25"}),
        ({"total": 30, "products": [TEA]}, {"lines": [TEA]}),
        (
            {
                "products": [
                    TEA | {"price": 9.5, "quantity": 2, "currency": "usd"},
                    {"sku": "x", "quantity": 0},
                ]
            },
            {"lines": [TEA | {"price": "9.5", "quantity": 2}], "currency": "USD"},
        ),
    ],
)
def test_r27_a_refund_gives_back_products_else_an_amount_else_everything(
    client: Client, told: dict[str, Any], expected: dict[str, Any]
) -> None:
    """R27: its id is the message's; products win, since a refund says one or the other."""
    client.track("Order Refunded", properties={"order_id": 18.0} | told)
    refund = {"type": "order_refund", "id": "m1", "at": AT, "order_id": "18", "name": "Order Refunded"}
    assert client.recorded() == [refund | expected]


def test_r27_a_cancelled_order_is_given_back(client: Client) -> None:
    """R27: whatever else the message tells."""
    client.track("Order Cancelled", properties=ORDER)
    cancelled = {"type": "order_cancelled", "id": "m1", "at": AT, "order_id": "o1", "name": "Order Cancelled"}
    assert client.recorded() == [cancelled]


@on_each_database
def test_r27_an_updated_order_makes_none(client: Client) -> None:
    """R27: equal to the known order it is a duplicate, else refused; and no retry makes an order of it."""
    client.track("Order Updated", "m0", properties=ORDER)
    client.track("Order Completed", "m1", properties=ORDER)
    client.track("Order Updated", "m2", properties=ORDER | {"coupon": None})
    client.track("Order Updated", "m3", properties=ORDER, timestamp="2026-03-09T10:00:00Z")
    client.track("Order Updated", "m3", properties=ORDER, timestamp=None)
    client.track("Order Updated", "m4", properties=ORDER | {"revenue": 3})
    client.track("Order Updated", "m5", properties=ORDER | {"products": ["tea"]})
    kept = client.rejected()
    assert [(each.code, json.loads(each.fact)["messageId"]) for each in kept] == [
        ("conflicting_fact", "m0"),
        ("conflicting_fact", "m4"),
        ("malformed", "m5"),
    ]
    assert ("is not known" in kept[0].message, "is known" in kept[1].message) == (True, True)
    again, _ = _again(client.api.service, GROUP, kept)
    assert (again["rejected"], again["unreadable"]) == (3, 3)
    assert [each["id"] for each in client.recorded()] == ["o1"]


REFUND = {"order_id": "o1", "products": [{"product_id": "p1", "price": 19.1, "quantity": 1}]}


@on_each_database
def test_orders_and_refunds_count_in_any_order(client: Client) -> None:
    """R12, R14: net of the products given back, each refund once; a user for each order of arrival."""
    second = {"order_id": "o1", "products": [{"sku": "s2", "price": "3.00"}]}
    calls = [
        ("Email Delivered", {"campaign_id": "sale", "variant_id": "A"}),
        ("Order Completed", ORDER),
        ("Order Refunded", REFUND),
        ("Order Refunded", second),
    ]
    orders = list(permutations(range(4)))
    for user, order in enumerate(orders):
        for number in (*order, *order):
            event, properties = calls[number]
            client.track(event, f"m{number}", properties=properties, userId=f"u{user}")
    assert client.rejected() == []
    assert client.report() == {
        "receipts": len(orders),
        "conversions": [len(orders), 0, 0, 0],
        "revenue": {"EUR": str(Decimal("20.100003") * len(orders))},
    }


def test_money_keeps_its_digits(client: Client) -> None:
    """R11: a JSON number is no float on the way."""
    sent = {
        "event": "Order Completed",
        "userId": "u1",
        "timestamp": AT,
        "properties": ORDER | {"products": [{"sku": "s", "price": "@"}]},
    }
    client.http.post("/v1/track", content=json.dumps(sent).replace('"@"', "123456789012.345678"))
    assert [each["lines"][0]["price"] for each in client.recorded()] == ["123456789012.345678"]


def test_r11_a_number_is_rounded_and_counted_and_a_text_is_refused(client: Client) -> None:
    """B7, R11: what computers calculate with has more than 6 decimals; what a person wrote has not."""
    before = client.counted_of("conversions_money_rounded_total", source="segment")
    noisy = {"products": [TEA | {"price": 0.30000000000000004}, TEA | {"price": 15.991999999999999}]}
    client.track("Order Completed", properties={"order_id": "o1", "currency": "EUR"} | noisy)
    client.track("Order Completed", properties={"order_id": "o2", "currency": "EUR", "revenue": "0.1234567"})
    assert [each["price"] for each in client.recorded()[0]["lines"]] == ["0.3", "15.992"]
    assert client.counted_of("conversions_money_rounded_total", source="segment") == before + 2
    assert [each.code for each in client.rejected()] == ["bad_money"]


def test_r16_words_that_stand_for_nothing_are_no_user(client: Client) -> None:
    """B19, R16: such a `userId` is as absent, and the `anonymousId` is taken; a word there is as absent too."""
    for number, word in enumerate(("null", "NULL", "undefined", "None", "NaN", "[object Object]", "  ")):
        client.track("signed_up", f"m{number}", userId=word, anonymousId="anon-1")
        client.track("signed_up", f"m{number}", userId=word, anonymousId="null")
    assert len(client.recorded("anon-1")) == 7
    assert [each.code for each in client.rejected()] == ["malformed"] * 7
    client.track("signed_up", userId="nullify")
    assert len(client.recorded("nullify")) == 1


def test_r16_a_whole_number_is_one_id_however_it_is_written(client: Client) -> None:
    """B20, R16: 7, 7.0 and 7e0 are `7`; 7.5 is refused, and a text is never changed."""
    for number, user in enumerate(("7", "7.0", "7e0", '"7"', '"7.0"', "7.5", "1000000000000000000")):
        sent = {"event": "signed_up", "userId": "@", "timestamp": AT, "messageId": f"m{number}"}
        client.http.post("/v1/track", content=json.dumps(sent).replace('"@"', user))
    assert [len(client.recorded(user)) for user in ("7", "7.0")] == [4, 1]
    assert [each.code for each in client.rejected()] == ["malformed"] * 2
    client.batch({"type": "track", "event": "signed_up", "userId": "u1", "timestamp": AT, "messageId": 12.0})
    assert client.recorded()[0]["id"] == "12"


def test_r10_a_version_in_the_context_that_is_none_is_as_absent_and_counted(client: Client) -> None:
    """B18, R10: sessions, orders and custom events are taken without it; a version of its own field is refused."""
    before = client.counted(source="segment", what="version")
    for number, word in enumerate(("NULL", "undefined", " 1.2", "latest", "1" * 65)):
        told = {"context": {"app": {"version": word}}}
        client.track("Application Opened", f"s{number}", **told)
        client.track("signed_up", f"c{number}", **told)
        client.track("Order Completed", f"o{number}", properties={"revenue": 1, "currency": "EUR"}, **told)
    assert not any("app_version" in each for each in client.recorded())
    assert len(client.recorded()) == 15
    assert client.counted(source="segment", what="version") == before + 15
    client.track("Application Opened", "s9", properties={"version": "NULL"}, **APP)
    assert client.recorded()[-1]["app_version"] == "1.2.3"
    client.track("Application Updated", "v1", properties={"version": "NULL"}, **APP)
    client.track("Application Updated", "v2", context={"app": {"version": "NULL"}})
    assert [each.code for each in client.rejected()] == ["bad_version"] * 2


def test_r10_an_order_reports_the_version_of_its_app(client: Client) -> None:
    """R10, R27: with app and version it is a version report."""
    client.track("Campaign Received", "r1", properties={"campaign_id": "sale", "variant_id": "A"})
    client.track("Application Opened", "s1", **APP)
    order = {"order_id": "o1", "currency": "EUR", "revenue": 1}
    told = {"context": {"app": {"version": "1.3"}}, "timestamp": "2026-03-02T11:00:00Z"}
    client.track("Order Completed", "m1", properties=order, **told)
    assert client.report()["conversions"] == [1, 1, 0, 1]


@on_each_database
def test_r27_an_update_beside_its_order_finds_it(client: Client) -> None:
    """R14, R27: wherever it stands in the call, and with or without a time of its own."""
    track = {"type": "track", "userId": "u1", "properties": ORDER}
    order = track | {"event": "Order Completed", "messageId": "m1", "timestamp": AT}
    update = track | {"event": "Order Updated", "messageId": "m0"}
    client.batch(
        update, update | {"timestamp": "2026-03-01T10:00:00Z"}, order, order | {"timestamp": None}, update
    )
    assert [(each["id"], each["at"]) for each in client.recorded()] == [("o1", AT)]
    assert client.rejected() == []


def test_the_user_is_known_by_either_id(client: Client) -> None:
    """`userId`, else `anonymousId`; a number is taken by its digits."""
    client.track("signed_up", userId=None, anonymousId="a1")
    client.track("signed_up", userId=42, anonymousId="a1")
    assert [len(client.recorded(user)) for user in ("a1", "42", "u1")] == [1, 1, 0]


@on_each_database
def test_a_message_that_comes_again_is_a_duplicate(client: Client) -> None:
    """R13: whatever `sentAt`, context and time of the call say; with other content it is a conflict."""
    for sent_at in ("2026-03-02T10:00:01Z", "2026-03-02T11:00:00Z"):
        message: dict[str, Any] = {
            "sentAt": sent_at,
            "context": {"library": {"version": sent_at}},
            "receivedAt": sent_at,
        }
        client.track("signed_up", properties={"plan": "pro"}, **message)
        client.track("Order Completed", "m2", properties=ORDER, **message)
    assert len(client.recorded()) == 2
    assert client.rejected() == []
    client.track("signed_up", properties={"plan": "free"})
    assert [each.code for each in client.rejected()] == ["conflicting_fact"]


@on_each_database
def test_a_message_without_a_time_happened_when_it_first_came(client: Client) -> None:
    """R13: its repeat is a duplicate by any path, with the first one's time; other content is a conflict."""
    service = client.api.service
    products = {"order_id": "o1", "currency": "EUR", "products": [{"sku": "a", "price": 1}]}
    for hours in range(3):
        at = NOW + timedelta(hours=hours)
        service.now = partial(lambda instant: instant, at)
        for sent in ({"timestamp": None}, {}):
            message = {"type": "track", "userId": "u1"} | sent
            client.batch(
                message | {"event": "signed_up", "messageId": "m1"},
                message | {"event": "Order Completed", "messageId": "m2", "properties": products},
            )
            client.batch(message | {"event": "signed_up", "messageId": "m1"})
    assert {(each["id"], each["at"]) for each in client.recorded()} == {
        (each, "2026-11-22T12:00:00Z") for each in ("m1", "o1")
    }
    assert len(client.recorded()) == 2
    assert client.rejected() == []
    client.track("shared", timestamp=None)
    assert [each.code for each in client.rejected()] == ["conflicting_fact"]


@on_each_database
def test_a_repeat_without_a_time_takes_the_time_that_was_told(client: Client) -> None:
    """Whether the one with a time came long before or just before it in the same batch."""
    told = {"type": "track", "event": "signed_up", "userId": "u1"}
    client.track("signed_up")
    client.batch(
        told | {"messageId": "m1"}, told | {"messageId": "m2", "timestamp": AT}, told | {"messageId": "m2"}
    )
    assert [(each["id"], each["at"]) for each in client.recorded()] == [("m1", AT), ("m2", AT)]
    assert client.rejected() == []


@on_each_database
def test_deliveries_on_their_way_at_once_are_one_fact(client: Client) -> None:
    """R13: none of them has the time of another, and still all but one are duplicates."""
    service, calls = client.api.service, iter(range(10**6))
    service.now = lambda: NOW + timedelta(microseconds=next(calls))

    before = (
        client.counted(source="segment", verdict="accepted"),
        client.counted(source="segment", verdict="duplicate"),
    )
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(client.track, "signed_up", timestamp=None) for _ in range(8)]
        assert all(each.result() for each in sent)
    assert len(client.recorded()) == 1
    assert client.rejected() == []
    assert client.counted(source="segment", verdict="accepted") == before[0] + 1
    assert client.counted(source="segment", verdict="duplicate") == before[1] + 7


def test_a_message_without_an_id_is_known_by_its_content(client: Client) -> None:
    """Sent again it is a duplicate, by whichever path; with another time or property it is another."""
    sent = {"event": "signed_up", "userId": "u1", "timestamp": AT}
    for _ in range(2):
        succeeded(client.http.post("/v1/track", json=sent | {"sentAt": AT, "properties": None}))
        client.batch(sent | {"type": "track", "messageId": None})
    assert len(client.recorded()) == 1
    client.track("signed_up", None, timestamp="2026-03-02T10:00:01Z")
    client.track("signed_up", None, properties={"plan": "pro"})
    client.track("signed_up", None, timestamp=None)
    assert len({each["id"] for each in client.recorded()}) == 4
    assert client.rejected() == []


def test_times_are_never_corrected(client: Client) -> None:
    """The sent time stands, whatever the offset and however far the client's clock is from ours."""
    client.track("signed_up", "m1", timestamp="2026-03-02T12:30:00.123+02:00", sentAt="2031-01-01T00:00:00Z")
    client.track("signed_up", "m2", timestamp=None, originalTimestamp=AT)
    assert [each["at"] for each in client.recorded()] == ["2026-03-02T10:30:00.123000Z", AT]


def test_what_means_nothing_here_is_answered_and_counted(client: Client) -> None:
    """Identify, page, screen, group, alias: by themselves and in a batch."""
    kinds = ("identify", "page", "screen", "group", "alias")
    before = {kind: client.counted(source="segment", what=kind) for kind in kinds}
    length = len(rows(client.api.service))
    for kind in kinds:
        succeeded(client.http.post(f"/v1/{kind}", json={"userId": "u1", "traits": {"email": "x"}}))
    client.batch(*({"type": kind} for kind in kinds))
    assert {kind: client.counted(source="segment", what=kind) for kind in kinds} == {
        kind: number + 2 for kind, number in before.items()
    }
    assert len(rows(client.api.service)) == length
    assert client.rejected() == []


REFUSED = [
    ("signed_up", {"userId": None}, "malformed"),
    ("", {}, "malformed"),
    ("signed_up", {"properties": [1]}, "malformed"),
    ("signed_up", {"timestamp": "2026-03-02T10:00:00"}, "bad_time"),
    ("signed_up", {"timestamp": 1772445600}, "malformed"),
    ("signed_up", {"timestamp": "2026-11-22T12:06:00Z"}, "in_the_future"),
    ("Application Updated", {"properties": {"build": "77"}}, "bad_version"),
    ("Email Delivered", {}, "malformed"),
    ("Email Delivered", {"properties": {"campaign_id": "nope"}}, "unknown_campaign"),
    ("Email Delivered", {"properties": {"campaign_id": "sale"}}, "unknown_variant"),
    (
        "Email Delivered",
        {
            "properties": {"campaign_id": "sale"},
            "context": {"campaign": {"campaign_id": "other", "variant_id": "A"}},
        },
        "unknown_variant",
    ),
    ("Order Completed", {"properties": {"order_id": "o"}}, "malformed"),
    ("Order Completed", {"properties": {"products": {"sku": "s"}}}, "malformed"),
    ("Order Completed", {"properties": {"products": ["s"]}}, "malformed"),
    (
        "Order Completed",
        {"properties": {"currency": "EUR", "products": [{"sku": "s"}, {"price": 1}]}},
        "malformed",
    ),
    ("Order Completed", {"properties": {"products": [{"sku": "s", "price": 1}]}}, "bad_money"),
    ("Order Completed", {"properties": {"order_id": 1.5, "currency": "EUR", "revenue": 1}}, "malformed"),
    ("Order Completed", {"properties": {"products": [{"price": 1}]}}, "malformed"),
    ("Order Completed", {"properties": {"products": [{"sku": "s", "price": -1}]}}, "bad_money"),
    ("Order Completed", {"properties": {"products": [{"sku": "s", "price": 1, "quantity": 0}]}}, "bad_money"),
    ("Order Completed", {"properties": {"currency": "XXQ", "revenue": 1}}, "bad_money"),
    ("Order Refunded", {"properties": {"products": [{"sku": "s", "price": 1}]}}, "malformed"),
    ("Order Refunded", {"properties": {"order_id": "o", "products": [{"price": 1}]}}, "malformed"),
    (
        "Order Refunded",
        {"properties": {"order_id": "o", "products": [{"sku": "s", "quantity": 0}]}},
        "bad_money",
    ),
    ("Order Refunded", {"properties": {"order_id": "o", "total": 1e20}}, "bad_money"),
    ("Order Cancelled", {"properties": {"reason": "late"}}, "malformed"),
]


@pytest.mark.parametrize(("event", "more", "code"), REFUSED)
def test_what_cannot_be_taken_is_answered_kept_and_counted(
    client: Client, event: str, more: dict[str, Any], code: str
) -> None:
    """R16: as Segment answers, with the reason kept, and nothing of the context or the key."""
    before = client.counted(source="segment", verdict="rejected", code=code)
    message = {"context": {"ip": "203.0.113.9"}} | more
    client.track(event, writeKey="secret", **message)
    [reject] = client.rejected()
    assert (reject.source, reject.code) == ("segment", code)
    assert "203.0.113.9" not in reject.fact
    assert "secret" not in reject.fact
    assert client.recorded() == []
    assert client.counted(source="segment", verdict="rejected", code=code) == before + 1


@on_each_database
def test_one_message_spoils_no_other(client: Client) -> None:
    """R16: what is no message, too large, or of an unknown kind is rejected alone, and the rest of the batch is taken."""
    good = {"type": "track", "event": "signed_up", "userId": "u1", "timestamp": AT}
    mixed = [
        good | {"messageId": "m1"},
        17,
        good | {"messageId": "m2", "properties": {"much": "x" * MESSAGE_BYTES}},
        good | {"messageId": "m3", "type": "tracked"},
        good
        | {
            "messageId": "m4",
            "event": "Order Completed",
            "properties": {"order_id": "o", "products": [{"sku": "a", "price": 1}, {"price": 1}]},
        },
        good | {"messageId": "m5\0"},
        good | {"messageId": "m6"},
    ]
    sent = json.dumps({"batch": mixed})
    twice = sent.replace('"m6"', '"m6", "event": "twice"')
    succeeded(client.http.post("/v1/batch", content=twice))
    assert [each["id"] for each in client.recorded()] == ["m1"]
    assert [each.code for each in client.rejected()] == ["malformed"] * 6
    succeeded(client.http.post("/v1/batch", content=sent))
    assert [each["id"] for each in client.recorded()] == ["m1", "m6"]


@on_each_database
def test_an_order_too_long_to_be_kept_is_found_again_by_its_names(client: Client) -> None:
    """R16: rejected for its size alone, it is in the list with its user, its id and its size."""
    products = [{"product_id": f"product-{number}", "price": 1, "name": "x" * 80} for number in range(800)]
    order = {"event": "Order Completed", "userId": "u1", "messageId": "m1", "timestamp": AT}
    client.batch(order | {"type": "track", "properties": {"order_id": "o1", "products": products}})
    [reject] = client.rejected()
    assert json.loads(reject.fact) == {
        "type": "track",
        "messageId": "m1",
        "userId": "u1",
        "event": "Order Completed",
        "characters": json.loads(reject.fact)["characters"],
    }
    again, _ = _again(client.api.service, GROUP, [reject])
    assert (again["rejected"], again["unreadable"]) == (1, 1)


@on_each_database
def test_a_rejected_receipt_can_be_tried_again_once_its_campaign_is_made(client: Client) -> None:
    """What is kept is a fact in the ledger's own shape; the client's repeat is then a duplicate."""
    properties = {"campaign_id": "autumn"}
    client.track("Campaign Received", properties=properties, timestamp=None)
    client.api.client(Scope.MANAGE).post("/v1/campaigns", json={"id": "autumn"}).raise_for_status()
    totals, _ = _again(client.api.service, GROUP, client.rejected())
    assert totals["accepted"] == 1
    client.track("Campaign Received", properties=properties, timestamp=None)
    assert [each["campaign_id"] for each in client.recorded()] == ["autumn"]
    assert client.rejected() == []


def test_a_key_without_an_app_cannot_tell_sessions(client: Client) -> None:
    """Sessions and version reports are rejected; purchases and custom events go without an app, and no version."""
    nameless = Client(client.api, app_id=None)
    nameless.track("Application Opened", "m1", **APP)
    nameless.track("Application Updated", "m2", **APP)
    assert [each.code for each in client.rejected()] == ["unknown_app", "unknown_app"]
    nameless.track("signed_up", "m3", **APP)
    nameless.track("Application Installed", "m4", **APP)
    nameless.track(
        "Order Completed", "m5", properties={"order_id": "o", "currency": "EUR", "revenue": 1}, **APP
    )
    assert len(client.recorded()) == 3
    assert not any({"app_id", "app_version"} & each.keys() for each in client.recorded())


def test_what_is_no_json_number_spoils_no_other_message(client: Client) -> None:
    """R16: the Python client writes NaN, and drops a whole batch that is answered 400."""
    said = {"type": "track", "event": "signed_up", "userId": "u1", "timestamp": AT}
    messages = [said | {"messageId": f"m{n}", "properties": {"n": n}} for n in range(3)]
    for path, sent in (("batch", {"batch": messages}), ("track", messages[1])):
        body = json.dumps(sent).replace('"properties": {"n": 1}', '"properties": {"n": -Infinity}')
        succeeded(client.http.post(f"/v1/{path}", content=body))
    assert [each["id"] for each in client.recorded()] == ["m0", "m2"]
    assert [(each.code, each.message) for each in client.rejected()] == [
        ("malformed", "-Infinity is no JSON number")
    ] * len(client.rejected())
    assert client.counted(source="segment", verdict="rejected", code="malformed") >= 2


def test_a_batchs_context_is_its_messages_too(client: Client) -> None:
    """What a message says itself goes first."""
    track = {"type": "track", "event": "Application Opened", "userId": "u1", "timestamp": AT}
    client.batch(
        track | {"messageId": "m1"},
        track | {"messageId": "m2", "context": {"app": {"version": "2"}}},
        context={"app": {"version": "1"}, "ip": "203.0.113.9"},
    )
    assert [each["app_version"] for each in client.recorded()] == ["1", "2"]
    client.batch(track | {"messageId": "m3"}, context=17)
    assert [each.code for each in client.rejected()] == ["malformed"]


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/import"])
@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("identity", bytes), ("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
def test_bodies_come_packed_and_as_any_type(client: Client, path: str, encoding: str, pack: Any) -> None:
    """Plain, gzip or zstd, whatever the Content-Type says."""
    track = {"type": "track", "event": "signed_up", "userId": "u1", "timestamp": AT, "messageId": "m"}
    headers = {"Content-Encoding": encoding, "Content-Type": "text/plain"}
    sent = pack(json.dumps({"batch": [track]}).encode())
    succeeded(client.http.post(path, content=sent, headers=headers))
    assert len(client.recorded()) == 1
    refused(client.http.post(path, content=b"x", headers={"Content-Encoding": "br"}), 415, "unknown_encoding")


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/v1/track", b"", "malformed"),
        ("/v1/track", b"{", "malformed"),
        ("/v1/track", b"[]", "malformed"),
        ("/v1/track", b'{"event":N}', "malformed"),
        ("/v1/track", b'{"event":"\xff"}', "malformed"),
        ("/v1/track", b'{"a":' * 100_000, "body_too_large"),
        ("/v1/track", b'{"event":"%s"}' % (b"x" * MESSAGE_BYTES), "body_too_large"),
        ("/v1/batch", b"{}", "malformed"),
        ("/v1/batch", b'{"batch":{}}', "malformed"),
        ("/v1/batch", b'{"batch":[{]}', "malformed"),
        ("/v1/batch", b'{"batch":[%s1]}' % (b"1," * MESSAGES), "too_many_messages"),
        ("/v1/batch", b'{"batch":["%s"]}' % (b"x" * BATCH_BYTES), "body_too_large"),
        ("/v1/batch", b"[" * 400_000, "malformed"),
    ],
)
def test_a_body_that_is_none_is_answered_400(client: Client, path: str, body: bytes, code: str) -> None:
    """Malformed or too large, as the public spec has it; nothing is recorded or kept."""
    length = len(rows(client.api.service))
    refused(client.http.post(path, content=body), 400, code)
    assert len(rows(client.api.service)) == length
    assert client.rejected() == []


def test_the_servers_own_bounds_hold_too(tmp_path: Path) -> None:
    """A smaller bound for bodies; more facts than a call may have are recorded in parts, all before the answer."""
    with serving(tmp_path, [SALE], facts=3, body_bytes=2_048) as api:
        client = Client(api)
        refused(client.http.post("/v1/batch", content=b" " * 3_000), 400, "body_too_large")
        track = {"type": "track", "event": "signed_up", "userId": "u1", "timestamp": AT}
        client.batch(*({**track, "messageId": f"m{number}"} for number in range(10)))
        assert len(client.recorded()) == 10


def test_keys_that_may_not_send_are_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """401 for none, a wrong or a revoked one; 403 without the scope; by header and in the body alike."""
    monkeypatch.setattr(access, "REMEMBERED_SECONDS", 0.0)
    url, database, now = client.api.url, client.api.service.database, microseconds(NOW)
    reader = client.api.key(Scope.READ)
    for path in ("/v1/track", "/v1/batch"):
        with database.writing() as connection:
            made, revoked = keys.create(connection, GROUP, [Scope.INGEST], now)
        track = {"type": "track", "event": "signed_up", "userId": "u1", "timestamp": AT, "messageId": path}
        sent: dict[str, Any] = track if path == "/v1/track" else {"batch": [track]}
        for key, status, code in (("wrong", 401, "unauthorized"), (reader, 403, "missing_scope")):
            refused(httpx.post(url + path, json=sent, auth=(key, "")), status, code)
            refused(httpx.post(url + path, json=sent | {"writeKey": key}), status, code)
        refused(httpx.post(url + path, json=sent), 401, "unauthorized")
        refused(httpx.post(url + path, json={}), 401, "unauthorized")
        refused(httpx.post(url + path, json=sent, headers={"Authorization": "Basic !"}), 401, "unauthorized")
        length = len(rows(client.api.service))
        succeeded(httpx.post(url + path, json=sent | {"writeKey": revoked}))
        assert len(rows(client.api.service)) > length
        with database.writing() as connection:
            keys.revoke(connection, made.key_id, now)
        refused(httpx.post(url + path, json=sent, auth=(revoked, "")), 401, "unauthorized")
        refused(httpx.post(url + path, json=sent | {"writeKey": revoked}), 401, "unauthorized")
    assert len(client.recorded()) == 2


def test_a_key_of_a_group_that_is_not_made_yet_finds_none(client: Client) -> None:
    """404, in words that such a client can read."""
    key = client.api.key(Scope.INGEST, app_group="other")
    told = httpx.post(f"{client.api.url}/v1/track", json={"event": "e", "userId": "u"}, auth=(key, ""))
    refused(told, 404, "unknown_app_group")


USERS = st.sampled_from(["u1", "u2"])
HOURS = st.integers(0, 60)
MESSAGE = st.one_of(
    st.builds(
        lambda variant: {
            "event": "Campaign Received",
            "properties": {"campaign_id": "sale", "variant_id": variant},
        },
        st.sampled_from(["A", "B"]),
    ),
    st.builds(lambda: {"event": "Application Opened"}),
    st.builds(lambda: {"event": "signed_up"}),
    st.builds(
        lambda version: {"event": "Application Updated", "properties": {"version": version}},
        st.sampled_from(["1.2", "1.3", "1.10"]),
    ),
    st.builds(
        lambda quantity: {
            "event": "Order Completed",
            "properties": {
                "currency": "USD",
                "products": [{"sku": "a", "price": 9.99, "quantity": quantity}, {"sku": "b", "price": 1}],
            },
        },
        st.integers(1, 3),
    ),
    st.builds(
        lambda price: {
            "event": "Order Refunded",
            "properties": {"order_id": "o1", "products": [{"sku": "a", "price": price}]},
        },
        st.sampled_from([0.5, 9.99]),
    ),
)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """Messages, and the same messages in calls: some of them several times, in any order."""
    drawn = draw(st.lists(st.tuples(MESSAGE, USERS, HOURS), min_size=1, max_size=8))
    order = {
        "event": "Order Completed",
        "properties": {"order_id": "o1", "currency": "USD", "products": [{"sku": "a", "price": 12}]},
    }
    messages = [
        message
        | {"type": "track", "userId": user, "messageId": f"m{number}"}
        | {"timestamp": f"2026-03-{1 + hours // 24:02}T{hours % 24:02}:00:00Z"}
        for number, (message, user, hours) in enumerate([*drawn, (order, "u1", 30)])
    ]
    sent = draw(st.permutations(messages + draw(st.lists(st.sampled_from(messages), max_size=6))))
    cuts = sorted(draw(st.lists(st.integers(0, len(sent)), max_size=4)))
    ends = [0, *cuts, len(sent)]
    return messages, [list(sent[start:end]) for start, end in pairwise(ends)]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(delivered=deliveries())
def test_r14_any_split_into_calls_and_any_repeats_give_the_same_report(
    delivered: tuple[list[dict[str, Any]], list[list[dict[str, Any]]]],
) -> None:
    """R13, R14: and it is the report of the facts themselves, taken without the service."""
    messages, calls = delivered
    with tempfile.TemporaryDirectory() as one, serving(Path(one), [SALE]) as api:
        client = Client(api)
        for number, call in enumerate(calls):
            if len(call) == 1:
                succeeded(
                    client.http.post("/v1/track", json=call[0] | {"sentAt": f"2026-04-{1 + number:02}"})
                )
            else:
                client.batch(*call, sentAt=f"2026-04-{1 + number:02}")
        assert client.rejected() == []
        found = client.report()
    with tempfile.TemporaryDirectory() as other, serving(Path(other), [SALE]) as api:
        take(api.service, [fact for message in messages for fact in expected(message)])
        assert Client(api).report() == found


def expected(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The facts of a message of the test above, written down plainly."""
    said, own = message.get("properties", {}), message["messageId"]
    fact = {"id": own, "user_id": message["userId"], "at": message["timestamp"]}
    match message["event"]:
        case "Campaign Received":
            return [fact | {"type": "received"} | said]
        case "Application Opened":
            return [fact | {"type": "session_started", "app_id": "ios"}]
        case "Application Updated":
            return [fact | {"type": "app_version", "app_id": "ios"} | said]
        case "signed_up":
            return [fact | {"type": "custom_event", "name": "signed_up"}]
        case "Order Refunded":
            return [fact | {"type": "order_refund", "order_id": "o1", "lines": lines_of(said)}]
    order = {"type": "order", "id": said.get("order_id", own), "currency": "USD", "lines": lines_of(said)}
    return [fact | order]


def lines_of(said: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of an order or refund of the test above."""
    return [
        {"product_id": each["sku"], "price": str(each["price"]), "quantity": each.get("quantity", 1)}
        for each in said["products"]
    ]
