"""What a batch of events changes in the campaign report, folded in memory and then added to the tables.

Decisions say what stood before and what stands now, so that every handler takes away one and adds the other.
"""

from collections import Counter
from typing import Any

from domain.facts import Received
from domain.journey.decisions import Conversion, Revenue
from projections.campaign_report import campaigns
from projections.campaign_report.tables import (
    report_campaigns,
    report_conversions,
    report_revenue,
    report_variants,
)
from projections.engine.projection import Definitions, Fold, Logged, WritableTables
from projections.engine.tables import Key, Money, add_sums, key_of, stream


class ReportFold(Fold):
    """Events of campaigns, which are few, as they came; of everything else, differences by key."""

    def __init__(self, definitions: Definitions) -> None:
        super().__init__(definitions)
        self.campaigns: list[Logged] = []
        self.receipts: Counter[Key] = Counter()
        self.variant_recipients: Counter[Key] = Counter()
        self.campaign_recipients: Counter[Key] = Counter()
        self.conversions: Counter[Key] = Counter()
        self.revenue = Money()


def of_campaign(fold: ReportFold, logged: Logged) -> None:
    fold.campaigns.append(logged)


def received(fold: ReportFold, logged: Logged) -> None:
    event: Received = logged.event
    fold.receipts[logged.app_group, event.campaign_id, event.variant_id] += 1


def disregarded(fold: ReportFold, logged: Logged) -> None:
    fact = logged.event.fact
    if isinstance(fact, Received):
        fold.receipts[logged.app_group, fact.campaign_id, fact.variant_id] -= 1


def _recipient(fold: ReportFold, logged: Logged, difference: int) -> None:
    event = logged.event
    if event.variant_id is None:
        fold.campaign_recipients[logged.app_group, event.campaign_id] += difference
    else:
        fold.variant_recipients[logged.app_group, event.campaign_id, event.variant_id] += difference


def recipient_counted(fold: ReportFold, logged: Logged) -> None:
    _recipient(fold, logged, 1)


def recipient_withdrawn(fold: ReportFold, logged: Logged) -> None:
    _recipient(fold, logged, -1)


def _conversion(fold: ReportFold, logged: Logged, conversion: Conversion, sign: int) -> None:
    event = logged.event
    fold.conversions[logged.app_group, event.campaign_id, conversion.receipt.variant_id, event.index] += sign


def conversion_recorded(fold: ReportFold, logged: Logged) -> None:
    _conversion(fold, logged, logged.event.now, 1)


def conversion_restated(fold: ReportFold, logged: Logged) -> None:
    _conversion(fold, logged, logged.event.before, -1)
    _conversion(fold, logged, logged.event.now, 1)


def conversion_withdrawn(fold: ReportFold, logged: Logged) -> None:
    _conversion(fold, logged, logged.event.before, -1)


def _revenue(fold: ReportFold, logged: Logged, revenue: Revenue, sign: int) -> None:
    event = logged.event
    key = (logged.app_group, event.campaign_id, revenue.receipt.variant_id, event.currency)
    fold.revenue.add(key, revenue.net, sign)


def revenue_attributed(fold: ReportFold, logged: Logged) -> None:
    _revenue(fold, logged, logged.event.now, 1)


def revenue_restated(fold: ReportFold, logged: Logged) -> None:
    _revenue(fold, logged, logged.event.before, -1)
    _revenue(fold, logged, logged.event.now, 1)


def revenue_withdrawn(fold: ReportFold, logged: Logged) -> None:
    _revenue(fold, logged, logged.event.before, -1)


def write(fold: ReportFold, tables: WritableTables) -> None:
    campaigns.write(fold.campaigns, tables)
    variants: dict[Key, list[int]] = {}
    for place, counted in enumerate((fold.receipts, fold.variant_recipients)):
        for key, difference in counted.items():
            variants.setdefault(_by_stream(key), [0, 0])[place] += difference
    recipients = {(stream(*key),): (difference,) for key, difference in fold.campaign_recipients.items()}
    _count(tables, report_campaigns, recipients)
    _count(tables, report_variants, variants)
    _add(tables, report_conversions, {key: (difference,) for key, difference in fold.conversions.items()})
    _add(tables, report_revenue, fold.revenue.differences())


def _by_stream(key: Key) -> Key:
    """A key with the campaign's stream in the place of app group and campaign."""
    return (stream(*key[:2]), *key[2:])


def _count(tables: WritableTables, table: Any, differences: dict[Key, Any]) -> None:  # noqa: ANN401
    """Add to the counts of rows that the campaign's own events made."""
    changed = {key: each for key, each in differences.items() if any(each)}
    columns, put = len(table.primary_key), []
    stands = {key_of(table, row): row for row in tables.find(table, changed)}
    for key, difference in changed.items():
        if key not in stands:
            raise LookupError(f"{table.name} has no row for {key[:columns]}")
        row, width = stands[key], len(difference)
        now = [one + other for one, other in zip(row[-width:], difference, strict=True)]
        put.append((*row[:-width], *now))
    tables.put(table, put)


def _add(tables: WritableTables, table: Any, differences: dict[Key, Any]) -> None:  # noqa: ANN401
    named = {_by_stream(key): key[:2] for key in differences}
    by_key = {_by_stream(key): each for key, each in differences.items()}
    add_sums(tables, table, by_key, lambda key: (key[0], *named[key], *key[1:]))
