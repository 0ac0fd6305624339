"""What a batch of journey events changes in the campaign report, folded in memory and then added to the tables.

Decisions say what stood before and what stands now, so that every handler takes away one and adds the other.
"""

from collections import Counter, defaultdict
from decimal import Context, Decimal
from typing import Any

from sqlalchemy import Table, insert, select, update
from sqlalchemy.engine import Connection

from domain.journey import decisions
from domain.journey.facts import Received
from projections.campaign_report.tables import (
    report_campaigns,
    report_conversions,
    report_revenue,
    report_variants,
)
from projections.projection import Logged

_EXACT = Context(prec=60)

Key = tuple[Any, ...]


class Fold:
    """What a batch changes: differences by key, and the tables' connection for the few events of campaigns."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.receipts: Counter[Key] = Counter()
        self.variant_recipients: Counter[Key] = Counter()
        self.campaign_recipients: Counter[Key] = Counter()
        self.conversions: Counter[Key] = Counter()
        self.purchases: Counter[Key] = Counter()
        self.amounts: defaultdict[Key, Decimal] = defaultdict(Decimal)

    def revenue(
        self, app_group: str, campaign_id: str, currency: str, revenue: decisions.Revenue, sign: int
    ) -> None:
        """Add, or with sign -1 take away, a purchase that counts."""
        key = (app_group, campaign_id, revenue.receipt.variant_id, currency)
        self.purchases[key] += sign
        self.amounts[key] = _EXACT.add(self.amounts[key], revenue.net * sign)


def received(fold: Fold, logged: Logged) -> None:
    event: Received = logged.event
    fold.receipts[logged.app_group, event.campaign_id, event.variant_id] += 1


def disregarded(fold: Fold, logged: Logged) -> None:
    fact = logged.event.fact
    if isinstance(fact, Received):
        fold.receipts[logged.app_group, fact.campaign_id, fact.variant_id] -= 1


def _recipient(fold: Fold, logged: Logged, difference: int) -> None:
    event: decisions.RecipientCounted | decisions.RecipientWithdrawn = logged.event
    if event.variant_id is None:
        fold.campaign_recipients[logged.app_group, event.campaign_id] += difference
    else:
        fold.variant_recipients[logged.app_group, event.campaign_id, event.variant_id] += difference


def recipient_counted(fold: Fold, logged: Logged) -> None:
    _recipient(fold, logged, 1)


def recipient_withdrawn(fold: Fold, logged: Logged) -> None:
    _recipient(fold, logged, -1)


def conversion(fold: Fold, logged: Logged) -> None:
    event = logged.event
    for conversion, sign in ((getattr(event, "before", None), -1), (getattr(event, "now", None), 1)):
        if conversion is not None:
            variant_id = conversion.receipt.variant_id
            fold.conversions[logged.app_group, event.campaign_id, variant_id, event.index] += sign


def revenue(fold: Fold, logged: Logged) -> None:
    event = logged.event
    for revenue, sign in ((getattr(event, "before", None), -1), (getattr(event, "now", None), 1)):
        if revenue is not None:
            fold.revenue(logged.app_group, event.campaign_id, event.currency, revenue, sign)


def write(fold: Fold) -> None:
    campaign = ("app_group", "campaign_id")
    variant = (*campaign, "variant_id")
    _add(fold.connection, report_campaigns, campaign, "unique_recipients", fold.campaign_recipients)
    _add(fold.connection, report_variants, variant, "receipts", fold.receipts)
    _add(fold.connection, report_variants, variant, "unique_recipients", fold.variant_recipients)
    _add(fold.connection, report_conversions, (*variant, "conversion_event"), "conversions", fold.conversions)
    _add_revenue(fold)


def _add(connection: Connection, table: Table, names: Key, column: str, differences: Counter[Key]) -> None:
    """Add differences to a count; rows of report_conversions are made when first needed."""
    for key, difference in differences.items():
        if not difference:
            continue
        where = [table.c[name] == value for name, value in zip(names, key, strict=True)]
        added = update(table).where(*where).values({column: table.c[column] + difference})
        if connection.execute(added).rowcount:
            continue
        if table is not report_conversions:
            raise LookupError(f"{table.name} has no row for {key}")
        connection.execute(insert(table).values({**dict(zip(names, key, strict=True)), column: difference}))


def _add_revenue(fold: Fold) -> None:
    table = report_revenue
    for key, purchases in fold.purchases.items():
        amount = fold.amounts[key]
        if not purchases and not amount:
            continue
        names = ("app_group", "campaign_id", "variant_id", "currency")
        where = [table.c[name] == value for name, value in zip(names, key, strict=True)]
        stands = fold.connection.execute(
            select(table.c.purchases, table.c.amount).where(*where)
        ).one_or_none()
        if stands is None:
            row = dict(zip(names, key, strict=True)) | {"purchases": purchases, "amount": amount}
            fold.connection.execute(insert(table).values(row))
        else:
            values = {"purchases": stands.purchases + purchases, "amount": _EXACT.add(stands.amount, amount)}
            fold.connection.execute(update(table).where(*where).values(values))
