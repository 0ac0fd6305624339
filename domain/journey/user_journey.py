"""UserJourney: takes the facts of one user, each once (R13), and decides all that follows from each (R6 to R18).

A fact is decided alone and at once: from the state at hand where it comes in order, and with the few neighbours it has
in the history where it comes late. So what is decided depends on the stream's facts alone, never on batches.
"""

from typing import TypeVar

import msgspec

from domain import lanes
from domain.errors import ConflictingFact
from domain.facts import (
    AnyFact,
    Behaviour,
    Fact,
    Order,
    OrderCancelled,
    OrderRefund,
    Purchase,
    Received,
    Refund,
    Sale,
    Void,
    digest,
    type_of,
)
from domain.instants import EPOCH
from domain.journey.decisions import FactDisregarded, Receipt
from domain.journey.lookups import JourneySoFar
from domain.journey.rules import conversions, earlier_orders, recipients, revenue, upgrades

F = TypeVar("F", bound=Fact)


class UserJourney(JourneySoFar):
    """All facts of one user, and what was decided from them."""

    def take(self, fact: AnyFact) -> bool:
        """Take a fact and decide all that follows: True when it is new, False for a duplicate (R13).

        Raises ConflictingFact, and then nothing was recorded.
        """
        if self.is_known(fact):
            return False
        if isinstance(fact, Received):
            self.standing(fact.campaign_id)
        around = upgrades.neighbours(self, fact)
        self.record(fact)
        void = self._void_of(fact)
        if void is None:
            self._decide(fact, around)
        else:
            self.record(FactDisregarded(void.id, fact))
        return True

    def is_known(self, fact: AnyFact) -> bool:
        """Whether the fact was recorded before (R13); raises ConflictingFact where its id is another's.

        What was filled in by default, then or now, makes no conflict: what was recorded stands.
        """
        known = self.history.digest(fact.id)
        if known is None:
            return isinstance(fact, Order) and self._is_known_as_purchases(fact)
        if known == digest(fact):
            return True
        recorded = self.history.fact(fact.id)
        if recorded is None or type(recorded) is not type(fact):
            kind = "another" if recorded is None else type_of(recorded)
            raise ConflictingFact(f"the id {fact.id!r} is taken by a fact of type {kind}", place="id")
        if known == digest(_fill_as(fact, recorded)):
            return True
        raise ConflictingFact(
            f"the id {fact.id!r} is taken by a fact of the same type and other content: "
            f"{', '.join(_different(fact, recorded))}",
            place="id",
        )

    def recorded_currency(self, fact_id: str) -> str | None:
        """The currency of the fact that is recorded under the id, or of the order that is recorded as purchases."""
        if self.history.digest(fact_id) is not None:
            return getattr(self.history.fact(fact_id), "currency", None)
        return next((each.currency for each in self._recorded_as_purchases(fact_id)), None)

    def _recorded_as_purchases(self, order_id: str) -> list[Purchase]:
        if self.state.orders_as_purchases is False:
            return []
        return earlier_orders.purchases_of(
            order_id, self.history.beginning(earlier_orders.purchases_prefix(order_id))
        )

    def _is_known_as_purchases(self, order: Order) -> bool:
        """Whether an earlier version recorded the order, as purchases; what it filled in by default stands."""
        purchases = self._recorded_as_purchases(order.id)
        if purchases:
            order = _fill_as(order, purchases[0])
        if purchases and not earlier_orders.is_recorded_as(order, purchases):
            raise ConflictingFact(
                f"the order {order.id!r} is recorded as purchases of other content, {purchases[0].id!r} first",
                place="id",
            )
        return bool(purchases)

    def _decide(self, fact: AnyFact, around: upgrades.Neighbours) -> None:
        match fact:
            case Received():
                self._receive(fact)
            case Refund():
                revenue.refund(self, fact)
            case OrderRefund() | OrderCancelled():
                conversions.judge(self, fact, upgrade=False)
                revenue.correct(self, fact)
            case Void():
                self._void(fact)
            case _:
                self._behave(fact, around)

    def _receive(self, fact: Received) -> None:
        recipients.count(self, fact)
        behaved_until = self.state.behaved_until
        if behaved_until is None or fact.at > behaved_until:
            return  # In order: nothing has happened since that the receipt could be credited with.
        receipt = Receipt(fact.id, fact.at, fact.variant_id)
        before_it, until = self.find_reign(fact.campaign_id, receipt)
        conversions.open_windows(self, fact, receipt, until)
        revenue.move(self, fact, until, loser=before_it, winner=receipt)

    def _behave(self, fact: Behaviour, around: upgrades.Neighbours) -> None:
        change = upgrades.mark(self, fact, around)
        conversions.judge(self, fact, upgrade=change.upgrade)
        if isinstance(fact, Sale):
            revenue.attribute(self, fact)
        self._follow_upgrade(change)

    def _follow_upgrade(self, change: upgrades.Change) -> None:
        if change.other is None:
            return
        if change.other_upgrade:
            conversions.judge(self, change.other, upgrade=True)
        else:
            conversions.lose(self, change.other, only_as_upgrade=True)

    def _void_of(self, fact: AnyFact) -> Fact | None:
        """The void that came before the fact it names; a void cannot be voided."""
        if not self.state.names_facts or isinstance(fact, Void):
            return None
        return next(self.history.between(lanes.voids(fact.id), EPOCH), None)

    def _void(self, void: Void) -> None:
        target = self.history.fact(void.fact_id)
        if target is None or isinstance(target, Void):
            return
        if self.is_disregarded(target.id, but_for=void.id):
            return
        if isinstance(target, Received):
            self.standing(target.campaign_id)
        self.record(FactDisregarded(void.id, target))
        match target:
            case Received():
                self._unreceive(target)
            case Refund():
                revenue.refund(self, target, gone=True)
            case OrderRefund() | OrderCancelled():
                conversions.lose(self, target)
                revenue.correct(self, target, gone=True)
            case _:
                self._unbehave(target)

    def _unreceive(self, fact: Received) -> None:
        recipients.discount(self, fact)
        receipt = Receipt(fact.id, fact.at, fact.variant_id)
        before_it, until = self.find_reign(fact.campaign_id, receipt)
        conversions.close_windows(self, fact, before_it, until)
        revenue.move(self, fact, until, loser=receipt, winner=before_it)

    def _unbehave(self, fact: Behaviour) -> None:
        change = upgrades.mark(self, fact, upgrades.neighbours(self, fact), gone=True)
        conversions.lose(self, fact)
        if isinstance(fact, Sale):
            revenue.withdraw(self, fact)
        self._follow_upgrade(change)


def _fill_as(fact: F, recorded: Fact) -> F:
    """The fact with what was filled in by default, of it or of the recorded one, as it is recorded."""
    names = {*fact.filled, *recorded.filled}
    return msgspec.structs.replace(fact, **{name: getattr(recorded, name) for name in names})


def _different(fact: AnyFact, recorded: AnyFact) -> list[str]:
    """The fields in which two facts of one type differ."""
    names = [
        field.name for field in msgspec.structs.fields(type(fact)) if field.name not in {"filled", "name"}
    ]
    return [name for name in names if getattr(fact, name) != getattr(recorded, name)] or ["properties"]
