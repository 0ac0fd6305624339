"""A journey as its picture has it: a lane for each campaign out of its explanation, and what the user did."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from domain import facts
from domain.explanation import RecordedEvent
from domain.journey.decisions import FactDisregarded
from infrastructure.pictures.journey_facts import Behaviour, Conversion, Kind, Lane, Receipt, Window
from infrastructure.words.conversion_events import name_event_first
from infrastructure.words.journey import describe_journey_event

_KINDS: Final[dict[type[facts.Fact], Kind]] = {
    facts.SessionStarted: Kind.SESSION,
    facts.Purchase: Kind.PURCHASE,
    facts.Order: Kind.PURCHASE,
    facts.CustomEvent: Kind.CUSTOM_EVENT,
    facts.AppVersionReported: Kind.APP_VERSION,
    facts.Refund: Kind.CORRECTION,
    facts.OrderRefund: Kind.CORRECTION,
    facts.OrderCancelled: Kind.CORRECTION,
    facts.Void: Kind.VOID,
}


def make_lane(explained: Mapping[str, Any], now: datetime) -> Lane:
    """The lane of a campaign; a window is open while a behaviour may yet convert."""
    events = explained["conversion_events"]
    return Lane(
        explained["name"],
        [_make_receipt(each, events, now) for each in explained["receipts"]],
        [
            Conversion(event["letter"], _read(event["behaviour"]["at"]), _read(event["receipt"]["at"]))
            for event in events
            if event["converted"]
        ],
        {each["letter"]: name_event_first(each) for each in events},
    )


def _make_receipt(receipt: Mapping[str, Any], events: Iterable[Mapping[str, Any]], now: datetime) -> Receipt:
    at = _read(receipt["at"])
    ends = [(event, at + timedelta(seconds=event["deadline_seconds"])) for event in events]
    windows = [
        Window(event["letter"], until, is_open=until >= now and not event["converted"])
        for event, until in ends
    ]
    return Receipt(at, receipt["variant_id"], windows)


def _read(at: Any) -> datetime:  # noqa: ANN401
    """An instant as an explanation has it: printed, but not where it belongs to a whole fact."""
    return at if isinstance(at, datetime) else datetime.fromisoformat(at)


def list_behaviours(events: Iterable[RecordedEvent]) -> Iterator[Behaviour]:
    """What is known of the user besides receipts; what a void took away is marked."""
    journey = [each.event for each in events]
    voided = {each.fact.id for each in journey if isinstance(each, FactDisregarded)}
    for fact in journey:
        if isinstance(fact, facts.Fact) and (kind := _KINDS.get(type(fact))) is not None:
            # The picture isolates what it names.
            words = describe_journey_event(fact).removesuffix(".")
            yield Behaviour(fact.at, kind, words, is_voided=fact.id in voided)
