"""The report of a campaign: now, as of an instant, what changed between two, or of the receipts of some days."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast, get_args

from sqlalchemy.engine import Connection

from application.ledger import UnknownCampaign
from application.queries.differences import ReportDifference
from application.queries.frozen import refuse_beyond_log
from application.queries.reads import (
    AskedCampaign,
    BadQuestion,
    Days,
    Instants,
    NotDraftedYet,
    Positions,
    refuse_clock,
)
from application.queries.rows import Row, report_rows
from domain.instants import from_microseconds, printed
from projections.campaign_report import CAMPAIGN_REPORT, occurred, reading
from projections.campaign_report.as_of import Clock, Difference, ReportHistory
from projections.campaign_report.counts import CampaignThen, Counts
from projections.campaign_report.reading import CampaignReport
from projections.engine.generations import is_up_to
from projections.engine.projection import UnreadableLog
from projections.recipients import RECIPIENTS
from projections.recipients.reading import Mature, Period, load_mature_rates, load_period
from projections.series import SERIES
from projections.series.reading import load_credited_to_receipts

MOST_CHANGES = 10_000
"""Changes that one answer names: each is looked up."""

USUAL_CHANGES = 20


@dataclass(frozen=True)
class CurrentReport:
    """A campaign's report, with the rates of recipients whose windows are over."""

    report: CampaignReport
    mature: Mature | None
    recorded_at: datetime

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        mature = None if self.mature is None else self.mature.as_json()
        return _with_instant(self.report, self.recorded_at) | {"mature": mature}

    def rows(self) -> Iterator[Row]:
        """A head, then a row for each figure."""
        return report_rows(self.report, self.mature)


@dataclass(frozen=True)
class ReportAsOf:
    """A report as of an instant: what it said then, or what is known now to have been true then."""

    report: CampaignReport
    instant: datetime
    clock: Clock
    recorded_at: datetime

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        as_of = {"instant": printed(self.instant), "clock": self.clock}
        return _with_instant(self.report, self.recorded_at) | {"as_of": as_of}

    def rows(self) -> Iterator[Row]:
        """A head, then a row for each figure."""
        return report_rows(self.report)


@dataclass(frozen=True)
class ReportOfDays:
    """A report of the receipts of some days in the app group's time zone."""

    report: CampaignReport
    days: Days
    time_zone: str
    recorded_at: datetime

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        first, last = (None if day is None else day.isoformat() for day in (self.days.first, self.days.last))
        return _with_instant(self.report, self.recorded_at) | {"received_from": first, "to": last}

    def rows(self) -> Iterator[Row]:
        """A head, then a row for each figure."""
        return report_rows(self.report)


def _with_instant(report: CampaignReport, recorded_at: datetime) -> dict[str, Any]:
    """The report with the instant of its position beside the position."""
    found: dict[str, Any] = {}
    for name, value in report.as_json().items():
        found[name] = value
        if name == "position":
            found["recorded_at"] = printed(recorded_at)
    return found


def read_clock(clock: str, place: str = "clock") -> Clock:
    """The clock of another time by its name, `recorded` or `occurred`; raises BadQuestion."""
    refuse_clock(clock, get_args(Clock), place)
    return cast(Clock, clock)


AnyReport = CurrentReport | ReportAsOf | ReportOfDays


def read_report(asked: AskedCampaign) -> CurrentReport:
    """The report with every acknowledged fact in it; raises UnknownCampaign.

    Its mature rates are None where the read model `recipients` is not at its position, and is not waited for.
    """
    named, reads = asked.key, asked.reads
    with reads.up_to_date(CAMPAIGN_REPORT, beside=(RECIPIENTS,)) as (connection, position):
        found = reading.load_report(connection, *named)
        if found is None:
            raise _unknown(asked)
        with reads.beside(connection) as recorded:
            recorded_at = _find_instant(asked, recorded, found.position)
        if not is_up_to(connection, RECIPIENTS, position):
            return CurrentReport(found, None, recorded_at)
        mature = load_mature_rates(connection, reads.definitions, *named, reads.now())
        return CurrentReport(found, mature, recorded_at)


def read_report_as_of(asked: AskedCampaign, instant: datetime, clock: Clock) -> ReportAsOf:
    """The report as of an instant; raises UnknownCampaign, NotDraftedYet and UnreadableLog."""
    if clock == "occurred":
        with _known_now(asked) as (models, history, campaign, position):
            counts = occurred.count_until(models, *asked.key, instant)
            recorded_at = _find_instant(asked, history.connection, position)
            return ReportAsOf(campaign.report(counts, position), instant, clock, recorded_at)
    with asked.reads.recorded() as connection:
        history = _history(asked, connection)
        found = history.report(history.position(instant))
        if found is None:
            raise _not_drafted_yet(asked, history, instant)
        return ReportAsOf(found, instant, clock, _find_instant(asked, connection, found.position))


def read_difference(
    asked: AskedCampaign, between: Instants | Positions, clock: Clock, limit: int = USUAL_CHANGES
) -> ReportDifference:
    """What changed between two instants or positions, and the first `limit` changes.

    Raises UnknownCampaign, NotDraftedYet where the campaign was drafted after the later one, BadQuestion, and
    UnreadableLog.
    """
    if not 0 <= limit <= MOST_CHANGES:
        raise BadQuestion(f"limit is 0 to {MOST_CHANGES:,}", code="bad_limit", place="limit")
    if clock == "occurred":
        if isinstance(between, Positions):
            raise BadQuestion(
                "positions are of the clock recorded: name instants", code="bad_clock", place="as_of_clock"
            )
        return ReportDifference(_compare_occurred(asked, between, limit), between, clock)
    with asked.reads.recorded() as connection:
        history = _history(asked, connection)
        positions, instants = _find_ends(asked, history, between)
        found = history.difference(positions.first, positions.last, limit)
        if found is None:
            raise _not_drafted_yet(asked, history, instants.last)
        return ReportDifference(found, instants, clock)


def _find_ends(
    asked: AskedCampaign, history: ReportHistory, between: Instants | Positions
) -> tuple[Positions, Instants]:
    """The positions and the instants between which the log is read; raises BadQuestion for one beyond the log."""
    if isinstance(between, Instants):
        return Positions(history.position(between.first), history.position(between.last)), between
    log, connection = asked.reads.log, history.connection
    newest = log.last_position(connection)
    refuse_beyond_log(between.first, newest, "from")
    refuse_beyond_log(between.last, newest, "to")
    # Position 0 is before the first event.
    first, last = (log.recorded_at(connection, each) or 0 for each in (between.first, between.last))
    return between, Instants(from_microseconds(first), from_microseconds(last))


def read_report_of_days(asked: AskedCampaign, days: Days) -> ReportOfDays:
    """The report of the receipts of some days; raises UnknownCampaign and UnreadableLog."""
    named, reads = asked.key, asked.reads
    with reads.up_to_date(RECIPIENTS, SERIES, with_rows=True) as (connection, position):
        with reads.beside(connection) as recorded:
            campaign = _campaign(asked, _history(asked, recorded), position)
            recorded_at = _find_instant(asked, recorded, position)
        credited = load_credited_to_receipts(connection, *named, days.first, days.last)
        found = load_period(
            connection,
            reads.definitions,
            *named,
            days.first or date.min,
            days.last or date.max,
            conversions=credited.conversions,
            revenue=credited.revenue,
        )
    return ReportOfDays(campaign.report(_counts(found), position), days, found.time_zone, recorded_at)


def _compare_occurred(asked: AskedCampaign, between: Instants, limit: int) -> Difference:
    ends = (between.first, between.last)
    with _known_now(asked) as (models, history, campaign, position):
        before, after = (
            campaign.report(occurred.count_until(models, *asked.key, instant), position) for instant in ends
        )
        changes, total = occurred.find_changes_between(models, history.connection, asked.key, ends, limit)
    return Difference(before, after, changes, total)


def _counts(found: Period) -> Counts:
    """The figures of a period as counters; a currency is there because a purchase counted in it (R11)."""
    counts = Counts(unique_recipients=Counter({None: found.totals.unique_recipients}))
    for each in found.variants:
        key, figures = each.variant_id, each.figures
        counts.receipts[key] = figures.receipts
        counts.unique_recipients[key] = figures.unique_recipients
        counts.conversions.update({(key, index): count for index, count in enumerate(figures.conversions)})
        counts.purchases.update((key, currency) for currency in figures.revenue)
        counts.amounts.update({(key, currency): amount for currency, amount in figures.revenue.items()})
    return counts


@contextmanager
def _known_now(asked: AskedCampaign) -> Iterator[tuple[Connection, ReportHistory, CampaignThen, int]]:
    """What is known now: the read models, the history beside them, the campaign, and the position."""
    with (
        asked.reads.up_to_date(*occurred.MODELS, with_rows=True) as (models, position),
        asked.reads.beside(models) as recorded,
    ):
        history = _history(asked, recorded)
        yield models, history, _campaign(asked, history, position), position


def _campaign(asked: AskedCampaign, history: ReportHistory, position: int) -> CampaignThen:
    found = history.campaign(position)
    if found is None:
        raise _unknown(asked)
    return found


def _not_drafted_yet(asked: AskedCampaign, history: ReportHistory, instant: datetime) -> UnknownCampaign:
    """The error for a campaign that did not exist at an instant, though it may exist now."""
    drafted_at = history.drafted_at()
    if drafted_at is None:
        return _unknown(asked)
    return NotDraftedYet(
        f"there was no campaign {asked.campaign_id!r} yet at {printed(instant)}: "
        f"it was drafted at {printed(drafted_at)}",
        place="campaign_id",
    )


def _find_instant(asked: AskedCampaign, connection: Connection, position: int) -> datetime:
    """When the event at a position was recorded; raises UnreadableLog."""
    recorded_at = asked.reads.log.recorded_at(connection, position)
    if recorded_at is None:
        raise UnreadableLog(position, "the event is missing")
    return from_microseconds(recorded_at)


def _history(asked: AskedCampaign, connection: Connection) -> ReportHistory:
    return ReportHistory(connection, asked.reads.log, asked.reads.definitions, *asked.key)


def _unknown(asked: AskedCampaign) -> UnknownCampaign:
    return UnknownCampaign(f"there is no campaign {asked.campaign_id!r}", place="campaign_id")
