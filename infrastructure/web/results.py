"""The results of a campaign: what it did, whether chance explains it, and what speaks against believing it."""

import asyncio
from collections import Counter
from dataclasses import dataclass

from decimal import Decimal
from typing import Any

from fastapi import Request, Response

from application.queries.campaigns import read_history
from application.queries.lists import Cut, read_conversions
from application.queries.overlap import read_overlap
from application.queries.reads import AskedCampaign, BadQuestion, Days
from application.queries.report import read_report, read_report_of_days
from application.queries.results import ExperimentResults, read_results
from application.queries.rows import report_rows
from application.queries.series import read_series
from domain.campaigns.evidence import DecidingTest
from domain.instants import printed
from infrastructure.http.reports import read_day
from infrastructure.http.state import Shared
from infrastructure.web.asking import Failed, Questions, open_campaign, try_part
from infrastructure.web.routing import Kind, new_routes, read_kind, respond_csv, respond_json
from infrastructure.web.rendering import make_formats, render
from infrastructure.web.sessions import Visitor
from infrastructure.words.results import summarise

routes = new_routes()

_NEWEST = 10
_MOST_DAYS = 3_660
_MARKED = {"campaign.weights_set", "campaign.weights_adjusted", "campaign.winner_declared"}
"""Changes of a campaign that a curve by day marks."""

_TESTS = {
    DecidingTest.ANYTIME: "valid on any day",
    DecidingTest.SEQUENTIAL: "valid on any day, sequential",
    DecidingTest.FIXED: "one look, on a fixed day",
}
_KEPT = ("at", "from", "to", "clock", "test", "zone")
"""The parameters that the links of a campaign's pages keep."""
_CLOCKS = {"conversion": "the day of the conversion", "receipt": "the day of the receipt"}


@dataclass(frozen=True)
class _Asked:
    """What the address of a results page asks for."""

    test: DecidingTest
    clock: str
    days: Days

    @property
    def is_of_days(self) -> bool:
        """Whether the figures are of the receipts of some days alone."""
        return self.days.first is not None or self.days.last is not None


def _read_asked(request: Request) -> _Asked:
    given = request.query_params
    clock = given.get("clock") or "conversion"
    if clock not in _CLOCKS:
        raise BadQuestion(f"{clock!r} is no clock: conversion or receipt", code="bad_clock", place="clock")
    try:
        test = DecidingTest(given.get("test") or "anytime")
    except ValueError:
        tests = ", ".join(DecidingTest)
        raise BadQuestion(f"the test is one of {tests}", code="bad_test", place="test") from None
    first, last = (read_day(name, given.get(name) or None) for name in ("from", "to"))
    return _Asked(test, clock, Days(first, last))


@routes.get("/campaigns/{step}")
async def show_results(request: Request, state: Shared, viewer: Visitor, step: str) -> Response:
    """Show the results of a campaign."""
    kind = read_kind(request)
    questions, asked = (
        open_campaign(request, state, viewer, step.removesuffix(kind.value)),
        _read_asked(request),
    )
    if kind is Kind.CSV:
        report = await questions.ask(_reporting(asked))
        return respond_csv(questions.campaign_id, report.report.position, report_rows(report.report))
    report, found = await asyncio.gather(
        questions.ask(_reporting(asked)),
        try_part(questions.ask(lambda campaign: read_results(campaign, asked.test))),
    )
    if kind is Kind.JSON:
        failed = isinstance(found, Failed)
        return respond_json(request, report.as_json() | {"results": None if failed else found.as_json()})
    parts = await asyncio.gather(
        try_part(
            questions.ask(
                lambda campaign: read_series(campaign, asked.clock, asked.days, most_days=_MOST_DAYS)
            )
        ),
        try_part(questions.ask(read_overlap)),
        try_part(questions.ask(lambda campaign: read_conversions(campaign, Cut(_NEWEST)))),
        try_part(questions.ask(lambda campaign: read_history(campaign, 1_000))),
    )
    return _show(request, questions, asked, report, found, *parts)


def _reporting(asked: _Asked) -> Any:
    return (lambda campaign: read_report_of_days(campaign, asked.days)) if asked.is_of_days else read_report


def _show(
    request: Request,
    questions: Questions,
    asked: _Asked,
    report: Any,
    found: ExperimentResults | Failed,
    series: Any,
    overlap: Any,
    newest: Any,
    history: Any,
) -> Response:
    state, viewer = questions.state, questions.viewer
    group = state.ledger.existing_app_group(viewer.app_group)
    shown, results = report.as_json(), None if isinstance(found, Failed) else found.as_json()
    return render(
        request,
        "results.html",
        viewer=viewer,
        formats=make_formats(request, group.time_zone),
        section="campaigns",
        tab="results",
        campaign_id=questions.campaign_id,
        channel=report.report.channel,
        questions=questions,
        asked=asked,
        clocks=_CLOCKS,
        tests=_TESTS,
        kept={name: value for name, value in request.query_params.items() if name in _KEPT and value},
        frozen_at=f"{shown['position']},{printed(state.now())}",
        frozen=None,
        received=None,
        first_window_end=None,
        activity=None,
        totals_per_recipient=_per_recipient(shown["totals"]),
        report=shown,
        results=results,
        failed=found if isinstance(found, Failed) else None,
        summary=summarise(results, shown),
        caused=None if isinstance(found, Failed) or not shown["conversion_events"] else found.caused(0),
        tables=[_EventTable.of(event, shown, results) for event in shown["conversion_events"]],
        delays=_delays(found),
        series=series if isinstance(series, Failed) else _Series.of(series),
        overlap=overlap if isinstance(overlap, Failed) else overlap.as_json(),
        newest=newest if isinstance(newest, Failed) else newest.as_json(),
        changes=_changes(history),
    )


@dataclass(frozen=True)
class _EventTable:
    """The table of a conversion event: a row for each variant, control first, and the campaign's totals."""

    event: dict[str, Any]
    rows: list[dict[str, Any]]
    totals: dict[str, Any]
    mature: dict[str, Any] | None
    highest: float
    has_comparisons: bool

    @classmethod
    def of(
        cls, event: dict[str, Any], report: dict[str, Any], results: dict[str, Any] | None
    ) -> "_EventTable":
        """Out of the report and the results, which name variants in the same order."""
        index = event["index"]
        counted = {} if results is None else _by_variant(results["conversion_events"][index]["variants"])
        compared = {} if results is None else _by_variant(results["conversion_events"][index]["comparisons"])
        mature, winner = report.get("mature"), results and results["winner"]["variant_id"]
        overs = (
            {}
            if mature is None
            else {each["variant_id"]: each["conversion_events"][index] for each in mature["variants"]}
        )
        rows = [
            {
                "variant": each,
                "recipients": each["unique_recipients"],
                "converted": each["conversions"][index],
                "rate": each["conversion_rates"][index],
                "counted": counted.get(each["variant_id"]),
                "compared": compared.get(each["variant_id"]),
                "mature": overs.get(each["variant_id"]),
                "is_winner": each["variant_id"] == winner and index == 0,
                "per_recipient": _per_recipient(each),
            }
            for each in sorted(report["variants"], key=lambda each: not each["control"])
        ]
        ends = [each["interval"][1] for each in counted.values() if each["interval"]]
        rates = [each["rate"] for each in rows if each["rate"] is not None]
        totals = report["totals"]
        return cls(
            event,
            rows,
            {
                "recipients": totals["unique_recipients"],
                "converted": totals["conversions"][index],
                "rate": totals["conversion_rates"][index],
            },
            None if mature is None else mature["totals"][index],
            max([*ends, *rates], default=0.0),
            bool(compared),
        )


def _by_variant(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["variant_id"]: each for each in rows}


def _per_recipient(figures: dict[str, Any]) -> dict[str, str]:
    """Revenue a recipient, by currency, to the currency's decimals."""
    people = figures["unique_recipients"]
    return {
        currency: str((Decimal(amount) / people).quantize(Decimal("0.0001")))
        for currency, amount in figures["revenue"].items()
        if people
    }


def _delays(found: ExperimentResults | Failed) -> list[dict[int, int]]:
    """By conversion event how many conversions came after so many hours; control is left out."""
    if isinstance(found, Failed):
        return []
    counted = found.snapshot.counted
    by_event: list[Counter[int]] = [Counter() for _ in found.results.conversion_events]
    for variant in counted.variants:
        if not variant.control:
            for hours, delays in zip(by_event, variant.delays, strict=True):
                hours.update({each.hours: each.conversions for each in delays})
    return [dict(sorted(each.items())) for each in by_event]


def _changes(history: Any) -> list[dict[str, Any]]:
    """The changes that a curve may show: weights and the winner."""
    if isinstance(history, Failed):
        return []
    return [each for each in history.as_json()["events"] if each["topic"] in _MARKED]


@dataclass(frozen=True)
class _Series:
    """The days of a campaign; those without a figure are drawn, and left out of the table."""

    time_zone: str
    days: list[Any]

    @classmethod
    def of(cls, found: Any) -> "_Series":
        """Out of the series."""
        return cls(found.time_zone, found.days)
