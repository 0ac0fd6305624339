"""R7, R8, R9, R14: which behaviour converts on a conversion event, and the receipt it is credited to."""

from datetime import datetime

from domain import lanes
from domain.campaigns.conversion_events import ConversionEvent
from domain.facts import Behaviour, Key, OrderCorrection, Received
from domain.journey.decisions import (
    Conversion,
    ConversionRecorded,
    ConversionRestated,
    ConversionWithdrawn,
    Occurrence,
    Receipt,
)
from domain.journey.history import LAST_ID
from domain.journey.lookups import JourneySoFar
from domain.journey.rules.attribution import credit


def judge(journey: JourneySoFar, behaviour: Behaviour | OrderCorrection, *, upgrade: bool) -> None:
    """A behaviour came: it converts wherever it matches inside a window, if none did earlier (R7, R8)."""
    for campaign_id in journey.campaigns_around(behaviour.at):
        wanted = [
            (index, deadline)
            for index, event, deadline in journey.definitions[campaign_id].windows_of(type(behaviour))
            if event.matches(behaviour, upgrade=upgrade)
            and not _earlier(journey, campaign_id, index, behaviour.key)
        ]
        reigning = journey.latest_receipt(campaign_id, behaviour.at) if wanted else None
        if reigning is None:
            continue
        for index, deadline in wanted:
            if behaviour.at - reigning.at <= deadline:
                now = Conversion(Occurrence(behaviour.id, behaviour.at), reigning)
                _convert(journey, campaign_id, index, now)


def _earlier(journey: JourneySoFar, campaign_id: str, index: int, key: Key) -> bool:
    """Whether a behaviour at or before the key converts already: then nothing after that can."""
    standing = journey.state.standings[campaign_id].conversions.get(index)
    return standing is not None and standing.behaviour.key <= key


def lose(
    journey: JourneySoFar, behaviour: Behaviour | OrderCorrection, *, only_as_upgrade: bool = False
) -> None:
    """A behaviour is gone, or is an upgrade no more: the conversions that stand on it fall back (R14)."""
    for campaign_id in journey.campaigns_around(behaviour.at):
        for index, event, _ in journey.definitions[campaign_id].windows:
            before = journey.state.standings[campaign_id].conversions.get(index)
            if before is None or before.behaviour.id != behaviour.id:
                continue
            if event.of_upgrades or not only_as_upgrade:
                _restate(
                    journey,
                    campaign_id,
                    index,
                    before,
                    _next(journey, campaign_id, index, before.behaviour.at),
                )


def open_windows(journey: JourneySoFar, fact: Received, receipt: Receipt, until: datetime | None) -> None:
    """A receipt came late: in its reign, behaviours convert that did not, or are credited to it (R9, R14)."""
    for index, event, deadline in journey.definitions[fact.campaign_id].windows:
        if _earlier(journey, fact.campaign_id, index, (receipt.at, "")):
            continue
        for behaviour in journey.facts_in_reign(event.lane, receipt.at, deadline, until):
            if event.matches(behaviour, upgrade=event.of_upgrades):
                now = Conversion(Occurrence(behaviour.id, behaviour.at), receipt)
                _convert(journey, fact.campaign_id, index, now)
                break


def close_windows(
    journey: JourneySoFar, fact: Received, before_it: Receipt | None, until: datetime | None
) -> None:
    """A receipt is gone: what it was credited with goes to the one before, or falls back past its reign (R17)."""
    for index, _, deadline in journey.definitions[fact.campaign_id].windows:
        before = journey.state.standings[fact.campaign_id].conversions.get(index)
        if before is None or before.receipt.id != fact.id:
            continue
        receipt = credit(before_it, before.behaviour.at, deadline)
        now = None if receipt is None else Conversion(before.behaviour, receipt)
        if now is None and until is not None:
            now = _next(journey, fact.campaign_id, index, until)
        _restate(journey, fact.campaign_id, index, before, now)


def _convert(journey: JourneySoFar, campaign_id: str, index: int, now: Conversion) -> None:
    """The candidate converts unless an earlier behaviour does: at most once, the earliest (R7)."""
    before = journey.state.standings[campaign_id].conversions.get(index)
    if before is None:
        journey.record(ConversionRecorded(campaign_id, index, now))
    else:
        journey.record(ConversionRestated(campaign_id, index, before, now))


def _restate(
    journey: JourneySoFar, campaign_id: str, index: int, before: Conversion, now: Conversion | None
) -> None:
    if now is None:
        journey.record(ConversionWithdrawn(campaign_id, index, before))
    else:
        journey.record(ConversionRestated(campaign_id, index, before, now))


def _next(journey: JourneySoFar, campaign_id: str, index: int, since: datetime) -> Conversion | None:
    """The earliest behaviour since the instant that any window holds; leaps over what lies between windows.

    After a conversion, this may be its own instant: an earlier one there would have been the conversion.
    """
    _, event, deadline = journey.definitions[campaign_id].windows[index]
    lane = lanes.receipts(campaign_id)
    while (behaviour := _next_match(journey, event, since)) is not None:
        receipt = credit(journey.latest_receipt(campaign_id, behaviour.at), behaviour.at, deadline)
        if receipt is not None:
            return Conversion(behaviour, receipt)
        following = journey.history.after(lane, (behaviour.at, LAST_ID))
        if following is None:
            return None
        since = following.at
    return None


def _next_match(journey: JourneySoFar, event: ConversionEvent, since: datetime) -> Occurrence | None:
    for fact in journey.history.between(event.lane, since):
        if event.matches(fact, upgrade=event.of_upgrades):
            return Occurrence(fact.id, fact.at)
    return None
