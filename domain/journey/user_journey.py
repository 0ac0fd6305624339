"""UserJourney: takes the facts of one user, each once (R13), and decides all that follows from each (R6 to R18).

A fact is decided alone and at once: from the state at hand where it comes in order, and with the few neighbours it has
in the history where it comes late. So what is decided depends on the stream's facts alone, never on batches.
"""

from domain.errors import ConflictingFact
from domain.instants import EPOCH
from domain.journey import conversions, lanes, recipients, revenue, upgrades
from domain.journey.decisions import FactDisregarded, Receipt
from domain.journey.facts import AnyFact, Behaviour, Fact, Purchase, Received, Refund, Void, digest
from domain.journey.journey import Journey


class UserJourney(Journey):
    """All facts of one user, and what was decided from them."""

    def take(self, fact: AnyFact) -> bool:
        """Take a fact and decide all that follows: True when it is new, False for a duplicate (R13).

        Raises ConflictingFact, and then nothing was recorded.
        """
        known = self.history.digest(fact.id)
        if known is not None:
            if known == digest(fact):
                return False
            raise ConflictingFact(f"the id {fact.id!r} is taken by a fact of other content", place="id")
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

    def _decide(self, fact: AnyFact, around: upgrades.Neighbours) -> None:
        match fact:
            case Received():
                self._receive(fact)
            case Refund():
                revenue.refund(self, fact)
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
        before_it, until = self.reign(fact.campaign_id, receipt)
        conversions.open_windows(self, fact, receipt, until)
        revenue.move(self, fact, until, loser=before_it, winner=receipt)

    def _behave(self, fact: Behaviour, around: upgrades.Neighbours) -> None:
        change = upgrades.mark(self, fact, around)
        conversions.judge(self, fact, upgrade=change.upgrade)
        if isinstance(fact, Purchase):
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
            case _:
                self._unbehave(target)

    def _unreceive(self, fact: Received) -> None:
        recipients.discount(self, fact)
        receipt = Receipt(fact.id, fact.at, fact.variant_id)
        before_it, until = self.reign(fact.campaign_id, receipt)
        conversions.close_windows(self, fact, before_it)
        revenue.move(self, fact, until, loser=receipt, winner=before_it)

    def _unbehave(self, fact: Behaviour) -> None:
        change = upgrades.mark(self, fact, upgrades.neighbours(self, fact), gone=True)
        conversions.lose(self, fact)
        if isinstance(fact, Purchase):
            revenue.withdraw(self, fact)
        self._follow_upgrade(change)
