"""What the intake fills in, rounds and orders (R7, R11, R13, R16, R27), on both databases."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from application.commands.definitions import AppGroupCommand
from application.commands.facts import OrderUpdatedCommand, read_fact
from application.commands.intake import Answer, Verdict
from application.commands.values import Notes
from domain.errors import DomainError
from domain.journey.decisions import ConversionRecorded, ConversionRestated
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from tests.infrastructure.inbound.test_importing import unexpected
from tests.process.test_offers import Silent
from tests.support.ledgers import GROUP, open_ledger, outcome, reported, streams, take

pytestmark = pytest.mark.usefixtures("each_database")

AT = "2026-03-02T10:00:00Z"
SPRING = {"id": "spring", "conversion_events": [{"type": "makes_purchase", "deadline": "3d"}]}
R1 = {"type": "received", "id": "r1", "user_id": "u1", "campaign_id": "spring", "at": "2026-03-01T09:00:00Z"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A ledger with a campaign that hopes for a purchase; its app group has no default currency."""
    with open_ledger(tmp_path, [SPRING]) as service:
        yield service


def fact(kind: str, fact_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "id": fact_id, "user_id": "u1", "at": AT} | fields


def bought(fact_id: str, **fields: Any) -> dict[str, Any]:
    return fact("purchase", fact_id, product_id="tea", price="1.00") | fields


def default_currency(service: Service, currency: str | None) -> None:
    service.campaigns.change_group(GROUP, AppGroupCommand(default_currency=currency), stamp())


def answered(service: Service, *facts: dict[str, Any]) -> list[Answer]:
    return take(service, facts).answers


def verdicts(service: Service, *facts: dict[str, Any]) -> list[str]:
    return [answer.code or answer.verdict.value for answer in answered(service, *facts)]


# One batch is decided in the order of its facts


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_r7_facts_of_one_batch_are_no_changes_of_mind(service: Service, order: tuple[int, ...]) -> None:
    """B30: purchases of one instant, a receipt among them or after them: one conversion is recorded, none restated."""
    basket = [bought(each, currency="EUR") for each in ("c", "b", "a")]
    facts = [basket[place] for place in order]
    facts.insert(order[0], R1)
    assert verdicts(service, *facts) == ["accepted"] * 4
    events = streams(service)["u1"]
    assert [event.now.behaviour.id for event in events if isinstance(event, ConversionRecorded)] == ["a"]
    assert not [event for event in events if isinstance(event, ConversionRestated)]


def test_r13_of_one_id_the_first_in_the_batch_stands(service: Service) -> None:
    """R13: though a later one is earlier by its instant; what is refused leaves its id free."""
    first, earlier = bought("p1", currency="EUR"), bought("p1", currency="EUR", at="2026-03-01T10:00:00Z")
    nobody = fact("received", "p2", campaign_id="nothing")
    assert verdicts(service, first, earlier, first) == ["accepted", "conflicting_fact", "duplicate"]
    assert verdicts(service, nobody, bought("p2", currency="EUR")) == ["unknown_campaign", "accepted"]


@pytest.mark.parametrize("at", ["2026-03-01T10:00:00Z", "2026-03-03T10:00:00Z"])
def test_r13_an_order_and_purchases_of_its_name_stand_as_they_are_given(service: Service, at: str) -> None:
    """R13, R14: in one batch as in two; an order is known by purchases that were there before it, and by no later ones."""
    order = fact("order", "A", total="5", currency="EUR")
    purchase = bought("order:A:tea", currency="EUR", at=at)
    assert verdicts(service, order, purchase) == ["accepted", "accepted"]
    others = [each | {"user_id": "u2"} for each in (purchase, order)]
    assert verdicts(service, *others) == ["accepted", "conflicting_fact"]


# Currencies


def test_r11_a_price_without_a_currency_is_refused_where_the_group_has_none(service: Service) -> None:
    """R11: never assumed, and the message says what to do."""
    orders = fact("order", "o1", total="5"), fact("order", "o2", lines=[{"product_id": "tea", "price": 5}])
    for told in (bought("p1"), *orders):
        [answer] = answered(service, told)
        assert (answer.code, "default_currency" in answer.message) == ("bad_money", True)
    assert verdicts(service, fact("order", "o3", lines=[{"product_id": "tea"}])) == ["accepted"]


def test_r11_a_price_without_a_currency_takes_the_groups(service: Service) -> None:
    """R11, R27: of a purchase and of an order, also of one without a price."""
    default_currency(service, "EUR")
    facts = [
        R1,
        bought("p1"),
        fact("order", "o1", total="5"),
        fact("order", "o2", lines=[{"product_id": "x"}]),
    ]
    assert verdicts(service, *facts, bought("p2", currency="JPY")) == ["accepted"] * 5
    currencies = {key[2]: row[2] for key, row in outcome(service).revenue.items()}
    assert currencies == {"p1": "EUR", "o1": "EUR", "o2": "EUR", "p2": "JPY"}


def test_r13_a_currency_filled_in_by_default_makes_no_conflict(service: Service) -> None:
    """R11, R13: a new default holds for facts that are new; what was recorded stands, and is a duplicate."""
    default_currency(service, "EUR")
    facts = [bought("p1"), fact("order", "o1", total="5"), bought("p2", currency="JPY")]
    take(service, facts)
    default_currency(service, "USD")
    assert verdicts(service, *facts, bought("p2"), bought("p1", currency="EUR")) == ["duplicate"] * 5
    assert verdicts(service, bought("p1", currency="USD"), bought("p2", currency="USD")) == [
        "duplicate",
        "conflicting_fact",
    ]
    assert verdicts(service, bought("p1", price="2")) == ["conflicting_fact"]
    default_currency(service, None)
    assert verdicts(service, *facts) == ["duplicate"] * 3


def test_r27_an_order_update_makes_no_order(service: Service) -> None:
    """R27: equal to the known one it is a duplicate; else refused, and it is said whether the order is known."""
    order = fact("order", "o1", total="5", currency="EUR")

    def updated(**fields: Any) -> Answer:
        command = OrderUpdatedCommand.model_validate(order | fields, context=Notes())
        return service.intake.record(GROUP, [command], stamp()).answers[0]

    unknown = updated()
    take(service, [order])
    other = updated(total="6")
    assert (unknown.code, "not known" in unknown.message) == ("conflicting_fact", True)
    assert (other.code, "known with other content" in other.message) == ("conflicting_fact", True)
    assert updated(name="Order Updated").verdict is Verdict.DUPLICATE
    assert updated(currency=None).verdict is Verdict.DUPLICATE
    default_currency(service, "USD")
    assert updated(currency=None).verdict is Verdict.DUPLICATE


# Numbers


def test_r13_rounding_comes_before_comparing(service: Service) -> None:
    """R11, R13: a number that rounds to what was recorded is a duplicate, text stays strict."""
    noise = json.loads('{"price": 15.991999999999999}', parse_float=Decimal)
    assert verdicts(service, bought("p1", currency="EUR") | noise) == ["accepted"]
    assert verdicts(service, bought("p1", currency="EUR", price="15.992")) == ["duplicate"]
    notes = Notes()
    read_fact(bought("p2", currency="EUR") | noise, notes)
    assert notes.rounded == 1


def test_r11_an_import_says_how_many_amounts_were_rounded(service: Service, tmp_path: Path) -> None:
    """R11: of orders, their lines and refunds too; whole orders count, and not a half of them (B7)."""
    default_currency(service, "EUR")
    lines = [{"product_id": "tea", "price": 0.1 + 0.2}, {"product_id": "cup", "price": 9.99}]
    facts = [
        R1,
        fact("order", "o1", lines=lines),
        fact("order_refund", "x1", order_id="o1", amount=19.99 * 0.8),
    ]
    path = tmp_path / "facts.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in facts))
    totals = service.start_import(GROUP, unexpected).run([str(path)], None, Silent())
    assert (totals.accepted, totals.rejected, totals.rounded) == (3, 0, 2)
    assert reported(service, "spring")["totals"]["revenue"] == {"EUR": 0}


@pytest.mark.parametrize("quantity", [2, "2", "2.0"], ids=repr)
def test_r16_quantities_read_alike(service: Service, quantity: object) -> None:
    """B8: a number or a text, with or without a fraction of nothing."""
    assert verdicts(service, bought("p1", currency="EUR", quantity=2)) == ["accepted"]
    assert verdicts(service, bought("p1", currency="EUR", quantity=quantity)) == ["duplicate"]


NO_ID = "a number is an id where it is whole and has at most 18 digits"
NO_MONEY = "money is a decimal text such as 9.99, without separators and currency signs"
A_LINE = 'lines.0: a line is an object: {"product_id": ..., "price": ..., "quantity": ...}'


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (bought("p1", currency="eur"), "'eur' is no ISO 4217 currency: write EUR"),
        (bought("p1", currency="euro"), "'euro' is no ISO 4217 currency"),
        (bought("p1", price="1,234.56"), f"price: {NO_MONEY}"),
        (bought("p1", quantity=0), "quantity: it is a whole number of 1 or more"),
        (bought("p1", quantity=True), "quantity: it is a whole number"),
        (bought("p1", user_id=Decimal("7.5")), f"user_id: {NO_ID}"),
        (bought("p1", product_id=10**18), f"product_id: {NO_ID}"),
        (bought("p1", product_id=["tea"]), "product_id: an id is text"),
        (bought("p1", properties=[]), "properties: an object is wanted: names and their values"),
        (bought("p1") | {"id": True}, "id: an id is text"),
        (fact("custom_event", "c1", name=5), "name: a text is wanted"),
        (fact("order", "o1", lines=["tea"]), A_LINE),
        (fact("order", "o1", lines="tea"), "lines: a list is wanted"),
        (fact("order", "o1", lines=[{"product_id": Decimal("7.5")}]), f"lines.0.product_id: {NO_ID}"),
        (
            fact("order", "o1", lines=[{"product_id": "tea", "quantity": 0}]),
            "lines.0.quantity: it is a whole number of 1 or more",
        ),
        (
            fact("order", "o1", lines=[{"product_id": "tea", "currency": "usd"}]),
            "lines.0.currency: 'usd' is no ISO 4217 currency: write USD",
        ),
    ],
)
def test_r16_a_refusal_says_what_to_write_instead(sent: dict[str, Any], message: str) -> None:
    """R16: in words of whoever sends facts, with the place, and each word once."""
    with pytest.raises(DomainError) as refused:
        read_fact(sent)
    assert refused.value.message == message


def test_r16_a_whole_number_given_as_an_id_is_its_digits(service: Service) -> None:
    """B20: 7 and 7.0 are one user; the text "7.0" is another."""
    seven = json.loads('{"user_id": 7.0, "product_id": 5e0}', parse_float=Decimal)
    assert verdicts(service, bought("p1", currency="EUR") | seven) == ["accepted"]
    again = bought("p1", currency="EUR", user_id="7", product_id=5)
    assert verdicts(service, again) == ["duplicate"]
    assert verdicts(service, bought("p1", currency="EUR", user_id="7.0")) == ["accepted"]
