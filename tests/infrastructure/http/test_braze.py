"""What Braze's clients call: docs/braze.md, call by call, over a real server."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from braze.client import BrazeClient, BrazeClientError  # type: ignore[import-untyped]

from infrastructure.access.keys import Scope
from infrastructure.cli.rejects import _again
from infrastructure.http import metrics
from infrastructure.inbound import rejects
from tests.support.ledgers import GROUP, reported, rows, take
from tests.support.serving import Api, serving

pytestmark = pytest.mark.usefixtures("each_database")

SALE = {
    "id": "sale",
    "name": "Spring sale",
    "channel": "email",
    "variants": [{"id": "A", "name": "Big picture"}, {"id": "holdout", "control": True}],
    "conversion_events": [
        {"type": "makes_purchase", "deadline": "3d"},
        {"type": "performs_custom_event", "name": "signed_up", "deadline": "7d"},
        {"type": "starts_session", "deadline": 86_400, "app_ids": ["ios"]},
        {"type": "upgrades_app", "deadline": "30d"},
    ],
}
WELCOME = {
    "id": "welcome",
    "kind": "canvas",
    "conversion_events": [{"type": "makes_purchase", "product_id": "sku", "deadline": "3d"}],
}
RECEIPT = {
    "type": "received",
    "id": "r1",
    "user_id": "u1",
    "campaign_id": "sale",
    "variant_id": "A",
    "at": "2026-03-01T09:00:00Z",
}
ENTRY = {
    "type": "received",
    "id": "r2",
    "user_id": "u1",
    "campaign_id": "welcome",
    "at": "2026-03-01T09:00:00Z",
}
EVENT = {
    "external_id": "u1",
    "name": "signed_up",
    "time": "2026-03-02T10:00:00+00:00",
    "properties": {"plan": "pro"},
}
PURCHASE = {
    "external_id": "u1",
    "product_id": "sku",
    "currency": "USD",
    "price": 9.99,
    "quantity": 2,
    "time": "2026-03-02T10:00:00Z",
}
NOTHING_VALID = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server with a campaign and a canvas, which one user received."""
    with serving(tmp_path, [SALE, WELCOME]) as api:
        take(api.service, [RECEIPT, ENTRY])
        yield api


def track(api: Api, **arrays: Any) -> httpx.Response:
    """Send arrays."""
    return api.client(Scope.INGEST).post("/users/track", json=arrays)


def get(api: Api, path: str, **query: Any) -> Any:
    """What is answered."""
    answer = api.client(Scope.READ).get(path, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.json()["message"] == "success"
    return answer.json()


def failed(answer: httpx.Response, status: int, message: str) -> None:
    """A failure as Braze tells it."""
    assert (answer.status_code, message in answer.json()["message"]) == (status, True), answer.text
    assert answer.headers["content-type"] == "application/json"


def test_events_and_purchases_are_taken_and_attributes_counted(api: Api) -> None:
    """What was processed is counted by array; the report is right."""
    answer = track(
        api, events=[EVENT], purchases=[PURCHASE], attributes=[{"external_id": "u1", "plan": "pro"}]
    )
    assert (answer.status_code, answer.json()) == (
        201,
        {"message": "success", "attributes_processed": 1, "events_processed": 1, "purchases_processed": 1},
    )
    (day,) = get(
        api, "/campaigns/data_series", campaign_id="sale", length=1, ending_at="2026-03-02T23:59:59Z"
    )["data"]
    assert (day["conversions"], day["conversions1"], day["revenue"]) == (1, 1, 19.98)
    assert metrics.IGNORED.labels("braze", "attributes")._value.get() >= 1


def test_r13_the_same_call_again_changes_nothing_and_equals_in_a_call_are_two(api: Api) -> None:
    """R13: an id is the hash of the content and its ordinal in the call; another form of the same content is the same."""
    assert track(api, events=[EVENT, EVENT], purchases=[PURCHASE]).json()["events_processed"] == 2
    before = len(rows(api.service))
    moved = EVENT | {"time": "2026-03-02T11:00:00:000+0100"}
    assert (
        track(api, events=[EVENT, moved], purchases=[PURCHASE | {"price": 9.990}]).json()["events_processed"]
        == 2
    )
    # Split otherwise, equals are one and the same: each is the first of its call.
    assert track(api, events=[EVENT]).status_code == track(api, events=[EVENT]).status_code == 201
    assert len(rows(api.service)) == before
    track(api, events=[EVENT, EVENT, EVENT])
    assert len(rows(api.service)) > before


def test_r11_a_price_keeps_its_digits(api: Api) -> None:
    """R11: a JSON number is no float on the way in or out."""
    sent = json.dumps(
        {"purchases": [PURCHASE | {"price": "@", "quantity": 1}, PURCHASE | {"currency": "EUR"}]}
    )
    content = sent.replace('"@"', "123456789012.345678")
    assert api.client().post("/users/track", content=content).status_code == 201
    answer = api.client().get(
        "/campaigns/data_series?campaign_id=sale&length=1&ending_at=2026-03-02T12:00:00Z"
    )
    assert '"revenue":123456789012.345678,' in answer.text
    assert answer.json()["data"][0]["revenue_by_currency"] == {"EUR": "19.98", "USD": "123456789012.345678"}


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"time": "2026-03-02T10:00:00"}, "bad_time", "offset"),
        ({"time": None}, "malformed", "time: "),
        ({"external_id": None}, "malformed", "'external_id', 'user_alias' or 'braze_id' is required"),
        ({"external_id": None, "email": "a@b.c"}, "malformed", "no id here"),
        ({"external_id": 5.5}, "malformed", "external_id: "),
        ({"external_id": "null"}, "malformed", "external_id: "),
        ({"name": None}, "malformed", "name: "),
        ({"app_id": "tv"}, "unknown_app", "tv"),
        ({"properties": {"a": "x" * 60_000}}, "malformed", "51,200 bytes"),
    ],
)
def test_what_cannot_be_taken_is_told_in_its_place_and_kept(
    api: Api, change: dict[str, Any], code: str, said: str
) -> None:
    """R16: the rest is taken; personal data of a refused one is not kept."""
    answer = track(api, events=[EVENT, EVENT | change], purchases=[])
    assert answer.status_code == 201
    assert answer.json()["events_processed"] == 1
    (error,) = answer.json()["errors"]
    assert (error["input_array"], error["index"], error["code"]) == ("events", 1, code)
    assert said in error["type"]
    with api.service.database.reading() as connection:
        kept = rejects.read_page(connection, GROUP)
    assert [(each.source, each.code) for each in kept] == [("braze", code)]
    assert "a@b.c" not in kept[0].fact


def test_what_is_no_json_number_spoils_no_other_item(api: Api) -> None:
    """R16: clients write NaN where they have no price: that purchase alone is refused."""
    sent = json.dumps({"events": [EVENT], "purchases": [PURCHASE | {"price": "@"}, PURCHASE]})
    answer = api.client().post("/users/track", content=sent.replace('"@"', "NaN"))
    assert answer.status_code == 201
    assert (answer.json()["events_processed"], answer.json()["purchases_processed"]) == (1, 1)
    where = {"input_array": "purchases", "index": 0, "code": "malformed"}
    assert answer.json()["errors"] == [{"type": "NaN is no JSON number"} | where]


PLACED: dict[str, Any] = {
    "order_id": "B-1",
    "total_value": 40.5,
    "currency": "USD",
    "source": "web",
    "products": [
        {"product_id": "sku", "product_name": "Tea", "variant_id": "t1", "quantity": 2, "price": 15},
        {"product_id": "cup", "variant_id": "c1", "quantity": 1, "price": 5.5},
    ],
}


def shop(name: str, time: str = "2026-03-02T10:00:00Z", **properties: Any) -> dict[str, Any]:
    """One of Braze's recommended e-commerce events."""
    return {"external_id": "u1", "name": f"ecommerce.{name}", "time": time, "properties": properties}


def recorded(api: Api) -> list[dict[str, Any]]:
    """The facts of the user, without the receipts."""
    told = api.client(Scope.READ).get("/v1/users/u1/journey").json()["events"]
    facts = [each["event"] for each in told if each["event"].get("type")]
    return [each for each in facts if each["type"] != "received"]


def revenue(api: Api) -> dict[str, str]:
    """The campaign's revenue by currency, and that the canvas converts on its product."""
    day = get(api, "/campaigns/data_series", campaign_id="sale", length=1, ending_at="2026-03-02T12:00:00Z")
    found: dict[str, str] = day["data"][0]["revenue_by_currency"]
    return found


def test_r27_an_order_that_was_placed_is_an_order(api: Api) -> None:
    """R27: by its own id and `total_value`, once, and a performance of the event by its name."""
    assert track(api, events=[shop("order_placed", **PLACED)]).json()["events_processed"] == 1
    [order] = recorded(api)
    assert order == {
        "type": "order",
        "id": "B-1",
        "at": "2026-03-02T10:00:00Z",
        "name": "ecommerce.order_placed",
        "currency": "USD",
        "total": "40.5",
        "lines": [
            {"product_id": "sku", "price": "15", "quantity": 2},
            {"product_id": "cup", "price": "5.5"},
        ],
        "properties": {
            "source": "web",
            "products": [{"product_name": "Tea", "variant_id": "t1"}, {"variant_id": "c1"}],
        },
    }
    again = shop("order_placed", **PLACED | {"source": "app"})
    assert track(api, events=[again]).json()["events_processed"] == 1
    assert recorded(api) == [order]
    assert revenue(api) == {"USD": "40.50"}
    assert reported(api.service, "welcome")["totals"]["conversions"] == [1]


@pytest.mark.parametrize(
    ("event", "net"),
    [
        (shop("order_refunded", order_id="B-1", total_value=40.5, products=PLACED["products"]), "0.00"),
        (
            shop(
                "order_refunded",
                order_id="B-1",
                total_value=7,
                products=[{"product_id": "cup", "price": 5.5}],
            ),
            "33.50",
        ),
        (
            shop(
                "order_refunded",
                order_id="B-1",
                total_value=5,
                products=[{"product_id": "general", "price": 5}],
            ),
            "35.50",
        ),
        (shop("order_refunded", order_id="B-1", products=[{"product_id": "sku", "quantity": 1}]), "25.50"),
        (shop("order_refunded", order_id="B-1", products=[]), "0.00"),
        (shop("order_cancelled", order_id="B-1", cancel_reason="late", total_value=40.5), "0.00"),
    ],
)
def test_r27_what_a_refund_comes_to_is_given_back(api: Api, event: dict[str, Any], net: str) -> None:
    """R27: its `total_value`, as Braze's own revenue has it; else its products; else, and by a cancellation, everything."""
    track(api, events=[event, shop("order_placed", **PLACED)])
    assert track(api, events=[event]).json()["events_processed"] == 1
    assert len(recorded(api)) == 2
    assert revenue(api) == {"USD": net}


def test_an_order_without_an_id_has_the_events_own(api: Api) -> None:
    """R27: and a refund or cancellation of no order is refused, as are products that are none."""
    told = {name: value for name, value in PLACED.items() if name != "order_id"}
    wrong = [
        shop("order_refunded", total_value=5),
        shop("order_cancelled"),
        shop("order_placed", products=["tea"]),
    ]
    errors = track(api, events=[shop("order_placed", **told), *wrong]).json()["errors"]
    assert [(each["index"], each["code"]) for each in errors] == [
        (1, "malformed"),
        (2, "malformed"),
        (3, "malformed"),
    ]
    assert "products.0" in errors[2]["type"]
    assert [each["id"][:6] for each in recorded(api)] == ["braze:"]


def test_ids_of_other_events_are_what_they_always_were(api: Api) -> None:
    """R13: ledgers that exist hold them."""
    track(api, events=[EVENT, EVENT], purchases=[PURCHASE])
    assert [each["id"] for each in recorded(api)] == sorted(
        [
            "braze:7a49b8702e9fa59e264b6aad30d34a3033beae74:0",
            "braze:7a49b8702e9fa59e264b6aad30d34a3033beae74:1",
            "braze:33f472e538ee2fe96100682a83dea17403bc9ecd:0",
        ]
    )


def test_purchases_have_brazes_bounds(api: Api) -> None:
    """Where nothing is valid, that is a failure, with each of the errors."""
    answer = track(api, purchases=[PURCHASE | {"quantity": 101}, PURCHASE | {"currency": "XYZ"}, 5])
    failed(answer, 400, NOTHING_VALID)
    assert [(each["code"], each["index"]) for each in answer.json()["errors"]] == [
        ("bad_money", 0), ("bad_money", 1), ("malformed", 2),
    ]  # fmt: skip


@pytest.mark.parametrize("change", [{"quantity": 101}, {"properties": {"a": "x" * 52_000}}])
def test_what_is_beyond_brazes_bounds_is_never_taken_by_a_retry(api: Api, change: dict[str, Any]) -> None:
    """R11: its sender has split it by then, and it would count twice."""
    failed(track(api, purchases=[PURCHASE | change]), 400, NOTHING_VALID)
    track(api, purchases=[PURCHASE])
    with api.service.database.reading() as connection:
        kept = rejects.read_page(connection, GROUP)
    assert [json.loads(each.fact)["user_id"] for each in kept] == ["u1"]
    again, _ = _again(api.service, GROUP, kept)
    assert (again["accepted"], again["rejected"], again["unreadable"]) == (0, 1, 1)
    assert get(api, "/campaigns/data_series", campaign_id="sale", length=1, ending_at="2026-03-02T12:00:00Z")[
        "data"
    ][0]["revenue_by_currency"] == {"USD": "19.98"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the body is"),
        (b'{"events":{}}', "the body is"),
        (b"[" * 100_000, "the body is"),
        (b"{}", NOTHING_VALID),
        (json.dumps({"events": [EVENT] * 76}).encode(), "at most 75 events"),
        (json.dumps({"attributes": [{}] * 76}).encode(), "at most 75 attributes"),
    ],
)
def test_a_call_that_is_none_is_refused_whole(api: Api, content: bytes, message: str) -> None:
    """400 in Braze's shape, and nothing is recorded."""
    before = len(rows(api.service))
    failed(api.client().post("/users/track", content=content), 400, message)
    assert len(rows(api.service)) == before


def test_users_are_known_by_external_id_alias_or_brazes_id(api: Api) -> None:
    """Two aliases are never one user."""
    aliases = [{"alias_label": "a:b", "alias_name": "c"}, {"alias_label": "a", "alias_name": "b:c"}]
    bare = {name: value for name, value in EVENT.items() if name != "external_id"}
    users = [{"user_alias": alias} for alias in aliases] + [
        {"braze_id": "bz"},
        {"external_id": "u9", "braze_id": "bz"},
    ]
    assert track(api, events=[bare | user for user in users]).json()["events_processed"] == 4
    for user in ("alias:a%3Ab:c", "alias:a:b:c", "bz", "u9"):
        assert api.client().get(f"/v1/users/{user.replace('%', '%25')}/journey").status_code == 200


def test_failures_have_brazes_shape(tmp_path: Path) -> None:
    """Keys, scopes, what is unknown or another's, and bounds."""
    with serving(tmp_path, [SALE, WELCOME], calls_a_second=2) as api:
        failed(httpx.post(f"{api.url}/users/track", json={}), 401, "Bearer")
        failed(httpx.get(f"{api.url}/campaigns/list"), 401, "Bearer")
        failed(api.client(Scope.READ).post("/users/track", json={}), 403, "scope")
        failed(api.client(Scope.INGEST).get("/campaigns/list"), 403, "scope")
        failed(
            api.client(app_group="other").get("/campaigns/details?campaign_id=sale"),
            404,
            "Invalid campaign ID",
        )
        failed(api.client().get("/campaigns/details?campaign_id=welcome"), 404, "Invalid campaign ID")
        failed(api.client().get("/canvas/details?canvas_id=sale"), 404, "Invalid Canvas ID")
        failed(api.client().get("/campaigns/details"), 400, "campaign_id")
        failed(api.client().get("/campaigns/data_series?campaign_id=sale"), 400, "length")
        failed(api.client().get("/campaigns/data_series?campaign_id=sale&length=101"), 400, "length")
        failed(
            api.client().get("/campaigns/data_series?campaign_id=sale&length=1&ending_at=x"), 400, "ending_at"
        )
        failed(api.client().get("/canvas/data_series?canvas_id=welcome"), 400, "either length or starting_at")
        client = api.client()
        answers = [client.get("/campaigns/list?page=-1") for _ in range(8)]
        failed(answers[0], 400, "page")
        failed(answers[-1], 429, "times a second")
        assert int(answers[-1].headers["x-ratelimit-reset"]) > 0


def test_campaigns_are_listed_by_when_they_were_made(api: Api) -> None:
    """Each kind by itself; archived ones where they are asked for."""
    api.client().post("/v1/campaigns", json={"id": "after", "conversion_events": []}).raise_for_status()
    api.client().post("/v1/campaigns/sale/archive").raise_for_status()
    assert [each["id"] for each in get(api, "/campaigns/list")["campaigns"]] == ["after"]
    both = get(api, "/campaigns/list", include_archived=True, sort_direction="desc")["campaigns"]
    assert [each["id"] for each in both] == ["after", "sale"]
    assert get(api, "/campaigns/list", page=1)["campaigns"] == []
    assert [each["id"] for each in get(api, "/canvas/list")["canvases"]] == ["welcome"]
    assert get(api, "/canvas/list", **{"last_edit.time[gt]": "2100-01-01T00:00:00"})["canvases"] == []


def test_details_name_the_conversion_events_as_braze_does(api: Api) -> None:
    """Windows in seconds; no apps are all apps, and null."""
    told = get(api, "/campaigns/details", campaign_id="sale")
    assert told["conversion_behaviors"] == [
        {"type": "Makes Any Purchase", "window": 259_200},
        {"type": "Performs Custom Event", "window": 604_800, "custom_event_name": "signed_up"},
        {"type": "Starts Session", "window": 86_400, "app_ids": ["ios"]},
        {"type": "Upgrades App", "window": 2_592_000, "app_ids": None},
    ]
    assert told["messages"] == {
        "A": {"channel": "email", "name": "Big picture"},
        "holdout": {"channel": "email", "name": "holdout", "type": "control"},
    }
    assert (told["enabled"], told["draft"], told["archived"], told["channels"]) == (
        True,
        False,
        False,
        ["email"],
    )
    assert told["first_sent"] == told["last_sent"] == "2026-03-01T00:00:00+00:00"
    canvas = get(api, "/canvas/details", canvas_id="welcome")
    assert canvas["conversion_behaviors"] == [
        {"type": "Makes Specific Purchase", "window": 259_200, "product": "sku"}
    ]
    assert [each["id"] for each in canvas["variants"]] == ["default"]


def test_first_and_last_sent_are_of_receipts_that_stand_and_not_of_control(api: Api) -> None:
    """R9, R17: neither an enrolment nor what was voided was sent."""
    early = RECEIPT | {"id": "r0", "at": "2026-02-01T09:00:00Z"}
    enrolled = RECEIPT | {"id": "r9", "user_id": "u9", "variant_id": "holdout", "at": "2026-03-09T09:00:00Z"}
    void = {"type": "void", "id": "v0", "user_id": "u1", "fact_id": "r0", "at": "2026-03-01T09:00:00Z"}
    take(api.service, [early, enrolled, RECEIPT | {"id": "r5", "at": "2026-03-05T09:00:00Z"}])
    told = get(api, "/campaigns/details", campaign_id="sale")
    assert [told[name][:10] for name in ("first_sent", "last_sent")] == ["2026-02-01", "2026-03-05"]
    take(api.service, [void])
    told = get(api, "/campaigns/details", campaign_id="sale")
    assert [told[name][:10] for name in ("first_sent", "last_sent")] == ["2026-03-01", "2026-03-05"]
    api.client().post("/v1/campaigns", json={"id": "unsent"}).raise_for_status()
    assert get(api, "/campaigns/details", campaign_id="unsent")["last_sent"] is None


def test_details_of_a_long_life_cost_no_more(api: Api) -> None:
    """A receipt with the clock at 1970 is no day by day of all variants since."""
    variants = [{"id": f"v{number}"} for number in range(100)]
    api.client().post("/v1/campaigns", json={"id": "long", "variants": variants}).raise_for_status()
    receipt = RECEIPT | {"campaign_id": "long", "variant_id": "v0"}
    take(api.service, [receipt | {"id": "l0", "at": "1970-01-02T09:00:00Z"}, receipt | {"id": "l1"}])
    get(api, "/campaigns/details", campaign_id="sale")
    began = time.monotonic()
    told = get(api, "/campaigns/details", campaign_id="long")
    assert time.monotonic() - began < 1
    assert told["first_sent"] == "1970-01-02T00:00:00+00:00"


def test_r20_a_series_has_both_clocks(api: Api) -> None:
    """R20: a conversion on its own day, and by send time on that of its receipt; every day is there."""
    track(api, purchases=[PURCHASE])
    days = get(
        api, "/campaigns/data_series", campaign_id="sale", length=3, ending_at="2026-03-02T23:59:59-5:00"
    )["data"]
    assert [(day["time"], day["conversions"], day["conversions_by_send_time"]) for day in days] == [
        ("2026-03-01", 0, 1), ("2026-03-02", 1, 0), ("2026-03-03", 0, 0),
    ]  # fmt: skip
    assert [day["unique_recipients"] for day in days] == [1, 0, 0]
    sent, control = days[0]["messages"]["email"]
    assert (sent["variation_name"], sent["sent"], sent["conversions_by_send_time"]) == ("Big picture", 1, 1)
    assert control["enrolled"] == 0
    stats = get(
        api, "/canvas/data_series", canvas_id="welcome", starting_at="2026-03-01", ending_at="2026-03-02", include_variant_breakdown=True,
    )["data"]["stats"]  # fmt: skip
    assert [day["total_stats"]["conversions_by_entry_time"] for day in stats] == [1, 0]
    assert [day["variant_stats"]["default"]["conversions"] for day in stats] == [0, 1]
    assert (stats[0]["total_stats"]["entries"], stats[1]["total_stats"]["revenue"]) == (1, 19.98)


def test_a_client_from_the_public_registry_ends_in_a_right_report(api: Api) -> None:
    """Unmodified: only its address is ours."""
    client = BrazeClient(api_key=api.key(Scope.INGEST), api_url=api.url)
    told = client.user_track(attributes=[{"external_id": "u1"}], events=[EVENT], purchases=[PURCHASE])
    assert (told["success"], told["purchases_processed"]) == (True, 1)
    assert not client.user_track(events=[EVENT, {"name": "x"}])["success"]
    with pytest.raises(BrazeClientError, match="Valid data must be provided"):
        client.user_track(events=[{"name": "x"}])
    with pytest.raises(BrazeClientError, match="key"):
        BrazeClient(api_key="nonsense", api_url=api.url).user_track(events=[EVENT])
    client.session.close()
    get(api, "/campaigns/data_series", campaign_id="sale", length=1)
    get(api, "/campaigns/list")
    assert reported(api.service, "sale")["totals"]["conversions"] == [1, 1, 0, 0]
