"""What changed a campaign's figures, one by one: receipts, conversions and purchases, as they stood and stand now."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.engine import Connection

from domain import money
from domain.campaigns.conversion_events import LETTERS
from domain.facts import Fact, Received, type_of
from domain.instants import from_microseconds, printed
from domain.journey import decisions
from domain.journey.decisions import Conversion, FactDisregarded, Occurrence, Receipt, Revenue
from projections.engine.projection import Log, Logged
from projections.engine.tables import find_users

What = Literal["receipt", "conversion", "revenue"]

Stands = Receipt | Conversion | Revenue | None


@dataclass(frozen=True)
class Change:
    """A receipt, conversion or purchase that counts differently: `before` is None where it is new, `now` where it went.

    `at` is when that was recorded, and `because` the fact that led to it; or `at` is when it occurred, with no cause.
    `unique_recipients` says how many more there are through a receipt, of its variant and of the campaign (R18).
    """

    at: datetime
    journey_id: str
    what: What
    before: Stands
    now: Stands
    index: int | None = None
    purchase: Occurrence | None = None
    currency: str | None = None
    is_order: bool = False
    unique_recipients: Counter[str] = field(default_factory=Counter)
    because: Fact | None = None
    user_id: str | None = None

    @property
    def verb(self) -> Literal["recorded", "restated", "withdrawn", "occurred"]:
        """What became of it (R14); under the other clock it occurred."""
        if self.before is None:
            return "occurred" if self.because is None else "recorded"
        return "withdrawn" if self.now is None else "restated"

    @property
    def sale(self) -> Literal["purchase", "order"]:
        """What the revenue is of (R27)."""
        return "order" if self.is_order else "purchase"

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        found: dict[str, Any] = {
            "at": printed(self.at),
            "user_id": self.user_id,
            "what": self.what,
            "change": self.verb,
        }
        if self.index is not None:
            found |= {"index": self.index, "letter": LETTERS[self.index]}
        if self.purchase is not None:
            found |= {
                "purchase": {"type": self.sale, **_occurrence(self.purchase)},
                "currency": self.currency,
            }
        if self.what == "receipt":
            found["unique_recipients"] = {of: self.unique_recipients[of] for of in ("variant", "campaign")}
        because = self.because
        return found | {
            "before": self._describe(self.before),
            "now": self._describe(self.now),
            "because": None if because is None else {"type": type_of(because), **_occurrence(because)},
        }

    def _describe(self, stands: Stands) -> dict[str, Any] | None:
        match stands:
            case Receipt():
                return _receipt(stands)
            case Conversion():
                return {"behaviour": _occurrence(stands.behaviour), "receipt": _receipt(stands.receipt)}
            case Revenue():
                net = money.printed(stands.net, str(self.currency))
                return {"net": net, "receipt": _receipt(stands.receipt)}
            case _:
                return None


def _occurrence(named: Occurrence | Fact) -> dict[str, Any]:
    return {"id": named.id, "at": printed(named.at)}


def _receipt(receipt: Receipt) -> dict[str, Any]:
    return {"id": receipt.id, "at": printed(receipt.at), "variant_id": receipt.variant_id}


class Changes:
    """The first changes, up to a limit, that the events of a campaign made, and how many there are in all.

    Unique recipients belong to the receipt before them: they are what it led to, and lie beside it in the log.
    """

    def __init__(self, limit: int) -> None:
        self.total = 0
        self._limit = limit
        self._first: list[tuple[Logged, Change]] = []
        self._receipt = Counter[str]()

    def see(self, logged: Logged) -> None:
        """Note what an event changed."""
        event = logged.event
        if isinstance(event, decisions.RecipientCounted | decisions.RecipientWithdrawn):
            of = "campaign" if event.variant_id is None else "variant"
            self._receipt[of] += 1 if isinstance(event, decisions.RecipientCounted) else -1
            return
        self.total += 1
        change = _change(logged)
        if change.what == "receipt":
            self._receipt = change.unique_recipients
        if len(self._first) < self._limit:
            self._first.append((logged, change))

    def first(self, connection: Connection, log: Log) -> list[Change]:
        """The first changes, with the fact that led to each, and the user; raises UnreadableLog."""
        found = [replace(change, because=log.cause(connection, logged)) for logged, change in self._first]
        return with_users(connection, found)


def _change(logged: Logged) -> Change:
    event, at = logged.event, from_microseconds(logged.recorded_at)
    if isinstance(event, Received):
        return Change(at, logged.stream_id, "receipt", None, _receipt_of(event))
    if isinstance(event, FactDisregarded):
        return Change(at, logged.stream_id, "receipt", _receipt_of(event.fact), None)
    before, now = getattr(event, "before", None), getattr(event, "now", None)
    if isinstance(now or before, Conversion):
        return Change(at, logged.stream_id, "conversion", before, now, index=event.index)
    return Change(
        at,
        logged.stream_id,
        "revenue",
        before,
        now,
        purchase=event.purchase,
        currency=event.currency,
        is_order=event.is_order,
    )


def _receipt_of(fact: Any) -> Receipt:  # noqa: ANN401 - a receipt: no other fact names a campaign
    return Receipt(fact.id, fact.at, fact.variant_id)


def with_users(connection: Connection, changes: Iterable[Change]) -> list[Change]:
    """The changes with the users' ids; none where a user's identity was erased."""
    found = list(changes)
    user_ids = find_users(connection, (change.journey_id for change in found))
    return [replace(change, user_id=user_ids.get(change.journey_id)) for change in found]
