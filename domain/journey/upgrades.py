"""R10: which version reports are upgrades; a report that comes late or goes may change the one after it too."""

from typing import NamedTuple

from domain.app_version import is_upgrade
from domain.journey import lanes
from domain.journey.decisions import Occurrence, UpgradeRecorded, UpgradeWithdrawn
from domain.journey.facts import AnyFact, Behaviour, Fact, reported_version
from domain.journey.journey import Journey
from domain.journey.state import Report


class Neighbours(NamedTuple):
    """The version reports of the same app just before and just after a place in the journey."""

    before: Report | None
    after: AnyFact | None


class Change(NamedTuple):
    """Whether a report that came, or went, is or was an upgrade, and what that made of the report after it.

    `other` is the report after it, where that has become an upgrade or is one no more.
    """

    upgrade: bool
    other: Behaviour | None = None
    other_upgrade: bool = False


_NOBODY = Neighbours(None, None)


def neighbours(journey: Journey, fact: Fact) -> Neighbours:
    """The reports around a behaviour that is not, or no more, among them."""
    reported = reported_version(fact)
    state = journey.state
    if reported is None or state.reported_until is None:
        return _NOBODY
    latest = state.reports.get(reported[0])
    if latest is not None and latest.key < fact.key:
        return Neighbours(latest, None)
    lane = lanes.versions(reported[0])
    after = None if fact.at > state.reported_until else journey.history.after(lane, fact.key)
    return Neighbours(_report(journey.history.before(lane, fact.key)), after)


def mark(journey: Journey, fact: Behaviour, around: Neighbours, *, gone: bool = False) -> Change:
    """Compare versions anew around a report that came, or is gone, and record what changed."""
    reported = reported_version(fact)
    if reported is None:
        return Change(upgrade=False)
    report = Report(fact.id, fact.at, reported[1])
    upgrade = _upgrades(around.before, report)
    if upgrade:
        _record(journey, reported[0], report, None if gone else around.before)
    after = _report(around.after)
    apart, beside = _upgrades(around.before, after), _upgrades(report, after)
    if after is None or apart == beside:
        return Change(upgrade)
    now, predecessor = (apart, around.before) if gone else (beside, report)
    _record(journey, reported[0], after, predecessor if now else None)
    return Change(upgrade, around.after, now)  # type: ignore[arg-type]


def _upgrades(before: Report | None, after: Report | None) -> bool:
    return before is not None and after is not None and is_upgrade(before.version, after.version)


def _record(journey: Journey, app_id: str, report: Report, predecessor: Report | None) -> None:
    """The report is an upgrade over its predecessor; over none, it is one no more."""
    occurrence = Occurrence(report.id, report.at)
    if predecessor is None:
        journey.record(UpgradeWithdrawn(occurrence, app_id))
    else:
        journey.record(UpgradeRecorded(occurrence, app_id, predecessor.version, report.version))


def _report(fact: AnyFact | None) -> Report | None:
    reported = None if fact is None else reported_version(fact)
    return None if fact is None or reported is None else Report(fact.id, fact.at, reported[1])
