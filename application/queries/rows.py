"""Reports as rows for sheets: a row a figure, whoever prints them."""

from collections.abc import Iterator
from typing import Any

from domain.campaigns.conversion_events import LETTERS
from domain.instants import printed
from projections.campaign_report.reading import CampaignReport
from projections.figures import Figures
from projections.recipients.reading import Mature
from projections.series.reading import DayFigures, Series

Row = tuple[Any, ...]


def control_cell(control: bool) -> str:  # noqa: FBT001
    """Whether a variant is control, as a cell has it."""
    return str(control).lower()


_FIGURE = ("figure", "conversion_event")


def report_rows(found: CampaignReport, mature: Mature | None = None) -> Iterator[Row]:
    """A head, then campaign or variant, what is counted, of which conversion event or currency, and how much."""
    yield ("campaign_id", "variant_id", "control", *_FIGURE, "currency", "value")
    rows = [("", "", found.totals)]
    rows += [(each.variant_id, control_cell(each.control), each.figures) for each in found.variants]
    for variant_id, control, figures in rows:
        for cells in _report_cells(found, figures):
            yield (found.campaign_id, variant_id, control, *cells)
    if mature is not None:
        for place, cells in _mature_cells(mature):
            yield (found.campaign_id, *place, *cells)


def series_rows(found: Series, *, totals: bool = True) -> Iterator[Row]:
    """A head, then the figures of each day; those of the campaign itself only with `totals`."""
    yield ("campaign_id", "clock", "date", "variant_id", "control", *_FIGURE, "currency", "value")
    for day in found.days:
        rows = [("", "", day.totals)] if totals else []
        rows += [(each.variant_id, control_cell(each.control), each.figures) for each in day.variants]
        for variant_id, control, figures in rows:
            for cells in _day_cells(figures):
                yield (found.campaign_id, found.clock, day.date.isoformat(), variant_id, control, *cells)


def _report_cells(found: CampaignReport, figures: Figures) -> Iterator[Row]:
    yield "receipts", "", "", figures.receipts
    yield "unique_recipients", "", "", figures.unique_recipients
    for event in found.conversion_events:
        rate = figures.conversion_rates[event["index"]]
        yield "conversions", event["letter"], "", figures.conversions[event["index"]]
        yield "conversion_rate", event["letter"], "", "" if rate is None else rate
    for currency, amount in figures.as_json()["revenue"].items():
        yield "revenue", "", currency, amount


def _mature_cells(mature: Mature) -> Iterator[tuple[tuple[str, str], Row]]:
    yield ("", ""), ("mature_as_of", "", "", printed(mature.as_of))
    rows = [(("", ""), mature.totals)]
    rows += [
        ((each.variant_id, control_cell(each.control)), each.conversion_events) for each in mature.variants
    ]
    for place, events in rows:
        for each in events:
            yield place, ("mature_recipients", LETTERS[each.index], "", each.recipients)
            yield place, ("mature_converted", LETTERS[each.index], "", each.converted)
            yield place, ("mature_rate", LETTERS[each.index], "", "" if each.rate is None else each.rate)
            yield place, ("open", LETTERS[each.index], "", each.open)


def _day_cells(figures: DayFigures) -> Iterator[Row]:
    yield "receipts", "", "", figures.receipts
    yield "unique_recipients", "", "", figures.unique_recipients
    for letter, count in zip(LETTERS, figures.conversions, strict=False):
        yield "conversions", letter, "", count
    for currency, amount in figures.as_json()["revenue"].items():
        yield "revenue", "", currency, amount
