"""A fact's identity and content (R13)."""

from decimal import Decimal

import pytest

from domain.errors import ConflictingFact, FactRefused
from domain.facts import AnyFact, CustomEvent, Purchase, Void
from tests.domain.journey_specification import (
    Fields,
    bought,
    campaign,
    converted,
    counted,
    earned,
    march,
    performed,
    received,
    refunded,
    reported,
    session,
    under,
    voided,
)
from tests.domain.journeys import Journeys, fact_of
from tests.support.reference import instant

SPRING = campaign({"type": "makes_purchase", "deadline": "3d"}, variants=[{"id": "A"}, {"id": "B"}])
DEFAULT = campaign({"type": "makes_purchase", "deadline": "3d"})
R1 = received("r1", march(1), "A")
P2 = bought("p2", march(2), "9.90")
EVERY_TYPE = [
    R1,
    session("s2", march(2), app_version="1.2"),
    P2,
    performed("c2", march(2)),
    reported("v2", march(2), "1.2"),
    refunded("x2", "p2", "5.00"),
    voided("d2", "c2"),
]


@pytest.mark.parametrize("fact", EVERY_TYPE, ids=lambda raw: raw["type"])
def test_r13_the_same_fact_again_is_a_duplicate(fact: Fields) -> None:
    """R13: for ever, and it records nothing."""
    under(SPRING).given(*EVERY_TYPE).when(fact).then_known_already()
    under(SPRING).given(*EVERY_TYPE, fact, session("s90", "2026-06-01T09:00:00Z")).when(
        fact
    ).then_known_already()


@pytest.mark.parametrize(
    "same",
    [
        {"price": "9.9"},
        {"price": "009.900000"},
        {"price": Decimal("9.90")},
        {"price": Decimal("99E-1")},
        {"quantity": 1},
        {"quantity": None},
        {"app_id": None, "app_version": None, "properties": None},
        {"at": "2026-03-02T11:30:00+02:30"},
        {"at": "2026-03-02t04:00:00.000000-05:00"},
        {"at": "2026-03-02T09:00:00.0000009Z"},
    ],
    ids=str,
)
def test_r13_the_same_content_written_otherwise_is_a_duplicate(same: Fields) -> None:
    """R13: equality after reading: numbers, instants, defaults filled in, absent = null."""
    under(SPRING).given(R1, P2).when(P2 | same).then_known_already()


def test_r13_whole_amounts_of_any_spelling_are_one() -> None:
    """R13: 100 = 1E+2 = 100.00."""
    hundred = bought("p2", march(2), "100")
    for price in ("100.00", Decimal("1E+2"), 100):
        under(SPRING).given(hundred).when(hundred | {"price": price}).then_known_already()


def test_r13_a_receipts_only_variant_may_be_left_out() -> None:
    """R5, R13: the default filled in is the same content."""
    named = received("r1", march(1))
    under(DEFAULT).given(named).when(named | {"variant_id": None}).then_known_already()


@pytest.mark.parametrize(
    ("fact", "other"),
    [
        (R1, {"variant_id": "B"}),
        (R1, {"at": march(1, "09:00:00.000001")}),
        (EVERY_TYPE[1], {"app_id": "web"}),
        (EVERY_TYPE[1], {"app_version": "1.2.0"}),
        (EVERY_TYPE[1], {"app_version": None}),
        (P2, {"price": "9.91"}),
        (P2, {"currency": "USD"}),
        (P2, {"quantity": 2}),
        (P2, {"product_id": "SKU-9"}),
        (P2, {"app_id": "ios"}),
        (EVERY_TYPE[3], {"name": "shared"}),
        (EVERY_TYPE[4], {"version": "1.3"}),
        (EVERY_TYPE[5], {"purchase_id": "p3"}),
        (EVERY_TYPE[5], {"amount": "5.01"}),
        (EVERY_TYPE[6], {"fact_id": "p2"}),
    ],
)
def test_r13_other_content_under_a_taken_id_is_a_conflict(fact: Fields, other: Fields) -> None:
    """R13: refused, and nothing is recorded: the first recorded stands."""
    under(SPRING).given(fact).when(fact | other).then_refused(ConflictingFact)


@pytest.mark.parametrize("fact", EVERY_TYPE, ids=lambda raw: raw["type"])
def test_r13_a_fact_of_another_type_under_a_taken_id_is_a_conflict(fact: Fields) -> None:
    """R13: one id is one fact, whatever its type."""
    taken = performed("x", march(2), "taken")
    under(SPRING).given(taken).when(fact | {"id": "x"}).then_refused(ConflictingFact)


def test_r13_what_stands_aside_is_content_too() -> None:
    """R13: properties and reasons are known by their keyed hash; equal ones are the same, others a conflict."""
    at = instant(P2)
    purchase = Purchase("p1", at, "sku-9", Decimal("9.9"), "EUR", properties="h1")
    event, void = CustomEvent("c1", at, "signed_up", properties="h1"), Void("d1", at, "p1", "h1")
    others: list[AnyFact] = [
        Purchase("p1", at, "sku-9", Decimal("9.9"), "EUR", properties="h2"),
        CustomEvent("c1", at, "signed_up"),
        Void("d1", at, "p1", "h2"),
    ]
    facts: list[AnyFact] = [purchase, event, void]
    for fact, other in zip(facts, others, strict=True):
        under(SPRING).given(fact).when(fact).then_known_already()
        under(SPRING).given(fact).when(other).then_refused(ConflictingFact)


def test_r13_after_a_conflict_the_journey_goes_on_as_if_it_had_not_been() -> None:
    """R13: a refused fact leaves no trace."""
    journeys, untroubled = Journeys([SPRING]), Journeys([SPRING])
    journeys.take([R1, P2])
    with pytest.raises(ConflictingFact):
        journeys.take([P2 | {"price": "8.00", "at": march(1)}])
    for each in (journeys, untroubled):
        each.take([R1, P2, bought("p3", march(3)), refunded("x1", "p2", "1.00")])
    assert journeys.events == untroubled.events


def test_r13_ids_are_compared_by_code_point() -> None:
    """R13, Words: never normalised, and capitals differ from small letters."""
    composed, decomposed = bought("\u00e9", march(2)), bought("e\u0301", march(3))
    under(SPRING).given(R1, composed).when(decomposed).then(earned(decomposed, R1, "1.00"))
    under(SPRING).given(R1, P2).when(P2 | {"id": "P2", "at": march(3)}).then(
        earned(P2 | {"id": "P2", "at": march(3)}, R1, "9.90")
    )


def test_r13_every_user_has_ids_of_their_own() -> None:
    """R13: the identity of a fact is its user's too."""
    journeys = Journeys([SPRING])
    journeys.take([raw | {"user_id": user_id} for user_id in ("u1", "U1") for raw in (R1, P2)])
    for user_id in ("u1", "U1"):
        decisions = [counted("A", R1), counted(None, R1), converted(P2, R1), earned(P2, R1, "9.90")]
        assert [event for event in journeys.events[user_id] if event in decisions] == decisions


def test_r16_a_refusal_has_a_code_and_a_place() -> None:
    """R16: a program reads the code, which is the refusal's own unless another is given."""
    assert (ConflictingFact("taken", place="id").code, FactRefused("no").place) == ("conflicting_fact", "")
    with pytest.raises(FactRefused) as refused:
        fact_of(P2 | {"colour": "red"}, {})
    assert (refused.value.code, refused.value.place) == ("unknown_field", "colour")
