"""The results of a campaign: what it did, whether chance explains it, and what speaks against believing it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request, Response

from application.queries.arrivals import RejectedLately, count_rejected_lately
from application.queries.campaigns import CampaignHistory, read_history
from application.queries.lists import Page, read_newest_conversions
from application.queries.overlap import read_overlap
from application.queries.reads import AskedCampaign, BadQuestion, Days
from application.queries.receipts import read_first_and_last_receipt
from application.queries.report import CurrentReport, ReportOfDays, read_report, read_report_of_days
from application.queries.results import ExperimentResults, ExperimentSnapshot, read_snapshot, work_out
from application.queries.rows import report_rows
from application.queries.series import read_series
from domain.campaigns.events import Status
from domain.campaigns.evidence import DecidingTest
from infrastructure.http.reports import MOST_DAYS, read_day
from infrastructure.http.state import Shared
from infrastructure.web.activity import ShownActivity, show_activity
from infrastructure.web.asking import Part, Questions, open_campaign, try_part
from infrastructure.web.campaign_pages import Head, Top, find_top, make_head, read_kept
from infrastructure.web.changes_since import Since, describe_recomputed
from infrastructure.web.drawing import WEIGHTS_CHANGED, WINNER_DECLARED
from infrastructure.web.event_tables import (
    MOST_ROWS,
    choose_shown,
    make_event_tables,
    make_revenue_rows,
    revenue_per_recipient,
)
from infrastructure.web.failed import Failed
from infrastructure.web.next_fact import NextFact, show_next_fact
from infrastructure.web.periods import Period, list_periods
from infrastructure.web.rendering import render
from infrastructure.web.routing import Kind, new_routes, read_kind, respond_csv, respond_json
from infrastructure.web.sessions import Viewer, Visitor
from infrastructure.words.left_out import explain_left_out
from infrastructure.words.results import summarise
from projections.overlap.reading import Overlap
from projections.series.reading import Series

routes = new_routes()

AnyReport = CurrentReport | ReportOfDays

_NEWEST = 10
_MOST_CHANGES = 1_000
_CLOCKS = {"conversion": "the day of the conversion", "receipt": "the day of the receipt"}
_TESTS = {
    DecidingTest.ANYTIME: "valid on any day",
    DecidingTest.SEQUENTIAL: "valid on any day, sequential",
    DecidingTest.FIXED: "one look, on a fixed day",
}


@dataclass(frozen=True)
class Asked:
    """What the address of a results page asks for."""

    test: DecidingTest
    clock: str
    days: Days
    has_all_variants: bool = False

    @property
    def is_of_days(self) -> bool:
        """Whether the figures are of the receipts of some days alone."""
        return self.days.first is not None or self.days.last is not None

    @property
    def days_in_a_name(self) -> str:
        """The days, as the name of a file has them; nothing for all of them."""
        first, last = self.days.first, self.days.last
        return f"{f'-from-{first}' if first else ''}{f'-to-{last}' if last else ''}"

    def name_period(self, direction: int) -> dict[str, str] | None:
        """The parameters of the period before or after this one, as long as it; None where it has not both ends."""
        first, last = self.days.first, self.days.last
        if first is None or last is None:
            return None
        try:
            moved = direction * (last - first + timedelta(days=1))
            return {"from": (first + moved).isoformat(), "to": (last + moved).isoformat()}
        except OverflowError:
            return None

    def read_report(self, campaign: AskedCampaign) -> AnyReport:
        """The report that is asked for."""
        return read_report_of_days(campaign, self.days) if self.is_of_days else read_report(campaign)


def read_asked(given: Mapping[str, str]) -> Asked:
    """Read the parameters of a results page; raises BadQuestion and Problem."""
    clock = given.get("clock") or "conversion"
    if clock not in _CLOCKS:
        raise BadQuestion(f"{clock!r} is no clock: conversion or receipt", code="bad_clock", place="clock")
    try:
        test = DecidingTest(given.get("test") or DecidingTest.ANYTIME)
    except ValueError:
        raise BadQuestion(
            f"the test is one of {', '.join(DecidingTest)}", code="bad_test", place="test"
        ) from None
    first, last = (read_day(name, given.get(name) or None) for name in ("from", "to"))
    return Asked(test, clock, Days(first, last), given.get("variants") == "all")


@routes.get("/campaigns/{step}")
async def show_results(request: Request, state: Shared, viewer: Visitor, step: str) -> Response:
    """Show the results of a campaign."""
    kind, asked = read_kind(request), read_asked(request.query_params)
    questions = open_campaign(request, state, viewer, step.removesuffix(kind.value))
    if kind is Kind.CSV:
        report = await questions.ask(asked.read_report)
        name = f"{questions.campaign_id}{asked.days_in_a_name}"
        return respond_csv(name, report.report.position, report_rows(report.report))
    if kind is Kind.JSON:
        report, [snapshot] = await questions.ask_with(asked.read_report, [read_snapshot])
        found = await _work_out(questions, snapshot, asked)
        results = None if isinstance(found, Failed) else found.as_json()
        # What is tested is of all time: beside the figures of some days that has to be said.
        said = {"results_of": "all_receipts"} if asked.is_of_days else {}
        return respond_json(request, report.as_json() | {"results": results} | said)
    (report, whole, top), [snapshot, rejected, *lower] = await questions.ask_with(
        partial(_read_needed, asked, questions),
        [read_snapshot, partial(_count_rejected, questions), *_list_parts(asked)],
    )
    found = await _work_out(questions, snapshot, asked)
    head = await make_head(request, questions, top)
    activity = following = None
    if questions.at is None:
        activity = await show_activity(request, questions, whole.as_json())
        following = await show_next_fact(request, questions, whole.as_json())
    return _show(
        request,
        viewer,
        head,
        asked,
        _Figures(report, whole, found),
        _Parts(*lower),
        _Lately(
            activity,
            rejected,
            following,
            _list_periods(top),
            await _recompute(questions, asked, head, whole, found),
        ),
    )


async def _work_out(
    questions: Questions, snapshot: ExperimentSnapshot | Failed, asked: Asked
) -> ExperimentResults | Failed:
    """The results, which are worked out while no transaction is open."""
    if isinstance(snapshot, Failed):
        return snapshot
    return await try_part(
        questions.state.turns.run(questions.viewer.app_group, partial(work_out, snapshot, asked.test))
    )


def _read_needed(
    asked: Asked, questions: Questions, campaign: AskedCampaign
) -> tuple[AnyReport, AnyReport, Top]:
    """The report that is asked for, the one of all receipts, and what the head is made of."""
    report = asked.read_report(campaign)
    whole = read_report(campaign) if asked.is_of_days else report
    return report, whole, find_top(campaign, questions.at)


def _count_rejected(questions: Questions, campaign: AskedCampaign) -> RejectedLately | None:
    """What was rejected lately; None where it changes nothing: of a draft, of an archived one, and of the past."""
    if questions.at is not None or campaign.campaign().status not in {Status.LAUNCHED, Status.STOPPED}:
        return None
    state = questions.state
    return count_rejected_lately(state.arrivals, campaign.app_group, state.now())


@dataclass(frozen=True)
class _Lately:
    """What came in, what was rejected, and what to send next; each is None where nobody asks."""

    activity: ShownActivity | Failed | None
    rejected: RejectedLately | Failed | None
    next_fact: NextFact | Failed | None
    periods: list[Period]
    computed_since: list[str]
    """What a frozen page says otherwise now, beside the figures of the report."""


def _list_periods(top: Top) -> list[Period]:
    """Days are those of the app group's time zone, whatever zone the page has."""
    return list_periods(top.shown.instant.astimezone(ZoneInfo(top.time_zone)).date())


async def _recompute(
    questions: Questions, asked: Asked, head: Head, whole: AnyReport, then: ExperimentResults | Failed
) -> list[str]:
    """What follows from figures of a frozen page that have changed since: what was caused, and the headline."""
    if not isinstance(head.since, Since) or not head.since.changes or isinstance(then, Failed):
        return []
    live = questions.live
    report, [snapshot] = await live.ask_with(read_report, [read_snapshot])
    now = await _work_out(live, snapshot, asked)
    return (
        []
        if isinstance(now, Failed)
        else describe_recomputed((then, whole.as_json()), (now, report.as_json()), head.formats, head.writing)
    )


@dataclass(frozen=True)
class _Figures:
    """What the page is about: the report that is asked for, the one of all receipts, and the results of these."""

    report: AnyReport
    whole: AnyReport
    results: ExperimentResults | Failed

    @property
    def is_received(self) -> bool:
        """Whether anybody has received the campaign."""
        return any(each["receipts"] for each in self.whole.as_json()["variants"])


@dataclass(frozen=True)
class _Parts:
    """The lower parts of the page, each of which may fail alone."""

    series: Series | Failed
    overlap: Overlap | Failed
    newest: Page | Failed
    history: CampaignHistory | Failed
    received: tuple[datetime, datetime] | Failed | None

    @property
    def changes(self) -> list[dict[str, Any]]:
        """The changes that the curve by day marks."""
        if isinstance(self.history, Failed):
            return []
        marked = WEIGHTS_CHANGED | {WINNER_DECLARED}
        return [each for each in self.history.as_json()["events"] if each["topic"] in marked]


def _list_parts(asked: Asked) -> list[Part]:
    """The questions that fill _Parts."""
    return [
        lambda campaign: read_series(campaign, asked.clock, asked.days, most_days=MOST_DAYS),
        read_overlap,
        lambda campaign: read_newest_conversions(campaign, _NEWEST),
        lambda campaign: read_history(campaign, _MOST_CHANGES),
        read_first_and_last_receipt,
    ]


def _show(
    request: Request,
    viewer: Viewer,
    head: Head,
    asked: Asked,
    figures: _Figures,
    parts: _Parts,
    lately: _Lately,
) -> Response:
    report, found = figures.report, figures.results
    stated, live = report.as_json(), head.since is None
    results = None if isinstance(found, Failed) else found.as_json()
    return render(
        request,
        "results.html",
        viewer=viewer,
        formats=head.formats,
        shown=replace(head.shown, position=report.report.position) if live else head.shown,
        since=head.since,
        writing=head.writing,
        earlier=asked.name_period(-1),
        later=asked.name_period(1),
        section="campaigns",
        tab="results",
        channel=report.report.channel,
        kept=read_kept(request, "from", "to"),
        asked=asked,
        clocks=_CLOCKS,
        tests=_TESTS,
        report=stated,
        results=results,
        failed=found if isinstance(found, Failed) else None,
        summary=summarise(results, figures.whole.as_json(), writing=head.writing),
        is_received=figures.is_received,
        totals_per_recipient=revenue_per_recipient(stated["totals"]),
        delays=[] if isinstance(found, Failed) else _count_delays(found),
        parts=parts,
        received=None if isinstance(parts.received, Failed) else parts.received,
        first_window_end=_find_first_end(parts.received, stated),
        activity=lately.activity,
        rejected=lately.rejected,
        next_fact=lately.next_fact,
        periods=lately.periods,
        computed_since=lately.computed_since,
        **_compare(asked, stated, results),
        leads=[] if isinstance(found, Failed) or asked.is_of_days else _list_leads(found),
    )


def _compare(asked: Asked, report: Mapping[str, Any], results: Mapping[str, Any] | None) -> dict[str, Any]:
    """The tables of the page, and what is said of all of them."""
    # What is tested is of all time: beside the figures of some days it would contradict them.
    compared = None if asked.is_of_days else results
    shown = choose_shown(report, results, None if asked.has_all_variants else MOST_ROWS)
    return {
        "caused": compared["conversion_events"][0]["caused"]
        if compared and compared["conversion_events"]
        else None,
        "tables": make_event_tables(report, compared, shown),
        "revenue": make_revenue_rows(compared, shown),
        "shown_variants": len(shown),
        "left_out": explain_left_out(compared["left_out"]) if compared else None,
    }


def _list_leads(found: ExperimentResults) -> list[dict[str, Any]]:
    """How far the variant in front is above each other one, but for control: the table compares with that."""
    return [each for each in found.leads() if each["against"] != found.results.against]


def _find_first_end(
    received: tuple[datetime, datetime] | Failed | None, report: Mapping[str, Any]
) -> datetime | None:
    """When the first window of all ends; None while nobody has received the campaign."""
    deadlines = [each["deadline_seconds"] for each in report["conversion_events"]]
    if received is None or isinstance(received, Failed) or not deadlines:
        return None
    return received[0] + timedelta(seconds=min(deadlines))


def _count_delays(found: ExperimentResults) -> list[dict[int, int]]:
    """By conversion event how many conversions came after so many full hours; control is left out."""
    by_event: list[Counter[int]] = [Counter() for _ in found.results.conversion_events]
    for variant in found.snapshot.counted.variants:
        if not variant.control:
            for hours, delays in zip(by_event, variant.delays, strict=True):
                hours.update({each.hours: each.conversions for each in delays})
    return [dict(sorted(each.items())) for each in by_event]
