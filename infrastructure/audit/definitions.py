"""What was stated of campaigns and app groups, read from the payloads of the log without the domain's code."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

DEFINING = (
    "app_group.made",
    "campaign.drafted",
    "campaign.variants_changed",
    "campaign.conversion_events_changed",
)
"""The topics of events that define campaigns and app groups."""

_MICROSECONDS = 1_000_000
_REVENUE_WINDOW = 3 * 86_400
"""The revenue window, in seconds, of a campaign without conversion events (R11)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FOREVER = 2**62

_SCHEMAS = {
    "campaigns": pa.schema(
        [("app_group", pa.string()), ("campaign_id", pa.string()), ("revenue_window", pa.int64())]
    ),
    "variants": pa.schema(
        [
            ("app_group", pa.string()),
            ("campaign_id", pa.string()),
            ("variant_id", pa.string()),
            ("control", pa.bool_()),
        ]
    ),
    "conversion_events": pa.schema(
        [
            ("app_group", pa.string()),
            ("campaign_id", pa.string()),
            ("conversion_event", pa.int32()),
            ("type", pa.string()),
            ("product_id", pa.string()),
            ("name", pa.string()),
            ("deadline", pa.int64()),
            ("some_apps", pa.bool_()),
        ]
    ),
    "conversion_event_apps": pa.schema(
        [
            ("app_group", pa.string()),
            ("campaign_id", pa.string()),
            ("conversion_event", pa.int32()),
            ("app_id", pa.string()),
        ]
    ),
    "zones": pa.schema(
        [
            ("app_group", pa.string()),
            ("starts_at", pa.int64()),
            ("ends_at", pa.int64()),
            ("ahead", pa.int64()),
        ]
    ),
}

Event = tuple[str, str, str, str]
"""App group, stream, topic and payload."""


@dataclass(frozen=True)
class Definitions:
    """Campaigns as last stated, and the time zones of app groups (R3, R4, R20)."""

    campaigns: list[Mapping[str, Any]] = field(default_factory=list)
    time_zones: dict[str, str] = field(default_factory=dict)

    def only(self, campaign_id: str) -> "Definitions":
        """The definitions of one campaign only."""
        own = [each for each in self.campaigns if each["campaign_id"] == campaign_id]
        return Definitions(own, self.time_zones)

    def tables(self, first: int, last: int) -> dict[str, pa.Table]:
        """The tables that the rules read; time zones as they are between two instants in microseconds since 1970."""
        rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _SCHEMAS}
        for each in self.campaigns:
            _add_campaign(rows, each)
        for app_group, zone in self.time_zones.items():
            rows["zones"] += [(app_group, *span) for span in _spans(ZoneInfo(zone), first, last)]
        return {name: _table(rows[name], schema) for name, schema in _SCHEMAS.items()}


def read_definitions(events: Iterable[Event]) -> Definitions:
    """Read definitions from events in the order of the log."""
    campaigns: dict[str, dict[str, Any]] = {}
    zones = {}
    for app_group, stream_id, topic, payload in events:
        said = json.loads(payload)
        if topic == "app_group.made":
            zones[app_group] = said.get("time_zone", "UTC")
        elif topic == "campaign.drafted":
            campaigns[stream_id] = said
        else:
            campaigns[stream_id] |= said
    return Definitions(list(campaigns.values()), zones)


def _add_campaign(rows: dict[str, list[tuple[Any, ...]]], campaign: Mapping[str, Any]) -> None:
    key = (campaign["app_group"], campaign["campaign_id"])
    events = campaign["conversion_events"]
    window = events[0]["deadline_seconds"] if events else _REVENUE_WINDOW
    rows["campaigns"].append((*key, window * _MICROSECONDS))
    for variant in campaign["variants"]:
        rows["variants"].append((*key, variant["id"], bool(variant.get("control", False))))
    for index, event in enumerate(events):
        apps = event.get("app_ids") or []
        filters = (event["type"], event.get("product_id"), event.get("name"))
        deadline = event["deadline_seconds"] * _MICROSECONDS
        rows["conversion_events"].append((*key, index, *filters, deadline, bool(apps)))
        rows["conversion_event_apps"] += [(*key, index, app_id) for app_id in apps]


def _spans(zone: ZoneInfo, first: int, last: int) -> Iterator[tuple[int, int, int]]:
    """Periods of a time zone: beginning, end and offset from UTC, in microseconds."""
    day = timedelta(days=1)
    at = _EPOCH + timedelta(microseconds=max(first, 0)) - day
    end = _EPOCH + timedelta(microseconds=last) + day
    starts_at, ahead = 0, _ahead(zone, at)
    while at < end:
        later = min(at + day, end)
        if _ahead(zone, later) != ahead:
            change = _change(zone, at, later)
            yield starts_at, change, ahead
            starts_at, ahead = change, _ahead(zone, later)
        at = later
    yield starts_at, _FOREVER, ahead


def _change(zone: ZoneInfo, at: datetime, later: datetime) -> int:
    """The first second with the later offset."""
    low, high = int((at - _EPOCH).total_seconds()), int((later - _EPOCH).total_seconds())
    then = _ahead(zone, later)
    while high - low > 1:
        middle = (low + high) // 2
        if _ahead(zone, _EPOCH + timedelta(seconds=middle)) == then:
            high = middle
        else:
            low = middle
    return high * _MICROSECONDS


def _ahead(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset() or timedelta()
    return int(offset.total_seconds()) * _MICROSECONDS


def _table(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table(
        [pa.array(list(values), each.type) for values, each in zip(columns, schema, strict=True)],
        schema=schema,
    )
