"""A campaign's figures as counters, by variant and whatever is counted, and the report that they make."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Table, select
from sqlalchemy.engine import Connection, Row

from domain.campaigns import events
from domain.campaigns.definition import Variant
from domain.campaigns.events import CampaignDrafted, Status
from projections.campaign_report.fold import ReportFold
from projections.campaign_report.reading import CampaignReport, VariantFigures, add_up_totals, event_as_json
from projections.campaign_report.tables import (
    report_campaigns,
    report_conversions,
    report_revenue,
    report_variants,
)
from projections.engine.generations import Generation
from projections.engine.projection import Logged
from projections.engine.tables import EXACT
from projections.figures import Figures


@dataclass(frozen=True)
class Counts:
    """Receipts by variant; unique recipients by variant, of the campaign by None; conversions by variant and index.

    Purchases that count and what they come to, exact, by variant and currency.
    """

    receipts: Counter[str] = field(default_factory=Counter)
    unique_recipients: Counter[str | None] = field(default_factory=Counter)
    conversions: Counter[tuple[str, int]] = field(default_factory=Counter)
    purchases: Counter[tuple[str, str]] = field(default_factory=Counter)
    amounts: dict[tuple[str, str], Decimal] = field(default_factory=dict)

    def __add__(self, other: "Counts") -> "Counts":
        return self._with(other, 1)

    def __sub__(self, other: "Counts") -> "Counts":
        return self._with(other, -1)

    def _with(self, other: "Counts", sign: int) -> "Counts":
        amounts = dict(self.amounts)
        for key, amount in other.amounts.items():
            amounts[key] = EXACT.add(amounts.get(key, Decimal(0)), amount * sign)
        return Counts(
            receipts=_sum(self.receipts, other.receipts, sign),
            unique_recipients=_sum(self.unique_recipients, other.unique_recipients, sign),
            conversions=_sum(self.conversions, other.conversions, sign),
            purchases=_sum(self.purchases, other.purchases, sign),
            amounts=amounts,
        )

    def figures(self, variant_id: str, conversion_events: int) -> Figures:
        """The figures of a variant."""
        return Figures(
            receipts=self.receipts[variant_id],
            unique_recipients=self.unique_recipients[variant_id],
            conversions=[self.conversions[variant_id, index] for index in range(conversion_events)],
            # A currency appears once a purchase counts in it, even at 0 (R11).
            revenue={
                currency: self.amounts[of, currency]
                for (of, currency), purchases in self.purchases.items()
                if of == variant_id and purchases
            },
        )


def _sum(one: Counter[Any], other: Counter[Any], sign: int) -> Counter[Any]:
    # Counters leave out what is not above 0 when they are added up.
    found = Counter(one)
    for key, count in other.items():
        found[key] += count * sign
    return found


def count_fold(fold: ReportFold) -> Counts:
    """What a fold of the events of one campaign counted: differences, where it began after position zero."""
    users: Counter[str | None] = Counter({key[2]: count for key, count in fold.variant_recipients.items()})
    users[None] = sum(fold.campaign_recipients.values())
    return Counts(
        receipts=Counter({key[2]: count for key, count in fold.receipts.items()}),
        unique_recipients=users,
        conversions=Counter({(key[2], key[3]): count for key, count in fold.conversions.items()}),
        purchases=Counter({(key[2], key[3]): count for key, count in fold.revenue.purchases.items()}),
        amounts={(key[2], key[3]): amount for key, amount in fold.revenue.amounts.items()},
    )


def read_counts(connection: Connection, tables: Generation, stream_id: str) -> Counts:
    """What the read model holds of a campaign; nothing where it has not met it yet."""

    def rows(declared: Table) -> Sequence[Row[Any]]:
        table = tables[declared]
        return connection.execute(select(table).where(table.c.stream_id == stream_id)).all()

    counts = Counts()
    for row in rows(report_campaigns):
        counts.unique_recipients[None] = row.unique_recipients
    for row in rows(report_variants):
        counts.receipts[row.variant_id] = row.receipts
        counts.unique_recipients[row.variant_id] = row.unique_recipients
    for row in rows(report_conversions):
        counts.conversions[row.variant_id, row.conversion_event] = row.conversions
    for row in rows(report_revenue):
        counts.purchases[row.variant_id, row.currency] = row.purchases
        counts.amounts[row.variant_id, row.currency] = row.amount
    return counts


@dataclass(frozen=True)
class CampaignThen:
    """A campaign as its own events had made it: what it was drafted as, with what changed since, and its status."""

    drafted: CampaignDrafted
    status: Status

    def report(self, counts: Counts, position: int) -> CampaignReport:
        """The report that these counts make."""
        drafted, events = self.drafted, self.drafted.conversion_events
        variants = [
            VariantFigures(
                each.id,
                each.name,
                each.control,
                drafted.weights[each.id],
                counts.figures(each.id, len(events)),
            )
            for each in drafted.variants
        ]
        return CampaignReport(
            app_group=drafted.app_group,
            campaign_id=drafted.campaign_id,
            name=drafted.name,
            kind=drafted.kind.value,
            channel=drafted.channel,
            status=self.status.value,
            position=position,
            conversion_events=[event_as_json(index, event) for index, event in enumerate(events)],
            totals=add_up_totals(variants, counts.unique_recipients[None], len(events)),
            variants=variants,
        )


def campaign_then(events: Iterable[Logged]) -> CampaignThen | None:
    """The campaign that the events of its stream make; None where there are none."""
    found = None
    for logged in events:
        event = logged.event
        if isinstance(event, CampaignDrafted):
            found = CampaignThen(event, Status.DRAFT)
        elif found is not None and type(event) in _STATUSES:
            found = CampaignThen(found.drafted, _STATUSES[type(event)])
        elif found is not None:
            found = CampaignThen(_change(found.drafted, event), found.status)
    return found


_STATUSES: dict[type[Any], Status] = {
    events.CampaignLaunched: Status.LAUNCHED,
    events.CampaignStopped: Status.STOPPED,
    events.CampaignArchived: Status.ARCHIVED,
}


def _change(drafted: CampaignDrafted, event: Any) -> CampaignDrafted:  # noqa: ANN401
    """What a campaign is with what an event says of it: fields that bear a draft's name have another value now."""
    stated = msgspec.structs.asdict(event)
    changes = {name: value for name, value in stated.items() if name in CampaignDrafted.__struct_fields__}
    if isinstance(event, events.VariantsRenamed):
        changes = {
            "variants": tuple(
                Variant(each.id, event.names.get(each.id, each.name), each.control)
                for each in drafted.variants
            )
        }
    return msgspec.structs.replace(drafted, **changes)
