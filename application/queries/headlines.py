"""The list of an app group's campaigns for people: headline figures, what each caused, sorted and filtered."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from application.queries.reads import BadQuestion, Reads
from domain.experiment.incremental import IncrementalConversions, caused_by_campaign
from projections.campaign_report import CAMPAIGN_REPORT
from projections.campaign_report.reading import CampaignName, CampaignReport, load_names, load_reports_of
from projections.experiments.headlines import load_primary_rates
from projections.recipients import RECIPIENTS

PAGE: Final = 50

_NOTHING = -1.0
"""The place of a campaign that lacks the figure by which the list is sorted: the lowest."""


@dataclass(frozen=True)
class Headline:
    """A campaign in the list; `caused` is None without a control group, or while nobody received the campaign."""

    report: CampaignReport
    caused: IncrementalConversions | None

    @property
    def primary(self) -> tuple[int, float | None] | None:
        """Conversions on the primary conversion event and their rate, None where the campaign has none."""
        totals = self.report.totals
        return (totals.conversions[0], totals.conversion_rates[0]) if totals.conversions else None

    def as_json(self) -> dict[str, Any]:
        """As the list has it in JSON."""
        report = self.report
        return {
            "campaign_id": report.campaign_id,
            "name": report.name,
            "kind": report.kind,
            "channel": report.channel,
            "status": report.status,
            **report.totals.as_json(),
            "caused": None
            if self.caused is None
            else {"conversions": self.caused.conversions, "interval": list(self.caused.interval)},
        }


@dataclass(frozen=True)
class HeadlinePage:
    """A page of the list: `matching` campaigns fit the filters, of `campaigns` in all."""

    app_group: str
    position: int
    rows: list[Headline]
    matching: int
    campaigns: int
    currency: str | None = None
    """The currency whose revenue the list is sorted by, if it is."""

    def as_json(self) -> dict[str, Any]:
        """As the list has it in JSON."""
        return {
            "app_group": self.app_group,
            "position": str(self.position),
            "campaigns": [each.as_json() for each in self.rows],
            "matching": self.matching,
            "all": self.campaigns,
        }


@dataclass(frozen=True)
class Wanted:
    """Which campaigns are asked for, and in which order; a word is looked for in ids and names."""

    word: str = ""
    status: str = ""
    kind: str = ""
    sort: str = "id"
    descending: bool = False


_BY_NAME: Mapping[str, Callable[[CampaignName], Any]] = {
    "id": lambda each: each.campaign_id,
    "name": lambda each: (each.name.casefold(), each.campaign_id),
    "status": lambda each: (each.status, each.campaign_id),
}
_BY_FIGURE: Mapping[str, Callable[[CampaignReport], Any]] = {
    "receipts": lambda each: each.totals.receipts,
    "recipients": lambda each: each.totals.unique_recipients,
    "conversions": lambda each: next(iter(each.totals.conversions), _NOTHING),
    "rate": lambda each: _or_nothing(next(iter(each.totals.conversion_rates), None)),
}

SORTS = (*_BY_NAME, *_BY_FIGURE, "revenue")
"""By what the list can be sorted; revenue in the currency in which most campaigns have some."""

STATUSES = ("draft", "launched", "stopped", "archived")
KINDS = ("campaign", "canvas")


def read_headlines(
    reads: Reads, app_group: str, wanted: Wanted, limit: int = PAGE, skip: int = 0
) -> HeadlinePage:
    """A page of the campaigns that are wanted; raises UnknownAppGroup, and BadQuestion for an unknown filter."""
    _refuse_unknown(wanted)
    reads.definitions.zone(app_group)
    with reads.up_to_date(CAMPAIGN_REPORT, RECIPIENTS) as (connection, position):
        every = load_names(connection, app_group)
        matching = [each for each in every if _is_wanted(each, wanted)]
        part, currency = slice(skip, skip + limit), None
        if by_name := _BY_NAME.get(wanted.sort):
            # Only those that are shown need their figures.
            matching.sort(key=by_name, reverse=wanted.descending)
            shown = load_reports_of(connection, app_group, [each.campaign_id for each in matching[part]])
        else:
            reports = load_reports_of(connection, app_group, [each.campaign_id for each in matching])
            currency = _find_usual_currency(reports) if wanted.sort == "revenue" else None
            reports.sort(key=_BY_FIGURE.get(wanted.sort) or _in_currency(currency), reverse=wanted.descending)
            shown = reports[part]
        with_control = [each for each in shown if _control(each) is not None]
        rates = load_primary_rates(connection, app_group, [each.campaign_id for each in with_control])
    rows = [Headline(each, _caused(each, rates)) for each in shown]
    return HeadlinePage(app_group, position, rows, len(matching), len(every), currency)


def _find_usual_currency(reports: Iterable[CampaignReport]) -> str | None:
    """The currency in which most campaigns have revenue: amounts of different ones cannot be compared."""
    found = Counter(currency for each in reports for currency in each.totals.revenue)
    return min(found, key=lambda currency: (-found[currency], currency), default=None)


def _in_currency(currency: str | None) -> Callable[[CampaignReport], Any]:
    """By revenue in a currency; without one, as they are."""
    return lambda each: each.totals.revenue.get(currency or "", Decimal(-1))


def _caused(report: CampaignReport, rates: Mapping[str, Mapping[str, Any]]) -> IncrementalConversions | None:
    control, found = _control(report), dict(rates.get(report.campaign_id, {}))
    if control is None or control not in found or not report.conversion_events:
        return None
    return caused_by_campaign((rate for each, rate in found.items() if each != control), found[control])


def _control(report: CampaignReport) -> str | None:
    return next((each.variant_id for each in report.variants if each.control), None)


def _is_wanted(report: CampaignName, wanted: Wanted) -> bool:
    word = wanted.word.casefold()
    return (
        wanted.status in {"", report.status}
        and wanted.kind in {"", report.kind}
        and (word in report.campaign_id.casefold() or word in report.name.casefold())
    )


def _refuse_unknown(wanted: Wanted) -> None:
    asked: Sequence[tuple[str, str, Sequence[str]]] = [
        ("sort", wanted.sort, SORTS),
        ("status", wanted.status, ("", *STATUSES)),
        ("kind", wanted.kind, ("", *KINDS)),
    ]
    for place, value, known in asked:
        if value not in known:
            offered = ", ".join(filter(None, known))
            raise BadQuestion(f"{value!r} is none of {offered}", code="bad_question", place=place)


def _or_nothing(rate: float | None) -> float:
    return _NOTHING if rate is None else rate
