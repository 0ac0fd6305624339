"""Exports made as the command makes them, read back in every format, and compared with the reference."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from pyarrow import parquet

from domain.campaigns.conversion_events import LETTERS
from domain.instants import from_microseconds
from infrastructure import export as exports
from infrastructure.composition import Service
from infrastructure.export import Export, ExportRequest, Manifest
from tests.support import reference, reference_reports
from tests.support.ledgers import GROUP, rows

_OF_TEXT: dict[str, Callable[[str], Any]] = {
    "instant": datetime.fromisoformat,
    "day": date.fromisoformat,
    "boolean": {"true": True, "false": False}.__getitem__,
    "whole": int,
    "decimal": lambda text: Decimal(text) if text else None,
    "json": json.loads,
}

KEYS = {
    "conversions": ["campaign_id", "journey_id", "conversion_event"],
    "revenue": ["campaign_id", "journey_id", "fact_id"],
    "lines": ["campaign_id", "journey_id", "fact_id", "line"],
    "recipients": ["campaign_id", "journey_id", "variant_id"],
    "series": ["campaign_id", "clock", "day", "variant_id", "figure", "conversion_event", "currency"],
}


def exporting_of(
    service: Service,
    what: str,
    to: Path,
    file_format: str = "jsonl",
    campaign_id: str | None = None,
    told: list[str] | None = None,
) -> Export:
    """An export, wired as the command wires it; what it tells is put into a list."""
    asked = ExportRequest(what, file_format, GROUP, campaign_id)
    tell = list[str]() if told is None else told
    return Export(
        service.database,
        exports.open_source(service.database, service.ledger, service.projector, asked),
        asked,
        to,
        lambda *_: None,
        tell.append,
    )


def read_back(service: Service, manifest: Manifest, to: Path) -> list[dict[str, Any]]:
    """The rows of all parts, each value as its column's kind has it."""
    kinds = {
        column.name: column.kind
        for column in exports.open_source(
            service.database, service.ledger, service.projector, manifest.request
        ).columns
    }
    found: list[dict[str, Any]] = []
    for part in manifest.parts:
        raws = list(_raws(to / part.file))
        assert len(raws) == part.rows
        found.extend({name: _value(kinds[name], each) for name, each in raw.items()} for raw in raws)
    return found


def _raws(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix == ".parquet":
        yield from parquet.read_table(path).to_pylist()
    elif path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            for raw in csv.DictReader(file, strict=True):
                yield raw | ({"user_id": raw["user_id"] or None} if "user_id" in raw else {})
    else:
        yield from map(json.loads, path.read_text("utf-8").split("\n")[:-1])


def _value(kind: str, value: Any) -> Any:
    return _OF_TEXT[kind](value) if isinstance(value, str) and kind in _OF_TEXT else value


def key(what: str, row: dict[str, Any]) -> Any:
    """The key of a row as manifests have it."""
    return str(row["position"]) if what == "events" else [str(row[name]) for name in KEYS[what]]


def check(service: Service, campaigns: Any, facts: Any, to: Path, file_format: str) -> None:
    """Export everything there is: what is read back is what the reference finds, and the log."""

    def of(what: str) -> list[dict[str, Any]]:
        directory = to / f"{what}-{file_format}"
        return read_back(service, exporting_of(service, what, directory, file_format).run(), directory)

    expected = reference_reports.conversions(campaigns, facts)
    conversions = {
        (row["user_id"], row["campaign_id"], LETTERS.index(row["conversion_event"])): row
        for row in of("conversions")
    }
    assert {at: _those(expected.get(at, row), row) for at, row in conversions.items()} == expected
    counted = reference_reports.counted_purchases(campaigns, facts)
    revenue = {(row["user_id"], row["campaign_id"], row["fact_id"]): row for row in of("revenue")}
    assert {at: _of_reference(counted.get(at, row), row) for at, row in revenue.items()} == counted
    lines = {
        (row["user_id"], row["campaign_id"], row["fact_id"], row["line"]): _those(_LINE, row)
        for row in of("lines")
    }
    assert lines == _lines_of(counted, facts)
    recipients = {
        (row["user_id"], row["campaign_id"], row["variant_id"] or None): _recipient(row)
        for row in of("recipients")
    }
    assert recipients == _without_purchases(reference_reports.recipients(campaigns, facts))
    series = [tuple(row.values()) for row in of("series")]
    assert len({row[:-1] for row in series}) == len(series), "each figure stands once"
    assert {row for row in series if row[-1] or row[-2]} == set(_series(campaigns, facts))
    assert [tuple(row.values()) for row in of("events")] == [
        (
            row.position,
            from_microseconds(row.recorded_at),
            row.topic,
            row.originator_id,
            row.originator_version,
            row.command_id,
            row.actor,
            row.hash.hex(),
            json.loads(row.state),
        )
        for row in rows(service)
    ]


_LINE = ("product_id", "quantity", "price", "currency")


def _of_reference(names: Any, row: dict[str, Any]) -> dict[str, Any]:
    """A row's fields under the names that the reference has."""
    return {
        name: Decimal(row["net"]) if name == "net" else row[{"purchased_at": "occurred_at"}.get(name, name)]
        for name in names
    }


def _lines_of(counted: dict[Any, dict[str, Any]], facts: Any) -> dict[Any, dict[str, Any]]:
    """R27: the lines of all that counts; a purchase is its own line."""
    by_identity = {(fact["user_id"], fact["id"]): fact for fact in facts}
    found = {}
    for (user, campaign_id, fact_id), each in counted.items():
        fact = by_identity[user, fact_id]
        for place, line in enumerate([fact] if fact["type"] == "purchase" else fact.get("lines") or []):
            price = None if line.get("price") is None else Decimal(line["price"])
            found[user, campaign_id, fact_id, place] = {
                "product_id": line["product_id"],
                "quantity": int(line.get("quantity") or 1),
                "price": price,
                "currency": each["currency"],
            }
    return found


def _those(names: Any, row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _recipient(row: dict[str, Any]) -> dict[str, Any]:
    names = ("receipts", "first_receipt_id", "first_received_at", "last_receipt_id", "last_received_at")
    converted = [index for index, letter in enumerate("abcd") if row[f"converted_{letter}"]]
    revenue = {currency: Decimal(amount) for currency, amount in row["revenue"].items()}
    return _those(names, row) | {"converted": converted, "revenue": revenue}


def _without_purchases(recipients: dict[Any, dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    return {
        at: each | {"revenue": {currency: net for currency, (_, net) in each["revenue"].items()}}
        for at, each in recipients.items()
    }


def _series(campaigns: Any, facts: Any) -> Iterator[tuple[Any, ...]]:
    """The reference's series as rows, but for counts of 0."""
    for campaign in campaigns:
        for clock in get_args(reference_reports.Clock):
            series = reference_reports.series(campaigns, facts, campaign["id"], clock, "UTC")
            for (variant, day), figures in series.items():
                for row in _figures(clock, figures):
                    yield (campaign["id"], row[0], day, variant or "", *row[1:])
            yield from _purchases(campaigns, facts, campaign, clock)


def _figures(clock: str, figures: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    for figure in ("receipts", "unique_recipients"):
        if figures[figure]:
            yield "", figure, "", "", figures[figure]
    for letter, number in zip(LETTERS, figures["conversions"], strict=False):
        if number:
            yield clock, "conversions", letter, "", number
    for currency, net in figures["revenue"].items():
        yield clock, "revenue", "", currency, net


def _purchases(campaigns: Any, facts: Any, campaign: Any, clock: str) -> Iterator[tuple[Any, ...]]:
    """How many purchases count on each day: the reference's series has their money alone."""
    control, found = reference.control_of(campaign), Counter[tuple[Any, ...]]()
    for (_, campaign_id, _), each in reference_reports.counted_purchases(campaigns, facts).items():
        if campaign_id == campaign["id"]:
            day = each["purchased_at" if clock == "conversion" else "received_at"].date()
            of_variant = each["variant_id"]
            for variant in (of_variant,) if of_variant == control else (of_variant, ""):
                found[campaign_id, clock, day, variant, "purchases", "", each["currency"]] += 1
    for row, number in found.items():
        yield (*row, number)
