"""Reports over a period of receipt, and over everything received until an instant: distinct users, counted exactly."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Row, Subquery, Table, distinct, false, func, or_, select
from sqlalchemy.engine import Connection

from domain.campaigns.definition import Definition
from projections.engine.generations import Generation, current
from projections.engine.projection import Definitions
from projections.engine.tables import CAMPAIGN, read_first_between, stream
from projections.figures import Figures, add_up
from projections.recipients import RECIPIENTS
from projections.recipients.days import Span, spans
from projections.recipients.tables import recipient_receipts, recipients


@dataclass(frozen=True)
class VariantPeriod:
    """A variant and its figures."""

    variant_id: str
    control: bool
    figures: Figures


@dataclass(frozen=True)
class Period:
    """The report of the receipts of some days, and of what is credited to them; recipients as of `position`."""

    app_group: str
    campaign_id: str
    first: date
    last: date
    time_zone: str
    position: int
    totals: Figures
    variants: list[VariantPeriod]

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return {
            "app_group": self.app_group,
            "campaign_id": self.campaign_id,
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "time_zone": self.time_zone,
            "position": str(self.position),
            "totals": self.totals.as_json(),
            "variants": [
                {"variant_id": variant.variant_id, "control": variant.control} | variant.figures.as_json()
                for variant in self.variants
            ],
        }


class Until(NamedTuple):
    """Receipts by variant, and unique recipients by variant, of the campaign by None (R18)."""

    receipts: Counter[str]
    unique_recipients: Counter[str | None]


def load_period(
    connection: Connection,
    definitions: Definitions,
    app_group: str,
    campaign_id: str,
    first: date,
    last: date,
    *,
    conversions: Mapping[tuple[str, int], int],
    revenue: Mapping[tuple[str, str], Decimal],
) -> Period:
    """The report of the receipts of these days in the app group's time zone, both inside; raises UnknownCampaign.

    What is credited to receipts of these days comes from the series: conversions by variant and index, revenue by
    variant and currency.
    """
    definition, own = definitions.definition(app_group, campaign_id), current(connection, RECIPIENTS)
    zone = definitions.zone(app_group)
    counted = _Counts(connection, _of_days(own, stream(app_group, campaign_id), spans(zone, first, last)))
    receipts, users = counted.by_variant()
    credited = _credit(definition, conversions, revenue)
    variants = [
        VariantPeriod(key, each.control, Figures(receipts[key], users[key], *credited[key]))
        for key, each in definition.variants.items()
    ]
    return Period(
        app_group=app_group,
        campaign_id=campaign_id,
        first=first,
        last=last,
        time_zone=zone.key,
        position=own.position,
        totals=add_up(
            (variant.figures for variant in variants if not variant.control),
            counted.users(definition.control),
            len(definition.conversion_events),
        ),
        variants=variants,
    )


def count_receipts_until(
    connection: Connection, app_group: str, campaign_id: str, instant: datetime
) -> Until:
    """What had been received by an instant, itself inside, of all that stands now."""
    own, at = current(connection, RECIPIENTS), instant.astimezone(UTC)
    key = stream(app_group, campaign_id)

    def counts(declared: Table, column: str) -> Counter[str]:
        table = own[declared]
        query = (
            select(table.c.variant_id, func.count().label("number"))
            .where(table.c.stream_id == key, table.c[column] <= at)
            .group_by(table.c.variant_id)
        )
        return Counter({row.variant_id: row.number for row in connection.execute(query)})

    users = counts(recipients, "first_received_at")
    return Until(
        receipts=counts(recipient_receipts, "received_at"),
        unique_recipients=Counter({variant_id or None: count for variant_id, count in users.items()}),
    )


def find_receipts_between(
    connection: Connection, app_group: str, campaign_id: str, span: tuple[datetime, datetime], limit: int
) -> tuple[Sequence[Row[Any]], int]:
    """The first receipts after an instant, up to and including another; and how many.

    Each has beside it the first ones of its user: of its variant, and of any but control.
    """
    own = current(connection, RECIPIENTS)
    receipts, of_variant = own[recipient_receipts], own[recipients].alias("of_variant")
    of_campaign, at = own[recipients].alias("of_campaign"), receipts.c

    def of(whose: Any, variant_id: Any) -> Any:  # noqa: ANN401
        same = (whose.c.stream_id == at.stream_id) & (whose.c.journey_id == at.journey_id)
        return same & (whose.c.variant_id == variant_id)

    joined = receipts.outerjoin(of_variant, of(of_variant, at.variant_id))
    joined = joined.outerjoin(of_campaign, of(of_campaign, CAMPAIGN))
    firsts = (
        of_variant.c.first_receipt_id.label("first_of_variant"),
        of_campaign.c.first_receipt_id.label("first_of_campaign"),
    )
    rows = select(receipts, *firsts).select_from(joined).where(at.stream_id == stream(app_group, campaign_id))
    return read_first_between(connection, rows, receipts, at.received_at, span, limit)


def _of_days(own: Generation, stream_id: str, days: Sequence[Span]) -> Subquery:
    """The receipts of a campaign in these spans."""
    at = own[recipient_receipts].c
    inside = [(at.received_at >= start) & (at.received_at < end) for start, end in days]
    query = select(at.variant_id, at.journey_id).where(at.stream_id == stream_id, or_(false(), *inside))
    return query.subquery()


@dataclass(frozen=True)
class _Counts:
    """Counts over some receipts."""

    connection: Connection
    receipts: Subquery

    def by_variant(self) -> tuple[Counter[str], Counter[str]]:
        """Receipts and unique recipients of each variant."""
        at = self.receipts.c
        query = select(at.variant_id, func.count(), func.count(distinct(at.journey_id))).group_by(
            at.variant_id
        )
        receipts, users = Counter[str](), Counter[str]()
        for variant_id, received, distinct_users in self.connection.execute(query):
            receipts[variant_id], users[variant_id] = received, distinct_users
        return receipts, users

    def users(self, control: str | None) -> int:
        """Unique recipients of any variant but control."""
        at = self.receipts.c
        query = select(func.count(distinct(at.journey_id)))
        if control is not None:
            query = query.where(at.variant_id != control)
        return self.connection.execute(query).scalar_one()


_Credited = tuple[list[int], dict[str, Decimal]]
"""Conversions by index, and revenue by currency."""


def _credit(
    definition: Definition,
    conversions: Mapping[tuple[str, int], int],
    revenue: Mapping[tuple[str, str], Decimal],
) -> dict[str, _Credited]:
    """What each variant is credited with."""
    indexes = range(len(definition.conversion_events))
    return {
        variant_id: (
            [conversions.get((variant_id, index), 0) for index in indexes],
            {currency: amount for (of, currency), amount in revenue.items() if of == variant_id},
        )
        for variant_id in definition.variants
    }
