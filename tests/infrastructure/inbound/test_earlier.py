"""Ledgers that exist (R13): what an earlier version recorded is known, by whichever door it comes again."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from application.commands.definitions import read_campaigns
from infrastructure.access.operator import stamp
from infrastructure.cli.rejects import _again
from infrastructure.database import Database
from infrastructure.inbound import rejects
from tests.support.doors import braze, figures, imported, journey, segment, send_all
from tests.support.golden_ledgers import LEDGERS, fill
from tests.support.ledgers import GROUP, NOW, databases, rows, url_of
from tests.support.serving import Api, serving

DOORS = LEDGERS / "doors"
MESSAGES: dict[str, Any] = json.loads((DOORS / "messages.json").read_text())
LEDGER: dict[str, Any] = json.loads((DOORS / "ledger.json").read_text())
CAMPAIGNS = ["spring", "5.0"]
AT = "2026-03-02T10:00:00Z"
LATER = "2026-03-05T10:00:00Z"
REVENUE: dict[str, str] = LEDGER["figures"]["spring"]["revenue"]


@pytest.fixture(params=["sqlite", "postgresql"])
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Api]:
    """A server over a ledger that the version before orders were facts filled through every door, a day later."""
    if request.param == "sqlite":
        with _upgraded(tmp_path) as api:
            yield api
    else:
        with databases.on(request.getfixturevalue("postgresql"), None), _upgraded(tmp_path) as api:
            yield api


@contextmanager
def _upgraded(folder: Path) -> Iterator[Api]:
    database = Database(url_of(folder))
    # Numbered anew: PostgreSQL counts for itself.
    refused = [
        {name: each[name] for name in each if name != "reject_id"} for each in LEDGER["tables"]["rejects"]
    ]
    fill(database, LEDGER["schema"], LEDGER["tables"] | {"rejects": refused})
    database.close()
    with serving(folder, projecting=False) as api:
        api.service.now = lambda: NOW + timedelta(days=1)
        yield api


def kept(api: Api) -> list[tuple[str, str]]:
    """What was rejected and is kept: its source and code."""
    with api.service.database.reading() as connection:
        return [(each.source, each.code) for each in rejects.read_page(connection, GROUP)]


def track(event: str, user_id: str, message_id: str, at: str = LATER, **properties: Any) -> dict[str, Any]:
    """A track of Segment's."""
    told = {"type": "track", "event": event, "userId": user_id, "messageId": message_id, "timestamp": at}
    return told | {"properties": properties}


def revenue(api: Api) -> dict[str, str]:
    """The campaign's revenue."""
    found: dict[str, str] = figures(api, CAMPAIGNS)["spring"]["revenue"]
    return found


def test_r13_all_that_an_earlier_version_took_is_a_duplicate_by_every_door(api: Api, tmp_path: Path) -> None:
    """R13: whatever this version reads in it or would refuse; no figure moves, and nothing is rejected."""
    assert figures(api, CAMPAIGNS) == LEDGER["figures"]
    log, before = rows(api.service), kept(api)
    for _ in range(2):
        said = send_all(api, MESSAGES, tmp_path)
        assert said["facts"] == {"accepted": 0, "duplicates": len(MESSAGES["facts"]), "rejected": []}
        assert [call.get("errors") for call in said["braze"]] == [None]
        for file in said["files"]:
            assert (file["duplicates"], file["accepted"], file["rejected"]) == (file["read"], 0, [])
    assert rows(api.service) == log
    assert kept(api) == before
    assert figures(api, CAMPAIGNS) == LEDGER["figures"]


def test_r13_messages_come_again_one_by_one_and_in_another_order(api: Api) -> None:
    """R13, R14: each is known by itself."""
    log, before = rows(api.service), kept(api)
    for message in reversed(MESSAGES["segment"]):
        segment(api, [message])
    assert rows(api.service) == log
    assert kept(api) == before


def test_r13_a_message_that_says_something_else_is_a_conflict(api: Api) -> None:
    """R13: the first recorded stands, for orders with an id of their own, without one, and for refunds."""
    log, before = rows(api.service), kept(api)
    tea = {"product_id": "tea", "price": 9.99, "quantity": 3}
    segment(
        api,
        [
            track("Order Completed", "u1", "o1", AT, order_id="A-1", currency="EUR", products=[tea]),
            track("Order Completed", "u1", "new", AT, order_id="A-1", currency="EUR", products=[tea]),
            track("Order Completed", "u3", "o3", AT, currency="EUR", products=[tea]),
            track("Order Refunded", "u1", "x1", AT, order_id="A-1", products=[tea]),
            track("Order Cancelled", "u1", "x5", AT, order_id="A-2"),
        ],
    )
    assert rows(api.service) == log
    assert kept(api) == [*before, *[("segment", "conflicting_fact")] * 5]
    with api.service.database.reading() as connection:
        page = rejects.read_page(connection, GROUP, code="conflicting_fact")
    assert _again(api.service, GROUP, page)[0]["rejected"] == 5
    assert rows(api.service) == log


def test_r13_an_order_with_other_lines_is_a_conflict_at_every_door(api: Api) -> None:
    """R13: one line more, one less, and under a new message id: by the purchases that are recorded of it."""
    log, before = rows(api.service), kept(api)
    tea, cup = {"product_id": "tea", "price": 9.99, "quantity": 2}, {"sku": "cup", "price": "4.00"}
    for message_id in ("o1", "new"):
        for products in ([tea, cup, {"product_id": "pot", "price": 5}], [tea], [cup]):
            more = {"order_id": "A-1", "currency": "EUR", "products": products}
            segment(api, [track("Order Completed", "u1", message_id, AT, **more)])
    assert rows(api.service) == log
    assert kept(api) == [*before, *[("segment", "conflicting_fact")] * 6]
    same = {"order_id": "A-1", "currency": "EUR", "products": [tea, cup]}
    segment(api, [track("Order Completed", "u1", "new", AT, **same)])
    assert kept(api) == [*before, *[("segment", "conflicting_fact")] * 6]


def test_r13_an_order_by_another_door_is_known_by_its_purchases(api: Api, tmp_path: Path) -> None:
    """R13: a duplicate or a conflict by those; in dollars where none were named, whatever the default is now."""
    with api.client() as client:
        client.patch("/v1/app-group", json={"default_currency": "EUR"}).raise_for_status()
    lines = [{"product_id": "tea", "price": "9.99", "quantity": 2}, {"product_id": "cup", "price": "4"}]
    order = {"type": "order", "user_id": "u4", "id": "A-4", "at": AT, "lines": lines}
    text = "".join(json.dumps(each) + "\n" for each in (order, order | {"lines": lines[:1]}))
    said = imported(api, tmp_path, "orders.jsonl", text)
    assert (said["duplicates"], [code for _, code, _ in said["rejected"]]) == (1, ["conflicting_fact"])


def test_r27_refunds_and_cancellations_act_on_orders_recorded_as_purchases(api: Api) -> None:
    """R27: by units and by amount, by every door; conversions stay (R12)."""
    before = figures(api, CAMPAIGNS)["spring"]
    segment(api, [track("Order Cancelled", "u1", "y1", order_id="A-1")])
    # 9.99 x 2 + 4.00, of which 9.99 was given back.
    eur = f"{Decimal(REVENUE['EUR']) - Decimal('13.99')}"
    assert revenue(api) == REVENUE | {"EUR": eur}
    segment(api, [track("Order Refunded", "u4", "y2", order_id="A-4", products=[{"product_id": "tea"}])])
    usd = f"{Decimal(REVENUE['USD']) - Decimal('9.99')}"
    assert revenue(api) == {"EUR": eur, "USD": usd}
    refund = {
        "type": "order_refund",
        "id": "y3",
        "user_id": "u5",
        "order_id": "A-6",
        "amount": "2.50",
        "at": LATER,
    }
    with api.client() as client:
        assert client.post("/v1/facts", json={"facts": [refund]}).json()["accepted"] == 1
    eur = f"{Decimal(eur) - Decimal('2.50')}"
    assert revenue(api) == {"EUR": eur, "USD": usd}
    told = {"name": "ecommerce.order_cancelled", "external_id": "u5", "time": LATER}
    braze(api, {"events": [told | {"properties": {"order_id": "A-6"}}]})
    assert revenue(api) == {"EUR": f"{Decimal(eur) - 10}", "USD": usd}
    after = figures(api, CAMPAIGNS)["spring"]
    assert (after["conversions"], after["receipts"]) == (before["conversions"], before["receipts"])


def test_new_messages_are_read_by_the_rules_of_this_version(api: Api) -> None:
    """R10, R16, R27: an upgraded group's orders are orders, and placeholders are none."""
    segment(
        api,
        [
            track(
                "Order Completed",
                "u1",
                "n1",
                AT,
                order_id="N-1",
                products=[{"product_id": "tea", "price": 3}],
            ),
            track("signed_up", "null", "n2", AT) | {"anonymousId": "anon-9"},
        ],
    )
    assert ("order", "N-1") in {(each.get("type"), each.get("id")) for each in journey(api, "u1")}
    assert journey(api, "anon-9")[0]["id"] == "n2"
    assert REVENUE["USD"] == "53.97"
    assert revenue(api)["USD"] == "56.97"


def test_r13_what_this_version_took_is_known_too(api: Api, tmp_path: Path) -> None:
    """R13: of an upgraded group, where an earlier version would have read the same id otherwise."""
    tea = {"product_id": "tea", "price": 3}
    placed = {"order_id": "N-2", "total_value": 3, "currency": "USD"}
    current = {"event_type": "users.behaviors.CustomEvent", "external_user_id": "cu1", "time": 1772445600}
    new = {
        "facts": [],
        "segment": [
            track("Order Completed", "u1", "n1", order_id="N-1", products=[tea]),
            track("Order Completed", "u1", "n2", products=[tea]),
            track("Order Refunded", "u1", "n3", order_id="N-1", products=[tea]),
            track("Order Cancelled", "u1", "n4", order_id="N-1"),
            track("Application Updated", "u1", "n5", version="9.0", previous_version="8.0"),
            track("Application Opened", "u1", "n6") | {"context": {"app": {"version": "NULL"}}},
            track("signed_up", "u1", "n7") | {"timestamp": None},
        ],
        "braze": [
            {"events": [{"external_id": "u1", "name": name, "time": LATER, "properties": placed}]}
            for name in ("ecommerce.order_placed", "ecommerce.order_refunded", "ecommerce.order_cancelled")
        ],
        "files": {
            "currents.jsonl": "".join(
                json.dumps(current | {"id": name, "name": name, "properties": json.dumps(placed)}) + "\n"
                for name in (
                    "ecommerce.order_placed",
                    "ecommerce.order_refunded",
                    "ecommerce.order_cancelled",
                )
            )
        },
    }
    before = kept(api)
    send_all(api, new, tmp_path)
    log = rows(api.service)
    assert len(log) > len(LEDGER["tables"]["events"]) + 12
    assert send_all(api, new, tmp_path)["files"][0]["duplicates"] == 3
    assert (rows(api.service), kept(api)) == (log, before)


def test_r13_a_retry_makes_no_purchase_of_an_order_that_is_recorded(api: Api) -> None:
    """R13, R27: an earlier version refused its only product; the order came again, and was taken whole."""
    purchase = {"type": "purchase", "id": "order:N-1:tea", "user_id": "u1", "at": LATER, "product_id": "tea"}
    text = json.dumps(purchase | {"price": 15.991999999999999, "currency": "EUR"})
    refused = [rejects.Refusal("old", "", each) for each in (text, text.replace("N-1", "N-2"))]
    with api.service.database.writing() as connection:
        rejects.keep(connection, GROUP, "segment", refused, 1)
    with api.service.database.reading() as connection:
        page = rejects.read_page(connection, GROUP, code="old")
    tea = {"product_id": "tea", "price": 15.991999999999999}
    segment(api, [track("Order Completed", "u1", "n1", order_id="N-1", currency="EUR", products=[tea])])
    totals, _ = _again(api.service, GROUP, page)
    assert (totals["duplicate"], totals["accepted"]) == (1, 1)


def test_r13_a_retry_of_what_was_taken_meanwhile_is_a_duplicate(api: Api) -> None:
    """R13, R16: a rejected fact that an earlier version took when it came again, and that is none by today's rules."""
    fact = json.dumps(MESSAGES["facts"][MESSAGES["facts"].index(_fact("fc2"))])
    refused = [rejects.Refusal("unknown_campaign", "", each) for each in (fact, fact.replace("fc2", "fc9"))]
    with api.service.database.writing() as connection:
        rejects.keep(connection, GROUP, "facts", refused, 1)
    with api.service.database.reading() as connection:
        page = rejects.read_page(connection, GROUP, code="unknown_campaign")
    totals, _ = _again(api.service, GROUP, page)
    assert (totals["duplicate"], totals["rejected"], totals["unreadable"]) == (1, 1, 1)


def test_r11_what_was_refused_for_its_digits_can_be_taken_now(api: Api) -> None:
    """R11, R13: the rest of an order that was recorded in part; its message is known before and afterwards."""
    with api.service.database.reading() as connection:
        page = rejects.read_page(connection, GROUP)
    totals, _ = _again(api.service, GROUP, page)
    assert (totals["accepted"], totals["rejected"]) == (1, 2)
    assert revenue(api)["EUR"] == f"{Decimal(REVENUE['EUR']) + Decimal('15.992')}"
    log = rows(api.service)
    segment(api, [each for each in MESSAGES["segment"] if each.get("messageId") == "o10"])
    assert rows(api.service) == log


def test_a_group_that_this_version_made_pays_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """R13: nothing is looked up for it, and placeholders are refused."""
    api.service.campaigns.apply(read_campaigns({"app_group": "new", "apps": ["ios"]}), stamp())
    monkeypatch.setattr(type(api.service.earlier), "_read_recorded", None)
    fact = {"type": "custom_event", "id": "c", "user_id": "null", "name": "e", "at": AT}
    with api.client(app_group="new") as client:
        told = client.post("/v1/facts", json={"facts": [fact, fact | {"user_id": "u"}]}).json()
    assert [told["accepted"], [each["code"] for each in told["rejected"]]] == [1, ["malformed"]]
    assert api.service.earlier.is_new("new")


def _fact(fact_id: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in MESSAGES["facts"] if each["id"] == fact_id)
    return found
