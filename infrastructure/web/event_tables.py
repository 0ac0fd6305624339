"""The table of each conversion event: the figures of the report beside what follows from them, control first."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

MOST_ROWS: Final = 20
"""The variants that a table shows unless all are asked for: with all of hundreds, a page would take a megabyte."""

_EXACT: Final = Decimal("0.0001")


@dataclass(frozen=True)
class VariantRow:
    """A variant: the report's figures, and what is counted, compared and mature, where that is known."""

    variant: dict[str, Any]
    recipients: int
    converted: int
    rate: float | None
    counted: dict[str, Any] | None
    compared: dict[str, Any] | None
    mature: dict[str, Any] | None
    is_winner: bool
    """By the test, now."""
    is_declared: bool
    per_recipient: dict[str, str]


@dataclass(frozen=True)
class EventTable:
    """A conversion event with its variants and the campaign's totals; bars of rates end at `highest`.

    Of many variants only some are `shown`.
    """

    event: dict[str, Any]
    rows: list[VariantRow]
    shown: list[VariantRow]
    totals: dict[str, Any]
    mature: dict[str, Any] | None

    @property
    def has_comparisons(self) -> bool:
        """Whether any variant is compared with another."""
        return any(each.compared for each in self.rows)

    @property
    def compared_conversions(self) -> int:
        """Conversions of variants that are compared with control: of users of exactly one variant."""
        return sum(
            each.counted["converted"] for each in self.rows if each.counted and not each.variant["control"]
        )

    @property
    def highest(self) -> float:
        """Where the bars of rates end."""
        ends = [
            each.counted["interval"][1] for each in self.rows if each.counted and each.counted["interval"]
        ]
        return max([*ends, *(each.rate for each in self.rows if each.rate is not None)], default=0.0)


@dataclass(frozen=True)
class RevenueRow:
    """Revenue a recipient of a variant in a currency, of users of exactly one variant, and what it caused."""

    currency: str
    mean: dict[str, Any]
    compared: dict[str, Any] | None


def choose_shown(
    report: Mapping[str, Any], results: Mapping[str, Any] | None, most: int | None
) -> frozenset[str]:
    """The variants that tables show: all, or of many control, those that words name, and the most received."""
    decided = {} if results is None else results["winner"]
    named = {
        decided.get("variant_id"),
        decided.get("leader"),
        *decided.get("level", ()),
        *decided.get("worse", ()),
    }
    named.add((decided.get("declared") or {}).get("variant_id"))
    others = [each for each in report["variants"] if not each["control"]]
    named |= {each["variant_id"] for each in sorted(others, key=_primary_rate)[-1:]}

    def rank(variant: Mapping[str, Any]) -> tuple[bool, bool, int]:
        return not variant["control"], variant["variant_id"] not in named, -variant["unique_recipients"]

    return frozenset(each["variant_id"] for each in sorted(report["variants"], key=rank)[:most])


def make_revenue_rows(results: Mapping[str, Any] | None, shown: Collection[str]) -> list[RevenueRow]:
    """Revenue that is compared, by currency, out of the JSON of the results; none where nothing is compared."""
    rows: list[RevenueRow] = []
    for found in [] if results is None else results["revenue"]:
        compared = _by_variant(found["comparisons"])
        if compared:
            means = [each for each in found["variants"] if each["variant_id"] in shown]
            means.sort(key=lambda each: each["variant_id"] in compared)
            rows += [RevenueRow(found["currency"], each, compared.get(each["variant_id"])) for each in means]
    return rows


def make_event_tables(
    report: Mapping[str, Any], results: Mapping[str, Any] | None, shown: Collection[str]
) -> list[EventTable]:
    """The tables of all conversion events, out of the JSON of report and results."""
    return [_make(event, report, results, shown) for event in report["conversion_events"]]


def _make(
    event: dict[str, Any],
    report: Mapping[str, Any],
    results: Mapping[str, Any] | None,
    shown: Collection[str],
) -> EventTable:
    index, mature = event["index"], report.get("mature")
    found = None if results is None else results["conversion_events"][index]
    counted = {} if found is None else _by_variant(found["variants"])
    compared = {} if found is None else _by_variant(found["comparisons"])
    over = {} if mature is None else _by_variant(mature["variants"])
    decided = results["winner"] if results is not None and index == 0 else {}
    declared = (decided.get("declared") or {}).get("variant_id")
    rows = [
        VariantRow(
            variant=each,
            recipients=each["unique_recipients"],
            converted=each["conversions"][index],
            rate=each["conversion_rates"][index],
            counted=counted.get(each["variant_id"]),
            compared=compared.get(each["variant_id"]),
            mature=over[each["variant_id"]]["conversion_events"][index]
            if each["variant_id"] in over
            else None,
            is_winner=each["variant_id"] == decided.get("variant_id"),
            is_declared=each["variant_id"] == declared,
            per_recipient=revenue_per_recipient(each),
        )
        for each in sorted(report["variants"], key=lambda each: not each["control"])
    ]
    totals = report["totals"]
    return EventTable(
        event,
        rows,
        [each for each in rows if each.variant["variant_id"] in shown],
        {
            "recipients": totals["unique_recipients"],
            "converted": totals["conversions"][index],
            "rate": totals["conversion_rates"][index],
        },
        None if mature is None else mature["totals"][index],
    )


def _primary_rate(variant: Mapping[str, Any]) -> float:
    return next(iter(variant["conversion_rates"]), None) or 0.0


def revenue_per_recipient(figures: Mapping[str, Any]) -> dict[str, str]:
    """Revenue a recipient, by currency; none without recipients."""
    people = figures["unique_recipients"]
    if not people:
        return {}
    return {
        currency: str((Decimal(amount) / people).quantize(_EXACT))
        for currency, amount in figures["revenue"].items()
    }


def _by_variant(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["variant_id"]: each for each in rows}
