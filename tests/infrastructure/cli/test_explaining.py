"""`conversions explain` in sentences and as JSON: orders, what was given back of them, and upgrades."""

import json
from pathlib import Path
from typing import Any

import pytest

from infrastructure.http.schemas import ExplanationShape
from tests.support.commands import run

CAMPAIGNS = """
app_group: shop
apps: [ios]
custom_events: [Order Completed]
campaigns:
  - id: spring
    conversion_events:
      - {type: makes_purchase, deadline: 3d}
      - {type: upgrades_app, deadline: 30d}
      - {type: performs_custom_event, name: Order Completed, deadline: 3d}
"""
WINDOW = "2026-03-01 09:00:00 UTC to 2026-03-04 09:00:00 UTC"


def fact(kind: str, own_id: str, user_id: str, day: int, **fields: Any) -> dict[str, Any]:
    """A fact at 10:00 of a day in March."""
    return {"type": kind, "id": own_id, "user_id": user_id, "at": f"2026-03-{day:02}T10:00:00Z"} | fields


def line(product_id: str, quantity: int = 1, price: str | None = None) -> dict[str, Any]:
    """A line."""
    return {"product_id": product_id, "quantity": quantity} | ({} if price is None else {"price": price})


LINES = [line("tea", 2, "9.99"), line("cup", 1, "4.00")]
FACTS = [
    *(
        fact("received", "r1", user_id, 1, campaign_id="spring") | {"at": "2026-03-01T09:00:00Z"}
        for user_id in ("ann", "bob", "gus", "liz", "tom", "eve", "kim", "una")
    ),
    fact("order", "o-1", "ann", 2, name="Order Completed", currency="EUR", total="21.98", lines=LINES),
    fact("order_refund", "f-1", "ann", 3, order_id="o-1", lines=[line("tea")]),
    fact("order_refund", "f-2", "ann", 4, order_id="o-1", amount="1.99"),
    fact("order_cancelled", "c-1", "ann", 5, order_id="o-1"),
    fact("order", "o-2", "bob", 2, currency="EUR", lines=[line("tea", 2, "9.99"), line("cup")]),
    fact("order", "o-3", "bob", 2, lines=[line("tea")]),
    fact("order_refund", "g-1", "bob", 3, order_id="o-2", lines=[line("tea", 3), line("cup")]),
    fact("order_refund", "g-2", "bob", 4, order_id="o-2", amount="5.00", currency="USD"),
    fact("order_refund", "g-3", "bob", 5, order_id="o-2", amount="5.00"),
    fact("order_refund", "g-4", "bob", 6, order_id="o-99"),
    fact("order_cancelled", "g-5", "bob", 7, order_id="r1"),
    fact("refund", "g-6", "bob", 8, purchase_id="o-2", amount="5.00"),
    fact("order", "o-4", "bob", 9, currency="EUR", total="1", lines=LINES),
    fact("void", "d-1", "bob", 9, fact_id="o-4"),
    fact("order_cancelled", "g-7", "bob", 9, order_id="o-4"),
    fact("purchase", "order:A-1:tea", "kim", 2, product_id="tea", price="10", quantity=2, currency="EUR"),
    fact("order_refund", "k-1", "kim", 3, order_id="A-1", lines=[line("tea")]),
    fact("refund", "k-2", "kim", 4, purchase_id="order:A-1:tea", amount="1"),
    fact("order", "o-5", "kim", 2, currency="EUR", total="3.5"),
    fact("order", "o-6", "una", 2, currency="EUR", lines=LINES),
    fact(
        "order_refund", "l-1", "una", 3, order_id="o-6", lines=[line("tea", 3), line("pot"), line("mug", 2)]
    ),
    fact("order_refund", "l-2", "una", 4, order_id="o-6", lines=[line("mug")]),
    fact("order_refund", "l-3", "una", 5, order_id="o-6", amount="5.00"),
    fact("order", "o-7", "una", 2, currency="EUR", total="3.5"),
    fact("order_refund", "l-4", "una", 6, order_id="o-7", lines=[line("tea")]),
    fact("purchase", "p-1", "una", 2, product_id="tea", price="10", currency="EUR"),
    fact("refund", "l-5", "una", 7, purchase_id="p-1", amount="10.50"),
    fact("refund", "l-6", "una", 8, purchase_id="p-1", amount="1"),
    fact("app_version", "v1", "gus", 3, app_id="ios", version="2.0"),
    fact("app_version", "v1", "liz", 3, app_id="ios", version="2.0", previous_version="1.9"),
    fact("session_started", "s1", "tom", 2, app_id="ios", app_version="v1.8"),
    fact("app_version", "v2", "tom", 3, app_id="ios", version="v1.9"),
    fact("app_version", "v1", "eve", 2, app_id="ios", version="1.8"),
    fact("app_version", "v2", "eve", 3, app_id="ios", version="1.7"),
]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a ledger of orders and of version reports."""
    directory = tmp_path_factory.mktemp("ledger")
    (directory / "campaigns.yaml").write_text(CAMPAIGNS)
    (directory / "facts.jsonl").write_text("\n".join(map(json.dumps, FACTS)))
    assert run(directory, "campaigns", "apply", "campaigns.yaml").returncode == 0
    assert run(directory, "import", "facts.jsonl").returncode == 0
    return directory


def story(ledger: Path, user: str) -> list[str]:
    """The sentences, without the spaces before them."""
    done = run(ledger, "explain", "spring", user)
    assert done.returncode == 0, done.stderr
    return [line.strip() for line in done.stdout.splitlines()]


def explained(ledger: Path, user: str) -> Any:
    """The same as JSON, of the shape that the API promises."""
    told = json.loads(run(ledger, "explain", "spring", user, "--json").stdout)
    ExplanationShape.model_validate(told)
    return told


def test_r27_an_order_is_told_with_its_lines_and_what_was_given_back(ledger: Path) -> None:
    """B3, B5: units, an amount and a cancellation, each with what it gave back; the order by its event's name."""
    told = story(ledger, "ann")
    order = "order o-1 (Order Completed) of 2026-03-02 10:00:00 UTC"
    converts = f"{order} lies in the window of receipt r1, {WINDOW}; it is credited to variant default."
    assert told.count(converts) == 2
    begin = told.index(
        f"Revenue: 0.00 EUR after 2 refunds and 1 cancellation on 21.98, {order}, credited to variant default"
    )
    assert told[begin + 1 :] == [
        "Ordered: 2 x tea at 9.99, 1 x cup at 4.00.",
        "Its total is 21.98 EUR.",
        "Refund f-1 of 2026-03-03 10:00:00 UTC gave back 9.99 EUR for 1 x tea.",
        "Refund f-2 of 2026-03-04 10:00:00 UTC gave back 1.99 EUR.",
        "Cancellation c-1 of 2026-03-05 10:00:00 UTC gave back 10.00 EUR.",
    ]


def test_r27_an_order_as_json_has_lines_and_corrections(ledger: Path) -> None:
    """R27: rows of purchases and orders have the same fields; those of the other are null."""
    (sale,) = explained(ledger, "ann")["revenue"]
    refunds, lines = sale.pop("refunds"), sale.pop("lines")
    assert [
        (each["type"], each["id"], each["order_id"], each["amount"], each["gave_back"]) for each in refunds
    ] == [
        ("order_refund", "f-1", "o-1", None, "9.99"),
        ("order_refund", "f-2", "o-1", "1.99", "1.99"),
        ("order_cancelled", "c-1", "o-1", None, "10.00"),
    ]
    assert refunds[0]["lines"] == [{"product_id": "tea", "quantity": 1, "price": None}]
    assert lines == LINES
    assert sale.pop("receipt")["id"] == "r1"
    assert sale == {
        "type": "order",
        "purchase_id": None,
        "order_id": "o-1",
        "name": "Order Completed",
        "at": "2026-03-02T10:00:00Z",
        "product_id": None,
        "currency": "EUR",
        "total": "21.98",
        "amount": "21.98",
        "net": "0.00",
    }


def test_r12_r27_corrections_without_effect_are_told_with_their_reason(ledger: Path) -> None:
    """R12, R27: which units, which currency, what it names instead of an order."""
    told = story(ledger, "bob")
    assert "Lines without a price add nothing." in told
    assert "No revenue: order o-3 of 2026-03-02 10:00:00 UTC names no money." in told
    begin = told.index("Refund g-1 gave back nothing for 1 x tea: order o-2 has no more tea.")
    assert told[begin + 1 :] == [
        "Refund g-1 gave back nothing for 1 x cup: neither it nor order o-2 says the price.",
        "Refund g-2 of 5.00 USD has no effect: it is in USD, and order o-2 is in EUR.",
        "Refund g-3 of 5.00 EUR has no effect: nothing of order o-2 was left to give back.",
        "Refund g-4 has no effect: no order o-99 of this user is known (yet).",
        "Cancellation g-5 has no effect: r1 is no order.",
        "Refund g-6 of 5 has no effect: o-2 is an order, which only an order_refund gives back.",
        "Cancellation g-7 has no effect: a void names the order o-4.",
    ]


def test_r12_r27_what_never_was_is_told_from_what_was_given_back_before(ledger: Path) -> None:
    """R12, R27: products that were never ordered, orders without lines, and sales of which nothing was left."""
    told = story(ledger, "una")
    begin = told.index(
        "Refund l-1 gave back nothing for 1 x tea, 1 x pot, 2 x mug: "
        "order o-6 has no more tea and names no pot or mug."
    )
    assert told[begin + 1 :] == [
        "Refund l-2 gave back nothing for 1 x mug: order o-6 names no mug.",
        "Refund l-3 of 5.00 EUR has only part of its effect: order o-6 had less left to give back.",
        "Refund l-4 gave back nothing for 1 x tea: order o-7 names no lines.",
        "Refund l-5 of 10.50 EUR has only part of its effect: purchase p-1 had less left to give back.",
        "Refund l-6 of 1.00 EUR has no effect: nothing of purchase p-1 was left to give back.",
    ]
    idle = explained(ledger, "una")["refunds_without_effect"]
    assert [(each["never_ordered"], each["order_names_lines"], each["gave_back"]) for each in idle] == [
        (["pot", "mug"], True, None),
        (["mug"], True, None),
        ([], None, "4.00"),
        (["tea"], False, None),
        ([], None, "10.00"),
        ([], None, "0.00"),
    ]


def test_r27_corrections_without_effect_as_json(ledger: Path) -> None:
    """R27: the names that there were stay; units that gave back nothing stand beside."""
    idle = explained(ledger, "bob")["refunds_without_effect"]
    assert [(each["id"], each["reason"], each["currency"]) for each in idle] == [
        ("g-1", "beyond_order", "EUR"),
        ("g-1", "without_price", "EUR"),
        ("g-2", "other_currency", "USD"),
        ("g-3", "exceeds_order", "EUR"),
        ("g-4", "no_such_order", None),
        ("g-5", "not_an_order", None),
        ("g-6", "not_a_purchase", None),
        ("g-7", "order_disregarded", None),
    ]
    assert idle[0]["without_effect"] == [{"product_id": "tea", "quantity": 1, "price": None}]
    assert (idle[2]["order_currency"], idle[2]["amount"]) == ("EUR", "5.00")
    assert [each["order_id"] for each in explained(ledger, "bob")["orders_without_money"]] == ["o-3"]


def test_r27_purchases_of_an_order_name_the_order_that_was_refunded(ledger: Path) -> None:
    """R27: what an earlier version recorded; and an order without lines says so."""
    told = story(ledger, "kim")
    begin = told.index(
        "Revenue: 9.00 EUR after 2 refunds on 20.00, purchase order:A-1:tea of 2026-03-02 10:00:00 UTC, "
        "credited to variant default"
    )
    assert told[begin + 1 : begin + 3] == [
        "Refund k-1 of 2026-03-03 10:00:00 UTC gave back 10.00 EUR for 1 x tea, of order A-1.",
        "Refund k-2 of 2026-03-04 10:00:00 UTC gave back 1.00 EUR.",
    ]
    assert "Its total is 3.50 EUR; it names no lines." in told


@pytest.mark.parametrize(
    ("user", "told"),
    [
        (
            "gus",
            "but is no upgrade: it is the first report of this user and app, and the first is no upgrade (R10).",
        ),
        (
            "liz",
            "It is an upgrade: no earlier report is known, and it names 1.9 itself as the version before.",
        ),
        (
            "tom",
            "It is an upgrade: before it, session started s1 of 2026-03-02 10:00:00 UTC reported ios v1.8.",
        ),
        ("eve", "but is no upgrade: before it, app version v1 of 2026-03-02 10:00:00 UTC reported ios 1.8."),
    ],
)
def test_b16_b17_b31_a_version_report_is_told_with_the_one_before(ledger: Path, user: str, told: str) -> None:
    """R10: the report before it with its instant, the version that it names itself, or that it is the first."""
    (found,) = [line for line in story(ledger, user) if "upgrade:" in line]
    assert found.endswith(told)


@pytest.mark.parametrize(
    ("user", "compared"),
    [
        ("gus", None),
        ("liz", {"version": "1.9", "type": None, "id": None, "at": None}),
        ("tom", {"version": "v1.8", "type": "session_started", "id": "s1", "at": "2026-03-02T10:00:00Z"}),
        ("ann", None),
    ],
)
def test_b17_b31_what_a_version_report_was_compared_with_as_json(
    ledger: Path, user: str, compared: Any
) -> None:
    """R10: null where there is no report, or none before it."""
    assert explained(ledger, user)["conversion_events"][1]["compared_with"] == compared
