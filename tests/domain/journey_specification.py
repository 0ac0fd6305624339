"""Decider specifications of a user journey: given facts, when one more is taken, then exactly these decisions.

    under(SPRING).given(R1).when(P2).then(converted(P2, R1), earned(P2, R1, "1.00"))

Facts are written as in a file (docs/files.md) or are the domain's own. Every specification is checked twice (R15): on a
journey kept at hand, and on one whose state was put away and read again before the fact in question.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from domain.aggregate import Aggregate, Recorded
from domain.errors import DomainError
from domain.facts import AnyFact
from domain.journey import decisions as d
from domain.journey.decisions import JourneyEvent
from domain.journey.history import MemoryHistory
from domain.journey.user_journey import UserJourney
from tests.domain.journeys import definition_of, fact_of, fold, reloaded
from tests.support.reference import Outcome, instant

Fields = dict[str, Any]
GivenFact = Fields | AnyFact
A = TypeVar("A", bound=Aggregate[Any])


# Campaigns and facts, written as in a file


def campaign(*events: Fields, campaign_id: str = "spring", **fields: Any) -> Fields:
    return {"id": campaign_id, "conversion_events": list(events), **fields}


def march(day: int, time: str = "09:00:00") -> str:
    return f"2026-03-{day:02}T{time}Z"


def fact(kind: str, fact_id: str, at: str, **fields: Any) -> Fields:
    return {"type": kind, "id": fact_id, "user_id": "u1", "at": at} | fields


def received(fact_id: str, at: str, variant_id: str = "default", campaign_id: str = "spring") -> Fields:
    return fact("received", fact_id, at, campaign_id=campaign_id, variant_id=variant_id)


def session(fact_id: str, at: str, app_id: str = "ios", **fields: Any) -> Fields:
    return fact("session_started", fact_id, at, app_id=app_id, **fields)


def bought(fact_id: str, at: str, price: str = "1.00", currency: str = "EUR", **fields: Any) -> Fields:
    return fact("purchase", fact_id, at, product_id="sku-9", price=price, currency=currency) | fields


def ordered(fact_id: str, at: str, *lines: Fields, **fields: Any) -> Fields:
    """An order in euros; `line` makes its lines."""
    told = {"lines": list(lines)} if lines else {}
    return fact("order", fact_id, at, currency="EUR") | told | fields


def line(product_id: str, price: str | None = None, quantity: int = 1) -> Fields:
    return {"product_id": product_id, "price": price, "quantity": quantity}


def order_refunded(fact_id: str, order_id: str, *lines: Fields, at: str = march(9), **fields: Any) -> Fields:
    told = {"lines": list(lines)} if lines else {}
    return fact("order_refund", fact_id, at, order_id=order_id) | told | fields


def order_cancelled(fact_id: str, order_id: str, at: str = march(9), **fields: Any) -> Fields:
    return fact("order_cancelled", fact_id, at, order_id=order_id) | fields


def performed(fact_id: str, at: str, name: str = "signed_up", **fields: Any) -> Fields:
    return fact("custom_event", fact_id, at, name=name, **fields)


def reported(fact_id: str, at: str, version: str, app_id: str = "ios") -> Fields:
    return fact("app_version", fact_id, at, app_id=app_id, version=version)


def refunded(fact_id: str, purchase_id: str, amount: str, at: str = march(9)) -> Fields:
    return fact("refund", fact_id, at, purchase_id=purchase_id, amount=amount)


def voided(void_id: str, fact_id: str, at: str = march(20)) -> Fields:
    return fact("void", void_id, at) | {"fact_id": fact_id}


# Specifications


def under(*campaigns: Fields) -> "Given":
    """A journey under these campaigns, of which nothing is known yet."""
    return Given(campaigns, ())


@dataclass(frozen=True)
class Given:
    """Campaigns, and facts taken in this order."""

    campaigns: Sequence[Fields]
    facts: Sequence[GivenFact]

    def given(self, *facts: GivenFact) -> "Given":
        """Some more facts, taken in this order."""
        return Given(self.campaigns, (*self.facts, *facts))

    def when(self, fact: GivenFact) -> "Decided":
        """Take one more fact, on a journey kept at hand and on one put away."""
        (at_hand, _), (put_away, _) = self.journey(), self.journey()
        decided = _take(at_hand, self.read(fact))
        later = _take(reloaded(put_away), self.read(fact))
        assert decided == later, f"R15: put away, it decides\n{later}"
        return decided

    def journey(self) -> tuple[UserJourney, list[JourneyEvent]]:
        """The journey of these facts, and its events."""
        definitions = {campaign["id"]: definition_of(campaign) for campaign in self.campaigns}
        journey = UserJourney("u1", MemoryHistory(), definitions)
        for fact in self.facts:
            journey.take(self.read(fact))
        return journey, [recorded.event for recorded in journey.collect_events()]

    def outcome(self) -> Outcome:
        """What stands, folded from the events alone; it can give reports."""
        outcome = fold({"u1": self.journey()[1]})
        return replace(outcome, campaigns={campaign["id"]: campaign for campaign in self.campaigns})

    def read(self, fact: GivenFact) -> AnyFact:
        """The domain's fact under these campaigns."""
        if not isinstance(fact, dict):
            return fact
        return fact_of(fact, {campaign["id"]: definition_of(campaign) for campaign in self.campaigns})


@dataclass(frozen=True)
class Decided:
    """What was recorded when a fact was taken, and the refusal, if it was refused."""

    fact: AnyFact
    events: Sequence[JourneyEvent]
    refusal: type[DomainError] | None

    def then(self, *expected: JourneyEvent) -> None:
        """The fact was recorded, and exactly this was decided, in this order."""
        assert self == Decided(self.fact, (self.fact, *expected), None), self

    def then_nothing(self) -> None:
        """The fact was recorded, and nothing was decided."""
        self.then()

    def then_known_already(self) -> None:
        """It was a duplicate: nothing at all was recorded (R13)."""
        assert self == Decided(self.fact, (), None), self

    def then_refused(self, refusal: type[DomainError]) -> None:
        """It was refused, and nothing at all was recorded (R13)."""
        assert self == Decided(self.fact, (), refusal), self

    def __str__(self) -> str:
        told = [f"{type(event).__name__} {msgspec.json.encode(event).decode()}" for event in self.events]
        return "\n".join([f"{self.fact.id}: refusal {self.refusal}", *told])


def _take(journey: UserJourney, fact: AnyFact) -> Decided:
    refusal = None
    try:
        is_new = journey.take(fact)
    except DomainError as error:
        is_new, refusal = False, type(error)
    events = tuple(recorded.event for recorded in journey.collect_events())
    assert is_new == bool(events), f"it said {is_new} and recorded {events}"
    return Decided(fact, events, refusal)


# Decisions, told by the facts they are about


def counted(variant_id: str | None, now: Fields) -> JourneyEvent:
    """The receipt counts its user as a recipient of the variant; of the campaign for None."""
    return d.RecipientCounted(now["campaign_id"], variant_id, _receipt(now))


def recounted(variant_id: str | None, before: Fields, now: Fields) -> JourneyEvent:
    return d.RecipientRestated(now["campaign_id"], variant_id, _receipt(before), _receipt(now))


def uncounted(variant_id: str | None, before: Fields) -> JourneyEvent:
    return d.RecipientWithdrawn(before["campaign_id"], variant_id, _receipt(before))


def converted(behaviour: Fields, receipt: Fields, index: int = 0) -> JourneyEvent:
    return d.ConversionRecorded(receipt["campaign_id"], index, _conversion(behaviour, receipt))


def conversion_restated(
    before: tuple[Fields, Fields], now: tuple[Fields, Fields], index: int = 0
) -> JourneyEvent:
    return d.ConversionRestated(now[1]["campaign_id"], index, _conversion(*before), _conversion(*now))


def conversion_withdrawn(behaviour: Fields, receipt: Fields, index: int = 0) -> JourneyEvent:
    return d.ConversionWithdrawn(receipt["campaign_id"], index, _conversion(behaviour, receipt))


def earned(purchase: Fields, receipt: Fields, net: str) -> JourneyEvent:
    what = (receipt["campaign_id"], _occurrence(purchase), purchase["currency"])
    return d.RevenueAttributed(*what, d.Revenue(Decimal(net), _receipt(receipt)), purchase["type"] == "order")


def revenue_restated(purchase: Fields, before: tuple[Fields, str], now: tuple[Fields, str]) -> JourneyEvent:
    what = (now[0]["campaign_id"], _occurrence(purchase), purchase["currency"])
    stood, stands = (d.Revenue(Decimal(net), _receipt(receipt)) for receipt, net in (before, now))
    return d.RevenueRestated(*what, stood, stands, purchase["type"] == "order")


def revenue_withdrawn(purchase: Fields, receipt: Fields, net: str) -> JourneyEvent:
    what = (receipt["campaign_id"], _occurrence(purchase), purchase["currency"])
    return d.RevenueWithdrawn(*what, d.Revenue(Decimal(net), _receipt(receipt)), purchase["type"] == "order")


def upgraded(report: Fields, over: Fields) -> JourneyEvent:
    return d.UpgradeRecorded(_occurrence(report), report["app_id"], _version(over), _version(report))


def upgrade_withdrawn(report: Fields) -> JourneyEvent:
    return d.UpgradeWithdrawn(_occurrence(report), report["app_id"])


def disregarded(void: Fields, fact: Fields) -> JourneyEvent:
    return d.FactDisregarded(void["id"], _as_told(fact))


def _as_told(raw: Fields) -> AnyFact:
    every_variant = {"id": raw.get("campaign_id"), "variants": [{"id": raw.get("variant_id")}]}
    return fact_of(raw, {raw["campaign_id"]: definition_of(every_variant)} if "campaign_id" in raw else {})


def _receipt(raw: Fields) -> d.Receipt:
    return d.Receipt(raw["id"], instant(raw), raw["variant_id"])


def _occurrence(raw: Fields) -> d.Occurrence:
    return d.Occurrence(raw["id"], instant(raw))


def _conversion(behaviour: Fields, receipt: Fields) -> d.Conversion:
    return d.Conversion(_occurrence(behaviour), _receipt(receipt))


def _version(raw: Fields) -> str:
    return str(raw["version"] if raw["type"] == "app_version" else raw["app_version"])


# The other aggregates, given by their events


def loaded(aggregate: A, *events: Any) -> A:
    """The aggregate after these events, as if they had been stored and read again."""
    recorded = [Recorded(aggregate.id, version, event) for version, event in enumerate(events, start=1)]
    return aggregate.replay(recorded)


def decided(aggregate: Aggregate[Any]) -> list[Any]:
    """The events decided since, which are thereby collected."""
    return [recorded.event for recorded in aggregate.collect_events()]
