"""R27 in the audit: each sentence as an example that is judged apart, faults planted in it, and a crowd of orders."""

import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from infrastructure.archive import Archiver, open_location, typed_columns
from infrastructure.audit.auditing import Options, audit_archive, audit_ledger
from infrastructure.audit.outcome import AuditResult, Difference, Story
from infrastructure.audit.wording import describe_problem, describe_thing
from infrastructure.composition import Service
from tests.infrastructure.archive.test_archive_restore import restored
from tests.infrastructure.audit.test_audit import Fault, alter, audited, put, remove
from tests.support.ledgers import databases, open_ledger, outcome, take
from tests.support.reference import Outcome
from tests.support.servers import Server

Fact = dict[str, Any]

TEA, ANY, ORDERED, UPGRADED = range(4)
SPRING = {
    "id": "spring",
    "conversion_events": [
        {"type": "makes_purchase", "deadline": "3d", "product_id": "tea"},
        {"type": "makes_purchase", "deadline": "3d"},
        {"type": "performs_custom_event", "deadline": "3d", "name": "signed_up"},
        {"type": "upgrades_app", "deadline": "3d"},
    ],
}


def fact(kind: str, fact_id: str, hour: int = 10, **more: Any) -> Fact:
    """A fact of 2 March; every user received the campaign on the day before."""
    return {"type": kind, "id": fact_id, "at": f"2026-03-02T{hour:02}:00:00Z"} | more


def line(product_id: str, price: str | None = None, quantity: int = 1) -> Fact:
    return {"product_id": product_id, "price": price, "quantity": quantity}


def order(*lines: Fact, **more: Any) -> Fact:
    """An order in euros, if it names no other currency."""
    told = {"lines": list(lines)} if lines else {}
    return fact("order", "o1", **{"currency": "EUR"} | told | more)


def refund(refund_id: str, *lines: Fact, hour: int = 12, **more: Any) -> Fact:
    told = {"lines": list(lines)} if lines else {}
    return fact("order_refund", refund_id, hour, **{"order_id": "o1"} | told | more)


def cancelled(correction_id: str = "c1", **more: Any) -> Fact:
    return fact("order_cancelled", correction_id, 13, **{"order_id": "o1"} | more)


def void(named: str, void_id: str = "d1") -> Fact:
    return fact("void", void_id) | {"fact_id": named}


def bought(purchase_id: str, price: str, product_id: str = "tea", **more: Any) -> Fact:
    money = {"product_id": product_id, "price": price, "currency": "EUR"}
    return fact("purchase", purchase_id, **money | more)


@dataclass(frozen=True)
class Example:
    """Facts of one user, what is left of each purchase and order, and what converts on which conversion event."""

    facts: Sequence[Fact]
    nets: dict[str, str]
    converts: dict[int, str] = field(default_factory=lambda: {TEA: "o1", ANY: "o1"})


TEA_AND_CUP = order(line("tea", "9.99", 2), line("cup", "4.00"))
OF_THE_RULEBOOK = [
    order(line("tea", "9.99", 2), line("cup", "4.00"), total="21.98"),
    refund("b1", line("tea")),
    refund("b2", amount="1.99"),
]
AS_PURCHASES = [
    bought("order:o1:tea", "5"),
    bought("order:o1:1", "7", quantity=2),
    bought("order:o1:cup", "4", "cup"),
]
ONLY_AS_PURCHASE = {TEA: "order:o1:1", ANY: "order:o1:1"}

EXAMPLES: dict[str, Example] = {
    "an order is a purchase of every product in it and converts once": Example(
        [order(line("cup", "4"), line("tea", "9.99", 2), line("tea", "1"))], {"o1": "24.98"}
    ),
    "an order without the product does not convert on it": Example([order(line("cup", "4"))], {"o1": "4"}, {ANY: "o1"}),
    "its amount is its total where that is given": Example([order(line("tea", "9.99"), total="7.50")], {"o1": "7.5"}),
    "without lines it matches only any product": Example([order(total="7.50")], {"o1": "7.5"}, {ANY: "o1"}),
    "a line without a price adds nothing": Example([order(line("tea"), line("cup", "4"))], {"o1": "4"}),
    "its currency is the one that its lines agree on": Example(
        [order(line("tea", "9.99") | {"currency": "USD"}, currency=None)], {"o1": "9.99"}
    ),
    "an order that names no money has no currency and no revenue": Example([order(line("tea"), currency=None)], {}),
    "an order may be for nothing": Example([order(line("tea", "0"))], {"o1": "0"}),
    "the example of the rulebook": Example(OF_THE_RULEBOOK, {"o1": "10"}),
    "the example of the rulebook, cancelled": Example([*OF_THE_RULEBOOK, cancelled()], {"o1": "0"}),
    "a refund of neither amount nor lines is of everything": Example([TEA_AND_CUP, refund("b1")], {"o1": "0"}),
    "a refund may come before its order": Example([cancelled(), refund("b1", line("cup")), TEA_AND_CUP], {"o1": "0"}),
    "units come off the first line of the product that has any left": Example(
        [order(line("tea", "5", 2), line("cup", "1"), line("tea", "7", 2)), refund("b1", line("tea", None, 3))],
        {"o1": "8"},
    ),
    "refunds take units in their order and not in that of their arrival": Example(
        [
            order(line("tea", "5"), line("tea", "7")),
            refund("b1", line("tea", "2"), hour=14),
            refund("b2", line("tea"), hour=12),
        ],
        {"o1": "5"},
    ),
    "of refunds at one instant the smaller id is first": Example(
        [order(line("tea", "5"), line("tea", "7")), refund("b2", line("tea", "1")), refund("b1", line("tea"))],
        {"o1": "6"},
    ),
    "the price that a refund says goes before the line's": Example(
        [TEA_AND_CUP, refund("b1", line("tea", "2.50", 2))], {"o1": "18.98"}
    ),
    "units and products beyond those ordered give back nothing": Example(
        [TEA_AND_CUP, refund("b1", line("cup", None, 9), line("pot", "50")), refund("b2", line("cup", "4"))],
        {"o1": "19.98"},
    ),
    "a refund is never of more than the order": Example([TEA_AND_CUP, refund("b1", amount="30")], {"o1": "0"}),
    "a line without a price gives back nothing": Example(
        [order(line("tea"), line("cup"), total="9"), refund("b1", line("tea"), line("cup"))], {"o1": "9"}
    ),
    "some units of an only line without a price give back nothing": Example(
        [order(line("tea", None, 3), total="9"), refund("b1", line("tea", None, 2))], {"o1": "9"}
    ),
    "all units of an only line without a price give back everything": Example(
        [
            order(line("tea", None, 3), total="9"),
            refund("b1", line("tea", None, 2)),
            refund("b2", line("tea", "1")),
        ],
        {"o1": "0"},
    ),
    "all units of an only line at prices that refunds say give back those": Example(
        [order(line("tea", None, 3), total="9"), refund("b1", line("tea", "1", 3))], {"o1": "6"}
    ),
    "a refund in another currency has no effect": Example(
        [TEA_AND_CUP, refund("b1", amount="3", currency="USD"), refund("b2", line("cup"), currency="EUR")],
        {"o1": "19.98"},
    ),
    "a refund in another currency takes no units": Example(
        [order(line("tea", "5"), line("tea", "7")), refund("b1", line("tea"), currency="USD"), refund("b2", line("tea"))],
        {"o1": "7"},
    ),
    "a cancellation has no currency": Example([TEA_AND_CUP, refund("b1", currency="USD"), cancelled()], {"o1": "0"}),
    "a refund names purchases only": Example(
        [TEA_AND_CUP, fact("refund", "x1", purchase_id="o1", amount="3")], {"o1": "23.98"}
    ),
    "an order's refund names orders only": Example(
        [bought("p1", "9"), refund("b1", order_id="p1"), cancelled(order_id="p1")],
        {"p1": "9"},
        {TEA: "p1", ANY: "p1"},
    ),
    "an order that came as a named event performs it": Example(
        [TEA_AND_CUP | {"name": "signed_up"}], {"o1": "23.98"}, {TEA: "o1", ANY: "o1", ORDERED: "o1"}
    ),
    "a cancellation that came as a named event performs it": Example(
        [TEA_AND_CUP, cancelled(name="signed_up")], {"o1": "0"}, {TEA: "o1", ANY: "o1", ORDERED: "c1"}
    ),
    "a refund that came as a named event performs it, whatever it names": Example(
        [refund("b1", order_id="none", name="signed_up")], {}, {ORDERED: "b1"}
    ),
    "an order with app and version is a version report": Example(
        [fact("app_version", "v1", 9, app_id="ios", version="1.2"), TEA_AND_CUP | {"app_id": "ios", "app_version": "1.3"}],
        {"o1": "23.98"},
        {TEA: "o1", ANY: "o1", UPGRADED: "o1"},
    ),
    "R17: a voided order is none": Example([TEA_AND_CUP, void("o1"), refund("b1")], {}, {}),
    "R17: a voided refund gives back nothing": Example(
        [TEA_AND_CUP, refund("b1", line("cup")), void("b1")], {"o1": "23.98"}
    ),
    "R17: a voided refund leaves its units to the next": Example(
        [
            order(line("tea", "5"), line("tea", "7")),
            refund("b1", line("tea")),
            refund("b2", line("tea")),
            void("b1"),
        ],
        {"o1": "7"},
    ),
    "R17: a voided cancellation is none": Example(
        [TEA_AND_CUP, cancelled(name="signed_up"), void("c1")], {"o1": "23.98"}
    ),
    "an order recorded as purchases is corrected by its id": Example(
        [*AS_PURCHASES, refund("b1", line("tea", None, 2), line("cup"))],
        {"order:o1:tea": "0", "order:o1:1": "7", "order:o1:cup": "0"},
        ONLY_AS_PURCHASE,
    ),
    "an amount comes off the first of its purchases": Example(
        [*AS_PURCHASES, refund("b1", amount="6"), fact("refund", "x1", purchase_id="order:o1:cup", amount="1")],
        {"order:o1:cup": "0", "order:o1:tea": "2", "order:o1:1": "14"},
        ONLY_AS_PURCHASE,
    ),
    "an order recorded as purchases is cancelled whole": Example(
        [*AS_PURCHASES, cancelled()],
        {"order:o1:tea": "0", "order:o1:1": "0", "order:o1:cup": "0"},
        ONLY_AS_PURCHASE,
    ),
    "a purchase is of the order that its product leaves": Example(
        [bought("order:o1:x:tea", "9"), cancelled(), refund("b1", order_id="o1:x", amount="2")],
        {"order:o1:x:tea": "7"},
        {TEA: "order:o1:x:tea", ANY: "order:o1:x:tea"},
    ),
    "where two orders fit, a purchase is of the shorter one that a correction names": Example(
        [
            bought("order:o1:x:2", "9", product_id="x:2"),
            cancelled(order_id="o1:x"),
            refund("b1", amount="2"),
        ],
        {"order:o1:x:2": "7"},
        {ANY: "order:o1:x:2"},
    ),
    "where the order is recorded as one its corrections are no purchase's": Example(
        [order(line("cup", "4")), bought("order:o1:tea", "9"), cancelled(), void("o1")],
        {"order:o1:tea": "9"},
        {TEA: "order:o1:tea", ANY: "order:o1:tea"},
    ),
    "R10: a first report is compared with the version that it names before it": Example(
        [fact("app_version", "v1", app_id="ios", version="1.3", previous_version="1.2")], {}, {UPGRADED: "v1"}
    ),
    "R10: no upgrade where that version is the same or later": Example(
        [
            fact("app_version", "v1", app_id="ios", version="1.3", previous_version="1.3.0"),
            fact("app_version", "v2", app_id="web", version="1.3", previous_version="1.10"),
        ],
        {},
        {},
    ),
    "R10: an earlier report takes its place": Example(
        [
            fact("app_version", "v2", 11, app_id="ios", version="1.3", previous_version="1.2"),
            fact("app_version", "v1", 10, app_id="ios", version="1.4"),
        ],
        {},
        {},
    ),
}  # fmt: skip


def make(directory: Path) -> Service:
    """A ledger in which every example is a user of its own; facts came one by one."""
    service = open_ledger(directory, [SPRING])
    for user_id, example in EXAMPLES.items():
        receipt = {"type": "received", "id": "r1", "campaign_id": "spring", "at": "2026-03-01T09:00:00Z"}
        for each in [*example.facts, receipt]:
            assert not any(answer.code for answer in take(service, [each | {"user_id": user_id}]).answers)
    service.projector.catch_up()
    return service


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the ledger of the examples lies, in a file."""
    directory = tmp_path_factory.mktemp("orders")
    make(directory).close()
    return directory


@pytest.fixture(scope="module")
def judged(made: Path) -> tuple[AuditResult, Outcome]:
    """What an audit finds in the examples, and what stands according to their streams."""
    with open_ledger(made) as service:
        return audited(service), outcome(service)


@pytest.mark.parametrize("example", EXAMPLES)
def test_r27_an_example_is_decided_as_the_rules_in_sql_have_it(
    judged: tuple[AuditResult, Outcome], example: str
) -> None:
    """What is left of it and what it converts, by the streams; and the audit says the same."""
    found, stands = judged
    assert found.differs == 0, found.judged.differences
    wanted = EXAMPLES[example]
    nets = {sale: net for (user, _, sale), (_, _, _, net) in stands.revenue.items() if user == example}
    assert nets == {sale: Decimal(net) for sale, net in wanted.nets.items()}
    converts = {
        index: behaviour
        for (user, _, index), (behaviour, _, _) in stands.conversions.items()
        if user == example
    }
    assert converts == wanted.converts


def test_r27_the_examples_are_judged_alike_on_postgresql(
    tmp_path: Path, postgresql: Server, template: str, judged: tuple[AuditResult, Outcome]
) -> None:
    """Nothing differs there either, and as much stands."""
    with databases.on(postgresql, template), make(tmp_path) as service:
        found = audited(service)
    assert found.differs == 0, found.judged.differences
    assert found.judged.totals == judged[0].judged.totals
    assert found.revenue == judged[0].revenue


def _said(*path: str, value: object = None) -> Any:
    """A change of what an event says; None takes the field away."""

    def change(state: Any) -> None:
        for step in path[:-1]:
            state = state[step]
        if value is None:
            state.pop(path[-1])
        else:
            state[path[-1]] = value

    return change


def _line(**value: object) -> Any:
    """A change of the first line of an order or a refund."""
    return lambda state: state["lines"][0].update(value)


OTHER_NET, UNREADABLE = ("revenue", "other_net", "streams"), ("event", "unreadable", "streams")

FAULTS: dict[str, Fault] = {
    "an order's revenue off by a cent": Fault(
        lambda c: alter(c, "revenue_attributed", _said("now", "net", value="10.01"), '"o1"'), {OTHER_NET}
    ),
    "an order that is told as a purchase": Fault(
        lambda c: alter(c, "revenue_attributed", _said("is_order"), '"is_order":true'), {("revenue", "other_type", "streams")}
    ),
    "a purchase that is told as an order": Fault(
        lambda c: alter(c, "revenue_attributed", _said("is_order", value=True), '"p1"'), {("revenue", "other_type", "streams")}
    ),
    "an order's revenue forgotten": Fault(
        lambda c: remove(c, "revenue_attributed", '"o1"'), {("revenue", "missing", "streams")}
    ),
    "a conversion by an order forgotten": Fault(
        lambda c: remove(c, "conversion_recorded", '"o1"'), {("conversion", "missing", "streams")}
    ),
    "an order's total changed": Fault(lambda c: alter(c, "order", _said("total", value="8.00"), '"7.5"'), {OTHER_NET}),
    "an order's line changed": Fault(lambda c: alter(c, "order", _line(quantity=3), '"4"},{"product_id":"tea"'), {OTHER_NET}),
    "an order's product changed": Fault(
        lambda c: alter(c, "order", _line(product_id="tea"), '[{"product_id":"cup","price":"4"}]'),
        {("conversion", "missing", "streams")},
    ),
    "an order's event another": Fault(
        lambda c: alter(c, "order", _said("name", value="shared"), '"signed_up"'), {("conversion", "unfounded", "streams")}
    ),
    "an order of no currency": Fault(
        lambda c: alter(c, "order", _said("currency"), '[{"product_id":"cup","price":"4"}]'),
        {("revenue", "unfounded", "streams")},
    ),
    "an order's refund dropped": Fault(lambda c: remove(c, "order_refund", '"amount":"1.99"'), {OTHER_NET}),
    "a refund's price changed": Fault(lambda c: alter(c, "order_refund", _line(price="2.49"), '"2.5"'), {OTHER_NET}),
    "a refund of another order": Fault(
        lambda c: alter(c, "order_refund", _said("order_id", value="o2"), '"amount":"1.99"'), {OTHER_NET}
    ),
    "a refund in another currency": Fault(
        lambda c: alter(c, "order_refund", _said("currency", value="USD"), '"currency":"EUR"'), {OTHER_NET}
    ),
    "a refund of an order recorded as purchases dropped": Fault(
        lambda c: remove(c, "order_refund", '"amount":"6"'), {OTHER_NET}
    ),
    "a cancellation dropped": Fault(
        lambda c: remove(c, "order_cancelled", '"signed_up"'), {OTHER_NET, ("conversion", "unfounded", "streams")}
    ),
    "an upgrade over a version that was not named": Fault(
        lambda c: alter(c, "app_version", _said("previous_version"), '"previous_version":"1.2"'),
        {("upgrade", "unfounded", "streams"), ("conversion", "unfounded", "streams")},
    ),
    "an order's total that cannot be read": Fault(
        lambda c: alter(c, "order", _said("total", value="7.5000004"), '"7.5"'), {UNREADABLE, OTHER_NET}
    ),
    "an order of neither lines nor total": Fault(
        lambda c: alter(c, "order", _said("total"), 'Z","currency":"EUR","total":"7.5"'), {UNREADABLE, OTHER_NET}
    ),
    "an order's price that cannot be read": Fault(
        lambda c: alter(c, "order", _line(price="much"), '"0"'), {UNREADABLE}
    ),
    "an order's quantity that cannot be read": Fault(
        lambda c: alter(c, "order", _line(quantity="some"), '"0"'), {UNREADABLE}
    ),
    "an order's lines that are no list": Fault(
        lambda c: alter(c, "order", _said("lines", value=7), '[{"product_id":"cup","price":"4"}]'), {UNREADABLE, OTHER_NET}
    ),
    "a refund of a product that is not named": Fault(
        lambda c: alter(c, "order_refund", lambda state: state["lines"][0].pop("product_id"), '"2.5"'),
        {UNREADABLE, OTHER_NET},
    ),
    "a refund of an amount that cannot be read": Fault(
        lambda c: alter(c, "order_refund", _said("amount", value="x"), '"amount":"1.99"'), {UNREADABLE, OTHER_NET}
    ),
    "a refund of an amount and of lines": Fault(
        lambda c: alter(c, "order_refund", _said("amount", value="19.98"), '"2.5"'), {UNREADABLE, OTHER_NET}
    ),
    "a refund of no order": Fault(
        lambda c: alter(c, "order_refund", _said("order_id"), '"amount":"1.99"'), {UNREADABLE, OTHER_NET}
    ),
    "a cancellation of no order": Fault(
        lambda c: alter(c, "order_cancelled", _said("order_id"), '"signed_up"'), {UNREADABLE, OTHER_NET}
    ),
    "an order that cannot be read": Fault(
        put("UPDATE events SET state = '{' WHERE topic = 'journey.order_refund' AND state LIKE '%\"none\"%'"),
        {UNREADABLE, ("conversion", "unfounded", "streams")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_r27_a_fault_planted_in_orders_is_found_and_told_apart(
    made: Path, tmp_path: Path, fault: str
) -> None:
    """Each by its own kind, against the streams."""
    plant, told = FAULTS[fault]
    with open_ledger(shutil.copytree(made, tmp_path / "copy")) as service:
        with service.database.writing() as connection:
            for trigger in ("events_refuse_update", "events_refuse_delete"):
                connection.execute(text(f"DROP TRIGGER {trigger}"))
            plant(connection)
        found = audited(service)
    assert {kind for kind in found.judged.counts if kind[2] == "streams"} == told, found.judged.differences
    assert all(describe_problem(each.problem) != each.problem for each in found.judged.differences)


def test_an_order_is_called_an_order() -> None:
    """In words and in JSON; what is none keeps its name."""
    of = Difference(
        "revenue", "missing", "streams", "shop", "j", "spring", "o1", Story(), Story(), is_order=True
    )
    assert describe_thing(of) == "order o1 for campaign spring"
    assert of.as_json()["is_order"] is True
    assert describe_thing(of._replace(is_order=None)) == "purchase o1 for campaign spring"


def test_r27_archives_of_an_earlier_version_are_audited_and_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed columns that it did not have are made of the payloads; parts of both versions stand beside each other."""
    later = [order(line("tea", "3")) | {"user_id": "later"}, cancelled() | {"user_id": "later"}]
    columns = "lines, order_id, total, previous_version, is_order"
    with make(tmp_path) as service:
        with monkeypatch.context() as earlier:
            earlier.setattr(
                typed_columns, "SORTED", f"SELECT * EXCLUDE ({columns}) FROM ({typed_columns.SORTED})"
            )
            earlier.setattr(typed_columns, "MARK", "of an earlier version")
            Archiver(
                service.database,
                service.recorder,
                service.now,
                open_location(str(tmp_path / "archive")),
                quiet,
            ).run()
        take(service, later)
        Archiver(
            service.database, service.recorder, service.now, open_location(str(tmp_path / "archive")), quiet
        ).run()
        ledger, stands = audit_ledger(service.database, service.projector, Options(), quiet), outcome(service)
    found = audit_archive(str(tmp_path / "archive"), Options(), quiet)
    assert found.differs == 0, found.judged.differences
    assert (found.checksum, found.position) == (ledger.checksum, ledger.position)
    with restored(tmp_path / "archive", tmp_path / "new") as new:
        assert outcome(new) == stands
        assert {answer.verdict.value for answer in take(new, later).answers} == {"duplicate"}


def quiet(*_: object) -> None:
    """Nobody watches."""


@pytest.mark.usefixtures("each_database")
def test_r27_a_crowd_of_orders_is_decided_as_the_rules_in_sql_have_it(tmp_path: Path) -> None:
    """Of few ids and products, so that much is corrected, more than once, late, voided, and as purchases before."""
    source = random.Random(27)
    with open_ledger(tmp_path, [SPRING]) as service:
        told = [each for number in range(120) for each in crowd(source, f"u{number}")]
        source.shuffle(told)
        for start in range(0, len(told), 50):
            take(service, told[start : start + 50])
        found = audited(service)
    assert found.differs == 0, found.judged.differences
    assert (
        min(found.judged.totals[what] for what in ("purchases that count", "facts voided", "upgrades")) > 20
    )


def crowd(source: random.Random, user_id: str) -> Iterator[Fact]:
    """Facts of a user: receipts, orders, purchases that are of orders, corrections of all of them, and voids."""
    names = ["o1", "o2", "o1:x", "o1:x:y"]
    asked = [made_up_order, made_up_refund, made_up_refund, made_up_purchase]
    told = [source.choice(asked)(source, source.choice(names)) for _ in range(14)]
    told += [fact("received", name, campaign_id="spring") for name in ("r1", "r2")]
    told += [made_up_report(source, number) for number in range(2)]
    told += [cancelled(source.choice("abc"), order_id=source.choice(names))] if source.random() < 0.3 else []
    for number in range(3):
        named = source.choice(told)["id"]
        told.append(fact("refund", f"x{number}", purchase_id=named, amount="3"))
        if source.random() < 0.5:
            told.append(void(named, f"d{number}"))
    for each in told:
        hour = source.randrange(24)
        yield each | {"user_id": user_id, "at": f"2026-03-0{1 + hour % 4}T{hour:02}:00:00Z"}


def made_up_lines(source: random.Random) -> list[Fact]:
    prices = [None, "1", "2.50", "0.000001", "0"]
    return [
        line(source.choice(["tea", "tea", "cup"]), source.choice(prices), source.choice([1, 1, 2, 3]))
        for _ in range(source.choice([1, 1, 2, 3]))
    ]


def made_up_order(source: random.Random, order_id: str) -> Fact:
    told: Fact = {"lines": made_up_lines(source)} if source.random() < 0.8 else {"total": "7"}
    total: Fact = {"total": "21.98"} if source.random() < 0.3 else {}
    version = {"app_id": "ios", "app_version": source.choice(["1.1", "1.2"])}
    named = source.choice([{}, {"name": "signed_up"}, version])
    currency: Fact = {"currency": source.choice(["EUR", "USD"])}
    return fact("order", order_id, **currency | told | total | named)


def made_up_refund(source: random.Random, order_id: str) -> Fact:
    told: Fact = source.choice([{}, {"amount": "1.50"}, *[{"lines": made_up_lines(source)}] * 4])
    other: Fact = source.choice([{}, {}, {"currency": "EUR"}, {"name": "signed_up"}])
    return fact("order_refund", f"b{source.randrange(9)}", order_id=order_id, **told | other)


def made_up_purchase(source: random.Random, order_id: str) -> Fact:
    product_id = source.choice(["tea", "cup"])
    name = source.choice([product_id, product_id, "1", "#1", "x:tea"])
    money = {"currency": source.choice(["EUR", "EUR", "USD"]), "quantity": source.choice([1, 2])}
    return bought(f"order:{order_id}:{name}", source.choice(["0", "2.50", "9"]), product_id, **money)


def made_up_report(source: random.Random, number: int) -> Fact:
    versions: Fact = {
        "version": source.choice(["1.1", "1.2"]),
        "previous_version": source.choice([None, "1.1", "1.2"]),
    }
    return fact("app_version", f"v{number}", app_id="ios", **versions)
