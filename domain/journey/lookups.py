"""What rules know of a journey while they decide a fact: the state at hand, and beyond it the history."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from domain import lanes
from domain.aggregate import Aggregate
from domain.campaigns.conversion_events import LONGEST_DEADLINE
from domain.facts import AnyFact, Received
from domain.instants import EPOCH
from domain.journey.decisions import JourneyEvent, Receipt
from domain.journey.history import LAST_ID, History
from domain.journey.state import Definitions, JourneyState, Standing


class JourneySoFar(Aggregate[JourneyEvent]):
    """A user's stream up to now, as the rules see it: its state, its history, and the look-ups that they share.

    A receipt *reigns* from its instant until the campaign's next receipt. For that long it is the latest one at or
    before a behaviour, which R9 credits while its window is open.
    """

    def __init__(
        self, id: str, history: History, definitions: Definitions, state: JourneyState | None = None
    ) -> None:
        super().__init__(id)
        self.history = history
        self.definitions = definitions
        self.state = JourneyState(orders_as_purchases=False) if state is None else state

    def record(self, event: JourneyEvent) -> None:
        """State a new fact: it changes the state, and is added to the history, which on replay has it already."""
        super().record(event)
        self.history.add(event, self.version)

    def evolve(self, event: JourneyEvent) -> None:
        self.state.evolve(event)

    def standing(self, campaign_id: str) -> Standing | None:
        """R15: the standing of a campaign, brought back if it was put away; None where nothing was received."""
        standing = self.state.standings.get(campaign_id)
        if standing is None and self.state.closed_until is not None:
            standing = self.history.standing(campaign_id)
            if standing is not None:
                self.state.standings[campaign_id] = standing
        return standing

    def is_disregarded(self, fact_id: str, *, but_for: str | None = None) -> bool:
        """Whether a void, other than `but_for`, names the fact (R17)."""
        return any(void.id != but_for for void in self.history.between(lanes.voids(fact_id), EPOCH))

    def campaigns_around(self, at: datetime) -> list[str]:
        """The campaigns of which a window may hold the instant, in order; brings their standings back."""
        closed_until = self.state.closed_until
        if closed_until is not None and at <= closed_until:
            first = lanes.month(at - LONGEST_DEADLINE)
            for campaign_id in self.history.campaigns_received(first, lanes.month(at)):
                self.standing(campaign_id)
        definitions = self.definitions
        return sorted(
            [
                campaign_id
                for campaign_id, standing in self.state.standings.items()
                if standing.received_from <= at
                and at - standing.received_until <= definitions[campaign_id].longest_window
            ]
        )

    def latest_receipt(self, campaign_id: str, at: datetime) -> Receipt | None:
        """The latest receipt at or before the instant (R9)."""
        standing = self.state.standings[campaign_id]
        if standing.latest is not None and standing.latest.at <= at:
            return standing.latest
        return as_receipt(self.history.before(lanes.receipts(campaign_id), (at, LAST_ID)))

    def find_reign(self, campaign_id: str, receipt: Receipt) -> tuple[Receipt | None, datetime | None]:
        """The receipt that reigned before this one, and the instant at which the next takes over, if one does."""
        lane = lanes.receipts(campaign_id)
        before = as_receipt(self.history.before(lane, receipt.key))
        latest = self.state.standings[campaign_id].latest
        if latest is not None and latest.id == receipt.id:
            return before, None
        after = self.history.after(lane, receipt.key)
        return before, None if after is None else after.at

    def facts_in_reign(
        self, lane: str, since: datetime, window: timedelta, until: datetime | None
    ) -> Iterator[AnyFact]:
        """The lane's facts inside the window of a receipt and before the next receipt takes over, in order."""
        end = since + window
        if until is None or end < until:
            yield from self.history.between(lane, since, end)
            return
        for fact in self.history.between(lane, since, until):
            if fact.at == until:
                return
            yield fact


def as_receipt(fact: AnyFact | None) -> Receipt | None:
    """A receipt as decisions name it."""
    return Receipt(fact.id, fact.at, fact.variant_id) if isinstance(fact, Received) else None
