"""`conversions report` of another time: as of an instant, between two, or of the receipts of some days."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from domain.instants import printed
from infrastructure.cli import differences, report_tables
from infrastructure.cli.console import Refused
from infrastructure.cli.report_tables import when
from infrastructure.cli.snapshots import together
from infrastructure.composition import Service
from projections.campaign_report import occurred
from projections.campaign_report.as_of import Clock, Difference, ReportHistory
from projections.campaign_report.counts import CampaignThen, Counts
from projections.campaign_report.reading import CampaignReport
from projections.engine.projection import UnreadableLog
from projections.recipients import RECIPIENTS
from projections.recipients.reading import Period, load_period
from projections.series import SERIES
from projections.series.reading import load_credited_to_receipts


class Asked(NamedTuple):
    """The campaign that is asked about."""

    service: Service
    app_group: str
    campaign_id: str


@dataclass(frozen=True)
class AsOf:
    """A report as of an instant: what it said then, or what is known now to have been true."""

    report: CampaignReport
    instant: datetime
    clock: Clock

    def write_csv(self) -> None:
        """A row a figure."""
        report_tables.write_csv(self.report)

    def show(self) -> None:
        """Tables for people."""
        said = "what it said" if self.clock == "recorded" else "what is known now to have been true"
        report_tables.show(self.report, about=f"As of {when(self.instant)}: {said}.")

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return self.report.as_json() | {"as_of": {"instant": printed(self.instant), "clock": self.clock}}


@dataclass(frozen=True)
class Received:
    """A report of the receipts of some days in the app group's time zone, both inside; open where there is none."""

    report: CampaignReport
    first: date | None
    last: date | None
    time_zone: str

    def write_csv(self) -> None:
        """A row a figure."""
        report_tables.write_csv(self.report)

    def show(self) -> None:
        """Tables for people."""
        if self.last is None:
            days = f"from {self.first} on, that day inside"
        elif self.first is None:
            days = f"up to {self.last}, that day inside"
        else:
            days = f"from {self.first} to {self.last}, both days inside"
        about = f"Of what was received {days}; days in {self.time_zone}."
        report_tables.show(self.report, about=about)

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        first, last = (None if day is None else day.isoformat() for day in (self.first, self.last))
        return self.report.as_json() | {"received_from": first, "to": last}


def as_of(asked: Asked, instant: datetime, clock: Clock) -> AsOf:
    """The report as of an instant; raises Refused where there was no such campaign yet."""
    if clock == "occurred":
        with _known_now(asked) as (history, campaign, position):
            counts = occurred.count_until(history.connection, asked.app_group, asked.campaign_id, instant)
            return AsOf(campaign.report(counts, position), instant, clock)
    with _history(asked) as history:
        found = history.report(history.position(instant))
        if found is None:
            raise _unknown(asked, history, instant)
    return AsOf(found, instant, clock)


@dataclass(frozen=True)
class Between:
    """What changed between two instants."""

    difference: Difference
    first: datetime
    last: datetime
    clock: Clock

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return differences.as_json(self.difference, self.first, self.last, self.clock)

    def write_csv(self) -> None:
        """A row a figure that changed."""
        differences.write_csv(self.difference)

    def show(self) -> None:
        """Tables for people, and sentences."""
        differences.show(self.difference, self.first, self.last, self.clock)


def between(asked: Asked, first: datetime, last: datetime, clock: Clock, limit: int) -> Between:
    """What changed between two instants; raises Refused where there was no such campaign yet at the second."""
    if clock == "occurred":
        return Between(_happened(asked, first, last, limit), first, last, clock)
    with _history(asked) as history:
        found = history.difference(history.position(first), history.position(last), limit)
        if found is None:
            raise _unknown(asked, history, last)
    return Between(found, first, last, clock)


def _happened(asked: Asked, first: datetime, last: datetime, limit: int) -> Difference:
    with _known_now(asked) as (history, campaign, position):
        named = (history.connection, asked.app_group, asked.campaign_id)
        before, after = (
            campaign.report(occurred.count_until(*named, instant), position) for instant in (first, last)
        )
        changes, total = occurred.find_changes_between(*named, first, last, limit)
    return Difference(before, after, changes, total)


def received(asked: Asked, first: date | None, last: date | None) -> Received:
    """The report of the receipts of some days; raises Refused for an unknown campaign."""
    named, known = (asked.app_group, asked.campaign_id), asked.service.definitions
    with together(asked.service, RECIPIENTS, SERIES) as (connection, position):
        history = _history_over(asked, connection)
        campaign = _campaign(asked, history, position)
        credited = load_credited_to_receipts(connection, *named, first, last)
        found = load_period(
            connection,
            known,
            *named,
            first or date.min,
            last or date.max,
            conversions=credited.conversions,
            revenue=credited.revenue,
        )
    return Received(campaign.report(_counts(found), position), first, last, found.time_zone)


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
def _history(asked: Asked) -> Iterator[ReportHistory]:
    """What the report of a campaign said, in one read transaction; raises Refused where the log cannot be read."""
    with asked.service.database.reading() as connection, _readable():
        yield _history_over(asked, connection)


@contextmanager
def _readable() -> Iterator[None]:
    """Raises Refused where the log cannot be read."""
    try:
        yield
    except UnreadableLog as error:
        raise Refused(f"{error}; `conversions verify` checks the log", code="unreadable_log") from None


def _history_over(asked: Asked, connection: Connection) -> ReportHistory:
    projector = asked.service.projector
    return ReportHistory(connection, projector.log, projector.definitions, asked.app_group, asked.campaign_id)


@contextmanager
def _known_now(asked: Asked) -> Iterator[tuple[ReportHistory, CampaignThen, int]]:
    """What stands now, in one read transaction: the campaign, and the position; raises Refused for an unknown one."""
    with together(asked.service, *occurred.MODELS) as (connection, position):
        history = _history_over(asked, connection)
        yield history, _campaign(asked, history, position), position


def _campaign(asked: Asked, history: ReportHistory, position: int) -> CampaignThen:
    with _readable():
        found = history.campaign(position)
    if found is None:
        raise unknown_campaign(asked)
    return found


def unknown_campaign(asked: Asked) -> Refused:
    """What is raised for a campaign that there is not."""
    message = f"there is no campaign {asked.campaign_id!r} in {asked.app_group!r}"
    return Refused(f"{message}; `conversions campaigns list` shows them all", code="unknown_campaign")


def _unknown(asked: Asked, history: ReportHistory, instant: datetime) -> Refused:
    """What is raised for a campaign that there was not at an instant, though there may be now."""
    drafted_at = history.drafted_at()
    if drafted_at is None:
        return unknown_campaign(asked)
    message = (
        f"there was no campaign {asked.campaign_id!r} in {asked.app_group!r} yet at {printed(instant)}: "
        f"it was drafted at {printed(drafted_at)}; `--clock occurred` tells what was true then, as known now"
    )
    return Refused(message, code="unknown_campaign")
