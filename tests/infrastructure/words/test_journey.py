"""The events of a journey in sentences: each kind of fact and decision, out of a journey that has them all."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain import facts
from domain.facts import AnyFact, OrderLine
from domain.journey import decisions
from domain.journey.decisions import Conversion, Occurrence, Receipt, Revenue
from infrastructure.event_store.codec import TOPICS
from infrastructure.words.journey import (
    describe_journey_event,
    find_instant,
    find_replaced,
    is_fact,
    name_kind,
)
from infrastructure.words.quantities import Writing, isolated

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
EARLIER = AT - timedelta(days=1)
TEA, CUP = OrderLine("tea", Decimal("9.99"), 2), OrderLine("cup")
R0, R1 = Receipt("r0", EARLIER, "B"), Receipt("r1", AT, "A")
P1 = Occurrence("p1", AT)
BEFORE, NOW = Conversion(Occurrence("p0", EARLIER), R0), Conversion(P1, R1)
LESS, MORE = Revenue(Decimal("5.00"), R0), Revenue(Decimal("19.98"), R1)
RECEIPT_0 = "receipt r0 of 2026-03-01 09:00:00 UTC"
RECEIPT_1 = "receipt r1 of 2026-03-02 09:00:00 UTC"
CREDITED = "credited to receipt r1 of variant A"


def fact(kind: type[AnyFact], **fields: Any) -> Any:
    """A fact."""
    return kind(id="x1", at=AT, **fields)


SAID: list[tuple[Any, str, str]] = [
    (
        fact(facts.Received, campaign_id="sale", variant_id="A"),
        "receipt",
        "The user received variant A of sale (x1).",
    ),
    (fact(facts.SessionStarted, app_id="ios"), "session", "The user opened ios (x1)."),
    (
        fact(facts.SessionStarted, app_id="ios", app_version="1.2"),
        "session",
        "The user opened ios 1.2 (x1).",
    ),
    (
        fact(facts.Purchase, product_id="tea", price=Decimal("9.9"), currency="EUR", quantity=1200),
        "purchase",
        "The user bought 1,200 x tea at 9.90 EUR (x1).",
    ),
    (fact(facts.CustomEvent, name="signed_up"), "custom event", "The user performed signed_up (x1)."),
    (
        fact(facts.AppVersionReported, app_id="ios", app_version="1.3"),
        "app version",
        "The app ios reported its version 1.3 (x1).",
    ),
    (
        fact(facts.AppVersionReported, app_id="ios", app_version="1.3", previous_version="1.2"),
        "app version",
        "The app ios reported its version 1.3, and 1.2 as the one before it (x1).",
    ),
    (
        fact(facts.Order, lines=(TEA, CUP), currency="EUR"),
        "order",
        "The user ordered 2 x tea at 9.99, 1 x cup without a price, in EUR (x1).",
    ),
    (
        fact(facts.Order, lines=(TEA,), currency="EUR", total=Decimal(18)),
        "order",
        "The user ordered 2 x tea at 9.99, in total 18.00 EUR (x1).",
    ),
    (
        fact(facts.Order, currency="JPY", total=Decimal(18)),
        "order",
        "The user ordered something for 18 JPY (x1).",
    ),
    (fact(facts.Order, lines=(CUP,)), "order", "The user ordered 1 x cup without a price (x1)."),
    (
        fact(facts.Refund, purchase_id="p1", amount=Decimal("5.00")),
        "refund",
        "5.00 of purchase p1 was given back, in its currency (x1).",
    ),
    (
        fact(facts.OrderRefund, order_id="o1", amount=Decimal("5.00"), currency="EUR"),
        "order refund",
        "5.00 EUR of order o1 was given back (x1).",
    ),
    (
        fact(facts.OrderRefund, order_id="o1", lines=(CUP,)),
        "order refund",
        "1 x cup of order o1 was given back (x1).",
    ),
    (fact(facts.OrderRefund, order_id="o1"), "order refund", "All of order o1 was given back (x1)."),
    (fact(facts.OrderCancelled, order_id="o1"), "order cancelled", "Order o1 was cancelled (x1)."),
    (fact(facts.Void, fact_id="p1"), "void", "A void says that p1 should never have been (x1)."),
    (
        decisions.FactDisregarded("d1", fact(facts.CustomEvent, name="n")),
        "void takes effect",
        "The custom event x1 counts no more: void d1 names it.",
    ),
    (
        decisions.UpgradeRecorded(P1, "ios", "1.2", "1.3"),
        "upgrade",
        "p1 is an upgrade of ios, from 1.2 to 1.3.",
    ),
    (decisions.UpgradeWithdrawn(P1, "ios"), "upgrade", "p1 is no upgrade of ios any more."),
    (
        decisions.RecipientCounted("sale", "A", R1),
        "recipient",
        f"The user counts as a recipient of variant A of sale, from {RECEIPT_1} on.",
    ),
    (
        decisions.RecipientCounted("sale", None, R1),
        "recipient",
        f"The user counts as a recipient of sale, from {RECEIPT_1} on.",
    ),
    (
        decisions.RecipientRestated("sale", None, R1, R0),
        "recipient",
        f"The user is a recipient of sale from {RECEIPT_0} on, not from {RECEIPT_1} on.",
    ),
    (
        decisions.RecipientWithdrawn("sale", "A", R1),
        "recipient",
        "The user is no recipient of variant A of sale any more: no receipt is left.",
    ),
    (
        decisions.ConversionRecorded("sale", 1, NOW),
        "conversion",
        f"The user converted on event B of sale: p1, {CREDITED}.",
    ),
    (
        decisions.ConversionRestated("sale", 0, BEFORE, NOW),
        "conversion",
        (
            f"The conversion on event A of sale was decided again: p1, {CREDITED}. "
            "Before, it was p0, credited to receipt r0 of variant B."
        ),
    ),
    (
        decisions.ConversionWithdrawn("sale", 0, NOW),
        "conversion",
        "The conversion on event A of sale is withdrawn: no behaviour that converts is left.",
    ),
    (
        decisions.RevenueAttributed("sale", P1, "EUR", MORE),
        "revenue",
        f"Purchase p1 counts for sale: 19.98 EUR, {CREDITED}.",
    ),
    (
        decisions.RevenueRestated("sale", P1, "EUR", MORE, LESS, is_order=True),
        "revenue",
        (
            "Order p1 counts for sale: 5.00 EUR, credited to receipt r0 of variant B. "
            f"Before, it was 19.98 EUR, {CREDITED}."
        ),
    ),
    (
        decisions.RevenueWithdrawn("sale", P1, "EUR", MORE),
        "revenue",
        "Purchase p1 counts for sale no more.",
    ),
]


@pytest.mark.parametrize(("event", "kind", "sentence"), SAID)
def test_each_event_of_a_journey_has_a_sentence(event: Any, kind: str, sentence: str) -> None:
    """With the ids that it names; who acts comes first."""
    assert describe_journey_event(event) == sentence
    assert name_kind(event) == kind
    assert is_fact(event) is isinstance(event, facts.Fact)


@pytest.mark.parametrize(("event", "kind", "sentence"), SAID)
def test_a_decision_happened_when_what_it_is_about_happened(event: Any, kind: str, sentence: str) -> None:
    """Not when it was made: so it comes after its fact, whichever clock orders them."""
    assert find_instant(event) == (EARLIER if isinstance(event, decisions.RecipientRestated) else AT), (
        kind,
        sentence,
    )


def journey_topics() -> Iterator[type]:
    """The events of journeys."""
    yield from (event for event, topic in TOPICS.items() if topic.startswith("journey."))


def test_no_event_of_a_journey_is_left_out() -> None:
    """Whoever adds one has to say it in words."""
    assert {type(event) for event, _, _ in SAID} == set(journey_topics())


def test_text_of_others_is_written_as_the_page_writes_it() -> None:
    """Text from right to left never turns the sentence around it."""
    event = fact(facts.CustomEvent, name="\u202eevil")
    said = describe_journey_event(event, Writing(name=isolated))
    assert "\u202e" not in said
    assert said.startswith("The user performed ")


def test_r14_of_decisions_about_one_thing_only_the_newest_counts() -> None:
    """Each campaign, conversion event, purchase, variant and version report is a thing of its own."""
    first = decisions.ConversionRecorded("sale", 0, BEFORE)
    journey: list[Any] = [
        fact(facts.CustomEvent, name="n"),
        first,
        decisions.ConversionRecorded("sale", 1, BEFORE),
        decisions.ConversionRecorded("other", 0, BEFORE),
        decisions.ConversionRestated("sale", 0, BEFORE, NOW),
        decisions.RevenueAttributed("sale", P1, "EUR", MORE),
        decisions.RevenueAttributed("sale", Occurrence("p0", EARLIER), "EUR", LESS),
        decisions.RevenueRestated("sale", P1, "EUR", MORE, LESS),
        decisions.RecipientCounted("sale", "A", R1),
        decisions.RecipientCounted("sale", None, R1),
        decisions.RecipientWithdrawn("sale", "A", R1),
        decisions.ConversionWithdrawn("sale", 0, NOW),
        first,
        decisions.UpgradeRecorded(P1, "ios", "1.2", "1.3"),
        decisions.UpgradeWithdrawn(P1, "ios"),
    ]
    assert find_replaced(journey) == {2, 5, 6, 9, 12, 14}
