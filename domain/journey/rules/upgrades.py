"""R10: which version reports are upgrades; a report that comes late or goes may change the one after it too.

The first report of an app is compared with the version before it that it names itself, if it names one.
"""

from typing import NamedTuple

from domain import lanes
from domain.app_version import is_upgrade
from domain.facts import AnyFact, Behaviour, Fact, reported_version
from domain.journey.decisions import Occurrence, UpgradeRecorded, UpgradeWithdrawn
from domain.journey.lookups import JourneySoFar
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
_NO_CHANGE = Change(upgrade=False)


def neighbours(journey: JourneySoFar, fact: Fact) -> Neighbours:
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
    return Neighbours(_report_of(journey.history.before(lane, fact.key)), after)


def mark(journey: JourneySoFar, fact: Behaviour, around: Neighbours, *, gone: bool = False) -> Change:
    """Compare versions again around a report that came, or is gone, and record what changed."""
    reported = reported_version(fact)
    if reported is None:
        return _NO_CHANGE
    report = _report(fact)
    upgraded = _upgraded_from(around.before, report)
    if upgraded is not None:
        _record(journey, reported[0], report, None if gone else upgraded)
    after = _report_of(around.after)
    if after is None:
        return Change(upgraded is not None)
    apart, beside = _upgraded_from(around.before, after), _upgraded_from(report, after)
    if (apart is None) == (beside is None):
        return Change(upgraded is not None)
    now = apart if gone else beside
    _record(journey, reported[0], after, now)
    return Change(upgraded is not None, around.after, now is not None)  # type: ignore[arg-type]


def _upgraded_from(before: Report | None, report: Report) -> str | None:
    """The version that a report is an upgrade over: of the report before it, else the one it names; else None."""
    version = report.previous_version if before is None else before.version
    return version if version is not None and is_upgrade(version, report.version) else None


def _record(journey: JourneySoFar, app_id: str, report: Report, version: str | None) -> None:
    """The report is an upgrade over a version; over none, it is one no more."""
    occurrence = Occurrence(report.id, report.at)
    if version is None:
        journey.record(UpgradeWithdrawn(occurrence, app_id))
    else:
        journey.record(UpgradeRecorded(occurrence, app_id, version, report.version))


def _report_of(fact: AnyFact | None) -> Report | None:
    return None if fact is None else _report(fact)


def _report(fact: Fact) -> Report:
    """The report that a fact is: each of a lane of versions is one."""
    version: str = fact.app_version  # type: ignore[attr-defined]
    return Report(fact.id, fact.at, version, getattr(fact, "previous_version", None))
