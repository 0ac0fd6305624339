"""The figures of reports, as readers get them: by the stream of a campaign, with totals by the report's own flags."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import pyarrow as pa

from infrastructure.archive.batches import View
from infrastructure.audit.definitions import DEFINING, read_definitions
from infrastructure.audit.duckdb_engine import quote
from infrastructure.audit.outcome import Figure
from projections.campaign_report import CAMPAIGN_REPORT
from projections.series import SERIES

_EPOCH = date(1970, 1, 1).toordinal()

Generations = Mapping[str, int]
"""The generation of each read model that readers see, by name."""


class Named(NamedTuple):
    """The name of a campaign."""

    app_group: str
    campaign_id: str


@dataclass(frozen=True)
class Campaign:
    """What a report's totals depend on: which variants are control, and the conversion events."""

    controls: Mapping[str, bool] = field(default_factory=dict)
    """Whether each variant is control."""
    conversion_events: Sequence[Mapping[str, Any]] = ()


Campaigns = Mapping[Named, Campaign]


@dataclass(frozen=True)
class Figures:
    """The figures that a read model claims."""

    claim: str
    numbers: Mapping[Figure, Decimal]
    stated: Campaigns
    """As they were stated in the log."""
    said: Campaigns
    """As the read model has them."""
    strays: Sequence[tuple[Figure, Decimal]]
    """Figures of rows in another stream than that of the campaign that they name."""


def read_figures(view: View, generations: Generations, campaign_id: str | None) -> list[Figures]:
    """The figures of the campaign report, and of the series by day."""
    campaigns = read_stated_campaigns(view, generations)
    asked = {
        stream: each
        for stream, each in campaigns.items()
        if campaign_id is None or each["campaign_id"] == campaign_id
    }
    reading = _Reading(view, campaign_id, {stream: _name(each) for stream, each in campaigns.items()})
    of_log = {_name(each): _campaign(each) for each in asked.values()}
    return [
        reading.report(generations[CAMPAIGN_REPORT.name], of_log),
        reading.series(generations[SERIES.name], of_log),
    ]


def read_stated_campaigns(view: View, generations: Generations) -> dict[str, Mapping[str, Any]]:
    """The campaigns as last stated, by stream, up to the position of the read models."""
    topics = ", ".join(quote(topic) for topic in DEFINING)
    # The index of streams finds them; topics have no index.
    query = (
        "SELECT app_group, originator_id, topic, state FROM events "
        f"WHERE originator_id >= 'campaign-' AND originator_id < 'campaign.' AND topic IN ({topics}) "
        f"AND position <= (SELECT position FROM projections WHERE name = '{CAMPAIGN_REPORT.name}' "
        f"AND generation = {generations[CAMPAIGN_REPORT.name]}) ORDER BY originator_id, originator_version"
    )
    schema = pa.schema([(name, pa.string()) for name in ("app_group", "stream_id", "topic", "payload")])
    events = [tuple(row.values()) for batch in view.batches(query, schema) for row in batch.to_pylist()]
    return {
        stream: campaign
        for stream, of_stream in groupby(events, key=itemgetter(1))
        for campaign in read_definitions(of_stream).campaigns
    }


def sum_variants(numbers: Mapping[Figure, Decimal], campaigns: Campaigns) -> dict[Figure, Decimal]:
    """A report's totals: the sums of all variants but control (R9, R18). Unique recipients are not summed."""
    sums: defaultdict[Figure, Decimal] = defaultdict(Decimal)
    for key, number in numbers.items():
        campaign = campaigns.get(Named(key.app_group, key.campaign_id), Campaign())
        if campaign.controls.get(key.variant_id) is False and _is_summed(key, numbers, campaign):
            sums[key._replace(variant_id="")] += number
    return dict(sums)


def _is_summed(key: Figure, numbers: Mapping[Figure, Decimal], campaign: Campaign) -> bool:
    if key.figure == "conversions":
        return key.thing in map(str, range(len(campaign.conversion_events)))
    if key.figure == "revenue":
        # A currency appears only after a purchase in it counts (R11).
        return bool(numbers.get(key._replace(figure="purchases")))
    return key.figure == "receipts"


def _name(campaign: Mapping[str, Any]) -> Named:
    return Named(campaign["app_group"], campaign["campaign_id"])


def _campaign(stated: Mapping[str, Any]) -> Campaign:
    controls = {each["id"]: bool(each.get("control", False)) for each in stated["variants"]}
    return Campaign(controls, _events(stated["conversion_events"]))


def _events(conversion_events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Without empty fields: a filter that lets everything pass may be present or not."""
    return [{name: each[name] for name in sorted(each) if each[name]} for each in conversion_events]


def _decode(text: str) -> list[dict[str, Any]]:
    """Conversion events as a read model has them; text that cannot be read never equals what was stated."""
    try:
        return _events(json.loads(text))
    except (ValueError, TypeError):
        return [{"unreadable": text}]


_FIGURES = pa.schema([(name, pa.string()) for name in ("stream_id", *Figure._fields, "number")])
_CAMPAIGNS = pa.schema(
    [(name, pa.string()) for name in ("stream_id", "app_group", "campaign_id", "conversion_events")]
)
_VARIANTS = pa.schema([("stream_id", pa.string()), ("variant_id", pa.string()), ("control", pa.int32())])

_KEY = "app_group, campaign_id"
_EVENT = "CAST(conversion_event AS text)"
_DAY = "CAST(day AS text)"


@dataclass(frozen=True)
class _Reading:
    """Reads the figures of all campaigns or of one, in one view; `streams` are the log's."""

    view: View
    campaign_id: str | None
    streams: Mapping[str, Named]

    def report(self, generation: int, of_log: Campaigns) -> Figures:
        """The campaign report; it finds the rows of a campaign by the stream that it has itself."""
        asked = self._where(self.streams)
        query = f"SELECT stream_id, {_KEY}, conversion_events FROM report_campaigns_{generation}{asked}"
        rows = list(self._rows(query, _CAMPAIGNS))
        streams = {row["stream_id"]: Named(row["app_group"], row["campaign_id"]) for row in rows}
        asked = self._where({**self.streams, **streams})
        controls: defaultdict[str, dict[str, bool]] = defaultdict(dict)
        query = (
            "SELECT stream_id, variant_id, CASE WHEN control THEN 1 ELSE 0 END "
            f"FROM report_variants_{generation}{asked}"
        )
        for row in self._rows(query, _VARIANTS):
            controls[row["stream_id"]][row["variant_id"]] = bool(row["control"])
        said = {
            streams[row["stream_id"]]: Campaign(controls[row["stream_id"]], _decode(row["conversion_events"]))
            for row in rows
            if self._is_asked(row["campaign_id"])
        }
        numbers, strays = self._numbers(_report_queries(generation), asked, streams)
        return Figures(CAMPAIGN_REPORT.name, numbers | sum_variants(numbers, said), of_log, said, strays)

    def series(self, generation: int, of_log: Campaigns) -> Figures:
        """The series by day; its readers look up campaigns in the log."""
        numbers, strays = self._numbers(_series_queries(generation), self._where(self.streams), self.streams)
        return Figures(SERIES.name, numbers, of_log, of_log, strays)

    def _numbers(
        self, queries: Iterable[str], asked: str, streams: Mapping[str, Named]
    ) -> tuple[dict[Figure, Decimal], list[tuple[Figure, Decimal]]]:
        found: defaultdict[Figure, Decimal] = defaultdict(Decimal)
        strays = []
        for row in (row for query in queries for row in self._rows(query + asked, _FIGURES)):
            stream, number, day = row.pop("stream_id"), Decimal(row.pop("number")), row.pop("day")
            figure = Figure(**row, day=None if day is None else date.fromisoformat(day).toordinal() - _EPOCH)
            own = Named(figure.app_group, figure.campaign_id)
            if self.streams.get(stream) != own:
                strays.append((figure, number))
            of = streams.get(stream)
            if of is not None and self._is_asked(of.campaign_id):
                found[figure if of == own else figure._replace(**of._asdict())] += number
        return dict(found), strays

    def _rows(self, query: str, schema: pa.Schema) -> Iterator[dict[str, Any]]:
        for batch in self.view.batches(query, schema):
            yield from batch.to_pylist()

    def _is_asked(self, campaign_id: str) -> bool:
        return self.campaign_id is None or campaign_id == self.campaign_id

    def _where(self, streams: Mapping[str, Named]) -> str:
        """The condition for rows that name the campaign, and for rows that readers take for its own."""
        if self.campaign_id is None:
            return ""
        of_campaign = [stream for stream, each in streams.items() if self._is_asked(each.campaign_id)]
        # No stream has an empty id; an empty list would be no SQL.
        listed = ", ".join(map(quote, ["", *of_campaign]))
        return f" WHERE campaign_id = {quote(self.campaign_id)} OR stream_id IN ({listed})"


def _report_queries(generation: int) -> list[str]:
    def query(figure: str, variant: str, thing: str, number: str, table: str) -> str:
        clock = "both" if figure in {"receipts", "unique_recipients"} else "conversion"
        return (
            f"SELECT stream_id, '{figure}', {_KEY}, {variant}, {thing}, '{clock}', CAST(NULL AS text), "
            f"CAST({number} AS text) FROM {table}_{generation}"
        )

    return [
        query("unique_recipients", "''", "''", "unique_recipients", "report_campaigns"),
        query("unique_recipients", "variant_id", "''", "unique_recipients", "report_variants"),
        query("receipts", "variant_id", "''", "receipts", "report_variants"),
        query("conversions", "variant_id", _EVENT, "conversions", "report_conversions"),
        query("purchases", "variant_id", "currency", "purchases", "report_revenue"),
        query("revenue", "variant_id", "currency", "amount", "report_revenue"),
    ]


def _series_queries(generation: int) -> list[str]:
    def query(figure: str, thing: str, clock: str, number: str, table: str) -> str:
        return (
            f"SELECT stream_id, '{figure}', {_KEY}, variant_id, {thing}, {clock}, {_DAY}, "
            f"CAST({number} AS text) FROM {table}_{generation}"
        )

    return [
        query("receipts", "''", "'both'", "receipts", "series_receipts"),
        query("unique_recipients", "''", "'both'", "unique_recipients", "series_receipts"),
        query("conversions", _EVENT, "clock", "conversions", "series_conversions"),
        query("purchases", "currency", "clock", "purchases", "series_revenue"),
        query("revenue", "currency", "clock", "amount", "series_revenue"),
    ]
