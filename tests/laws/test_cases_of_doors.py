"""Small inputs that failed once (B1 to B8, B16, B18 to B20), by every door they come in, and the figures they come to."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from application.commands.definitions import read_campaigns
from infrastructure.access.keys import Scope
from infrastructure.access.operator import stamp
from infrastructure.inbound import rejects
from tests.support.doors import braze, imported, segment
from tests.support.ledgers import GROUP, reported
from tests.support.serving import Api, serving
from tests.support.strategies import APP_GROUP

pytestmark = pytest.mark.usefixtures("each_database")

SPRING = {
    "id": "spring",
    "conversion_events": [
        {"type": "makes_purchase", "deadline": "3d"},
        {"type": "upgrades_app", "deadline": "30d"},
        {"type": "performs_custom_event", "name": "Order Completed", "deadline": "3d"},
    ],
}
AT = "2026-03-02T10:00:00Z"
LATER = "2026-03-03T10:00:00Z"
TEA: dict[str, Any] = {"product_id": "tea"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server with a campaign that one user received."""
    with serving(tmp_path, [], projecting=False) as api:
        spring = APP_GROUP | {"custom_events": ["Order Completed", "signed_up"], "campaigns": [SPRING]}
        api.service.campaigns.apply(read_campaigns(spring), stamp())
        receive(api, "u1")
        yield api


def receive(api: Api, user_id: str) -> None:
    """The user receives the campaign."""
    properties = {"campaign_id": "spring"}
    segment(
        api,
        [
            track("Campaign Received", f"r-{user_id}", properties, "2026-03-01T10:00:00Z")
            | {"userId": user_id}
        ],
    )


def track(event: str, message_id: str, properties: dict[str, Any], at: str = AT) -> dict[str, Any]:
    """A track of the user."""
    told = {"type": "track", "userId": "u1", "event": event, "messageId": message_id, "timestamp": at}
    return told | {"properties": properties}


def order(message_id: str, **properties: Any) -> dict[str, Any]:
    """An order of the user."""
    return track("Order Completed", message_id, {"order_id": "A-1"} | properties)


def figures(api: Api) -> tuple[list[int], dict[str, Decimal]]:
    """Conversions and revenue of the campaign."""
    api.service.projector.catch_up()
    totals = reported(api.service, "spring")["totals"]
    return totals["conversions"], totals["revenue"]


def explained(api: Api, user_id: str = "u1") -> Any:
    """The explanation of the user."""
    client = api.client(Scope.READ)
    return client.get(f"/v1/campaigns/spring/users/{user_id}").raise_for_status().json()


def recorded(api: Api, user_id: str = "u1") -> list[dict[str, Any]]:
    """The events of the user's journey."""
    told = api.client(Scope.READ).get(f"/v1/users/{user_id}/journey").raise_for_status().json()
    return [each["event"] for each in told["events"]]


def codes(api: Api) -> list[tuple[str, str]]:
    """What was rejected: by which door, and why."""
    with api.service.database.reading() as connection:
        return [(each.source, each.code) for each in rejects.read_page(connection, GROUP)]


def money(**amounts: str) -> dict[str, Decimal]:
    """Revenue by currency."""
    return {currency: Decimal(amount) for currency, amount in amounts.items()}


# B1: a currency that is told is never replaced


def test_b1_a_currency_told_at_the_product_is_the_orders(api: Api) -> None:
    """B1, R27: the one that its lines agree on, in capitals."""
    segment(api, [order("m1", products=[TEA | {"price": 10, "currency": "eur"}, {"sku": "cup", "price": 5}])])
    assert figures(api) == ([1, 0, 1], money(EUR="15"))
    assert "EUR" in json.dumps(explained(api))


@pytest.mark.parametrize(
    "told",
    [
        {
            "products": [
                TEA | {"price": 10, "currency": "EUR"},
                {"product_id": "cup", "price": 1000, "currency": "JPY"},
            ]
        },
        {"currency": "USD", "products": [TEA | {"price": 10, "currency": "EUR"}]},
        {"products": [TEA | {"price": 10}]},
    ],
)
def test_b1_currencies_that_contradict_each_other_or_are_missing_are_refused(
    api: Api, told: dict[str, Any]
) -> None:
    """B1, R11, R27: with the whole order, by every door; never dollars that nobody named."""
    segment(api, [order("m1", **told)])
    placed = {"external_id": "u1", "name": "ecommerce.order_placed", "time": AT}
    properties = {"order_id": "A-1", **told}
    said = api.client().post("/users/track", json={"events": [placed | {"properties": properties}]}).json()
    assert [each["code"] for each in said["errors"]] == ["bad_money"]
    assert codes(api) == [("segment", "bad_money"), ("braze", "bad_money")]
    assert figures(api) == ([0, 0, 0], {})


def test_b1_a_missing_currency_is_the_app_groups(api: Api) -> None:
    """B1, R11: where the group has one."""
    api.client().patch("/v1/app-group", json={"default_currency": "CHF"}).raise_for_status()
    segment(api, [order("m1", revenue=15)])
    assert figures(api) == ([1, 0, 1], money(CHF="15"))
    # What was recorded stands when the default is another (R13).
    api.client().patch("/v1/app-group", json={"default_currency": "EUR"}).raise_for_status()
    segment(api, [order("m1", revenue=15)])
    assert (figures(api), codes(api)) == (([1, 0, 1], money(CHF="15")), [])


# B2: the order's id is the key of the order


def test_b2_one_order_in_two_shapes_counts_once(api: Api) -> None:
    """B2, R27: whichever door it comes by; where the shapes differ, the first stands."""
    segment(api, [order("web-1", currency="EUR", total=20)])
    segment(api, [order("srv-1", currency="EUR", total=20, products=[TEA | {"price": 20}])])
    assert figures(api) == ([1, 0, 1], money(EUR="20"))
    assert codes(api) == [("segment", "conflicting_fact")]
    assert sum(each.get("type") == "order" for each in recorded(api)) == 1


def test_b2_the_same_order_by_every_door_is_a_duplicate(api: Api, tmp_path: Path) -> None:
    """B2, R13, R27: the message's own id, name and properties play no part."""
    product = {"product_id": "tea", "price": 9.99, "quantity": 2}
    key = {"order_id": "A-1", "currency": "EUR", "products": [product]}
    fact = {"type": "order", "id": "A-1", "user_id": "u1", "at": AT, "lines": [product], "currency": "EUR"}
    placed = {"name": "ecommerce.order_placed", "properties": key | {"total_value": 19.98, "source": "web"}}
    current = {
        "event_type": "users.behaviors.CustomEvent",
        "id": "c1",
        "external_user_id": "u1",
        "time": 1772445600,
    }
    current |= placed | {"properties": json.dumps(placed["properties"])}
    assert api.client().post("/v1/facts", json={"facts": [fact]}).json()["accepted"] == 1
    before = recorded(api)
    nameless = api.key(Scope.INGEST)
    http = api.client()
    http.post(
        "/v1/batch",
        json={"batch": [order("m1", **key), order("m2", **key)]},
        headers={"Authorization": f"Bearer {nameless}"},
    )
    braze(api, {"events": [placed | {"external_id": "u1", "time": AT}]})
    said = imported(api, tmp_path, "currents.jsonl", json.dumps(current) + "\n")
    assert (said["duplicates"], said["rejected"]) == (1, [])
    assert (recorded(api), codes(api)) == (before, [])


# B3 to B5: what ends otherwise


def test_b3_a_cancelled_order_gives_everything_back(api: Api) -> None:
    """B3, R27: the conversion stays (R12), and the cancellation is a custom event by its name too."""
    segment(api, [order("m1", currency="EUR", products=[TEA | {"price": 11, "quantity": 2}])])
    segment(api, [track("Order Cancelled", "m2", {"order_id": "A-1"}, LATER)])
    assert figures(api) == ([1, 0, 1], money(EUR="0"))
    assert "Order Cancelled" in api.client().get("/v1/app-group").json()["custom_events"]


def test_b4_a_refund_of_two_lines_of_one_product_gives_back_both(api: Api) -> None:
    """B4, R27: each unit from the first line of the product that has units left."""
    lines = [TEA | {"price": 11, "variant": "red"}, TEA | {"price": 11, "variant": "blue"}]
    segment(api, [order("m1", currency="EUR", products=lines)])
    refund = {"order_id": "A-1", "products": [TEA | {"price": 11, "quantity": 2}]}
    segment(api, [track("Order Refunded", "m2", refund, LATER)])
    assert figures(api) == ([1, 0, 1], money(EUR="0"))


@pytest.mark.parametrize(
    ("refund", "net"),
    [
        ({"products": [TEA | {"quantity": 1}]}, "11"),
        ({"products": [TEA | {"quantity": "2.0"}]}, "0"),
        ({"products": [TEA | {"price": None}]}, "11"),
        ({"products": [TEA | {"price": 1.5}], "total": 22}, "20.5"),
        ({"total": 2.5}, "19.5"),
        ({}, "0"),
    ],
)
def test_b5_a_refund_without_a_price_is_of_the_orders_price(
    api: Api, refund: dict[str, Any], net: str
) -> None:
    """B5, R27: the usual one names order, product and quantity; one that names nothing gives back everything."""
    placed = order("m1", currency="EUR", products=[TEA | {"price": 11, "quantity": 2}])
    segment(api, [track("Order Refunded", "m2", {"order_id": "A-1"} | refund, LATER), placed])
    assert (figures(api), codes(api)) == (([1, 0, 1], money(EUR=net)), [])


# B6 to B8: numbers


def test_b6_a_product_without_a_price_keeps_the_conversion(api: Api) -> None:
    """B6, R27: the order counts for its revenue."""
    segment(api, [order("m1", currency="EUR", revenue=15, products=[TEA])])
    assert figures(api) == ([1, 0, 1], money(EUR="15"))


def test_b7_what_computers_calculate_with_is_rounded(api: Api) -> None:
    """B7, R11: a number of a float, by every door; a text with such digits is refused."""
    segment(api, [order("m1", currency="EUR", products=[TEA | {"price": 0.30000000000000004}])])
    purchase = {"external_id": "u1", "product_id": "tea", "currency": "USD", "price": 19.99 * 0.8, "time": AT}
    braze(api, {"purchases": [purchase]})
    total = {"order_id": "B-1", "currency": "USD", "total_value": 1.1 * 3}
    braze(
        api,
        {
            "events": [
                {"external_id": "u1", "name": "ecommerce.order_placed", "time": AT, "properties": total}
            ]
        },
    )
    assert figures(api) == ([1, 0, 1], money(EUR="0.3", USD="19.292"))
    segment(api, [track("Order Completed", "m2", {"currency": "EUR", "revenue": "0.30000000000000004"})])
    assert codes(api) == [("segment", "bad_money")]


@pytest.mark.parametrize("quantity", [2, 2.0, "2", "2.0"], ids=repr)
def test_b8_whole_numbers_are_read_alike(api: Api, quantity: Any) -> None:
    """B8, R16: whichever way a quantity is written, by every door."""
    product = TEA | {"price": "1.50", "quantity": quantity}
    segment(api, [order("m1", currency="EUR", products=[product])])
    properties = {"order_id": "B-1", "currency": "EUR", "products": [product]}
    braze(
        api,
        {
            "events": [
                {"external_id": "u1", "name": "ecommerce.order_placed", "time": AT, "properties": properties}
            ]
        },
    )
    assert figures(api) == ([1, 0, 1], money(EUR="6"))


# B16 to B20: versions and people


def test_b16_the_version_before_the_first_report_is_read(api: Api) -> None:
    """B16, R10: an update that says what was before it is an upgrade; one that says nothing is the first report."""
    segment(api, [track("Application Updated", "g-1", {"previous_version": "1.9", "version": "2.0"})])
    assert figures(api)[0] == [0, 1, 0]
    receive(api, "u2")
    segment(api, [track("Application Updated", "g-2", {"version": "2.0"}) | {"userId": "u2"}])
    assert figures(api)[0] == [0, 1, 0]


@pytest.mark.parametrize("word", ["NULL", "undefined", "\\N", "nan", " 2.0 "])
def test_b18_a_word_that_is_no_version_upgrades_nothing(api: Api, tmp_path: Path, word: str) -> None:
    """B18, R10: as absent where it only accompanies something, refused where it is the fact's own."""
    app = {"context": {"app": {"version": "2.0"}}}
    segment(api, [track("Application Opened", "s1", {}, "2026-02-20T09:00:00Z") | app])
    segment(api, [track("Application Opened", "s2", {}) | {"context": {"app": {"version": word}}}])
    current = {"id": "c1", "external_user_id": "u1", "time": 1772445600, "app_id": "ios", "app_version": word}
    session = current | {"event_type": "users.behaviors.app.SessionStart"}
    upgraded = current | {"event_type": "users.behaviors.UpgradedApp", "id": "c2"}
    said = imported(api, tmp_path, "currents.jsonl", f"{json.dumps(session)}\n{json.dumps(upgraded)}\n")
    assert (said["accepted"], [code for _, code, _ in said["rejected"]]) == (1, ["bad_version"])
    fact = {
        "type": "session_started",
        "id": "f1",
        "user_id": "u1",
        "at": AT,
        "app_id": "ios",
        "app_version": word,
    }
    told = api.client().post("/v1/facts", json={"facts": [fact]}).json()
    assert [each["code"] for each in told["rejected"]] == ["bad_version"]
    assert figures(api)[0] == [0, 0, 0]


@pytest.mark.parametrize("word", ["null", "undefined", "[object Object]", "NaN", " "])
def test_b19_words_that_stand_for_nothing_are_no_user(api: Api, tmp_path: Path, word: str) -> None:
    """B19, R16: the `anonymousId` is taken where there is one, and they are refused by every other door."""
    segment(api, [track("signed_up", "m1", {}) | {"userId": word, "anonymousId": "anon-1"}])
    assert [each["id"] for each in recorded(api, "anon-1")] == ["m1"]
    event = {"external_id": word, "name": "signed_up", "time": AT}
    said = api.client().post("/users/track", json={"events": [event]}).json()
    assert [each["code"] for each in said["errors"]] == ["malformed"]
    current = {
        "event_type": "users.behaviors.CustomEvent",
        "id": "c1",
        "external_user_id": word,
        "time": 1772445600,
    }
    said = imported(api, tmp_path, "currents.jsonl", json.dumps(current | {"name": "signed_up"}) + "\n")
    assert [code for _, code, _ in said["rejected"]] == ["malformed"]


def test_b19_words_that_stand_for_nothing_are_no_order(api: Api) -> None:
    """B19: an `order_id` that a client wrote for nothing is as absent, so two such orders are two."""
    words = ("undefined", "undefined", "null", " ")
    orders = [
        order(f"n-{number}", order_id=word, currency="EUR", revenue=8 + number)
        for number, word in enumerate(words)
    ]
    segment(api, orders)
    assert [each["id"] for each in recorded(api) if "total" in each] == ["n-0", "n-1", "n-2", "n-3"]
    segment(api, [track("Order Refunded", "n-9", {"order_id": "undefined"})])
    assert [code for _, code in codes(api)] == ["malformed"]


def test_b19_an_alias_of_a_word_that_stands_for_nothing_is_no_user(api: Api) -> None:
    """B19, R16: by Braze's aliases too."""
    event = {"user_alias": {"alias_label": "id", "alias_name": "undefined"}, "name": "signed_up", "time": AT}
    said = api.client().post("/users/track", json={"events": [event]}).json()
    assert [each["code"] for each in said["errors"]] == ["malformed"]


def test_b20_a_whole_number_is_one_id(api: Api) -> None:
    """B20, R16: users, orders and products, and what is given back of them."""
    placed = track(
        "Order Completed",
        "m1",
        {"order_id": 18.0, "currency": "EUR", "products": [{"product_id": 5.0, "price": 2}]},
    )
    segment(api, [placed | {"userId": 7.0}, track("signed_up", "m2", {}) | {"userId": 7}])
    refund = {"order_id": "18", "products": [{"product_id": 5, "quantity": 1}]}
    segment(api, [track("Order Refunded", "m3", refund, LATER) | {"userId": "7"}])
    told = {(each.get("type"), each.get("id")) for each in recorded(api, "7")}
    assert {("order", "18"), ("custom_event", "m2"), ("order_refund", "m3")} <= told
    receive(api, "7")
    assert figures(api) == ([1, 0, 1], money(EUR="0"))
    braze(api, {"events": [{"external_id": 7.0, "name": "signed_up", "time": AT}]})
    assert sum(each.get("name") == "signed_up" for each in recorded(api, "7")) == 2


# B30


def test_b30_an_ordinary_basket_is_one_conversion(api: Api) -> None:
    """B30, R27: no change of mind is told of one order."""
    products = [{"product_id": each, "price": 1} for each in ("c", "b", "a")]
    segment(api, [order("m1", currency="EUR", products=products)])
    told = json.dumps(recorded(api))
    assert figures(api) == ([1, 0, 1], money(EUR="3"))
    assert "restated" not in told
