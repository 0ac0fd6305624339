"""What a batch of events changes in the series by day, folded in memory and then added to the tables.

Decisions say what stood before and what stands now, so that every handler takes away one and adds the other. A day is
worked out for each instant: where clocks go back over midnight, the instants of a date are not all in a row.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table

from domain.facts import Received
from domain.journey.decisions import Conversion, Receipt, Revenue
from projections.engine.projection import Definitions, Fold, Logged, WritableTables
from projections.engine.tables import CAMPAIGN, Key, Money, add_sums, stream
from projections.series.tables import series_conversions, series_receipts, series_revenue


class SeriesFold(Fold):
    """Differences by app group, campaign, clock where there are two, day, variant, and whatever is counted."""

    def __init__(self, definitions: Definitions) -> None:
        super().__init__(definitions)
        self.receipts: Counter[Key] = Counter()
        self.recipients: Counter[Key] = Counter()
        self.conversions: Counter[Key] = Counter()
        self.revenue = Money()


def received(fold: SeriesFold, logged: Logged) -> None:
    _receipt(fold, logged.app_group, logged.event, 1)


def disregarded(fold: SeriesFold, logged: Logged) -> None:
    if isinstance(logged.event.fact, Received):
        _receipt(fold, logged.app_group, logged.event.fact, -1)


def _receipt(fold: SeriesFold, app_group: str, fact: Received, sign: int) -> None:
    day = fact.at.astimezone(fold.definitions.zone(app_group)).date()
    fold.receipts[app_group, fact.campaign_id, day, fact.variant_id] += sign


def recipient_counted(fold: SeriesFold, logged: Logged) -> None:
    _recipient(fold, logged, logged.event.now, 1)


def recipient_restated(fold: SeriesFold, logged: Logged) -> None:
    _recipient(fold, logged, logged.event.before, -1)
    _recipient(fold, logged, logged.event.now, 1)


def recipient_withdrawn(fold: SeriesFold, logged: Logged) -> None:
    _recipient(fold, logged, logged.event.before, -1)


def _recipient(fold: SeriesFold, logged: Logged, first: Receipt, sign: int) -> None:
    app_group, event = logged.app_group, logged.event
    day = first.at.astimezone(fold.definitions.zone(app_group)).date()
    variant_id = CAMPAIGN if event.variant_id is None else event.variant_id
    fold.recipients[app_group, event.campaign_id, day, variant_id] += sign


def conversion_recorded(fold: SeriesFold, logged: Logged) -> None:
    _conversion(fold, logged, logged.event.now, 1)


def conversion_restated(fold: SeriesFold, logged: Logged) -> None:
    _conversion(fold, logged, logged.event.before, -1)
    _conversion(fold, logged, logged.event.now, 1)


def conversion_withdrawn(fold: SeriesFold, logged: Logged) -> None:
    _conversion(fold, logged, logged.event.before, -1)


def _conversion(fold: SeriesFold, logged: Logged, conversion: Conversion, sign: int) -> None:
    app_group, event, receipt = logged.app_group, logged.event, conversion.receipt
    zone, what = fold.definitions.zone(app_group), (receipt.variant_id, event.index)
    day = conversion.behaviour.at.astimezone(zone).date()
    fold.conversions[app_group, event.campaign_id, "conversion", day, *what] += sign
    day = receipt.at.astimezone(zone).date()
    fold.conversions[app_group, event.campaign_id, "receipt", day, *what] += sign


def revenue_attributed(fold: SeriesFold, logged: Logged) -> None:
    _revenue(fold, logged, logged.event.now, 1)


def revenue_restated(fold: SeriesFold, logged: Logged) -> None:
    _revenue(fold, logged, logged.event.before, -1)
    _revenue(fold, logged, logged.event.now, 1)


def revenue_withdrawn(fold: SeriesFold, logged: Logged) -> None:
    _revenue(fold, logged, logged.event.before, -1)


def _revenue(fold: SeriesFold, logged: Logged, revenue: Revenue, sign: int) -> None:
    app_group, event, receipt = logged.app_group, logged.event, revenue.receipt
    zone, what = fold.definitions.zone(app_group), (receipt.variant_id, event.currency)
    day = event.purchase.at.astimezone(zone).date()
    fold.revenue.add((app_group, event.campaign_id, "conversion", day, *what), revenue.net, sign)
    day = receipt.at.astimezone(zone).date()
    fold.revenue.add((app_group, event.campaign_id, "receipt", day, *what), revenue.net, sign)


def write(fold: SeriesFold, tables: WritableTables) -> None:
    _add(tables, series_receipts, _receipts(fold, tables.definitions))
    _add(tables, series_conversions, {key: (count,) for key, count in fold.conversions.items()})
    _add(tables, series_revenue, fold.revenue.differences())


def _receipts(fold: SeriesFold, definitions: Definitions) -> Mapping[Key, Sequence[int]]:
    """Receipts and unique recipients of each variant, and of any but control."""
    found: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0])
    for (app_group, campaign_id, day, variant_id), difference in fold.receipts.items():
        found[app_group, campaign_id, day, variant_id][0] += difference
        if variant_id != definitions.definition(app_group, campaign_id).control:
            found[app_group, campaign_id, day, CAMPAIGN][0] += difference
    for key, difference in fold.recipients.items():
        found[key][1] += difference
    return found


def _add(tables: WritableTables, table: Table, differences: Mapping[Key, Sequence[Any]]) -> None:
    """Add differences, by keys that have app group and campaign in the place of the campaign's stream."""
    named = {stream(*key[:2]): key[:2] for key in differences}
    by_key = {(stream(*key[:2]), *key[2:]): each for key, each in differences.items()}
    add_sums(tables, table, by_key, lambda key: (key[0], *named[key[0]], *key[1:]))
